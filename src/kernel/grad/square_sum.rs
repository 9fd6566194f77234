//! The sum of squares of a parameter's gradients, in blocks of 256. Twin of `shaders/grad/square_sum.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::shader::Shader;
use crate::kernel::{Bindings, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// Values.
    pub count: u32,
    /// Which sum it is.
    pub index: u32,
}

/// Values, sums.
pub const SLOTS: &[SlotInfo] = &[read("values", Element::Real), write("sums", Element::Real)];

shared!(Params as "Params" { count: u32, index: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/square_sum.wgsl")], reads: &[] }
}

/// Values of a block.
pub const BLOCK: usize = 256;

/// Workgroups: one.
pub fn groups(_: &Params, _steps: usize) -> u64 {
    1
}

/// The plain twin.
pub fn run(p: &Params, _: Window, slots: &mut Bindings<'_>) {
    let values = slots.values::<f32>(0);
    let sums = slots.reals_mut(1);
    let blocks = values.chunks(BLOCK).map(|block| block.iter().fold(0.0, |sum, x| sum + x * x));
    sums[p.index as usize] = blocks.fold(0.0, |sum: f32, block: f32| sum + block);
}
