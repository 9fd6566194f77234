//! The plan of a step of training, and where in its memory parameters and results are.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::text::bytes;
use super::{Holds, Plan, memory};
use crate::kernel::Edge;
use crate::kernel::grad::loss::{LossKind, Over};
use crate::neuron::surrogate::Surrogate;

/// What a plan of training is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingRequest {
    /// Steps per sample.
    pub steps: usize,
    /// The input is one frame that holds for all steps.
    pub constant_input: bool,
    /// How scores and labels are compared; `None`: the host has a loss of its own, and gives the gradient of the output
    /// between the way forward and the way back, see [`super::Part`].
    pub loss: Option<LossKind>,
    /// What scores are, of an output over time.
    pub over: Over,
    /// What stands for the derivative of a spike.
    pub surrogate: Surrogate,
    /// Resets pass no gradients on; `None`: as the network's rules say.
    pub detach_reset: Option<bool>,
    /// The optimiser, by its number in [`crate::kernel::grad::optimise`].
    pub optimiser: u32,
    /// The gradient of the input is wanted, too.
    pub input_gradient: bool,
    /// Sums of squares of gradients are wanted.
    pub square_sums: bool,
    /// Dropout drops the same elements in every step.
    pub same_dropout: bool,
    /// What batch norm gives is not kept for the way back, but computed again there: less memory, the same bits.
    pub recompute: bool,
    /// Weights of convolutions and linear layers are used as if they had so many bits.
    pub weight_bits: Option<u32>,
    /// Populations are drawn towards a firing rate.
    pub rate_penalty: Option<RatePenalty>,
    /// The sums of every sample for the weights of convolutions are kept apart before they are added up: more memory, and
    /// more that can go on at once. The same bits.
    pub sums_apart: bool,
    /// The most bytes that one sample may take.
    pub memory_limit: usize,
}

/// What draws populations towards a firing rate: `weight (rate - target)^2` of every population in every sample is added
/// to what is made small.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatePenalty {
    /// The rate: spikes per neuron and step.
    pub target: f64,
    /// How much it counts.
    pub weight: f64,
}

impl Default for TrainingRequest {
    fn default() -> Self {
        TrainingRequest {
            steps: 1,
            constant_input: true,
            loss: Some(LossKind::default()),
            over: Over::default(),
            surrogate: Surrogate::default(),
            detach_reset: None,
            optimiser: 2,
            input_gradient: false,
            square_sums: false,
            same_dropout: false,
            recompute: false,
            weight_bits: None,
            rate_penalty: None,
            sums_apart: false,
            memory_limit: 16 << 30,
        }
    }
}

/// A plan that computes gradients and follows them: forward, loss, backward; and, as what is done at the end, the
/// optimiser.
#[derive(Clone, Debug)]
pub struct TrainingPlan {
    /// The steps and their memory. Constants that parameters live in change.
    pub plan: Plan,
    /// Stages of the way forward, with the loss: the first of `plan`.
    pub forward: usize,
    /// What the optimiser changes.
    pub parameters: Vec<Parameter>,
    /// Batch norms.
    pub norms: Vec<NormStatistics>,
    /// Populations whose own parameters are learned.
    pub populations: Vec<LearnedPopulation>,
    /// The buffer of the samples' labels and seeds.
    pub facts: usize,
    /// Where the loss and the output meet.
    pub loss: LossMemory,
    /// The buffer of the gradient of the input, where it is wanted.
    pub input_gradient: Option<usize>,
    /// The constant of the settings of a step, see [`crate::kernel::grad::optimise`].
    pub settings: usize,
    /// The constant of the sums of squares of gradients, one for each parameter, where they are wanted.
    pub square_sums: Option<usize>,
    /// Buffers that are zero before a step.
    pub cleared: Vec<usize>,
    /// Constants that are zero before a step.
    pub cleared_constants: Vec<usize>,
}

/// Bytes that training takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrainingMemory {
    /// Of each sample: what lives from the way forward to the way back, or longer.
    pub kept: usize,
    /// Of each sample: all else, whose lives do not all overlap.
    pub transient: usize,
    /// Parameters; of neurons their coefficients.
    pub parameters: usize,
    /// Their gradients.
    pub gradients: usize,
    /// Their moments.
    pub moments: usize,
    /// What else all samples share: coefficients, statistics, tables.
    pub others: usize,
}

impl TrainingMemory {
    /// All of it, for so many samples.
    pub fn of_batch(&self, batch: usize) -> usize {
        batch * (self.kept + self.transient) + self.parameters + self.gradients + self.moments + self.others
    }
}

/// Where the loss and the output meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossMemory {
    /// A step of the plan computes it.
    Computed {
        /// The buffer of the samples' losses and hits.
        results: usize,
    },
    /// The host computes it.
    Own {
        /// The buffer of the output, which the host reads after the way forward.
        output: usize,
        /// That of its gradient, reals that lie as the output does, which the host fills before the way back.
        gradient: usize,
    },
}

