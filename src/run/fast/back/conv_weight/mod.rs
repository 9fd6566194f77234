//! Gradients of a convolution's weights.

mod lists;
mod shifted;
mod strided;

use rayon::prelude::*;

use super::Part;
use crate::kernel::grad::conv_weight::Params;
use crate::run::fast::BLOCK;

/// Runs it over all samples; `written`: the sums of weights and biases.
pub(super) fn run(p: &Params, parts: &[Part<'_>], written: &mut [f32]) {
    let g = &p.geometry;
    if g.stride == [1, 1] && shifted::fits(g) {
        shifted::run(p, parts, written);
    } else {
        strided::run(p, parts, written);
    }
    if g.bias == 1 {
        add_biases(p, parts, &mut written[g.weight_count()..]);
    }
}

/// The gradients of the biases: of every sample the sum over steps and cells, these in the order of samples.
fn add_biases(p: &Params, parts: &[Part<'_>], biases: &mut [f32]) {
    let arch = pulp::Arch::new();
    let samples = parts.iter().flat_map(|part| (0..part.window.batch).map(move |sample| (part, sample)));
    let samples: Vec<(&Part<'_>, usize)> = samples.collect();
    let own = |&(part, sample): &(&Part<'_>, usize)| arch.dispatch(Biases { p, part, sample });
    let all: Vec<Vec<f32>> = samples.par_iter().map(own).collect();
    for own in &all {
        biases.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
    }
}

/// The sums of a sample for biases, to be dispatched.
struct Biases<'a, 'b> {
    p: &'a Params,
    part: &'a Part<'b>,
    sample: usize,
}

impl pulp::NullaryFnOnce for Biases<'_, '_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn call(self) -> Vec<f32> {
        let Biases { p, part, sample } = self;
        let outputs = p.gradient.channels as usize;
        let gradient = part.slots.values::<f32>(1);
        let steps = if p.gradient.series == 1 { part.window.steps } else { 1 };
        let mut own = vec![[0.0; BLOCK]; outputs.div_ceil(BLOCK)];
        for t in 0..steps {
            let of = &gradient[p.gradient.offset(part.window, t, sample)..][..p.gradient.elements()];
            for (block, own) in own.iter_mut().enumerate() {
                // Sums stay in registers where a block is whole.
                let mut sum = *own;
                for of in of.chunks_exact(outputs) {
                    let of = &of[block * BLOCK..];
                    match of.first_chunk::<BLOCK>() {
                        Some(of) => (0..BLOCK).for_each(|i| sum[i] += of[i]),
                        None => sum.iter_mut().zip(of).for_each(|(sum, of)| *sum += of),
                    }
                }
                *own = sum;
            }
        }
        own.as_flattened()[..outputs].to_vec()
    }
}
