//! Recorded spikes and potentials of one sample, in people's order: `[time, channels, ...]`.

use crate::kernel::TRACE_VALUES;
use crate::plan::{Plan, PopulationInfo};

/// What a population did in one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The layer.
    pub layer: String,
    /// Its shape, channels first.
    pub shape: Vec<usize>,
    /// Steps.
    pub steps: usize,
    /// Spikes of every neuron in every step, `[time, channels, ...]`; empty for a read-out that never fires.
    pub spikes: Vec<u32>,
    /// Whether there is at most one spike per neuron and step.
    pub single: bool,
    /// Potential before the threshold test.
    pub h: Vec<f32>,
    /// Potential after the step.
    pub v: Vec<f32>,
    /// Synaptic current after the step; empty where there is none.
    pub i: Vec<f32>,
}

impl Recording {
    /// Adds the steps that come after these.
    pub(super) fn append(&mut self, next: Recording) {
        self.steps += next.steps;
        self.spikes.extend(next.spikes);
        self.h.extend(next.h);
        self.v.extend(next.v);
        self.i.extend(next.i);
    }
}

/// The recordings of every population over the first `steps` of a window, where they were asked for.
pub(super) fn read<'a>(plan: &Plan, steps: usize, buffer: impl Fn(usize) -> &'a [u32]) -> Vec<Recording> {
    plan.populations.iter().filter_map(|p| p.traces.map(|traces| one(steps, p, traces, &buffer))).collect()
}

fn one<'a>(steps: usize, info: &PopulationInfo, traces: usize, buffer: &impl Fn(usize) -> &'a [u32]) -> Recording {
    let (cells, channels) = (info.layout.cells as usize, info.layout.channels as usize);
    let traces: &[f32] = bytemuck::cast_slice(buffer(traces));
    // For each of people's positions, the neuron `[cell, channel]` in memory.
    let neurons = || (0..channels).flat_map(move |c| (0..cells).map(move |cell| (cell, c)));
    let value = |which: usize| -> Vec<f32> {
        let at = |t: usize| neurons().map(move |(cell, c)| (t * cells + cell) * channels + c);
        (0..steps).flat_map(at).map(|neuron| traces[neuron * TRACE_VALUES + which]).collect()
    };
    let spikes = info.spikes.map_or_else(Vec::new, |spikes| {
        let words = buffer(spikes);
        let at = |t: usize| {
            let step = &words[t * info.layout.step_words()..];
            neurons().map(move |(cell, c)| info.layout.count(info.layout.cell(step, cell), c))
        };
        (0..steps).flat_map(at).collect()
    });
    Recording {
        layer: info.layer.clone(),
        shape: info.shape.clone(),
        steps,
        spikes,
        single: info.layout.planes == 1,
        h: value(0),
        v: value(1),
        i: if info.has_current { value(2) } else { Vec::new() },
    }
}
