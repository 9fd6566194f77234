//! Weights for the way back: those of a convolution as the convolution of its gradients has them.
//! Twin of `shaders/grad/transpose.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::shader::Shader;
use crate::kernel::{Bindings, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// Taps; their order is turned round.
    pub taps: u32,
    /// Input channels.
    pub inputs: u32,
    /// Output channels.
    pub outputs: u32,
}

/// Weights `[tap, in, out]`, weights `[tap, out, in]`.
pub const SLOTS: &[SlotInfo] = &[read("weights", Element::Real), write("transposed", Element::Real)];

shared!(Params as "Params" { taps: u32, inputs: u32, outputs: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/transpose.wgsl")], reads: &[] }
}

/// Workgroups: an invocation for every weight.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    (u64::from(p.taps) * u64::from(p.inputs) * u64::from(p.outputs)).div_ceil(64)
}

/// The plain twin.
pub fn run(p: &Params, _: Window, slots: &mut Bindings<'_>) {
    let weights = slots.values::<f32>(0);
    let transposed = slots.reals_mut(1);
    let (taps, inputs, outputs) = (p.taps as usize, p.inputs as usize, p.outputs as usize);
    for tap in 0..taps {
        let from = &weights[tap * inputs * outputs..][..inputs * outputs];
        let to = &mut transposed[(taps - 1 - tap) * inputs * outputs..][..inputs * outputs];
        for (o, to) in to.chunks_exact_mut(inputs).enumerate() {
            to.iter_mut().zip(from.iter().skip(o).step_by(outputs)).for_each(|(to, w)| *to = *w);
        }
    }
}
