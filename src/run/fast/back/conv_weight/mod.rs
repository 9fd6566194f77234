//! Gradients of a convolution's weights.

mod lists;
mod shifted;
mod strided;

use super::Part;
use crate::kernel::grad::conv_weight::Params;

/// Runs it over all samples; `written`: the sums of weights and biases.
pub(super) fn run(p: &Params, parts: &[Part<'_>], written: &mut [f32]) {
    let g = &p.geometry;
    match g.stride {
        [1, 1] => shifted::run(p, parts, written),
        _ => strided::run(p, parts, written),
    }
    if g.bias == 1 {
        add_biases(p, parts, &mut written[g.weight_count()..]);
    }
}

/// The gradients of the biases: of every sample the sum over steps and cells, these in the order of samples.
fn add_biases(p: &Params, parts: &[Part<'_>], biases: &mut [f32]) {
    let mut own = vec![0.0; biases.len()];
    for part in parts {
        let gradient = part.slots.values::<f32>(1);
        let steps = if p.gradient.series == 1 { part.window.steps } else { 1 };
        for sample in 0..part.window.batch {
            own.fill(0.0);
            for t in 0..steps {
                let of = &gradient[p.gradient.offset(part.window, t, sample)..][..p.gradient.elements()];
                for of in of.chunks_exact(biases.len()) {
                    own.iter_mut().zip(of).for_each(|(sum, of)| *sum += of);
                }
            }
            biases.iter_mut().zip(&own).for_each(|(sum, own)| *sum += own);
        }
    }
}
