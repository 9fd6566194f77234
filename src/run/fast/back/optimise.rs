//! A step of an optimiser, over threads.

use rayon::prelude::*;

use crate::kernel::grad::optimise::{Params, adam, step};

/// Parameters of a task.
const CHUNK: usize = 1 << 14;

/// Parameters that are computed side by side.
const BESIDE: usize = 64;

/// Runs it: every parameter for itself, so that the order is of no matter.
pub(crate) fn run(p: &Params, settings: &[f32], parameters: &mut [f32], gradients: &mut [f32], moments: &mut [f32]) {
    let width = (moments.len() / parameters.len().max(1)).max(1);
    let arch = pulp::Arch::new();
    let chunks = parameters.par_chunks_mut(CHUNK).zip(gradients.par_chunks_mut(CHUNK));
    chunks.zip(moments.par_chunks_mut(CHUNK * width)).for_each(|((parameters, gradients), moments)| {
        arch.dispatch(Call { kind: p.kind, settings, parameters, gradients, moments, width });
    });
}

/// The computation of a task, to be dispatched.
struct Call<'a> {
    kind: u32,
    settings: &'a [f32],
    parameters: &'a mut [f32],
    gradients: &'a mut [f32],
    moments: &'a mut [f32],
    width: usize,
}

impl pulp::NullaryFnOnce for Call<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Call { kind, settings, parameters, gradients, moments, width } = self;
        let mut done = 0;
        if width == 2 {
            let (all, _) = parameters.as_chunks_mut::<BESIDE>();
            done = all.len() * BESIDE;
            let beside = gradients.as_chunks_mut::<BESIDE>().0.iter_mut();
            let pairs = moments.as_chunks_mut::<2>().0.as_chunks_mut::<BESIDE>().0;
            // Both moments lie side by side: apart they fill vectors.
            let (mut first, mut second) = ([0.0; BESIDE], [0.0; BESIDE]);
            for ((parameters, gradients), pairs) in all.iter_mut().zip(beside).zip(pairs) {
                for i in 0..BESIDE {
                    [first[i], second[i]] = pairs[i];
                }
                for i in 0..BESIDE {
                    adam(kind, settings, &mut parameters[i], gradients[i], (&mut first[i], &mut second[i]));
                }
                gradients.fill(0.0);
                for i in 0..BESIDE {
                    pairs[i] = [first[i], second[i]];
                }
            }
        }
        let rest = parameters[done..].iter_mut().zip(&mut gradients[done..]);
        for ((parameter, gradient), moments) in rest.zip(moments[done * width..].chunks_exact_mut(width)) {
            step(kind, settings, parameter, gradient, moments);
        }
    }
}
