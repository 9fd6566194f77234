//! Training, step by step.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::TrainOptions;
use super::populations::Learned;
use super::tensors::{self, Moments};
use crate::error::{Error, Result};
use crate::kernel::grad::loss::LossKind;
use crate::kernel::grad::mask;
use crate::network::{Network, compile_training};
use crate::plan::{TrainingPlan, TrainingRequest};
use crate::run::training::{Batch, BatchResult, TrainingMachine};
use crate::tensor::Tensor;

/// A network in training: its parameters, their optimiser, and the memory of the gradients.
#[derive(Debug)]
pub struct Trainer {
    pub(super) network: Network,
    pub(super) options: TrainOptions,
    threads: Option<Arc<rayon::ThreadPool>>,
    pub(super) learning_rate: f64,
    pub(super) steps: u64,
    /// The plan in use, for samples that hold for all steps or for sequences, with its memory.
    pub(super) machine: Option<(Arc<TrainingPlan>, TrainingMachine)>,
    /// What the plan in use was asked for.
    request: TrainingRequest,
    /// The batch that it has in memory.
    pub(super) in_memory: Option<InMemory>,
    /// Parameters of neurons.
    pub(super) learned: Learned,
    /// Samples whose gradients were added up since the last step.
    accumulated: u32,
}

/// A batch of which a machine has what it computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct InMemory {
    pub samples: usize,
    /// One frame of each holds for all steps.
    pub constant: bool,
    /// It has gone back, too.
    pub back: bool,
}

/// What cannot be: plans are prepared before they are used.
pub(super) fn no_plan() -> Error {
    Error::Request("no plan is prepared".into())
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
        let mut trainer = Trainer {
            network,
            options,
            threads,
            learning_rate,
            steps: 0,
            machine: None,
            request: TrainingRequest::default(),
            in_memory: None,
            learned,
            accumulated: 0,
        };
        trainer.check()?;
        // What cannot be trained is said now.
        if let Some(steps) = trainer.options.steps.or(trainer.network.steps) {
            trainer.prepare(steps, true, Some(trainer.options.loss.kind))?;
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
        let (steps, constant) = self.check_samples(samples)?;
        self.check_labels(samples, labels)?;
        self.prepare(steps, constant, Some(self.options.loss.kind))?;
        if let Some((plan, _)) = &self.machine
            && of != samples.len()
            && !plan.norms.is_empty()
        {
            let n = samples.len();
            return Err(Error::layer(
                &plan.norms[0].layer,
                format!("its statistics are those of a whole batch: expected {of} samples at once, got {n}"),
            ));
        }
        let result = self.steps_of(samples, labels, of, true)?;
        let Some((plan, machine)) = &mut self.machine else { return Err(no_plan()) };
        self.learned.take(plan, machine, &self.network)?;
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
        let firing_rates = self.firing_rates(&result, samples.len())?;
        self.in_memory = Some(InMemory { samples: samples.len(), constant, back: true });
        Ok(StepReport { loss, correct: result.correct, samples: samples.len(), gradient_norm, firing_rates })
    }

    /// A batch by the plan that is prepared, with `of` samples in all until the optimiser follows.
    pub(super) fn steps_of(
        &mut self,
        samples: &[&[f32]],
        labels: &[u32],
        of: usize,
        stay: bool,
    ) -> Result<BatchResult> {
        let seed = mask::hash(self.options.seed as u32, (self.options.seed >> 32) as u32, self.steps as u32, 0);
        let seeds: Vec<u32> =
            (0..samples.len() as u32).map(|at| mask::hash(seed, 0, 0, self.accumulated + at)).collect();
        let settings = self.settings(of, 1.0);
        self.in_memory = None;
        let Some((plan, machine)) = &mut self.machine else { return Err(no_plan()) };
        machine.set_shared(plan.settings, &settings.map(f32::to_bits))?;
        let result = machine.steps(&Batch { samples, labels, seeds: &seeds, stay })?;
        self.accumulated += samples.len() as u32;
        Ok(result)
    }

    /// Spikes per neuron and step of every spiking layer.
    ///
    /// # Errors
    /// More spikes in a step than are counted; what has been added up is lost then.
    pub(super) fn firing_rates(&mut self, result: &BatchResult, samples: usize) -> Result<Vec<(String, f64)>> {
        let Some((plan, _)) = &self.machine else { return Err(no_plan()) };
        let (steps, mut rates) = (plan.plan.request.steps, Vec::new());
        let counts = result.spikes.iter().zip(&result.most_spikes);
        for (population, (&spikes, &most)) in plan.plan.populations.iter().zip(counts).filter(|(p, _)| p.fires) {
            let largest = population.layout.largest();
            if most > largest {
                let message =
                    format!("a neuron fired {most} times in a step, more than the {largest} that are counted");
                let error = Error::layer(&population.layer, message);
                self.refuse()?;
                return Err(error);
            }
            let all = population.layout.elements() * steps * samples;
            rates.push((population.layer.clone(), spikes as f64 / all as f64));
        }
        Ok(rates)
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
        let kind = self.options.optimiser.kind();
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
            let steps = self.options.steps.or(self.network.steps).unwrap_or(1);
            self.prepare(steps, true, Some(self.options.loss.kind))?;
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

    /// A plan for such samples, with the parameters, gradients and moments of the one before. `loss`: what the plan
    /// computes; `None`: the host does.
    pub(super) fn prepare(&mut self, steps: usize, constant_input: bool, loss: Option<LossKind>) -> Result<()> {
        let of_options = self.options.request(&self.network, steps, constant_input);
        let request = TrainingRequest { loss, square_sums: of_options.square_sums && loss.is_some(), ..of_options };
        let request = self.options.device.takes_training(request);
        if self.machine.is_some() && self.request == request {
            return Ok(());
        }
        self.network = self.network()?;
        let plan = Arc::new(compile_training(&self.network, &request)?);
        let profile = self.options.profile.clone();
        let mut machine = TrainingMachine::new(&self.options.device, plan.clone(), self.threads.clone(), profile)?;
        if let Some((plan_before, before)) = &self.machine {
            tensors::take_over((plan_before, before), (&plan, &mut machine))?;
        }
        (self.machine, self.request, self.in_memory) = (Some((plan, machine)), request, None);
        Ok(())
    }
}
