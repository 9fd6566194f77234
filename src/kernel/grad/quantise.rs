//! Weights as they would be after quantisation: of every output the largest is the largest whole number of so many bits.
//! Gradients pass as if nothing had happened (straight through). Twin of `shaders/grad/quantise.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::shader::Shader;
use crate::kernel::{Bindings, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// Groups.
    pub groups: u32,
    /// Weights of an output.
    pub inputs: u32,
    /// Outputs of a group.
    pub outputs: u32,
    /// Biases behind the weights, which stay as they are.
    pub biases: u32,
    /// The largest whole number.
    pub largest: f32,
}

/// Weights `[group, input, output]` with biases behind, the same as quantised.
pub const SLOTS: &[SlotInfo] = &[read("weights", Element::Real), write("quantised", Element::Real)];

shared!(Params as "Params" { groups: u32, inputs: u32, outputs: u32, biases: u32, largest: f32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/quantise.wgsl")], reads: &[] }
}

/// Workgroups: an invocation for every output.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    u64::from(p.groups * p.outputs).div_ceil(64)
}

/// The plain twin.
pub fn run(p: &Params, _: Window, slots: &mut Bindings<'_>) {
    let weights = slots.values::<f32>(0);
    let quantised = slots.reals_mut(1);
    let (inputs, outputs) = (p.inputs as usize, p.outputs as usize);
    for output in 0..p.groups as usize * outputs {
        let at = |i: usize| (output / outputs * inputs + i) * outputs + output % outputs;
        let most = (0..inputs).fold(0.0f32, |most, i| most.max(weights[at(i)].abs()));
        for i in 0..inputs {
            quantised[at(i)] = rounded(weights[at(i)], most, p.largest);
        }
    }
    let biases = p.groups as usize * inputs * outputs..;
    quantised[biases.clone()].copy_from_slice(&weights[biases]);
}

/// Bits that weights may have.
pub const BITS: std::ops::RangeInclusive<u32> = 2..=16;

/// The largest whole number of so many bits, one of them for the sign.
pub fn largest(bits: u32) -> f32 {
    ((1u32 << (bits - 1)) - 1) as f32
}

/// A weight as a whole number of steps, of which the `largest` is `most`; halves go to even.
#[inline]
pub fn rounded(weight: f32, most: f32, largest: f32) -> f32 {
    if most == 0.0 { 0.0 } else { (weight * (largest / most)).round_ties_even() * (most / largest) }
}
