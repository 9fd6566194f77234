//! Of every channel in every step of every sample: the sum of the gradients, and of their products with the normalised
//! input. Twin of `shaders/grad/norm_sums.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::edge::elementwise_groups;
use crate::kernel::shader::Shader;
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
    /// Of every channel both sums: one cell.
    pub output: Edge,
}

/// Input, gradients, means and inverse deviations, sums.
pub const SLOTS: &[SlotInfo] = &[
    read("input", Element::Real),
    read("gradient", Element::Real),
    read("scales", Element::Real),
    write("output", Element::Real),
];

shared!(Params as "Params" { input: Edge, gradient: Edge, output: Edge });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/norm_sums.wgsl")], reads: &[] }
}

/// Workgroups of a sample for so many steps: an invocation for every channel.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&Edge { cells: 1, ..p.input }, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, gradient, scales) = (slots.values::<f32>(0), slots.values::<f32>(1), slots.values::<f32>(2));
    let output = slots.reals_mut(3);
    let channels = p.input.channels as usize;
    let steps = if p.input.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let x = &input[p.input.offset(window, t, sample)..][..p.input.elements()];
            let of = &gradient[p.gradient.offset(window, t, sample)..][..p.input.elements()];
            let to = &mut output[p.output.offset(window, t, sample)..][..2 * channels];
            to.fill(0.0);
            for (i, (x, of)) in x.iter().zip(of).enumerate() {
                let c = i % channels;
                to[2 * c] += of;
                to[2 * c + 1] += of * ((x - scales[2 * c]) * scales[2 * c + 1]);
            }
        }
    }
}
