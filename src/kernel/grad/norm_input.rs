//! The gradients of the input of a batch norm: every value moves the statistics of its batch, too.
//! `factor (g - mean g - x' mean (g x'))` with the normalised input `x'`. Twin of `shaders/grad/norm_input.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::edge::elementwise_groups;
use crate::kernel::shader::{ELEMENTWISE, Shader};
use crate::kernel::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// Input of the batch norm, reals.
    pub input: Edge,
    /// Gradients of its output, reals.
    pub gradient: Edge,
    /// Those of its input, reals.
    pub output: Edge,
}

/// Input, gradients, means and inverse deviations with 1 over the number of values behind, factors and offsets, sums of the
/// batch, gradients of the input.
pub const SLOTS: &[SlotInfo] = &[
    read("input", Element::Real),
    read("gradient", Element::Real),
    read("scales", Element::Real),
    read("factors", Element::Real),
    read("sums", Element::Real),
    write("output", Element::Real),
];

shared!(Params as "Params" { input: Edge, gradient: Edge, output: Edge });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/norm_input.wgsl"), ELEMENTWISE], reads: &[] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&p.output, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, gradient, scales) = (slots.values::<f32>(0), slots.values::<f32>(1), slots.values::<f32>(2));
    let (factors, sums) = (slots.values::<f32>(3), slots.values::<f32>(4));
    let output = slots.reals_mut(5);
    let channels = p.input.channels as usize;
    let share = scales[2 * channels];
    let steps = if p.output.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let x = &input[p.input.offset(window, t, sample)..][..p.input.elements()];
            let of = &gradient[p.gradient.offset(window, t, sample)..][..p.input.elements()];
            let to = &mut output[p.output.offset(window, t, sample)..][..p.input.elements()];
            for (i, (to, (x, of))) in to.iter_mut().zip(x.iter().zip(of)).enumerate() {
                let c = i % channels;
                let normal = (x - scales[2 * c]) * scales[2 * c + 1];
                *to = factors[2 * c] * (of - (sums[2 * c] + normal * sums[2 * c + 1]) * share);
            }
        }
    }
}
