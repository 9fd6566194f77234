//! Values in people's order, channels first, to the layout of an edge, and back.

use crate::kernel::Edge;
#[cfg(feature = "gpu")]
use crate::kernel::Window;

/// One step after another of one sample.
pub(super) fn pack(edge: &Edge, input: &[f32], words: &mut [u32]) {
    let (cells, channels) = (edge.cells as usize, edge.channels as usize);
    for (from, to) in input.chunks_exact(edge.elements()).zip(words.chunks_exact_mut(edge.step_words())) {
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

/// The values of one step, in people's order.
pub(super) fn unpack(edge: &Edge, words: &[u32]) -> Vec<f32> {
    let (cells, channels) = (edge.cells as usize, edge.channels as usize);
    let at = (0..channels).flat_map(|channel| (0..cells).map(move |cell| (cell, channel)));
    at.map(|(cell, channel)| edge.value(edge.cell(words, cell), channel)).collect()
}

/// The steps of a window of many samples, `[time, batch, cell, channel]`.
#[cfg(feature = "gpu")]
pub(super) fn pack_batch(edge: &Edge, window: Window, samples: &[&[f32]]) -> Vec<u32> {
    let series = edge.series == 1;
    let frame = edge.elements();
    let before = if series { window.at * frame } else { 0 };
    let steps = if series { window.steps } else { 1 };
    use rayon::prelude::*;
    let mut words = vec![0; steps * samples.len() * edge.step_words()];
    words.par_chunks_exact_mut(edge.step_words()).enumerate().for_each(|(i, to)| {
        let (t, sample) = (i / samples.len(), i % samples.len());
        // Samples that have ended have no more input.
        if let Some(from) = samples[sample].get(before + t * frame..).and_then(|rest| rest.get(..frame)) {
            pack(edge, from, to);
        }
    });
    words
}
