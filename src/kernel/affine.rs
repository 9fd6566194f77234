//! `y = a x + b` on every element: scale, and batch norm where it cannot be folded. Twin of `shaders/affine.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::edge::elementwise_groups;
use super::shader::{ELEMENTWISE, Shader};
use super::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Input.
    pub input: Edge,
    /// Output, reals.
    pub output: Edge,
    /// Pairs of factor and offset: 0 one for all, 1 per channel, 2 per element `[cell, channel]`.
    pub grain: u32,
}

/// Input, pairs of factor and offset, output.
pub const SLOTS: &[SlotInfo] =
    &[read("input", Element::Words), read("factors", Element::Real), write("output", Element::Real)];

shared!(Params as "Params" { input: Edge, output: Edge, grain: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/affine.wgsl"), ELEMENTWISE], reads: &["input"] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&p.output, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, factors) = (slots.words(0), slots.values::<[f32; 2]>(1));
    let output = slots.words_mut(2);
    let channels = p.output.channels as usize;
    let steps = if p.output.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let from = p.input.step(input, window, t, sample);
            let to = p.output.step_mut(output, window, t, sample);
            for (i, to) in to.iter_mut().enumerate() {
                let (cell, channel) = (i / channels, i % channels);
                let [factor, offset] = factors[[0, channel, i][p.grain as usize]];
                *to = (p.input.value(p.input.cell(from, cell), channel) * factor + offset).to_bits();
            }
        }
    }
}
