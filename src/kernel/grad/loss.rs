//! The loss of every sample and the gradients of the output, over time. Twin of `shaders/grad/loss.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::grad::optimise::INVERSE_BATCH;
use crate::kernel::shader::Shader;
use crate::kernel::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;
use serde::{Deserialize, Serialize};

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// The network's output: potentials or other reals, spikes, counts.
    pub input: Edge,
    /// Its gradients, reals.
    pub output: Edge,
    /// A [`LossKind`].
    pub kind: u32,
    /// What scores are: an [`Over`].
    pub over: u32,
    /// How often each value counts: the steps, where the output holds for all of them.
    pub repeats: u32,
}

/// How scores and labels are compared; means over the samples of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u32)]
pub enum LossKind {
    /// Softmax and cross-entropy.
    #[default]
    CrossEntropy = 0,
    /// Mean over the classes of the squared difference from 1 for the label and 0 for all others.
    Mse = 1,
}

/// What scores are, of an output over time: potentials, or spikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u32)]
pub enum Over {
    /// The mean over the steps; of spikes, the rate.
    #[default]
    Mean = 0,
    /// The sum over the steps; of spikes, their number.
    Sum = 1,
    /// The last step.
    Last = 2,
    /// Every step has a loss of its own, and their mean counts.
    EachStep = 3,
}

/// Output of the network, facts of the samples, settings of the step, results of the samples, gradients of the output.
pub const SLOTS: &[SlotInfo] = &[
    read("input", Element::Words),
    read("facts", Element::Words),
    read("settings", Element::Real),
    write("results", Element::Real),
    write("output", Element::Real),
];

/// Words that a sample comes with: its label, and a seed.
pub const FACTS: usize = 2;

/// Values that a sample gives: its loss, and 1 where the largest score, the first of equals, is that of the label.
pub const RESULTS: usize = 2;

shared!(Params as "Params" { input: Edge, output: Edge, kind: u32, over: u32, repeats: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/loss.wgsl")], reads: &["input"] }
}

/// Workgroups of a sample: an invocation does it all.
pub fn groups(_: &Params, _steps: usize) -> u64 {
    1
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, facts, settings) = (slots.words(0), slots.words(1), slots.values::<f32>(2));
    let (results, output) = (slots.reals_mut(3), slots.reals_mut(4));
    let steps = if p.input.series == 1 { window.steps } else { 1 };
    let classes = p.input.elements();
    let mut scores = vec![0.0; classes];
    let mut gradients = vec![0.0; classes];
    for sample in 0..window.batch {
        let label = facts[FACTS * sample] as usize;
        // People's order is channels first.
        let channels = p.input.channels as usize;
        let target = label % p.input.cells as usize * channels + label / p.input.cells as usize;
        let values = |t: usize, scores: &mut [f32], keep: f32| {
            let step = p.input.step(input, window, t, sample);
            for (i, score) in scores.iter_mut().enumerate() {
                *score = *score * keep + p.input.value(p.input.cell(step, i / channels), i % channels);
            }
        };
        let mut loss = 0.0;
        scores.fill(0.0);
        if p.over != EACH_STEP {
            let first = if p.over == LAST { steps - 1 } else { 0 };
            (first..steps).for_each(|t| values(t, &mut scores, 1.0));
            let weight = match p.over {
                MEAN => 1.0 / steps as f32,
                SUM => p.repeats as f32,
                _ => 1.0,
            };
            scores.iter_mut().for_each(|x| *x *= weight);
            loss = compare(p.kind, &scores, target, &mut gradients);
            for t in 0..steps {
                let to = &mut output[p.output.offset(window, t, sample)..][..classes];
                let weight = if t < first { 0.0 } else { weight * settings[INVERSE_BATCH] };
                to.iter_mut().zip(&gradients).for_each(|(to, of)| *to = of * weight);
            }
        } else {
            let share = 1.0 / steps as f32;
            for t in 0..steps {
                values(t, &mut scores, 0.0);
                loss += compare(p.kind, &scores, target, &mut gradients) * share;
                let to = &mut output[p.output.offset(window, t, sample)..][..classes];
                to.iter_mut().zip(&gradients).for_each(|(to, of)| *to = of * (share * settings[INVERSE_BATCH]));
            }
            scores.fill(0.0);
            (0..steps).for_each(|t| values(t, &mut scores, 1.0));
        }
        let others = scores.iter().enumerate().filter(|&(i, _)| i != target);
        let people = |i: usize| i % channels * p.input.cells as usize + i / channels;
        let best = others.clone().all(|(i, x)| *x < scores[target] || *x == scores[target] && people(i) > label);
        results[RESULTS * sample..][..RESULTS].copy_from_slice(&[loss, f32::from(best)]);
    }
}

const MEAN: u32 = Over::Mean as u32;
const SUM: u32 = Over::Sum as u32;
const LAST: u32 = Over::Last as u32;
const EACH_STEP: u32 = Over::EachStep as u32;

/// The loss of scores, and its gradients.
pub(crate) fn compare(kind: u32, scores: &[f32], target: usize, gradients: &mut [f32]) -> f32 {
    if kind == LossKind::Mse as u32 {
        let share = 1.0 / scores.len() as f32;
        let mut loss = 0.0;
        for (i, (of, x)) in gradients.iter_mut().zip(scores).enumerate() {
            let apart = x - if i == target { 1.0 } else { 0.0 };
            loss += apart * apart;
            *of = 2.0 * apart * share;
        }
        return loss * share;
    }
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (of, x) in gradients.iter_mut().zip(scores) {
        *of = (x - largest).exp();
        sum += *of;
    }
    for (i, of) in gradients.iter_mut().enumerate() {
        *of = *of / sum - if i == target { 1.0 } else { 0.0 };
    }
    sum.ln() - (scores[target] - largest)
}
