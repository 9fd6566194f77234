//! The network's output, reduced over time, in the order people have it: channels first.
//! Twin of `shaders/readout.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::shader::Shader;
use super::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Sum over the steps.
pub const SUM: u32 = 0;
/// The last step.
pub const LAST: u32 = 1;
/// The largest value of any step.
pub const MAX: u32 = 2;
/// Every step.
pub const TRACE: u32 = 3;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// Input.
    pub input: Edge,
    /// [`SUM`], [`LAST`], [`MAX`] or [`TRACE`].
    pub mode: u32,
    /// Factor on the sum when the last step is in: 1, or 1 over the steps for a mean.
    pub factor: f32,
    /// Steps of the whole run, after which the factor is due.
    pub total_steps: u32,
}

/// Input, scores: one row per sample, `[time, batch, element]` for a trace. Adds up over windows.
pub const SLOTS: &[SlotInfo] = &[read("input", Element::Words), write("scores", Element::Real)];

shared!(Params as "Params" { input: Edge, mode: u32, factor: f32, total_steps: u32 });

/// The shader.
pub const SHADER: Shader = Shader { pieces: &[include_str!("../../shaders/readout.wgsl")], reads: &["input"] };

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    (u64::from(p.input.cells) * u64::from(p.input.channels)).div_ceil(64)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let input = slots.words(0);
    let scores = slots.reals_mut(1);
    let (cells, channels) = (p.input.cells as usize, p.input.channels as usize);
    let elements = cells * channels;
    for t in 0..window.steps {
        let last = window.clock + t as u64 + 1 == u64::from(p.total_steps);
        for sample in 0..window.batch {
            let step = p.input.step(input, window, t, sample);
            let row = if p.mode == TRACE { (window.start + t) * window.batch + sample } else { sample };
            let scores = &mut scores[row * elements..(row + 1) * elements];
            let fresh = window.clock == 0 && t == 0;
            for cell in 0..cells {
                let values = p.input.cell(step, cell);
                for channel in 0..channels {
                    let (x, score) = (p.input.value(values, channel), &mut scores[channel * cells + cell]);
                    *score = match p.mode {
                        SUM => (if fresh { x } else { *score + x }) * if last { p.factor } else { 1.0 },
                        MAX if !fresh && x <= *score => *score,
                        _ => x,
                    };
                }
            }
        }
    }
}
