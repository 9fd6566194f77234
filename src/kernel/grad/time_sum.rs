//! The sum over time, steps ascending: what held for all steps gets the gradients of all.
//! Twin of `shaders/grad/time_sum.wgsl`.

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
    /// Input, a series of reals.
    pub input: Edge,
    /// Its sum.
    pub output: Edge,
}

/// Values, sums.
pub const SLOTS: &[SlotInfo] = &[read("input", Element::Real), write("output", Element::Real)];

shared!(Params as "Params" { input: Edge, output: Edge });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/time_sum.wgsl"), ELEMENTWISE], reads: &[] }
}

/// Workgroups of a sample.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    elementwise_groups(&p.output, 1)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let input = slots.values::<f32>(0);
    let output = slots.reals_mut(1);
    for sample in 0..window.batch {
        let to = &mut output[p.output.offset(window, 0, sample)..][..p.output.elements()];
        to.fill(0.0);
        for t in 0..window.steps {
            let from = &input[p.input.offset(window, t, sample)..][..p.input.elements()];
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
    }
}
