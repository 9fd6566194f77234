//! The gradients of a convolution's input: those of its output, back through its weights.
//! Twin of `shaders/grad/conv_input.wgsl`.
//!
//! One canonical sum: taps in row-major order, then output channels ascending.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::conv::Geometry;
use crate::kernel::shader::{GEOMETRY, Shader};
use crate::kernel::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// The convolution.
    pub geometry: Geometry,
    /// The gradients of its output, reals.
    pub gradient: Edge,
    /// Those of its input, reals.
    pub output: Edge,
}

/// Gradients of the output, weights as the convolution has them, gradients of the input.
pub const SLOTS: &[SlotInfo] =
    &[read("gradient", Element::Real), read("weights", Element::Real), write("output", Element::Real)];

shared!(Params as "Params" { geometry: Geometry, gradient: Edge, output: Edge });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/conv_input.wgsl"), GEOMETRY], reads: &[] }
}

/// Workgroups of a sample for so many steps: each has up to 64 input channels of a group, and side by side as many cells as
/// there is room for, four for each invocation.
pub fn groups(p: &Params, steps: usize) -> u64 {
    let steps = if p.output.series == 1 { steps as u64 } else { 1 };
    let g = &p.geometry;
    let inputs = g.input.channels / g.groups;
    let lanes = inputs.min(64);
    let cells = (u64::from(p.output.cells) * steps).div_ceil(u64::from(64 / lanes * 4));
    cells * u64::from(g.groups * inputs.div_ceil(lanes))
}

/// The output cell whose sum has an input cell under a tap, if there is one.
#[inline]
pub fn target(g: &Geometry, cell: usize, (tap_y, tap_x): (usize, usize)) -> Option<usize> {
    let at = |axis: usize, input: usize, tap: usize| {
        let shifted = (input + g.pad[axis] as usize).checked_sub(tap * g.dilation[axis] as usize)?;
        let out = shifted / g.stride[axis] as usize;
        (shifted.is_multiple_of(g.stride[axis] as usize) && out < g.out_size[axis] as usize).then_some(out)
    };
    let width = g.in_size[1] as usize;
    Some(at(0, cell / width, tap_y)? * g.out_size[1] as usize + at(1, cell % width, tap_x)?)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let g = &p.geometry;
    let (gradient, weights) = (slots.values::<f32>(0), slots.values::<f32>(1));
    let output = slots.reals_mut(2);
    let groups = g.groups as usize;
    let (inputs, outputs) = (g.input.channels as usize / groups, g.out_channels as usize / groups);
    let (kernel_h, kernel_w) = (g.kernel[0] as usize, g.kernel[1] as usize);
    let steps = if p.output.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let from = &gradient[p.gradient.offset(window, t, sample)..][..p.gradient.elements()];
            let to = &mut output[p.output.offset(window, t, sample)..][..p.output.elements()];
            for (at, to) in to.iter_mut().enumerate() {
                let (cell, channel) = (at / g.input.channels as usize, at % g.input.channels as usize);
                let (group, input) = (channel / inputs, channel % inputs);
                *to = 0.0;
                for tap in 0..kernel_h * kernel_w {
                    let Some(source) = target(g, cell, (tap / kernel_w, tap % kernel_w)) else { continue };
                    let row = ((group * kernel_h * kernel_w + tap) * inputs + input) * outputs;
                    let of = &from[source * g.out_channels as usize + group * outputs..][..outputs];
                    for (w, of) in weights[row..row + outputs].iter().zip(of) {
                        *to += w * of;
                    }
                }
            }
        }
    }
}
