//! Samples in people's order, channels first, to the layout of the input's edge.

use crate::kernel::Edge;
#[cfg(feature = "gpu")]
use crate::{kernel::Window, plan::Plan};

/// One step after another of one sample.
pub(super) fn pack(edge: &Edge, input: &[f32], words: &mut [u32]) {
    let (cells, channels) = (edge.cells as usize, edge.channels as usize);
    for (from, to) in input.chunks_exact(cells * channels).zip(words.chunks_exact_mut(edge.step_words())) {
        if !edge.is_real() {
            to.fill(0);
        }
        for (cell, to) in to.chunks_exact_mut(edge.cell_words()).enumerate() {
            for channel in 0..channels {
                edge.set(to, channel, from[channel * cells + cell]);
            }
        }
    }
}

/// The steps of a window of many samples, `[time, batch, cell, channel]`.
#[cfg(feature = "gpu")]
pub(super) fn pack_batch(edge: &Edge, plan: &Plan, window: Window, samples: &[&[f32]]) -> Vec<u32> {
    let series = edge.series == 1;
    let frame = (edge.cells * edge.channels) as usize;
    // A stream gives one frame at a time.
    let before = if series && !plan.request.streaming { window.clock as usize * frame } else { 0 };
    let steps = if series { window.steps } else { 1 };
    use rayon::prelude::*;
    let mut words = vec![0; steps * samples.len() * edge.step_words()];
    words.par_chunks_exact_mut(edge.step_words()).enumerate().for_each(|(i, to)| {
        let (t, sample) = (i / samples.len(), i % samples.len());
        pack(edge, &samples[sample][before + t * frame..][..frame], to);
    });
    words
}
