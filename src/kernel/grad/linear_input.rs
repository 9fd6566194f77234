//! The gradients of a linear layer's input: those of its output, back through its weights, outputs ascending.
//! Twin of `shaders/grad/linear_input.wgsl`.

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
    /// The gradients of the output, reals.
    pub gradient: Edge,
    /// Those of the input, reals.
    pub output: Edge,
}

/// Gradients of the output, weights as the layer has them, gradients of the input.
pub const SLOTS: &[SlotInfo] =
    &[read("gradient", Element::Real), read("weights", Element::Real), write("output", Element::Real)];

shared!(Params as "Params" { gradient: Edge, output: Edge });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/linear_input.wgsl"), ELEMENTWISE], reads: &[] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&p.output, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (gradient, weights) = (slots.values::<f32>(0), slots.values::<f32>(1));
    let output = slots.reals_mut(2);
    let outputs = p.gradient.elements();
    let steps = if p.output.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let from = &gradient[p.gradient.offset(window, t, sample)..][..outputs];
            let to = &mut output[p.output.offset(window, t, sample)..][..p.output.elements()];
            for (to, row) in to.iter_mut().zip(weights.chunks_exact(outputs)) {
                *to = 0.0;
                for (w, of) in row.iter().zip(from) {
                    *to += w * of;
                }
            }
        }
    }
}
