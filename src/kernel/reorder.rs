//! Elements in another order: a flatten whose result is not laid out as its input. Twin of `shaders/reorder.wgsl`.

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
    /// Output: the same number of elements.
    pub output: Edge,
}

/// Input, for each output element `[cell, channel]` the index of its source, output.
pub const SLOTS: &[SlotInfo] =
    &[read("input", Element::Words), read("sources", Element::Words), write("output", Element::Words)];

shared!(Params as "Params" { input: Edge, output: Edge });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/reorder.wgsl"), ELEMENTWISE], reads: &["input"] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&p.output, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, sources) = (slots.words(0), slots.words(1));
    let output = slots.words_mut(2);
    let (from_channels, to_channels) = (p.input.channels as usize, p.output.channels as usize);
    let steps = if p.output.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let from = p.input.step(input, window, t, sample);
            let to = p.output.step_mut(output, window, t, sample);
            to.fill(0);
            for (cell, to) in to.chunks_exact_mut(p.output.cell_words()).enumerate() {
                for channel in 0..to_channels {
                    let source = sources[cell * to_channels + channel] as usize;
                    let cell = p.input.cell(from, source / from_channels);
                    p.output.set(to, channel, p.input.value(cell, source % from_channels));
                }
            }
        }
    }
}
