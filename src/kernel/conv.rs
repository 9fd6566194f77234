//! Convolution of bits, counts or reals to currents. Twin of `shaders/conv.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::edge::elementwise_groups;
use super::shader::{CONV_SUM, ELEMENTWISE, GEOMETRY, SUM, Shader};
use super::sum::Sum;
use super::{Bindings, Edge, Element, SlotInfo, Window, words_of};
use crate::shared::shared;

/// The geometry of a convolution; one axis is height 1.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Geometry {
    /// Input.
    pub input: Edge,
    /// Input height and width.
    pub in_size: [u32; 2],
    /// Output height and width.
    pub out_size: [u32; 2],
    /// Kernel height and width.
    pub kernel: [u32; 2],
    /// Stride along height and width.
    pub stride: [u32; 2],
    /// Zeros before height and width.
    pub pad: [u32; 2],
    /// Dilation along height and width.
    pub dilation: [u32; 2],
    /// Groups.
    pub groups: u32,
    /// Output channels.
    pub out_channels: u32,
    /// 1: there are biases behind the weights.
    pub bias: u32,
}

shared!(Geometry as "Geometry" {
    input: Edge, in_size: [u32; 2], out_size: [u32; 2], kernel: [u32; 2], stride: [u32; 2], pad: [u32; 2],
    dilation: [u32; 2], groups: u32, out_channels: u32, bias: u32,
});

/// Parameters: the geometry, and whether the output is a series.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// The geometry; its output channels are those of this dispatch.
    pub geometry: Geometry,
    /// Output, reals.
    pub output: Edge,
    /// The first output channel of this dispatch; others have the rest, where weights are too large for one.
    pub first: u32,
}

/// Input, weights with biases behind, output.
pub const SLOTS: &[SlotInfo] =
    &[read("input", Element::Words), read("weights", Element::Real), write("output", Element::Real)];

impl Geometry {
    /// The weights' part of a slot, without the biases.
    pub fn weight_count(&self) -> usize {
        let taps = self.kernel[0] as usize * self.kernel[1] as usize;
        taps * (self.input.channels / self.groups) as usize * self.out_channels as usize
    }

    /// Products of one step if nothing were zero, padding counted.
    pub fn dense(&self) -> u64 {
        self.weight_count() as u64 * u64::from(self.out_size[0]) * u64::from(self.out_size[1])
    }

    /// The input cell under a tap at an output cell, or `None` in the padding.
    #[inline]
    pub fn source(&self, y: usize, x: usize, tap_y: usize, tap_x: usize) -> Option<usize> {
        let at = |axis: usize, out: usize, tap: usize| {
            (out * self.stride[axis] as usize + tap * self.dilation[axis] as usize)
                .checked_sub(self.pad[axis] as usize)
                .filter(|&i| i < self.in_size[axis] as usize)
        };
        Some(at(0, y, tap_y)? * self.in_size[1] as usize + at(1, x, tap_x)?)
    }

    /// The currents of all output channels at an output cell.
    pub fn currents(&self, step: &[u32], weights: &[f32], (y, x): (usize, usize), out: &mut [f32], block: &mut [f32]) {
        let groups = self.groups as usize;
        let (inputs, outputs) = (self.input.channels as usize / groups, self.out_channels as usize / groups);
        let (kernel_h, kernel_w) = (self.kernel[0] as usize, self.kernel[1] as usize);
        let (rows, bias) = weights.split_at(self.weight_count());
        let tap_rows = inputs * outputs;
        for group in 0..groups {
            let rows = &rows[group * kernel_h * kernel_w * tap_rows..];
            let channels = group * outputs..(group + 1) * outputs;
            let mut sum = Sum::new(&mut out[channels.clone()], &mut block[channels.clone()]);
            for tap_y in 0..kernel_h {
                for tap_x in 0..kernel_w {
                    if let Some(cell) = self.source(y, x, tap_y, tap_x) {
                        let tap = tap_y * kernel_w + tap_x;
                        let cell = self.input.cell(step, cell);
                        let rows = &rows[tap * tap_rows..(tap + 1) * tap_rows];
                        sum.cell(&self.input, cell, group * inputs, inputs, tap * words_of(inputs), rows);
                    }
                }
            }
            sum.finish(if bias.is_empty() { bias } else { &bias[channels] });
        }
    }
}

shared!(Params as "Params" { geometry: Geometry, output: Edge, first: u32 });

/// The shader.
pub fn shader(p: &Params) -> Shader {
    let pieces: &[_] = match p.is_product() {
        true => &[include_str!("../../shaders/conv_real.wgsl"), GEOMETRY],
        false => &[include_str!("../../shaders/conv.wgsl"), ELEMENTWISE, SUM, GEOMETRY, CONV_SUM],
    };
    Shader { pieces, reads: &[] }
}

/// Rows of a tile of the product, and inputs that are near at once.
const TILE_ROWS: u64 = 64;
pub(super) const CHUNK: u64 = 16;

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    if p.is_product() {
        let steps = if p.output.series == 1 { steps as u64 } else { 1 };
        let outputs = u64::from(p.geometry.out_channels / p.geometry.groups);
        // Of 16 invocations, which have one, two or four.
        let columns = [16, 32].into_iter().find(|&most| outputs <= most).unwrap_or(64);
        let rows = (steps * u64::from(p.output.cells)).div_ceil(TILE_ROWS);
        return rows * outputs.div_ceil(columns) * u64::from(p.geometry.groups);
    }
    elementwise_groups(&Edge { channels: p.geometry.out_channels / p.wide(), ..p.output }, steps)
}

impl Params {
    /// Whether the shader is a tiled product: of reals, where there are enough of them to fill a tile.
    pub(super) fn is_product(&self) -> bool {
        let g = &self.geometry;
        g.input.is_real() && g.input.channels / g.groups >= 16 && g.out_channels / g.groups >= 8
    }

    /// Output channels that an invocation sums for side by side.
    pub(super) fn wide(&self) -> u32 {
        let g = &self.geometry;
        if !self.is_product() && (g.out_channels / g.groups).is_multiple_of(4) { 4 } else { 1 }
    }
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let g = &p.geometry;
    let (input, weights) = (slots.words(0), slots.values::<f32>(1));
    let output = slots.words_mut(2);
    let channels = g.out_channels as usize;
    let mut block = vec![0.0; channels];
    let steps = if p.output.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let step = g.input.step(input, window, t, sample);
            let out: &mut [f32] = bytemuck::cast_slice_mut(p.output.step_mut(output, window, t, sample));
            for (cell, out) in out.chunks_exact_mut(p.output.channels as usize).enumerate() {
                let at = (cell / g.out_size[1] as usize, cell % g.out_size[1] as usize);
                g.currents(step, weights, at, &mut out[p.first as usize..][..channels], &mut block);
            }
        }
    }
}
