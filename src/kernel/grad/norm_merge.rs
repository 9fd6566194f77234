//! The moments of a batch out of those of its samples and steps, merged with what is there (Chan, Golub, LeVeque 1979):
//! samples ascending, and of a sample steps ascending. Twin of `shaders/grad/norm_merge.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::shader::Shader;
use crate::kernel::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// Moments of each step of each sample.
    pub input: Edge,
    /// Values that each of them is of.
    pub cells: u32,
}

/// Moments of samples; of every channel the mean and the sum of squared differences, and behind them the number of values.
pub const SLOTS: &[SlotInfo] = &[read("input", Element::Real), write("merged", Element::Real)];

shared!(Params as "Params" { input: Edge, cells: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/norm_merge.wgsl")], reads: &[] }
}

/// Workgroups: an invocation for every channel.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    u64::from(p.input.channels / 2).div_ceil(64)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let input = slots.values::<f32>(0);
    let merged = slots.reals_mut(1);
    let channels = p.input.channels as usize / 2;
    let steps = if p.input.series == 1 { window.steps } else { 1 };
    let (moments, number) = merged.split_at_mut(2 * channels);
    let cells = p.cells as f32;
    for sample in 0..window.batch {
        for t in 0..steps {
            let from = &input[p.input.offset(window, t, sample)..][..2 * channels];
            let all = number[0] + cells;
            let share = cells / all;
            for (to, from) in moments.chunks_exact_mut(2).zip(from.chunks_exact(2)) {
                let apart = from[0] - to[0];
                to[0] += apart * share;
                to[1] += from[1] + apart * apart * (number[0] * share);
            }
            number[0] = all;
        }
    }
}
