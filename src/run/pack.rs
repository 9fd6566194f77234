//! Values in people's order, channels first, to the layout of an edge, and back.

use rayon::prelude::*;

use crate::kernel::Edge;
use crate::kernel::Window;

/// One step after another of one sample.
pub(super) fn pack(edge: &Edge, input: &[f32], words: &mut [u32]) {
    let (cells, channels) = (edge.cells as usize, edge.channels as usize);
    for (from, to) in input.chunks_exact(edge.elements()).zip(words.chunks_exact_mut(edge.step_words())) {
        if lies_packed(edge) {
            to.copy_from_slice(bytemuck::cast_slice(from));
            continue;
        }
        if edge.planes == 1 && edge.cells == 1 {
            from.chunks(32).zip(to).for_each(|(from, to)| *to = word_of(from));
            continue;
        }
        if !edge.is_real() {
            to.fill(0);
        }
        for (channel, from) in from.chunks_exact(cells).enumerate().take(channels) {
            for (&x, to) in from.iter().zip(to.chunks_exact_mut(edge.cell_words())) {
                // Most are silent.
                if edge.is_real() || x != 0.0 {
                    edge.set(to, channel, x);
                }
            }
        }
    }
}

/// The bits of up to 32 channels.
fn word_of(values: &[f32]) -> u32 {
    let bit = |(i, &x): (usize, &f32)| if x != 0.0 { 1 << i } else { 0 };
    match values.as_array::<32>() {
        // Side by side, as their number is known.
        Some(values) => values.iter().enumerate().map(bit).fold(0, |word, bit| word | bit),
        None => values.iter().enumerate().map(bit).fold(0, |word, bit| word | bit),
    }
}

/// The values of one step, in people's order.
pub(super) fn unpack(edge: &Edge, words: &[u32]) -> Vec<f32> {
    let (cells, channels) = (edge.cells as usize, edge.channels as usize);
    let at = (0..channels).flat_map(|channel| (0..cells).map(move |cell| (cell, channel)));
    at.map(|(cell, channel)| edge.value(edge.cell(words, cell), channel)).collect()
}

/// The values of one step after another, in people's order.
pub(super) fn unpack_steps(edge: &Edge, words: &[u32], to: &mut [f32]) {
    for (from, to) in words.chunks_exact(edge.step_words()).zip(to.chunks_exact_mut(edge.elements())) {
        if lies_packed(edge) {
            to.copy_from_slice(bytemuck::cast_slice(from));
        } else {
            to.copy_from_slice(&unpack(edge, from));
        }
    }
}

/// Whether values lie in memory as the edge has them.
pub(super) fn lies_packed(edge: &Edge) -> bool {
    edge.is_real() && (edge.cells == 1 || edge.channels == 1)
}

/// The steps of a window of one sample, where they lie in memory as the edge has them: nothing is to be packed.
pub(super) fn as_packed<'a>(edge: &Edge, window: Window, input: &'a [f32]) -> Option<&'a [u32]> {
    if !lies_packed(edge) {
        return None;
    }
    let first = if edge.series == 1 { window.at * edge.elements() } else { 0 };
    input.get(first..).map(bytemuck::cast_slice)
}

/// The steps of a window of many samples, `[time, batch, cell, channel]`.
pub(super) fn pack_batch(edge: &Edge, window: Window, samples: &[&[f32]], words: &mut [u32]) {
    let frame = edge.elements();
    let (steps, before) = if edge.series == 1 { (window.steps, window.at * frame) } else { (1, 0) };
    let all = &mut words[..steps * samples.len() * edge.step_words()];
    let pack_one = |(i, to): (usize, &mut [u32])| {
        let (t, sample) = (i / samples.len(), i % samples.len());
        // Samples that have ended have no more input.
        if let Some(from) = samples[sample].get(before + t * frame..).and_then(|rest| rest.get(..frame)) {
            pack(edge, from, to);
        }
    };
    // A few are not worth the threads.
    if all.len() < PARALLEL {
        all.chunks_exact_mut(edge.step_words()).enumerate().for_each(pack_one);
    } else {
        all.par_chunks_exact_mut(edge.step_words()).enumerate().for_each(pack_one);
    }
}

/// Words from which on threads share the packing.
const PARALLEL: usize = 1 << 16;
