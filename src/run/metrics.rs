//! What was counted while a network ran, by NeuroBench's definitions: as if nothing were hoisted or skipped.
//!
//! Synaptic operations of a layer: every non-zero input counts once for every non-zero weight it drives. Where all
//! inputs of a sample are 0, 1 or -1 they are accumulates, else multiply-accumulates. *Dense* is the same with every
//! input and weight 1. What was really performed stands beside it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kernel::METER_WORDS;
use crate::plan::{Plan, PopulationInfo, WeightedInfo};

/// Counts over any number of samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Samples counted.
    pub samples: u64,
    /// Steps counted, over all samples.
    pub steps: u64,
    /// Every population, in the order of the plan.
    pub populations: Vec<PopulationMetrics>,
    /// Every weighted layer, in the order of the plan.
    pub weighted: Vec<WeightedMetrics>,
}

/// Counts of a population.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PopulationMetrics {
    /// The layer.
    pub layer: String,
    /// Neurons.
    pub neurons: u64,
    /// Whether it fires.
    pub fires: bool,
    /// Spikes.
    pub spikes: u64,
    /// Neuron-steps with at least one spike.
    pub active: u64,
    /// Neuron-steps in which the potential changed.
    pub updates: u64,
}

/// Counts of a weighted layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeightedMetrics {
    /// The layer.
    pub layer: String,
    /// Effective accumulates.
    pub accumulates: u64,
    /// Effective multiply-accumulates.
    pub multiply_accumulates: u64,
    /// Operations if every input and weight were 1.
    pub dense: u64,
    /// Operations that were performed.
    pub performed: u64,
    /// Inputs that were not zero.
    pub active_inputs: u64,
    /// Inputs.
    pub inputs: u64,
    /// Weights that are zero.
    pub zero_weights: u64,
    /// Weights.
    pub weights: u64,
}

impl Metrics {
    /// Adds the counters of one sample after so many steps.
    ///
    /// # Errors
    /// [`Error::Layer`] where a neuron fired more often in a step than its bit planes hold.
    pub(super) fn count<'a>(&mut self, plan: &Plan, steps: usize, buffer: impl Fn(usize) -> &'a [u32]) -> Result<()> {
        if self.samples == 0 {
            self.populations = plan.populations.iter().map(PopulationMetrics::of).collect();
            self.weighted = plan.weighted.iter().filter(|w| w.meter.is_some()).map(WeightedMetrics::of).collect();
        }
        let steps = steps as u64;
        self.samples += 1;
        self.steps += steps;
        for (counted, info) in self.populations.iter_mut().zip(&plan.populations) {
            counted.count(info, buffer(info.tally))?;
        }
        let metered = plan.weighted.iter().filter_map(|info| Some((info, info.meter?)));
        for (counted, (info, meter)) in self.weighted.iter_mut().zip(metered) {
            counted.count(info, buffer(meter), steps);
        }
        Ok(())
    }

    /// Adds the counts of other samples of the same network.
    pub fn add(&mut self, other: &Metrics) {
        let count = |mine: &mut u64, theirs: u64| *mine = mine.saturating_add(theirs);
        if self.populations.is_empty() && self.weighted.is_empty() {
            let (samples, steps) = (self.samples, self.steps);
            *self = other.clone();
            count(&mut self.samples, samples);
            count(&mut self.steps, steps);
            return;
        }
        count(&mut self.samples, other.samples);
        count(&mut self.steps, other.steps);
        for (mine, theirs) in self.populations.iter_mut().zip(&other.populations) {
            count(&mut mine.spikes, theirs.spikes);
            count(&mut mine.active, theirs.active);
            count(&mut mine.updates, theirs.updates);
        }
        for (mine, theirs) in self.weighted.iter_mut().zip(&other.weighted) {
            count(&mut mine.accumulates, theirs.accumulates);
            count(&mut mine.multiply_accumulates, theirs.multiply_accumulates);
            count(&mut mine.dense, theirs.dense);
            count(&mut mine.performed, theirs.performed);
            count(&mut mine.active_inputs, theirs.active_inputs);
            count(&mut mine.inputs, theirs.inputs);
        }
    }

    /// Spikes per neuron and step of a population.
    pub fn firing_rate(&self, population: &PopulationMetrics) -> f64 {
        ratio([population.spikes], [self.neuron_steps(population)])
    }

    /// Neuron-steps without a spike, of all there are, over every population that fires.
    pub fn activation_sparsity(&self) -> f64 {
        let firing = || self.populations.iter().filter(|p| p.fires);
        1.0 - ratio(firing().map(|p| p.active), firing().map(|p| self.neuron_steps(p)))
    }

    /// Neuron-steps without a spike, of all there are, in a population.
    pub fn sparsity(&self, population: &PopulationMetrics) -> f64 {
        1.0 - ratio([population.active], [self.neuron_steps(population)])
    }

    /// Zero weights, of all there are.
    pub fn connection_sparsity(&self) -> f64 {
        ratio(self.weighted.iter().map(|w| w.zero_weights), self.weighted.iter().map(|w| w.weights))
    }

    /// A total over weighted layers, per sample.
    pub fn per_sample(&self, what: impl Fn(&WeightedMetrics) -> u64) -> f64 {
        ratio(self.weighted.iter().map(what), [self.samples])
    }

    fn neuron_steps(&self, population: &PopulationMetrics) -> u64 {
        population.neurons.saturating_mul(self.steps)
    }
}

