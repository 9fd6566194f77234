//! Values in people's order, channels first, to the layout of an edge, and back.

use rayon::prelude::*;

use super::training::Order;
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
    let mut values = vec![0.0; edge.elements()];
    unpack_into(edge, words, &mut values);
    values
}

/// The values of one step, in people's order.
fn unpack_into(edge: &Edge, words: &[u32], to: &mut [f32]) {
    let cells = edge.cells as usize;
    if lies_packed(edge) {
        to.copy_from_slice(bytemuck::cast_slice(words));
        return;
    }
    if edge.planes == 1 && edge.cells == 1 {
        for (to, word) in to.chunks_mut(32).zip(words) {
            to.iter_mut().enumerate().for_each(|(i, to)| *to = (word >> i & 1) as f32);
        }
        return;
    }
    for (channel, to) in to.chunks_exact_mut(cells).enumerate() {
        for (to, cell) in to.iter_mut().zip(words.chunks_exact(edge.cell_words())) {
            *to = edge.value(cell, channel);
        }
    }
}

/// The values of all steps of a batch; `words` gives those of a step of a sample.
pub(super) fn unpack_batch<'a>(
    edge: &Edge,
    steps: usize,
    batch: usize,
    order: Order,
    words: impl Fn(usize, usize) -> &'a [u32] + Sync,
) -> Vec<f32> {
    let steps = if edge.series == 1 { steps } else { 1 };
    let mut values = vec![0.0; steps * batch * edge.elements()];
    let unpack_one = |(i, to): (usize, &mut [f32])| {
        let (t, sample) = match order {
            Order::ByStep => (i / batch, i % batch),
            Order::BySample => (i % steps, i / steps),
        };
        unpack_into(edge, words(t, sample), to);
    };
    if values.len() < PARALLEL {
        values.chunks_exact_mut(edge.elements()).enumerate().for_each(unpack_one);
    } else {
        values.par_chunks_exact_mut(edge.elements()).enumerate().for_each(unpack_one);
    }
    values
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
