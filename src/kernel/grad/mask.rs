//! Dropout: some elements become zero, the others larger, by a hash of a sample's own seed; backwards, the same ones of
//! the gradients. Twin of `shaders/grad/mask.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::edge::elementwise_groups;
use crate::kernel::grad::loss::FACTS;
use crate::kernel::shader::{ELEMENTWISE, Shader};
use crate::kernel::{Bindings, Edge, Element, SlotInfo, Window};
use crate::random::lowbias32;
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// Input.
    pub input: Edge,
    /// Output, reals.
    pub output: Edge,
    /// An element stays where its hash is below this.
    pub keep: u32,
    /// Factor on what stays.
    pub scale: f32,
    /// Which dropout of the network this is: each has a stream of its own.
    pub stream: u32,
    /// 1: the same elements in every step.
    pub same: u32,
}

/// Input, facts of the samples, output.
pub const SLOTS: &[SlotInfo] =
    &[read("input", Element::Words), read("facts", Element::Words), write("output", Element::Real)];

shared!(Params as "Params" { input: Edge, output: Edge, keep: u32, scale: f32, stream: u32, same: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/mask.wgsl"), ELEMENTWISE], reads: &["input"] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&p.output, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, facts) = (slots.words(0), slots.words(1));
    let output = slots.reals_mut(2);
    let channels = p.output.channels as usize;
    let steps = if p.output.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let from = p.input.step(input, window, t, sample);
            let to = &mut output[p.output.offset(window, t, sample)..][..p.output.elements()];
            let seed = facts[FACTS * sample + 1];
            for (i, to) in to.iter_mut().enumerate() {
                let step = if p.same == 1 { 0 } else { (window.at + t) as u32 };
                let x = p.input.value(p.input.cell(from, i / channels), i % channels);
                *to = if hash(seed, p.stream, step, i as u32) < p.keep { x * p.scale } else { 0.0 };
            }
        }
    }
}

/// A number for an element of a step.
#[inline]
pub fn hash(seed: u32, stream: u32, step: u32, element: u32) -> u32 {
    let key = lowbias32(lowbias32(seed ^ stream.wrapping_mul(0x9e37_79b9)).wrapping_add(step));
    lowbias32(lowbias32(element ^ key).wrapping_add(key))
}
