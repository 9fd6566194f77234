//! What a run counts. Parts of a run add up to the whole: batches, what came before an interruption, shards.

use std::collections::BTreeMap;

use saltatory::run::Metrics;
use serde::{Deserialize, Serialize};

/// Everything that is counted or timed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Samples, good and bad.
    pub samples: usize,
    /// Name and reason of every bad sample.
    #[serde(default)]
    pub bad: Vec<(String, String)>,
    /// Where and why the run went on otherwise than it began: on another device, with less at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<String>,
    /// Good samples by label and prediction.
    pub confusion: BTreeMap<usize, BTreeMap<usize, u64>>,
    /// Good samples by the steps that they ran.
    #[serde(default)]
    pub steps: BTreeMap<usize, u64>,
    /// Seconds from the first sample read to the last result written.
    pub seconds: f64,
    /// Seconds of these in which the device had a batch.
    pub busy: f64,
    /// Seconds that each batch took to compute.
    pub latencies: Latencies,
    /// What the network did.
    pub metrics: Metrics,
}

impl Tally {
    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Tally) {
        self.samples = self.samples.saturating_add(other.samples);
        self.bad.extend_from_slice(&other.bad);
        self.fallbacks.extend_from_slice(&other.fallbacks);
        for (&label, row) in &other.confusion {
            row.iter().for_each(|(&prediction, &n)| self.confuse(label, prediction, n));
        }
        other.steps.iter().for_each(|(&steps, n)| *self.steps.entry(steps).or_default() += n);
        self.seconds += other.seconds;
        self.busy += other.busy;
        self.latencies.add(&other.latencies);
        if other.metrics.samples > 0 {
            self.metrics.add(&other.metrics);
        }
    }

    /// Adds `n` samples of a label that were predicted as something.
    pub fn confuse(&mut self, label: usize, prediction: usize, n: u64) {
        let cell = self.confusion.entry(label).or_default().entry(prediction).or_default();
        *cell = cell.saturating_add(n);
    }

    /// Steps that a sample ran, on average.
    pub fn mean_steps(&self) -> Option<f64> {
        let samples: u64 = self.steps.values().sum();
        let steps: u64 = self.steps.iter().map(|(&steps, n)| steps as u64 * n).sum();
        (samples > 0).then(|| steps as f64 / samples as f64)
    }

    /// Samples that could be read.
    pub fn good(&self) -> usize {
        self.samples.saturating_sub(self.bad.len())
    }

    /// Right predictions and all with a label.
    pub fn accuracy(&self) -> Option<(u64, u64)> {
        let total = sum(self.confusion.values().flat_map(BTreeMap::values));
        let right = sum(self.confusion.iter().filter_map(|(label, row)| row.get(label)));
        (total > 0).then_some((right, total))
    }
}

/// A sum that does not overflow, whatever a file says was counted.
fn sum<'a>(counts: impl Iterator<Item = &'a u64>) -> u64 {
    counts.fold(0, |sum, &n| sum.saturating_add(n))
}

/// Durations in steps of one percent, so that any number of them takes little memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Latencies(BTreeMap<i32, u64>);

/// The ratio of a step to the one below.
const STEP: f64 = 1.01;

impl Latencies {
    /// Adds a duration in seconds.
    pub fn push(&mut self, seconds: f64) {
        *self.0.entry((seconds.max(1e-9).ln() / STEP.ln()).round() as i32).or_default() += 1;
    }

    fn add(&mut self, other: &Latencies) {
        for (&step, &n) in &other.0 {
            let mine = self.0.entry(step).or_default();
            *mine = mine.saturating_add(n);
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        sum(self.0.values())
    }

    /// A quantile in milliseconds; the nearest rank, to within half a percent.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        let rank = ((quantile * self.count() as f64).ceil() as u64).max(1);
        let mut below = 0;
        let at_rank = self.0.iter().find(|&(_, n)| {
            below = u64::saturating_add(below, *n);
            below >= rank
        });
        at_rank.map_or(0.0, |(&step, _)| 1e3 * STEP.powi(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile_ms(0.5), 0.0);
        (1..=100).for_each(|ms| latencies.push(f64::from(ms) / 1e3));
        assert_eq!(latencies.count(), 100);
        for (quantile, expected) in [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            let found = latencies.quantile_ms(quantile);
            assert!((found / expected - 1.0).abs() < 0.006, "{found} {expected}");
        }
    }

    #[test]
    fn parts_add_up() {
        let mut part = Tally { samples: 3, bad: vec![("a".into(), "b".into())], ..Tally::default() };
        part.confuse(1, 1, 1);
        part.confuse(1, 0, 1);
        let mut whole = Tally::default();
        whole.add(&part);
        whole.add(&part);
        assert_eq!((whole.samples, whole.good(), whole.accuracy()), (6, 4, Some((2, 4))));
    }
}
