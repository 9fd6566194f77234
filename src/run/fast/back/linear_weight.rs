//! Gradients of a linear layer's weights: a task for some words of inputs and a block of outputs, whose sums stay in the
//! second cache while all samples and steps add to them.

use rayon::prelude::*;

use super::Part;
use crate::kernel::grad::linear_weight::Params;
use crate::run::fast::BLOCK;

/// Inputs of a task.
const INPUTS: usize = 256;

/// The computation of a task, to be dispatched: inputs from `first` on, and a block of outputs.
struct Call<'a, 'b> {
    p: &'a Params,
    parts: &'a [Part<'b>],
    before: &'a [f32],
    first: usize,
    block: usize,
}

pub(super) fn run(p: &Params, parts: &[Part<'_>], written: &mut [f32]) {
    let (inputs, outputs) = (p.input.elements(), p.gradient.elements());
    let (chunks, blocks) = (inputs.div_ceil(INPUTS), outputs.div_ceil(BLOCK));
    let arch = pulp::Arch::new();
    let before: &[f32] = written;
    let task = |at: usize| {
        let (first, block) = (at / blocks * INPUTS, at % blocks);
        (first, block, arch.dispatch(Call { p, parts, before, first, block }))
    };
    let all: Vec<(usize, usize, Vec<[f32; BLOCK]>)> = (0..chunks * blocks).into_par_iter().map(task).collect();
    for (first, block, rows) in all {
        let width = (outputs - block * BLOCK).min(BLOCK);
        for (at, row) in rows.iter().enumerate() {
            let at = (first + at) * outputs + block * BLOCK;
            written[at..at + width].copy_from_slice(&row[..width]);
        }
    }
    if p.bias == 1 {
        let biases = &mut written[inputs * outputs..];
        for part in parts {
            let gradient = part.slots.values::<f32>(1);
            let steps = if p.gradient.series == 1 { part.window.steps } else { 1 };
            for at in 0..part.window.batch * steps {
                let of = &gradient[p.gradient.offset(part.window, at % steps, at / steps)..][..outputs];
                biases.iter_mut().zip(of).for_each(|(sum, of)| *sum += of);
            }
        }
    }
}

impl pulp::NullaryFnOnce for Call<'_, '_> {
    type Output = Vec<[f32; BLOCK]>;

    #[inline(always)]
    fn call(self) -> Vec<[f32; BLOCK]> {
        let Call { p, parts, before, first, block } = self;
        let (inputs, outputs) = (p.input.elements(), p.gradient.elements());
        let width = (outputs - block * BLOCK).min(BLOCK);
        let own = first..(first + INPUTS).min(inputs);
        let mut sums = vec![[0.0; BLOCK]; own.len()];
        for (at, row) in own.clone().zip(&mut sums) {
            row[..width].copy_from_slice(&before[at * outputs + block * BLOCK..][..width]);
        }
        for part in parts {
            let (input, gradient) = (part.slots.words(0), part.slots.values::<f32>(1));
            let steps = if p.gradient.series == 1 { part.window.steps } else { 1 };
            for sample in 0..part.window.batch {
                for t in 0..steps {
                    let step = p.input.step(input, part.window, t, sample);
                    let at = p.gradient.offset(part.window, t, sample) + block * BLOCK;
                    let mut of = [0.0; BLOCK];
                    of[..width].copy_from_slice(&gradient[at..at + width]);
                    add(p, own.clone(), step, &of, &mut sums);
                }
            }
        }
        sums
    }
}

/// Adds what a step of a sample gives to rows of inputs.
#[inline(always)]
fn add(p: &Params, own: std::ops::Range<usize>, step: &[u32], of: &[f32; BLOCK], sums: &mut [[f32; BLOCK]]) {
    let channels = p.input.channels as usize;
    if p.input.planes == 1 && channels.is_multiple_of(32) {
        for (word, rows) in step[own.start / 32..own.end / 32].iter().zip(sums.as_chunks_mut::<32>().0) {
            let mut bits = *word;
            while bits != 0 {
                let row = &mut rows[bits.trailing_zeros() as usize & 31];
                bits &= bits - 1;
                for i in 0..BLOCK {
                    row[i] += of[i];
                }
            }
        }
        return;
    }
    for (at, row) in own.zip(sums) {
        let x = p.input.value(p.input.cell(step, at / channels), at % channels);
        if x != 0.0 {
            for i in 0..BLOCK {
                row[i] += x * of[i];
            }
        }
    }
}
