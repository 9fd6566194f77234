//! Sum of two edges of the same cells and channels: a residual connection, or several inputs of one layer.
//! Twin of `shaders/add.wgsl`.

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
    /// First input.
    pub left: Edge,
    /// Second input.
    pub right: Edge,
    /// Output: counts where both inputs are bits or counts, else reals.
    pub output: Edge,
}

/// Both inputs, output.
pub const SLOTS: &[SlotInfo] =
    &[read("left", Element::Words), read("right", Element::Words), write("output", Element::Words)];

shared!(Params as "Params" { left: Edge, right: Edge, output: Edge });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/add.wgsl"), ELEMENTWISE], reads: &["left", "right"] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&p.output, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (left, right) = (slots.words(0), slots.words(1));
    let output = slots.words_mut(2);
    let steps = if p.output.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let left = p.left.step(left, window, t, sample);
            let right = p.right.step(right, window, t, sample);
            let out = p.output.step_mut(output, window, t, sample);
            out.fill(0);
            for (cell, out) in out.chunks_exact_mut(p.output.cell_words()).enumerate() {
                let (left, right) = (p.left.cell(left, cell), p.right.cell(right, cell));
                for channel in 0..p.output.channels as usize {
                    p.output.set(out, channel, p.left.value(left, channel) + p.right.value(right, channel));
                }
            }
        }
    }
}
