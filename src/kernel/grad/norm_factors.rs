//! Batch norm of a batch: from its moments to a factor and an offset per channel; running statistics follow as PyTorch
//! has it (the unbiased variance). Twin of `shaders/grad/norm_factors.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::shader::Shader;
use crate::kernel::{Bindings, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// Channels.
    pub channels: u32,
    /// How often each value counts: the steps, where the input holds for all of them.
    pub repeats: u32,
    /// Added to the variance.
    pub eps: f32,
    /// The share that running statistics take of those of the batch.
    pub momentum: f32,
    /// 1: there are offsets and factors that are learned.
    pub learns: u32,
}

/// Moments, which are zero after; offsets and factors that are learned, side by side as their gradients are; running means,
/// then running variances, and behind them both as they were before the batch; factors and offsets of the batch, side by
/// side; means and inverse deviations, side by side, and behind them 1 over the number of values.
pub const SLOTS: &[SlotInfo] = &[
    write("merged", Element::Real),
    read("learned", Element::Real),
    write("running", Element::Real),
    write("factors", Element::Real),
    write("scales", Element::Real),
];

shared!(Params as "Params" { channels: u32, repeats: u32, eps: f32, momentum: f32, learns: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/norm_factors.wgsl")], reads: &[] }
}

/// Workgroups: one.
pub fn groups(_: &Params, _steps: usize) -> u64 {
    1
}

/// The plain twin.
pub fn run(p: &Params, _: Window, slots: &mut Bindings<'_>) {
    let learned = slots.values::<f32>(1);
    let (merged, running) = (slots.reals_mut(0), slots.reals_mut(2));
    let (factors, scales) = (slots.reals_mut(3), slots.reals_mut(4));
    let channels = p.channels as usize;
    let number = merged[2 * channels];
    let all = number * p.repeats as f32;
    for c in 0..channels {
        let (mean, squares) = (merged[2 * c], merged[2 * c + 1]);
        let variance = squares / number;
        let inverse = 1.0 / (variance + p.eps).sqrt();
        let unbiased = squares * p.repeats as f32 / (all - 1.0).max(1.0);
        for (at, of_batch) in [(c, mean), (channels + c, unbiased)] {
            let before = running[at];
            running[2 * channels + at] = before;
            running[at] = before + p.momentum * (of_batch - before);
        }
        let (weight, bias) = if learned.is_empty() { (1.0, 0.0) } else { (learned[2 * c + 1], learned[2 * c]) };
        let factor = weight * inverse;
        factors[2 * c..2 * c + 2].copy_from_slice(&[factor, bias - mean * factor]);
        scales[2 * c..2 * c + 2].copy_from_slice(&[mean, inverse]);
    }
    scales[2 * channels] = 1.0 / number;
    merged.fill(0.0);
}
