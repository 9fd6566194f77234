//! Max, average and sum pools of any edge. Twin of `shaders/pool.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::edge::elementwise_groups;
use super::shader::{ELEMENTWISE, POOLING, Shader};
use super::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// Input.
    pub input: Edge,
    /// Output.
    pub output: Edge,
    /// Input height and width.
    pub in_size: [u32; 2],
    /// Output height and width.
    pub out_size: [u32; 2],
    /// Window height and width.
    pub kernel: [u32; 2],
    /// Stride along height and width.
    pub stride: [u32; 2],
    /// Padding before height and width.
    pub pad: [u32; 2],
    /// 1: the largest value; 0: the sum.
    pub max: u32,
    /// Factor on the sum: 1, or 1 over the window of an average.
    pub factor: f32,
}

/// Input, output.
pub const SLOTS: &[SlotInfo] = &[read("input", Element::Words), write("output", Element::Words)];

shared!(Params as "Pool" {
    input: Edge, output: Edge, in_size: [u32; 2], out_size: [u32; 2], kernel: [u32; 2], stride: [u32; 2], pad: [u32; 2],
    max: u32, factor: f32,
});

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/pool.wgsl"), ELEMENTWISE, POOLING], reads: &["input"] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&p.output, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let input = slots.words(0);
    let output = slots.words_mut(1);
    let steps = if p.output.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let from = p.input.step(input, window, t, sample);
            let to = p.output.step_mut(output, window, t, sample);
            to.fill(0);
            for (cell, to) in to.chunks_exact_mut(p.output.cell_words()).enumerate() {
                for channel in 0..p.output.channels as usize {
                    p.output.set(to, channel, pooled(p, from, cell, channel));
                }
            }
        }
    }
}

impl Params {
    /// The input cells under an output cell, in row-major order.
    pub(super) fn under(&self, cell: usize) -> impl Iterator<Item = usize> + '_ {
        let (y, x) = (cell / self.out_size[1] as usize, cell % self.out_size[1] as usize);
        let at = |axis: usize, out: usize, tap: usize| {
            (out * self.stride[axis] as usize + tap)
                .checked_sub(self.pad[axis] as usize)
                .filter(|&i| i < self.in_size[axis] as usize)
        };
        let width = self.kernel[1] as usize;
        (0..self.kernel[0] as usize * width)
            .filter_map(move |tap| Some(at(0, y, tap / width)? * self.in_size[1] as usize + at(1, x, tap % width)?))
    }
}

/// The window's values in row-major order, reduced.
fn pooled(p: &Params, step: &[u32], cell: usize, channel: usize) -> f32 {
    let mut value = if p.max == 1 { f32::NEG_INFINITY } else { 0.0 };
    for cell in p.under(cell) {
        let next = p.input.value(p.input.cell(step, cell), channel);
        value = match p.max {
            // Of zeros of both signs the first stays.
            1 if next <= value => value,
            1 => next,
            _ => value + next,
        };
    }
    if p.max == 1 { value } else { value * p.factor }
}
