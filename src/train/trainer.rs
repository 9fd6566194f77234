//! Training, step by step.

use std::collections::BTreeMap;

use super::TrainOptions;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::tensor::Tensor;

/// A network in training: its parameters, their optimiser, and the memory of the gradients.
#[derive(Debug)]
pub struct Trainer {
    network: Network,
    options: TrainOptions,
}

/// What a step of training gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepReport {
    /// The mean loss of the batch, before the step.
    pub loss: f64,
    /// Samples whose largest score was that of their label.
    pub correct: usize,
    /// Samples of the batch.
    pub samples: usize,
    /// The norm of all gradients together, where it was computed: with a clip norm.
    pub gradient_norm: Option<f64>,
    /// Spikes per neuron and step of every spiking layer, by its name.
    pub firing_rates: Vec<(String, f64)>,
}

/// All that a trainer needs to go on to the same bits, beside the network: the optimiser's moments by the names of the
/// parameters, and its steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainerState {
    /// Steps of the optimiser so far.
    pub steps: u64,
    /// Moments: `<parameter>.momentum`, `<parameter>.first`, `<parameter>.second`.
    pub moments: BTreeMap<String, Tensor>,
}

impl Trainer {
    /// Prepares the training of a network; weights that are missing are initialised from the seed.
    ///
    /// # Errors
    /// A network that is not well formed, or has layers that cannot be trained.
    pub fn new(mut network: Network, options: TrainOptions) -> Result<Trainer> {
        network.init(options.seed)?;
        network.check()?;
        Ok(Trainer { network, options })
    }

    /// One step: loss and gradients of a batch, then the optimiser. A sample is as [`crate::Session::run_samples`] takes
    /// it: one frame that holds for all steps, or `sequence` frames.
    ///
    /// # Errors
    /// Samples or labels that do not fit. A loss that is not finite: the parameters are as they were.
    pub fn step(&mut self, samples: &[&[f32]], labels: &[u32]) -> Result<StepReport> {
        let _ = (samples, labels, &self.options);
        Err(Error::Request("not yet".into()))
    }

    /// From the next step on.
    pub fn set_learning_rate(&mut self, _learning_rate: f64) {}

    /// The network with the parameters as they are now, for inference and checkpoints.
    ///
    /// # Errors
    /// A device that is lost.
    pub fn network(&self) -> Result<Network> {
        Ok(self.network.clone())
    }

    /// What a checkpoint keeps beside the network.
    ///
    /// # Errors
    /// A device that is lost.
    pub fn state(&self) -> Result<TrainerState> {
        Ok(TrainerState::default())
    }

    /// Goes on from a state; the network must be the one that was saved with it.
    ///
    /// # Errors
    /// Moments that do not fit the network's parameters.
    pub fn set_state(&mut self, _state: &TrainerState) -> Result<()> {
        Ok(())
    }
}
