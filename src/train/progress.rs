//! How far a training has come, and what it has seen on its way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::StepReport;

/// How far a training has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Epochs that are done, with their validation.
    pub epoch: usize,
    /// Steps that are done of the epoch under way.
    pub position: usize,
    /// The loss of the very first step, by which one that explodes is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_loss: Option<f64>,
    /// Bytes of the log so far.
    pub log_bytes: u64,
    /// Since the last point of the curve.
    pub interval: Sums,
    /// Of the epoch under way.
    pub sums: Sums,
    /// The best validation so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<Best>,
    /// What whoever saved it wants to find again.
    pub notes: BTreeMap<String, String>,
    /// The curve.
    pub points: Vec<Point>,
    /// Every epoch that is done.
    pub epochs: Vec<Epoch>,
}

/// The best validation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// After so many epochs.
    pub epoch: usize,
    /// The part of the validation samples that were right.
    pub accuracy: f64,
}

/// A point of the curve: means over the steps since the one before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Steps from the beginning, this one included.
    pub step: u64,
    /// The loss.
    pub loss: f64,
    /// The part of the samples that were right.
    pub accuracy: f64,
}

/// An epoch that is done: means over its steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// The loss.
    pub loss: f64,
    /// The part of the samples that were right, each when it was learnt from.
    pub accuracy: f64,
    /// The part of the validation samples that were right after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Their mean loss, defined as in training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_loss: Option<f64>,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// Spikes per neuron and step of every spiking layer.
    pub firing_rates: BTreeMap<String, f64>,
}

/// Sums over steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    /// Samples.
    pub samples: u64,
    /// Those that were right.
    pub correct: u64,
    /// Losses of the samples.
    pub loss: f64,
    /// Firing rates of every spiking layer, times samples.
    pub firing: BTreeMap<String, f64>,
}

impl Sums {
    /// One more step.
    pub fn add(&mut self, step: &StepReport) {
        self.samples += step.samples as u64;
        self.correct += step.correct as u64;
        self.loss += step.loss * step.samples as f64;
        for (layer, rate) in &step.firing_rates {
            *self.firing.entry(layer.clone()).or_default() += rate * step.samples as f64;
        }
    }

    /// The mean loss; zero where nothing was summed.
    pub fn mean_loss(&self) -> f64 {
        self.mean(self.loss)
    }

    /// The part of the samples that were right.
    pub fn accuracy(&self) -> f64 {
        self.mean(self.correct as f64)
    }

    /// Spikes per neuron and step of every spiking layer.
    pub fn firing_rates(&self) -> BTreeMap<String, f64> {
        self.firing.iter().map(|(layer, &sum)| (layer.clone(), self.mean(sum))).collect()
    }

    fn mean(&self, sum: f64) -> f64 {
        if self.samples == 0 { 0.0 } else { sum / self.samples as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_count_samples_not_steps() {
        let mut sums = Sums::default();
        assert_eq!((sums.mean_loss(), sums.accuracy()), (0.0, 0.0));
        for (samples, loss, rate) in [(3, 1.0, 0.5), (1, 5.0, 0.1)] {
            let firing_rates = vec![("lif".into(), rate)];
            sums.add(&StepReport { loss, correct: 1, samples, gradient_norm: None, firing_rates });
        }
        assert_eq!((sums.mean_loss(), sums.accuracy(), sums.firing_rates()["lif"]), (2.0, 0.5, 0.4));
    }
}
