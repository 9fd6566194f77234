//! Machines that run plans of training.

mod cpu;

pub(crate) use cpu::CpuTraining;

/// A batch as a machine of training takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    /// Samples, all of them of the same number of steps.
    pub samples: &'a [&'a [f32]],
    /// Their labels.
    pub labels: &'a [u32],
    /// Their seeds.
    pub seeds: &'a [u32],
}

/// What the gradients of a batch came with.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BatchResult {
    /// The loss of every sample.
    pub losses: Vec<f32>,
    /// Samples whose largest score was that of their label.
    pub correct: usize,
    /// Spikes of every population of the plan.
    pub spikes: Vec<u64>,
    /// The most spikes of a neuron in a step, of every population.
    pub most_spikes: Vec<u32>,
}
