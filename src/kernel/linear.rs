//! Fully connected layer of bits, counts or reals to currents: a convolution whose kernel is the whole input.
//! Twin of `shaders/linear.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::edge::elementwise_groups;
use super::shader::{ELEMENTWISE, LINEAR_SUM, SUM, Shader};
use super::sum::Sum;
use super::{Bindings, Edge, Element, SlotInfo, Window, words_of};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Input.
    pub input: Edge,
    /// Output: one cell of reals.
    pub output: Edge,
    /// 1: there are biases behind the weights.
    pub bias: u32,
    /// The first output of this dispatch; others have the rest, where weights are too large for one.
    pub first: u32,
    /// Outputs of this dispatch.
    pub count: u32,
    /// Steps in which no more inputs fire than this are summed over lists of them; 0: there are no lists.
    pub most_events: u32,
}

/// Input, weights `[cell, channel in, out]` with biases behind, output; lists of the inputs that fired, as
/// [`super::compact`] makes them.
pub const SLOTS: &[SlotInfo] = &[
    read("input", Element::Words),
    read("weights", Element::Real),
    write("output", Element::Real),
    read("events", Element::Words),
];

/// The currents of all outputs in a step. Twins read words, whether there is a list or not: they pass over silent ones, and
/// the sum is the same to the bit.
pub fn currents(input: &Edge, step: &[u32], weights: &[f32], out: &mut [f32], block: &mut [f32]) {
    let channels = input.channels as usize;
    let rows = channels * out.len();
    let (weights, bias) = weights.split_at(input.cells as usize * rows);
    let mut sum = Sum::new(out, block);
    for cell in 0..input.cells as usize {
        let rows = &weights[cell * rows..(cell + 1) * rows];
        sum.cell(input, input.cell(step, cell), 0, channels, cell * words_of(channels), rows);
    }
    sum.finish(bias);
}

shared!(Params as "Params" { input: Edge, output: Edge, bias: u32, first: u32, count: u32, most_events: u32 });

/// The shader.
pub fn shader(p: &Params) -> Shader {
    let pieces: &[_] = match p.is_by_steps() {
        true => &[include_str!("../../shaders/linear_real.wgsl")],
        false => &[include_str!("../../shaders/linear.wgsl"), ELEMENTWISE, SUM, LINEAR_SUM],
    };
    Shader { pieces, reads: &[] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    if p.is_by_steps() {
        let steps = if p.output.series == 1 { steps } else { 1 };
        return u64::from(p.count).div_ceil(256) * steps.div_ceil(8) as u64;
    }
    elementwise_groups(&Edge { channels: p.count / p.wide(), ..p.output }, steps)
}

impl Params {
    /// Whether the shader takes eight steps of 256 outputs in a workgroup: of reals, where there are so many outputs.
    pub(super) fn is_by_steps(&self) -> bool {
        self.input.is_real() && self.count >= 128
    }

    /// Outputs that an invocation sums for side by side: of few outputs it has one, so that more invocations are at work.
    pub(super) fn wide(&self) -> u32 {
        if !self.is_by_steps() && self.count >= 1024 && self.count.is_multiple_of(4) { 4 } else { 1 }
    }
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, weights) = (slots.words(0), slots.values::<f32>(1));
    let output = slots.words_mut(2);
    let own = p.first as usize..(p.first + p.count) as usize;
    let mut block = vec![0.0; own.len()];
    let steps = if p.output.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let step = p.input.step(input, window, t, sample);
            let out = bytemuck::cast_slice_mut(&mut p.output.step_mut(output, window, t, sample)[own.clone()]);
            currents(&p.input, step, weights, out, &mut block);
        }
    }
}
