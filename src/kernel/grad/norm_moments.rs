//! Mean and sum of squared differences of every channel in every step of every sample: what batch statistics are made of.
//! Twin of `shaders/grad/norm_moments.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::edge::elementwise_groups;
use crate::kernel::shader::Shader;
use crate::kernel::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// Input, reals.
    pub input: Edge,
    /// Of every channel the mean and the sum of squared differences from it: one cell.
    pub output: Edge,
}

/// Input, moments.
pub const SLOTS: &[SlotInfo] = &[read("input", Element::Real), write("output", Element::Real)];

shared!(Params as "Params" { input: Edge, output: Edge });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/norm_moments.wgsl")], reads: &[] }
}

/// Workgroups of a sample for so many steps: an invocation for every channel.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&Edge { cells: 1, ..p.input }, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let input = slots.values::<f32>(0);
    let output = slots.reals_mut(1);
    let channels = p.input.channels as usize;
    let share = 1.0 / p.input.cells as f32;
    let steps = if p.input.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            let from = &input[p.input.offset(window, t, sample)..][..p.input.elements()];
            let to = &mut output[p.output.offset(window, t, sample)..][..2 * channels];
            for channel in 0..channels {
                let values = || from.iter().skip(channel).step_by(channels);
                let mean = values().sum::<f32>() * share;
                let squares = values().fold(0.0, |sum, x| sum + (x - mean) * (x - mean));
                to[2 * channel..2 * channel + 2].copy_from_slice(&[mean, squares]);
            }
        }
    }
}
