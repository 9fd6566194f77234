//! A step of an optimiser, over threads.

use rayon::prelude::*;

use crate::kernel::grad::optimise::{Params, step};

/// Parameters of a task.
const CHUNK: usize = 1 << 14;

/// Runs it: every parameter for itself, so that the order is of no matter.
pub(crate) fn run(p: &Params, settings: &[f32], parameters: &mut [f32], gradients: &mut [f32], moments: &mut [f32]) {
    let width = moments.len() / parameters.len().max(1);
    let chunks = parameters.par_chunks_mut(CHUNK).zip(gradients.par_chunks_mut(CHUNK));
    chunks.zip(moments.par_chunks_mut(CHUNK * width.max(1))).for_each(|((parameters, gradients), moments)| {
        let each = parameters.iter_mut().zip(gradients).zip(moments.chunks_exact_mut(width.max(1)));
        for ((parameter, gradient), moments) in each {
            step(p.kind, settings, parameter, gradient, moments);
        }
    });
}