/// One sum over another; sums that no run could reach, as a damaged report may have them, do not overflow.
fn ratio(part: impl IntoIterator<Item = u64>, whole: impl IntoIterator<Item = u64>) -> f64 {
    let part: u128 = part.into_iter().map(u128::from).sum();
    let whole: u128 = whole.into_iter().map(u128::from).sum();
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl PopulationMetrics {
    /// Nothing counted yet.
    fn of(info: &PopulationInfo) -> Self {
        let neurons = info.shape.iter().product::<usize>() as u64;
        PopulationMetrics { layer: info.layer.clone(), neurons, fires: info.fires, spikes: 0, active: 0, updates: 0 }
    }

    fn count(&mut self, info: &PopulationInfo, tally: &[u32]) -> Result<()> {
        let (most, planes, holds) = (tally[3], info.layout.planes, info.layout.largest());
        if info.fires && most > holds {
            let message = format!("a neuron fired {most} times in one step, {planes} bit planes hold {holds}");
            return Err(Error::layer(&info.layer, message));
        }
        let add = |sum: &mut u64, counted: u32| *sum = sum.saturating_add(u64::from(counted));
        add(&mut self.spikes, tally[0]);
        add(&mut self.active, tally[1]);
        add(&mut self.updates, tally[2]);
        Ok(())
    }
}

impl WeightedMetrics {
    /// Nothing counted yet.
    fn of(info: &WeightedInfo) -> Self {
        let (zero_weights, weights) = info.zero_weights;
        WeightedMetrics { layer: info.layer.clone(), zero_weights, weights, ..WeightedMetrics::default() }
    }

    fn count(&mut self, info: &WeightedInfo, counters: &[u32], steps: u64) {
        debug_assert_eq!(counters.len(), METER_WORDS);
        let repeats = if info.constant { steps } else { 1 };
        let long = |i: usize| u64::from(counters[2 * i]) | u64::from(counters[2 * i + 1]) << 32;
        let (active, effective, performed) = (long(0) * repeats, long(1) * repeats, long(2));
        let unit = info.spikes || counters[6] == 0;
        let add = |sum: &mut u64, counted: u64| *sum = sum.saturating_add(counted);
        add(if unit { &mut self.accumulates } else { &mut self.multiply_accumulates }, effective);
        add(&mut self.dense, info.dense * steps);
        add(&mut self.performed, performed);
        add(&mut self.active_inputs, active);
        add(&mut self.inputs, info.inputs * steps);
    }
}
