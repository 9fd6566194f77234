//! Weights turned round, over threads: as many rows at once as a line of memory has values.

use rayon::prelude::*;

use crate::kernel::grad::transpose::Params;

/// Rows of a task.
const ROWS: usize = 16;

/// Runs it: `[tap, in, out]` to `[tap, out, in]`, taps the other way round.
pub(crate) fn run(p: &Params, weights: &[f32], transposed: &mut [f32]) {
    let (taps, inputs, outputs) = (p.taps as usize, p.inputs as usize, p.outputs as usize);
    for (tap, to) in transposed.chunks_exact_mut(inputs * outputs).enumerate() {
        let from = &weights[(taps - 1 - tap) * inputs * outputs..][..inputs * outputs];
        to.par_chunks_mut(ROWS * inputs).enumerate().for_each(|(task, to)| {
            for (input, from) in from.chunks_exact(outputs).enumerate() {
                let from = &from[task * ROWS..];
                to.iter_mut().skip(input).step_by(inputs).zip(from).for_each(|(to, weight)| *to = *weight);
            }
        });
    }
}
