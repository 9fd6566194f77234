//! The network's output, reduced over time, in the order people have it: channels first.
//! Twin of `shaders/readout.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::shader::Shader;
use super::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Sum over the steps.
pub const SUM: u32 = 0;
/// Mean over the steps.
pub const MEAN: u32 = 1;
/// The last step.
pub const LAST: u32 = 2;
/// The largest value of any step.
pub const MAX: u32 = 3;
/// Every step.
pub const TRACE: u32 = 4;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Input.
    pub input: Edge,
    /// [`SUM`], [`MEAN`], [`LAST`], [`MAX`] or [`TRACE`].
    pub mode: u32,
    /// 1: the input is the sum over all steps so far; a bias that each step would have had may come to it.
    pub summed: u32,
    /// 1: there is a bias.
    pub bias: u32,
    /// 1: sums outlive a window, and are kept beside their mean.
    pub keeps_sums: u32,
}

/// Input, bias of each element, sums, scores: one row per sample, `[time, batch, element]` for a trace.
///
/// Adds up over windows: after each, scores are as if the samples ended there.
pub const SLOTS: &[SlotInfo] = &[
    read("input", Element::Words),
    read("bias", Element::Real),
    write("sums", Element::Real),
    write("scores", Element::Real),
];

shared!(Params as "Params" { input: Edge, mode: u32, summed: u32, bias: u32, keeps_sums: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/readout.wgsl")], reads: &["input"] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    (u64::from(p.input.cells) * u64::from(p.input.channels)).div_ceil(64)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, bias) = (slots.words(0), slots.values::<f32>(1));
    let (sums, scores) = (slots.reals_mut(2), slots.reals_mut(3));
    let elements = p.input.elements();
    if p.mode == TRACE {
        for t in 0..window.steps {
            for sample in 0..window.batch {
                let row = (window.start + t) * window.batch + sample;
                let scores = &mut scores[row * elements..(row + 1) * elements];
                each(p, window, input, (t, sample), |element, x| scores[element] = x);
            }
        }
        return;
    }
    let steps = if p.summed == 1 { 1 } else { window.steps };
    for sample in 0..window.batch {
        let row = sample * elements..(sample + 1) * elements;
        let totals = if p.keeps_sums == 1 { &mut sums[row.clone()] } else { &mut scores[row.clone()] };
        let first = if p.mode == LAST { steps - 1 } else { 0 };
        for t in first..steps {
            let fresh = p.summed == 1 || window.at + t == 0;
            each(p, window, input, (t, sample), |element, x| {
                let total = &mut totals[element];
                *total = match p.mode {
                    SUM | MEAN if !fresh => *total + x,
                    MAX if !fresh && x <= *total => *total,
                    _ => x,
                };
            });
        }
        if p.keeps_sums == 1 {
            scores[row.clone()].copy_from_slice(&sums[row.clone()]);
        }
        let (factor, times) = if p.mode == MEAN { (window.mean(), 1.0) } else { (1.0, window.end() as f32) };
        if p.mode == MEAN {
            scores[row.clone()].iter_mut().for_each(|score| *score *= factor);
        }
        if p.bias == 1 {
            scores[row].iter_mut().zip(bias).for_each(|(score, bias)| *score += bias * times);
        }
    }
}

/// Calls `f` with every element of a step in people's order, channels first, and its value.
#[inline]
fn each(p: &Params, window: Window, input: &[u32], (t, sample): (usize, usize), mut f: impl FnMut(usize, f32)) {
    let step = p.input.step(input, window, t, sample);
    for cell in 0..p.input.cells as usize {
        let values = p.input.cell(step, cell);
        for channel in 0..p.input.channels as usize {
            f(channel * p.input.cells as usize + cell, p.input.value(values, channel));
        }
    }
}
