//! What training is asked to do, apart from the data.

use serde::{Deserialize, Serialize};

use crate::kernel::grad::loss::{self, LossKind, Over};
use crate::network::{Network, Readout};
use crate::neuron::Dialect;
use crate::neuron::surrogate::Surrogate;
use crate::plan::{RatePenalty, TrainingRequest};
use crate::run::{Device, Profiler};

/// How a network is trained.
#[derive(Clone, Debug, Default)]
pub struct TrainOptions {
    /// Steps per sample; `None`: those the network fixes.
    pub steps: Option<usize>,
    /// What is made small.
    pub loss: Loss,
    /// How parameters follow their gradients.
    pub optimiser: Optimiser,
    /// What stands for the derivative of a spike.
    pub surrogate: Surrogate,
    /// Gradients do not flow through resets; `None`: as the network's rules say.
    pub detach_reset: Option<bool>,
    /// Gradients longer than this, all parameters together, are made as long.
    pub clip_norm: Option<f64>,
    /// What batch norm gives is computed again on the way back, not kept: less memory, the same bits.
    pub recompute: bool,
    /// Weights of convolutions and linear layers are used as if they had so many bits, 2 to 16; what is learned stays exact,
    /// see [`super::quantise`].
    pub weight_bits: Option<u32>,
    /// Populations are drawn towards a firing rate.
    pub rate_penalty: Option<RatePenalty>,
    /// The gradient of the input is computed, too: [`super::Trainer::input_gradient`].
    pub input_gradient: bool,
    /// Seed of missing weights and of dropout.
    pub seed: u64,
    /// Where it runs.
    pub device: Device,
    /// Threads; `None`: one for each core.
    pub threads: Option<usize>,
    /// Times every step of the plan.
    pub profile: Option<Profiler>,
}

/// What is made small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Loss {
    /// How scores and labels are compared.
    pub kind: LossKind,
    /// What the scores are, of an output over time.
    pub over: Over,
}

impl Loss {
    /// The read-out that gives the scores it compares.
    pub fn readout(&self) -> Readout {
        match self.over {
            Over::Mean => Readout::Mean,
            Over::Sum => Readout::Sum,
            Over::Last => Readout::Last,
            Over::EachStep => Readout::Trace,
        }
    }

    /// The loss of one sample: as a step of training computes it, of scores as [`Loss::readout`] gives them, `[class]` or
    /// `[step, class]`. NaN where there are no scores, or none of the label.
    ///
    /// ```
    /// use saltatory::train::{Loss, LossKind, Over};
    ///
    /// let loss = Loss { kind: LossKind::Mse, over: Over::Mean };
    /// assert_eq!(loss.of(&[0.5, 0.5], 2, 1), 0.25);
    /// assert!(loss.of(&[0.5, 0.5], 2, 2).is_nan());
    /// ```
    pub fn of(&self, scores: &[f32], classes: usize, label: usize) -> f32 {
        if label >= classes || scores.len() < classes {
            return f32::NAN;
        }
        let mut gradients = vec![0.0; classes];
        let share = 1.0 / (scores.len() / classes) as f32;
        let steps = scores.chunks_exact(classes);
        steps.map(|scores| loss::compare(self.kind as u32, scores, label, &mut gradients) * share).sum()
    }
}

/// How parameters follow their gradients: PyTorch's definitions and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "name", deny_unknown_fields)]
pub enum Optimiser {
    /// Stochastic gradient descent.
    Sgd {
        /// Learning rate (0.1).
        #[serde(default = "tenth")]
        lr: f64,
        /// Momentum (0).
        #[serde(default)]
        momentum: f64,
        /// Nesterov's momentum.
        #[serde(default)]
        nesterov: bool,
        /// Weight decay, added to the gradient (0).
        #[serde(default)]
        weight_decay: f64,
    },
    /// Adam.
    Adam(Momentum),
    /// Adam with decoupled weight decay.
    AdamW(Momentum),
}

/// The parameters of Adam.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Momentum {
    /// Learning rate (0.001).
    pub lr: f64,
    /// Decay of the first moment (0.9).
    pub beta1: f64,
    /// Decay of the second moment (0.999).
    pub beta2: f64,
    /// Added to the root of the second moment (1e-8).
    pub eps: f64,
    /// Weight decay (0; PyTorch's AdamW has 0.01).
    pub weight_decay: f64,
}

impl Default for Momentum {
    fn default() -> Self {
        Momentum { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

impl Default for Optimiser {
    fn default() -> Self {
        Optimiser::Adam(Momentum::default())
    }
}

impl TrainOptions {
    /// What a plan of training is asked for: so many steps per sample, of which one frame holds for all of them or not.
    pub fn request(&self, network: &Network, steps: usize, constant_input: bool) -> TrainingRequest {
        TrainingRequest {
            steps,
            constant_input,
            loss: Some(self.loss.kind),
            over: self.loss.over,
            surrogate: self.surrogate,
            detach_reset: self.detach_reset,
            optimiser: self.optimiser.kind(),
            input_gradient: self.input_gradient,
            square_sums: self.clip_norm.is_some(),
            same_dropout: network.dialect == Dialect::SpikingJelly,
            recompute: self.recompute,
            weight_bits: self.weight_bits,
            rate_penalty: self.rate_penalty,
            ..TrainingRequest::default()
        }
    }
}

impl Optimiser {
    /// Its number, see [`crate::kernel::grad::optimise`].
    pub fn kind(&self) -> u32 {
        match *self {
            Optimiser::Sgd { nesterov, .. } => u32::from(nesterov),
            Optimiser::Adam(_) => 2,
            Optimiser::AdamW(_) => 3,
        }
    }

    /// The learning rate it begins with.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Optimiser::Sgd { lr, .. } => *lr,
            Optimiser::Adam(momentum) | Optimiser::AdamW(momentum) => momentum.lr,
        }
    }
}

fn tenth() -> f64 {
    0.1
}
