//! The gradients of what a delay takes in: those of its output, so many steps earlier. What would come out after the
//! last step gets none. Twin of `shaders/grad/delay_input.wgsl`.

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
    /// The gradients of the output, a series of reals.
    pub gradient: Edge,
    /// Those of the input, reals; the sum over the steps, where the input holds for all of them.
    pub output: Edge,
    /// 1: all elements have the same delay.
    pub same: u32,
    /// Steps of a sample.
    pub steps: u32,
}

/// Gradients of the output, delays, gradients of the input.
pub const SLOTS: &[SlotInfo] =
    &[read("gradient", Element::Real), read("delays", Element::Words), write("output", Element::Real)];

shared!(Params as "Params" { gradient: Edge, output: Edge, same: u32, steps: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/delay_input.wgsl"), ELEMENTWISE], reads: &[] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&p.output, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (gradient, delays) = (slots.values::<f32>(0), slots.words(1));
    let output = slots.reals_mut(2);
    let steps = if p.output.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let to = &mut output[p.output.offset(window, t, sample)..][..p.output.elements()];
            for (i, to) in to.iter_mut().enumerate() {
                let delay = delays[if p.same == 1 { 0 } else { i }] as usize;
                let at = |t: usize| gradient[p.gradient.offset(window, t, sample) + i];
                let left = p.steps as usize - window.start;
                *to = match p.output.series {
                    1 if t + delay < left => at(t + delay),
                    1 => 0.0,
                    _ => (delay..left).fold(0.0, |sum, t| sum + at(t)),
                };
            }
        }
    }
}