/// A parameter that the optimiser changes: constants of the same number of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The layer.
    pub layer: String,
    /// How its tensors lie in it.
    pub layout: Layout,
    /// The constant of its values.
    pub values: usize,
    /// That of its gradients.
    pub gradients: usize,
    /// That of its moments.
    pub moments: usize,
}

/// How the tensors of a layer lie in one piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Weights `[group, tap, in, out]` out of `[group, out, in, tap]`, biases behind: convolutions, and linear layers with
    /// a tap for every cell.
    Weighted {
        /// Groups.
        groups: usize,
        /// Taps.
        taps: usize,
        /// Input channels of a group.
        inputs: usize,
        /// Output channels of a group.
        outputs: usize,
        /// Whether there are biases.
        bias: bool,
    },
    /// Offset and factor of every channel, side by side.
    Norm {
        /// Channels.
        channels: usize,
    },
}

/// Where the running statistics of a batch norm are.
#[derive(Clone, Debug, PartialEq)]
pub struct NormStatistics {
    /// The layer.
    pub layer: String,
    /// The constant: means, then variances; behind them both as they were before the last batch.
    pub running: usize,
}

/// A population whose own parameters are learned.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnedPopulation {
    /// The layer.
    pub layer: String,
    /// The constant of its coefficients.
    pub coefficients: usize,
    /// The constant of their gradients, see [`crate::neuron::backward::COEFFICIENT_GRADIENTS`], row by row.
    pub gradients: usize,
    /// Rows: 0 one for all, 1 one per channel, 2 one per neuron `[cell, channel]`.
    pub grain: u32,
    /// Cells.
    pub cells: usize,
    /// Channels.
    pub channels: usize,
}

impl TrainingPlan {
    /// Bytes that it takes.
    pub fn memory(&self) -> TrainingMemory {
        let plan = &self.plan;
        let lives = memory::lives(plan);
        let is_kept = |&at: &usize| {
            let (from, to) = lives[at];
            plan.buffers[at].permanent || from < self.forward && to > self.forward
        };
        // What lives at once shares nothing.
        let kept = (0..plan.buffers.len()).filter(is_kept);
        let kept = 4 * kept.map(|at| plan.buffers[at].holds.words(plan.window_steps(), 1)).sum::<usize>();
        let bytes = |constant: usize| 4 * plan.constants[constant].words.len();
        let sum = |of: fn(&Parameter) -> usize| self.parameters.iter().map(|p| bytes(of(p))).sum::<usize>();
        let of_neurons =
            |of: fn(&LearnedPopulation) -> usize| self.populations.iter().map(|p| bytes(of(p))).sum::<usize>();
        let parameters = sum(|p| p.values) + of_neurons(|p| p.coefficients);
        let gradients = sum(|p| p.gradients) + of_neurons(|p| p.gradients);
        let moments = sum(|p| p.moments);
        TrainingMemory {
            kept,
            transient: plan.sample_bytes() - kept,
            parameters,
            gradients,
            moments,
            others: plan.constant_bytes() - parameters - gradients - moments,
        }
    }

    /// The buffer of the gradient of the output, and how it lies there, where the host computes it.
    pub(crate) fn own_gradient(&self) -> Option<(usize, Edge)> {
        let LossMemory::Own { gradient, .. } = self.loss else { return None };
        match self.plan.buffers[gradient].holds {
            Holds::Edge(edge) => Some((gradient, edge)),
            _ => None,
        }
    }

    /// As many zeros as a constant has words.
    pub(crate) fn zeros(&self, constant: usize) -> Vec<u32> {
        vec![0; self.plan.constants[constant].words.len()]
    }
}

/// The plan, and the bytes that it takes.
impl fmt::Display for TrainingPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (memory, steps) = (self.memory(), self.plan.request.steps);
        let text = |count: usize| bytes(count as u128);
        write!(f, "{}", self.plan)?;
        for (what, count) in [("kept for the way back", memory.kept), ("transient", memory.transient)] {
            writeln!(f, "{what:<22} {:>10} a sample, {:>10} a sample and step", text(count), text(count / steps))?;
        }
        for (what, count) in [
            ("parameters", memory.parameters),
            ("gradients", memory.gradients),
            ("moments", memory.moments),
            ("other shared memory", memory.others),
        ] {
            writeln!(f, "{what:<22} {:>10}", text(count))?;
        }
        Ok(())
    }
}

impl Layout {
    /// Of every value in memory the place in the first tensor, or in the second: weights or biases of a weighted layer,
    /// factors or offsets of a norm.
    pub fn places(self) -> Vec<(bool, usize)> {
        match self {
            Layout::Weighted { groups, taps, inputs, outputs, bias } => {
                let of = |row: usize, o: usize| {
                    let (g, tap, i) = (row / inputs / taps, row / inputs % taps, row % inputs);
                    ((g * outputs + o) * inputs + i) * taps + tap
                };
                let weights = (0..groups * taps * inputs * outputs).map(|at| (true, of(at / outputs, at % outputs)));
                let biases = (0..if bias { groups * outputs } else { 0 }).map(|at| (false, at));
                weights.chain(biases).collect()
            }
            Layout::Norm { channels } => (0..2 * channels).map(|at| (at % 2 == 1, at / 2)).collect(),
        }
    }
}
