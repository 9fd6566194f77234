//! The gradients of a linear layer's weights and biases, added to what is there: samples ascending, and of a sample steps
//! ascending. Twin of `shaders/grad/linear_weight.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::product::{PRODUCT, tiles};
use crate::kernel::bindings::{read, write};
use crate::kernel::shader::Shader;
use crate::kernel::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// The layer's input.
    pub input: Edge,
    /// The gradients of its output, reals.
    pub gradient: Edge,
    /// 1: there are biases behind the weights.
    pub bias: u32,
}

/// Input, gradients of the output, sums in the layout of the weights, with those of the biases behind.
pub const SLOTS: &[SlotInfo] =
    &[read("input", Element::Words), read("gradient", Element::Real), write("sums", Element::Real)];

shared!(Params as "Params" { input: Edge, gradient: Edge, bias: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    const OWN: &str = include_str!("../../../shaders/grad/linear_weight.wgsl");
    Shader { pieces: &[OWN, PRODUCT], reads: &["input"] }
}

/// Below so many sums they are few.
const FEW: u64 = 65536;

/// Workgroups: each has a tile of the sums, inputs by outputs.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    let rows = p.input.elements() as u64 + u64::from(p.bias);
    let columns = p.gradient.elements() as u64;
    tiles(rows, columns, rows * columns < FEW)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, gradient) = (slots.words(0), slots.values::<f32>(1));
    let sums = slots.reals_mut(2);
    let (channels, outputs) = (p.input.channels as usize, p.gradient.elements());
    let (weights, biases) = sums.split_at_mut(p.input.elements() * outputs);
    let steps = if p.gradient.series == 1 { window.steps } else { 1 };
    for sample in 0..window.batch {
        for t in 0..steps {
            let step = p.input.step(input, window, t, sample);
            let of = &gradient[p.gradient.offset(window, t, sample)..][..outputs];
            for (at, row) in weights.chunks_exact_mut(outputs).enumerate() {
                let x = p.input.value(p.input.cell(step, at / channels), at % channels);
                if x != 0.0 {
                    row.iter_mut().zip(of).for_each(|(sum, of)| *sum += x * of);
                }
            }
            biases.iter_mut().zip(of).for_each(|(sum, of)| *sum += of);
        }
    }
}
