//! The gradients of a convolution's weights and biases: for every sample the sum over steps and output cells. These sums are
//! added to what is there, in the order of samples, or kept apart, so that all samples go side by side. Twin of
//! `shaders/grad/conv_weight.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::product::{PRODUCT, tiles};
use crate::kernel::bindings::{read, write};
use crate::kernel::conv::Geometry;
use crate::kernel::shader::{GEOMETRY, Shader, VALUE};
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
    /// 1: the sums of every sample are kept apart.
    pub apart: u32,
}

/// Input, gradients of the output, sums in the layout of the weights, with those of the biases behind.
pub const SLOTS: &[SlotInfo] =
    &[read("input", Element::Words), read("gradient", Element::Real), write("sums", Element::Real)];

shared!(Params as "Params" { geometry: Geometry, gradient: Edge, apart: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    const OWN: &str = include_str!("../../../shaders/grad/conv_weight.wgsl");
    Shader { pieces: &[OWN, PRODUCT, GEOMETRY, VALUE], reads: &[] }
}

/// Below so many sums of a sample they are few.
const FEW: usize = 8192;

/// Workgroups: each has a tile of the sums, inputs under taps by outputs.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    let g = &p.geometry;
    let rows = g.kernel[0] * g.kernel[1] * (g.input.channels / g.groups) + g.bias;
    let columns = g.out_channels / g.groups;
    tiles(rows.into(), columns.into(), p.count() < FEW) * u64::from(g.groups)
}

impl Params {
    /// Sums of a sample: weights, then biases.
    pub fn count(&self) -> usize {
        self.geometry.weight_count() + (self.geometry.bias * self.geometry.out_channels) as usize
    }
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let g = &p.geometry;
    let (input, gradient) = (slots.words(0), slots.values::<f32>(1));
    let sums = slots.reals_mut(2);
    let mut own = vec![0.0; p.count()];
    let steps = if p.gradient.series == 1 { window.steps } else { 1 };
    for sample in 0..window.batch {
        own.fill(0.0);
        for t in 0..steps {
            let step = g.input.step(input, window, t, sample);
            let of = &gradient[p.gradient.offset(window, t, sample)..][..p.gradient.elements()];
            for (cell, of) in of.chunks_exact(g.out_channels as usize).enumerate() {
                add_cell(g, step, cell, of, &mut own);
            }
        }
        if p.apart == 1 {
            sums[sample * own.len()..][..own.len()].copy_from_slice(&own);
        } else {
            sums.iter_mut().zip(&own).for_each(|(sum, own)| *sum += own);
        }
    }
}

/// Adds what an output cell, whose gradients are `of`, gives to the weights and biases.
fn add_cell(g: &Geometry, step: &[u32], cell: usize, of: &[f32], sums: &mut [f32]) {
    let groups = g.groups as usize;
    let (inputs, outputs) = (g.input.channels as usize / groups, g.out_channels as usize / groups);
    let kernel_w = g.kernel[1] as usize;
    let taps = g.kernel[0] as usize * kernel_w;
    let at = (cell / g.out_size[1] as usize, cell % g.out_size[1] as usize);
    for tap in 0..taps {
        let Some(source) = g.source(at.0, at.1, tap / kernel_w, tap % kernel_w) else { continue };
        let values = g.input.cell(step, source);
        for channel in 0..g.input.channels as usize {
            let x = g.input.value(values, channel);
            if x == 0.0 {
                continue;
            }
            let (group, input) = (channel / inputs, channel % inputs);
            let row = &mut sums[((group * taps + tap) * inputs + input) * outputs..][..outputs];
            for (sum, of) in row.iter_mut().zip(&of[group * outputs..]) {
                *sum += x * of;
            }
        }
    }
    if g.bias == 1 {
        let biases = &mut sums[g.weight_count()..];
        biases.iter_mut().zip(of).for_each(|(sum, of)| *sum += of);
    }
}
