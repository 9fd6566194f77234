//! Training, step by step.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::TrainOptions;
use super::populations::Learned;
use super::tensors::{self, Moments};
use crate::error::{Error, Result};
use crate::kernel::grad::mask;
use crate::network::{Network, compile_training};
use crate::plan::{TrainingPlan, TrainingRequest};
use crate::run::training::{Batch, TrainingMachine};
use crate::tensor::Tensor;
use crate::train::Optimiser;

/// A network in training: its parameters, their optimiser, and the memory of the gradients.
#[derive(Debug)]
pub struct Trainer {
    pub(super) network: Network,
    pub(super) options: TrainOptions,
    threads: Option<Arc<rayon::ThreadPool>>,
    pub(super) learning_rate: f64,
    pub(super) steps: u64,
    /// The plan in use, for samples that hold for all steps or for sequences, with its memory.
    machine: Option<(Arc<TrainingPlan>, TrainingMachine)>,
    /// Parameters of neurons.
    learned: Learned,
    /// Samples whose gradients were added up since the last step.
    accumulated: u32,
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
        let pool = |n: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build();
            pool.map(Arc::new).map_err(|e| Error::Request(format!("{n} threads cannot be started: {e}")))
        };
        let threads = options.threads.map(pool).transpose()?;
        let learning_rate = options.optimiser.learning_rate();
        let moments = Moments::of(&options.optimiser);
        let learned = Learned::new(&network, moments.names().len())?;
        let mut trainer =
            Trainer { network, options, threads, learning_rate, steps: 0, machine: None, learned, accumulated: 0 };
        trainer.check()?;
        // What cannot be trained is said now.
        if let Some(steps) = trainer.options.steps.or(trainer.network.steps) {
            trainer.prepare(steps, true)?;
        }
        Ok(trainer)
    }

    /// One step: loss and gradients of a batch, then the optimiser. A sample is as [`crate::Session::run_samples`] takes
    /// it: one frame that holds for all steps, or a frame for each of them, as many in all samples of a batch.
    ///
    /// # Errors
    /// Samples or labels that do not fit. A loss that is not finite, or with a clip norm a gradient: parameters and running
    /// statistics are as they were.
    pub fn step(&mut self, samples: &[&[f32]], labels: &[u32]) -> Result<StepReport> {
        let report = self.accumulate(samples, labels, samples.len())?;
        self.follow(report.gradient_norm)?;
        Ok(report)
    }

    /// Adds the gradients of a part of a batch of `of` samples to those that are there; [`Trainer::optimise`] follows them.
    /// Parts in order give the bits of the whole. With batch norm there is one part alone, as statistics are of all samples.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub fn accumulate(&mut self, samples: &[&[f32]], labels: &[u32], of: usize) -> Result<StepReport> {
        let (steps, constant) = self.check_batch(samples, labels)?;
        self.prepare(steps, constant)?;
        let seed = mask::hash(self.options.seed as u32, (self.options.seed >> 32) as u32, self.steps as u32, 0);
        let seeds: Vec<u32> =
            (0..samples.len() as u32).map(|at| mask::hash(seed, 0, 0, self.accumulated + at)).collect();
        let settings = self.settings(of, 1.0);
        let Some((plan, machine)) = &mut self.machine else { return Err(Error::Request("no plan".into())) };
        if of != samples.len() && !plan.norms.is_empty() {
            let n = samples.len();
            return Err(Error::layer(
                &plan.norms[0].layer,
                format!("its statistics are those of a whole batch: expected {of} samples at once, got {n}"),
            ));
        }
        machine.set_shared(plan.settings, &settings.map(f32::to_bits))?;
        let result = machine.gradients(&Batch { samples, labels, seeds: &seeds })?;
        self.learned.take(plan, machine, &self.network)?;
        self.accumulated += samples.len() as u32;
        let loss = result.losses.iter().map(|&x| f64::from(x)).sum::<f64>() / samples.len() as f64;
        let square_sums = plan.square_sums.map(|sums| machine.shared(sums)).transpose()?;
        let square_sum = square_sums.map(|sums| sums.iter().map(|&x| f64::from(f32::from_bits(x))).sum::<f64>());
        let gradient_norm = square_sum.map(|sum| (sum + self.learned.square_sum()).sqrt());
        let fault = match gradient_norm {
            _ if !loss.is_finite() => Some("loss"),
            Some(norm) if !norm.is_finite() => Some("gradient"),
            _ => None,
        };
        if let Some(what) = fault {
            let layer = tensors::first_fault(plan, machine)?.unwrap_or_else(|| "the output".into());
            let step = self.steps + 1;
            self.refuse()?;
            return Err(Error::layer(
                layer,
                format!("the {what} of step {step} is not finite: try a lower learning rate, or clip the gradients"),
            ));
        }
        let populations = plan.plan.populations.iter().zip(&result.most_spikes);
        let beyond = populations.map(|(p, &most)| (p.layer.clone(), most, p.layout.largest(), p.fires));
        if let Some((layer, most, largest, _)) =
            beyond.into_iter().find(|(_, most, largest, fires)| *fires && most > largest)
        {
            self.refuse()?;
            let message = format!("a neuron fired {most} times in a step, more than the {largest} that are counted");
            return Err(Error::layer(layer, message));
        }
        let rate = |(at, spikes): (usize, &u64)| {
            let population = &plan.plan.populations[at];
            let all = population.layout.elements() * plan.plan.request.steps * samples.len();
            population.fires.then(|| (population.layer.clone(), *spikes as f64 / all as f64))
        };
        let firing_rates = result.spikes.iter().enumerate().filter_map(rate).collect();
        Ok(StepReport { loss, correct: result.correct, samples: samples.len(), gradient_norm, firing_rates })
    }

    /// A step of the optimiser along the gradients that were added up; they are zero after.
    ///
    /// # Errors
    /// A device that is lost.
    pub fn optimise(&mut self) -> Result<()> {
        let norm = |all: &BTreeMap<String, Tensor>| {
            all.values().flat_map(Tensor::data).map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
        };
        let norm = match self.options.clip_norm {
            Some(_) => Some(norm(&self.gradients()?)),
            None => None,
        };
        self.follow(norm)
    }

    fn follow(&mut self, gradient_norm: Option<f64>) -> Result<()> {
        let most = self.options.clip_norm.unwrap_or(f64::INFINITY);
        // As PyTorch's `clip_grad_norm_`.
        let clip = gradient_norm.map_or(1.0, |norm| (most / (norm + 1e-6)).min(1.0));
        let settings = self.settings(1, clip);
        let kind = self.kind();
        if let Some((plan, machine)) = &mut self.machine {
            machine.set_shared(plan.settings, &settings.map(f32::to_bits))?;
            machine.optimise()?;
            self.learned.follow(plan, machine, &mut self.network, (kind, &settings))?;
        }
        self.steps += 1;
        self.accumulated = 0;
        Ok(())
    }

    /// The gradients that were added up, by `<layer>.<parameter>`, in the shapes of the parameters (those of neurons: as a
    /// list).
    ///
    /// # Errors
    /// A device that is lost.
    pub fn gradients(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut all = self.learned.gradients();
        if let Some((plan, machine)) = &self.machine {
            all.extend(tensors::gradients(plan, machine, &self.network)?);
        }
        Ok(all)
    }

    /// Forgets a batch whose gradients are not to be followed: they are zero after, those that were there before it, too.
    fn refuse(&mut self) -> Result<()> {
        self.learned.clear();
        if let Some((plan, machine)) = &mut self.machine {
            let parameters = plan.parameters.iter().map(|parameter| parameter.gradients);
            for constant in parameters.chain(plan.populations.iter().map(|population| population.gradients)) {
                machine.set_shared(constant, &plan.zeros(constant))?;
            }
            tensors::statistics_before(plan, machine)?;
        }
        self.accumulated = 0;
        Ok(())
    }

    /// From the next step on.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.learning_rate = learning_rate;
    }

    /// The network with the parameters as they are now, for inference and checkpoints.
    ///
    /// # Errors
    /// A device that is lost.
    pub fn network(&self) -> Result<Network> {
        let mut network = self.network.clone();
        if let Some((plan, machine)) = &self.machine {
            tensors::into_network(plan, machine, &mut network)?;
        }
        Ok(network)
    }

    /// What a checkpoint keeps beside the network.
    ///
    /// # Errors
    /// A device that is lost.
    pub fn state(&self) -> Result<TrainerState> {
        let kind = Moments::of(&self.options.optimiser);
        let mut moments = match &self.machine {
            Some((plan, machine)) => tensors::moments(plan, machine, &self.network, kind)?,
            None => BTreeMap::new(),
        };
        moments.extend(self.learned.moments(kind.names()));
        Ok(TrainerState { steps: self.steps, moments })
    }

    /// Goes on from a state; the network must be the one that was saved with it.
    ///
    /// # Errors
    /// Moments that do not fit the network's parameters.
    pub fn set_state(&mut self, state: &TrainerState) -> Result<()> {
        let kind = Moments::of(&self.options.optimiser);
        if self.machine.is_none() {
            self.prepare(self.options.steps.or(self.network.steps).unwrap_or(1), true)?;
        }
        if let Some((plan, machine)) = &mut self.machine {
            tensors::set_moments(plan, machine, &self.network, kind, &state.moments)?;
        }
        if !state.moments.is_empty() {
            self.learned.set_moments(kind.names(), &state.moments)?;
        }
        self.steps = state.steps;
        Ok(())
    }

    /// The number of the optimiser, see [`optimise::Params`].
    fn kind(&self) -> u32 {
        match self.options.optimiser {
            Optimiser::Sgd { nesterov, .. } => u32::from(nesterov),
            Optimiser::Adam(_) => 2,
            Optimiser::AdamW(_) => 3,
        }
    }

    /// A plan for such samples, with the parameters and moments of the one before.
    fn prepare(&mut self, steps: usize, constant_input: bool) -> Result<()> {
        let fits = |plan: &TrainingPlan| {
            plan.plan.request.steps == steps && plan.plan.request.constant_input == constant_input
        };
        if self.machine.as_ref().is_some_and(|(plan, _)| fits(plan)) {
            return Ok(());
        }
        let kind = Moments::of(&self.options.optimiser);
        let before = self.machine.as_ref().map(|(plan, machine)| tensors::moments(plan, machine, &self.network, kind));
        let before = before.transpose()?.unwrap_or_default();
        self.network = self.network()?;
        let request = TrainingRequest {
            steps,
            constant_input,
            loss: self.options.loss.kind,
            over: self.options.loss.over,
            surrogate: self.options.surrogate,
            detach_reset: self.options.detach_reset,
            optimiser: self.kind(),
            square_sums: self.options.clip_norm.is_some(),
            same_dropout: self.network.dialect == crate::neuron::Dialect::SpikingJelly,
            weight_bits: self.options.weight_bits,
            rate_penalty: self.options.rate_penalty,
            ..TrainingRequest::default()
        };
        let plan = Arc::new(compile_training(&self.network, &request)?);
        let profile = self.options.profile.clone();
        let mut machine = TrainingMachine::new(&self.options.device, plan.clone(), self.threads.clone(), profile)?;
        tensors::set_moments(&plan, &mut machine, &self.network, kind, &before)?;
        self.machine = Some((plan, machine));
        Ok(())
    }
}
