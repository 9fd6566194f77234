//! What every spiking kernel does with its currents: steps the neurons of a cell, writes spikes, counts, records.
//!
//! Twin of `shaders/population.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::{Bindings, Edge, Window};
use crate::neuron::affine::{Coefficients, State, flag};
use crate::shared::shared;

/// The layout of a population: its neurons are the channels of its cells.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Population {
    /// Branches of the neuron, see [`flag`].
    pub flags: u32,
    /// Rows of coefficients: 0 one for all, 1 per channel, 2 per neuron `[cell, channel]`.
    pub grain: u32,
    /// 1: the state is kept in its slot between windows.
    pub keeps_state: u32,
    /// 1: spikes before pooling, and potentials, are recorded.
    pub records: u32,
    /// The first channel of this dispatch, a multiple of 64; others have the rest, where weights are too large for one.
    pub first: u32,
    /// Channels of this dispatch.
    pub count: u32,
    /// What the neurons put out, before pooling.
    pub output: Edge,
}

shared!(Population as "Population" { flags: u32, grain: u32, keeps_state: u32, records: u32, first: u32, count: u32, output: Edge });

/// Steps that a window of the shader may have: it keeps a bit for each.
pub const MOST_STEPS: usize = 32;

/// Counters of one sample: spikes, neuron-steps with a spike, potentials changed, most spikes of a neuron in a step.
pub const TALLY_WORDS: usize = 4;

/// Recorded values of one neuron in one step: potential before the threshold test, after the reset, current kept.
pub const TRACE_VALUES: usize = 3;

/// The memory a population works on.
pub(super) struct Memory<'a> {
    pub coefficients: &'a [Coefficients],
    pub state: &'a mut [f32],
    pub tally: &'a mut [u32],
    pub spikes: &'a mut [u32],
    pub traces: &'a mut [f32],
}

impl<'a> Memory<'a> {
    /// From the slots: coefficients at `first`, then state, and tally, spikes and traces at `first + 3` on.
    pub fn take(slots: &mut Bindings<'a>, first: usize) -> Self {
        Memory {
            coefficients: slots.values(first),
            state: slots.reals_mut(first + 1),
            tally: slots.words_mut(first + 3),
            spikes: slots.words_mut(first + 4),
            traces: slots.reals_mut(first + 5),
        }
    }
}

/// Channels that an invocation sums for, where workgroups share currents.
pub(super) const WIDE: u32 = 4;

/// How the workgroups of a shader with neurons compute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Invocations of a workgroup.
    pub size: u32,
    /// Those of one cell: a channel each.
    pub lanes: u32,
    /// Channels that one sums for: more than 1, and currents go through workgroup memory.
    pub wide: u32,
}

impl Frame {
    /// For a population whose currents are shared, or not; its neurons put out `pooled`.
    pub fn new(population: &Population, pooled: &Edge, shared: bool) -> Frame {
        let lanes = population.count.next_power_of_two().clamp(8, 64);
        // None is idle where each computes for itself.
        let own = lanes.saturating_mul(pooled.cells).min(256).next_power_of_two().max(64);
        let (size, wide) = if shared { (256, WIDE) } else { (own, 1) };
        Frame { size, lanes, wide }
    }

    /// Workgroups of a sample, whose neurons put out `pooled`.
    pub fn groups(self, population: &Population, pooled: &Edge) -> u64 {
        let blocks = population.count.div_ceil(self.lanes);
        u64::from(pooled.cells.div_ceil(self.size / self.lanes)) * u64::from(blocks)
    }
}

impl Population {
    /// The words of a cell that this dispatch writes, out of one of `output`'s.
    pub(super) fn own_words(&self) -> std::ops::Range<usize> {
        let edge = Edge { channels: self.count, ..self.output };
        let first = Edge { channels: self.first, ..self.output }.cell_words();
        first..first + edge.cell_words()
    }

    fn neuron(&self, cell: usize, channel: usize) -> usize {
        cell * self.output.channels as usize + channel
    }

    fn row(&self, cell: usize, channel: usize) -> usize {
        match self.grain {
            0 => 0,
            1 => channel,
            _ => self.neuron(cell, channel),
        }
    }

    fn state_offset(&self, sample: usize, cell: usize) -> usize {
        2 * self.neuron(sample * self.output.cells as usize + cell, self.first as usize)
    }

    /// The states of a cell at the start of a window.
    pub(super) fn start(&self, memory: &Memory<'_>, window: Window, sample: usize, cell: usize, states: &mut [State]) {
        let kept = self.keeps_state == 1 && window.clock > 0;
        let offset = self.state_offset(sample, cell);
        for (channel, state) in states.iter_mut().enumerate() {
            *state = if kept {
                State { v: memory.state[offset + 2 * channel], i: memory.state[offset + 2 * channel + 1] }
            } else {
                memory.coefficients[self.row(cell, self.first as usize + channel)].initial()
            };
        }
    }

    /// One step of the neurons of a cell, with their currents. `out`: the own words of that cell's output, zero before.
    #[inline]
    pub(super) fn step(
        &self,
        memory: &mut Memory<'_>,
        window: Window,
        (t, sample, cell): (usize, usize, usize),
        currents: &[f32],
        states: &mut [State],
        out: &mut [u32],
    ) {
        let mut tally = [0; TALLY_WORDS];
        for (channel, (&x, state)) in currents.iter().zip(states.iter_mut()).enumerate() {
            let before = state.v;
            let of_all = self.first as usize + channel;
            let stepped = memory.coefficients[self.row(cell, of_all)].step(self.flags, state, x);
            if self.flags & flag::FIRES == 0 {
                out[channel] = state.v.to_bits();
            } else if stepped.spikes > 0.0 {
                let count = (stepped.spikes as u32).min(self.output.largest());
                self.output.set_count(out, channel, count);
                tally[0] += count;
                tally[1] += 1;
                tally[3] = tally[3].max(stepped.spikes as u32);
            }
            tally[2] += u32::from(state.v != before);
            if self.records == 1 {
                let neuron = self.neuron(sample * self.output.cells as usize + cell, of_all);
                let step = self.neuron((window.start + t) * window.batch * self.output.cells as usize, 0);
                let values = &mut memory.traces[TRACE_VALUES * (step + neuron)..][..TRACE_VALUES];
                values.copy_from_slice(&[stepped.h, state.v, state.i]);
            }
        }
        let kept = &mut memory.tally[sample * TALLY_WORDS..][..TALLY_WORDS];
        for (kept, new) in kept.iter_mut().zip(tally).take(3) {
            *kept = kept.wrapping_add(new);
        }
        kept[3] = kept[3].max(tally[3]);
        if self.records == 1 && self.flags & flag::FIRES != 0 && !memory.spikes.is_empty() {
            let offset = self.output.offset(window, t, sample) + cell * self.output.cell_words();
            memory.spikes[offset..][self.own_words()].copy_from_slice(out);
        }
    }

    /// Keeps the states of a cell for the next window.
    pub(super) fn finish(&self, memory: &mut Memory<'_>, sample: usize, cell: usize, states: &[State]) {
        if self.keeps_state == 1 {
            let offset = self.state_offset(sample, cell);
            for (channel, state) in states.iter().enumerate() {
                memory.state[offset + 2 * channel] = state.v;
                memory.state[offset + 2 * channel + 1] = state.i;
            }
        }
    }
}
