//! Machines that run plans of training.

mod cpu;
mod lent;

use std::borrow::Cow;
use std::sync::Arc;

use super::machine::Device;
use super::profile::Profiler;
use crate::error::Result;
use crate::plan::TrainingPlan;
#[cfg(feature = "gpu")]
use crate::run::gpu::GpuTraining;

use cpu::CpuTraining;

/// A batch as a machine of training takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    /// Samples, all of them of the same number of steps.
    pub samples: &'a [&'a [f32]],
    /// Their labels; of no matter where the loss is the host's own.
    pub labels: &'a [u32],
    /// Their seeds.
    pub seeds: &'a [u32],
    /// Whether they need not be kept to go back: they are in memory until then.
    pub stay: bool,
}

/// What came of a batch beside its gradients.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BatchResult {
    /// The loss of every sample; none where it is the host's own.
    pub losses: Vec<f32>,
    /// Samples whose largest score was that of their label.
    pub correct: usize,
    /// Spikes of every population of the plan.
    pub spikes: Vec<u64>,
    /// The most spikes of a neuron in a step, of every population.
    pub most_spikes: Vec<u32>,
}

/// A plan of training with its memory, on a device.
#[derive(Debug)]
pub(crate) enum TrainingMachine {
    /// On the CPU.
    Cpu(CpuTraining),
    /// On a GPU.
    #[cfg(feature = "gpu")]
    Gpu(Box<GpuTraining>),
}

/// How the values of a batch lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// `[time, sample, element]`.
    ByStep,
    /// `[sample, time, element]`.
    BySample,
}

impl TrainingMachine {
    /// With the constants of the plan as they are.
    ///
    /// # Errors
    /// Parameters that do not fit on the device, a device that is lost, a profile of a GPU without timestamps.
    pub fn new(
        device: &Device,
        training: Arc<TrainingPlan>,
        threads: Option<Arc<rayon::ThreadPool>>,
        profile: Option<Profiler>,
    ) -> Result<TrainingMachine> {
        Ok(match device {
            Device::Cpu => TrainingMachine::Cpu(CpuTraining::new(training, threads, true, profile)),
            Device::Reference => TrainingMachine::Cpu(CpuTraining::new(training, threads, false, profile)),
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => {
                let machine = pollster::block_on(GpuTraining::new(gpu.clone(), training, profile))?;
                TrainingMachine::Gpu(Box::new(machine))
            }
        })
    }

    /// The words of a constant.
    ///
    /// # Errors
    /// A device that is lost.
    pub fn shared(&self, constant: usize) -> Result<Cow<'_, [u32]>> {
        match self {
            TrainingMachine::Cpu(machine) => Ok(machine.shared(constant).into()),
            #[cfg(feature = "gpu")]
            TrainingMachine::Gpu(machine) => pollster::block_on(machine.shared(constant)),
        }
    }

    /// Sets the words of a constant.
    ///
    /// # Errors
    /// A device that is lost.
    pub fn set_shared(&mut self, constant: usize, words: &[u32]) -> Result<()> {
        match self {
            TrainingMachine::Cpu(machine) => {
                machine.shared_mut(constant).copy_from_slice(words);
                Ok(())
            }
            #[cfg(feature = "gpu")]
            TrainingMachine::Gpu(machine) => pollster::block_on(machine.set_shared(constant, words)),
        }
    }

    /// Whether what samples share is in the host's memory: looking at it costs next to nothing.
    pub fn has_memory_here(&self) -> bool {
        matches!(self, TrainingMachine::Cpu(_))
    }

    /// Whether it looks at the values of samples itself, where they stay: when they come to the cache.
    pub fn checks_samples(&self, stay: bool) -> bool {
        matches!(self, TrainingMachine::Cpu(machine) if stay && machine.lends_samples)
    }

    /// Whether it looks at the gradient of the output itself.
    pub fn checks_gradient(&self) -> bool {
        matches!(self, TrainingMachine::Cpu(machine) if machine.lends_gradient)
    }

    /// A batch forward, and, where the loss is in the plan, back: its gradients are added to what is there.
    ///
    /// # Errors
    /// A batch that does not fit on the device, a device that is lost; values that it has to look at.
    pub fn steps(&mut self, batch: &Batch<'_>) -> Result<BatchResult> {
        match self {
            TrainingMachine::Cpu(machine) => machine.steps(batch),
            #[cfg(feature = "gpu")]
            TrainingMachine::Gpu(machine) => pollster::block_on(machine.steps(batch)),
        }
    }

    /// The last batch back from the gradient of its output, `[time, sample, element]` in people's order, where the loss is
    /// the host's own. `samples` are those of the batch, where they stayed.
    ///
    /// # Errors
    /// A plan that has its loss, a device that is lost; values that it has to look at.
    pub fn back(&mut self, gradient: &[f32], samples: &[&[f32]]) -> Result<()> {
        match self {
            TrainingMachine::Cpu(machine) => machine.back(gradient, samples),
            #[cfg(feature = "gpu")]
            TrainingMachine::Gpu(machine) => pollster::block_on(machine.back(gradient)),
        }
    }

    /// What an edge holds of the last batch, `[time, sample, element]` in people's order (without time where it holds for
    /// all steps). Its buffer must be one that lives on.
    ///
    /// # Errors
    /// A device that is lost.
    pub fn values(&self, buffer: usize, order: Order) -> Result<Vec<f32>> {
        match self {
            TrainingMachine::Cpu(machine) => Ok(machine.values(buffer, order)),
            #[cfg(feature = "gpu")]
            TrainingMachine::Gpu(machine) => pollster::block_on(machine.values(buffer, order)),
        }
    }

    /// A step of the optimiser.
    ///
    /// # Errors
    /// A device that is lost.
    pub fn optimise(&mut self) -> Result<()> {
        match self {
            TrainingMachine::Cpu(machine) => machine.optimise(),
            #[cfg(feature = "gpu")]
            TrainingMachine::Gpu(machine) => pollster::block_on(machine.optimise()),
        }
    }
}
