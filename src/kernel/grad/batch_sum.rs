//! Sums over the samples of a batch, added to what is there: samples ascending, of a sample steps, of a step cells, of a
//! cell channels. Twin of `shaders/grad/batch_sum.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::shader::Shader;
use crate::kernel::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// What is added up, reals: every channel has `width` values.
    pub input: Edge,
    /// Values of a channel.
    pub width: u32,
    /// What has sums of its own: 0 nothing, all add up; 1 every channel; 2 every channel of every cell.
    pub grain: u32,
}

/// Values, sums.
pub const SLOTS: &[SlotInfo] = &[read("input", Element::Real), write("sums", Element::Real)];

shared!(Params as "Params" { input: Edge, width: u32, grain: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/batch_sum.wgsl")], reads: &[] }
}

impl Params {
    /// The number of sums.
    pub fn sums(&self) -> usize {
        match self.grain {
            0 => self.width as usize,
            1 => self.input.channels as usize,
            _ => self.input.elements(),
        }
    }
}

/// Workgroups: an invocation for every sum.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    (p.sums() as u64).div_ceil(64)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let input = slots.values::<f32>(0);
    let sums = slots.reals_mut(1);
    let steps = if p.input.series == 1 { window.steps } else { 1 };
    for sample in 0..window.batch {
        for t in 0..steps {
            let from = &input[p.input.offset(window, t, sample)..][..p.input.elements()];
            for (i, x) in from.iter().enumerate() {
                sums[i % p.sums()] += x;
            }
        }
    }
}
