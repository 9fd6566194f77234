//! Fast forms of the kernels of training.
//!
//! Those that sum over a batch share out what they sum for, not the samples: each sum is made by one thread, in the order
//! of samples, so that it has the same bits as the twin's.

mod conv_weight;
mod linear_weight;
mod membrane;
mod norm;
mod optimise;
mod pool;
mod transpose;

pub(super) use membrane::FastMembraneInput;
pub(super) use norm::{FastAffine, FastMoments, FastNormInput, FastNormSums};
pub(super) use pool::FastPoolInput;

use crate::kernel::{Bindings, Kernel, Window};

/// The slots of a step for some samples, and how many they are.
pub(crate) struct Part<'a> {
    pub window: Window,
    pub slots: Bindings<'a>,
}

/// Runs a step that covers all samples, which come in parts, in its fast form, if it has one. `written`: the memory that
/// the parts share.
pub(crate) fn run_batch(kernel: &Kernel, parts: &[Part<'_>], written: &mut [f32]) -> bool {
    match kernel {
        Kernel::ConvWeight(p) if p.geometry.groups == 1 => conv_weight::run(p, parts, written),
        Kernel::LinearWeight(p) => linear_weight::run(p, parts, written),
        _ => return false,
    }
    true
}

pub(crate) use optimise::run as run_optimise;
pub(crate) use transpose::run as run_transpose;
