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
    /// Samples that went forward since the last step of the optimiser: those to come draw their masks after them.
    pub(super) accumulated: u32,
    /// The norm of the gradients that were added up, where the last batch computed it.
    pub(super) gradient_norm: Option<f64>,
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
    /// The mean loss of the batch, before the step; without what a penalty on firing rates adds.
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
            gradient_norm: None,
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
    /// Samples or labels that do not fit. A loss that is not finite: parameters and running statistics are as they were. As
    /// [`Trainer::optimise`].
    pub fn step(&mut self, samples: &[&[f32]], labels: &[u32]) -> Result<StepReport> {
        let report = self.accumulate(samples, labels, samples.len())?;
        self.optimise()?;
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
        if of < samples.len() {
            let n = samples.len();
            return Err(Error::Request(format!("expected a part of {of} samples, got {n}: more than the whole")));
        }
        self.prepare(steps, constant, Some(self.options.loss.kind))?;
        self.check_values(samples, true)?;
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
        if !loss.is_finite() {
            return Err(self.not_finite("loss")?);
        }
        if gradient_norm.is_some_and(|norm| !norm.is_finite()) {
            return Err(self.not_finite("gradient")?);
        }
        self.gradient_norm = gradient_norm;
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
        (self.in_memory, self.gradient_norm) = (None, None);
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
    /// A gradient that is not finite (on a GPU it is looked for with a clip norm alone), a parameter of a neuron that would
    /// leave its range: no parameter has changed, and the gradients are forgotten. A device that is lost.
    pub fn optimise(&mut self) -> Result<()> {
        let norm = |all: &BTreeMap<String, Tensor>| {
            all.values().flat_map(Tensor::data).map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt()
        };
        // As PyTorch's `clip_grad_norm_`.
        let clip = match self.options.clip_norm {
            None => 1.0,
            Some(most) => {
                let norm = self.gradient_norm.map_or_else(|| Ok(norm(&self.gradients()?)), Ok)?;
                if !norm.is_finite() {
                    return Err(self.not_finite("gradient")?);
                }
                (most / (norm + 1e-6)).min(1.0)
            }
        };
        self.follow(clip)?;
        self.steps += 1;
        (self.accumulated, self.gradient_norm) = (0, None);
        Ok(())
    }

    /// All parameters follow their gradients, made shorter by a factor.
    fn follow(&mut self, clip: f64) -> Result<()> {
        let Some((plan, machine)) = &self.machine else { return Ok(()) };
        if machine.has_memory_here() && tensors::first_fault(plan, machine)?.is_some() {
            return Err(self.not_finite("gradient")?);
        }
        let settings = self.settings(1, clip);
        let kind = self.options.optimiser.kind();
        let learned = match self.learned.next(plan, &self.network, (kind, &settings)) {
            Ok(learned) => learned,
            Err(error) => {
                self.refuse()?;
                return Err(error);
            }
        };
        let Some((plan, machine)) = &mut self.machine else { return Err(no_plan()) };
        machine.set_shared(plan.settings, &settings.map(f32::to_bits))?;
        machine.optimise()?;
        self.learned.follow(learned, plan, machine, &mut self.network)
    }

    /// What to say of a batch whose loss or gradient is not finite, which is refused.
    fn not_finite(&mut self, what: &str) -> Result<Error> {
        let Some((plan, machine)) = &self.machine else { return Err(no_plan()) };
        let layer = tensors::first_fault(plan, machine)?.or_else(|| self.learned.first_fault());
        let step = self.steps + 1;
        self.refuse()?;
        let message =
            format!("the {what} of step {step} is not finite: try a lower learning rate, or clip the gradients");
        Ok(Error::layer(layer.unwrap_or_else(|| "the output".into()), message))
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
        self.forget()?;
        self.statistics_before()
    }

    /// Forgets the gradients that were added up.
    fn forget(&mut self) -> Result<()> {
        self.learned.clear();
        if let Some((plan, machine)) = &mut self.machine {
            let parameters = plan.parameters.iter().map(|parameter| parameter.gradients);
            for constant in parameters.chain(plan.populations.iter().map(|population| population.gradients)) {
                machine.set_shared(constant, &plan.zeros(constant))?;
            }
        }
        (self.accumulated, self.gradient_norm) = (0, None);
        Ok(())
    }

    /// Takes the last batch out of the running statistics.
    pub(super) fn statistics_before(&mut self) -> Result<()> {
        let Some((plan, machine)) = &mut self.machine else { return Ok(()) };
        tensors::statistics_before(plan, machine)
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

    /// Goes on from a state; the network must be the one that was saved with it. Gradients that were added up are forgotten.
    ///
    /// # Errors
    /// Moments that do not fit the network's parameters.
    pub fn set_state(&mut self, state: &TrainerState) -> Result<()> {
        let kind = Moments::of(&self.options.optimiser);
        if self.machine.is_none() {
            let steps = self.options.steps.or(self.network.steps).unwrap_or(1);
            self.prepare(steps, true, Some(self.options.loss.kind))?;
        }
        self.forget()?;
        if let Some((plan, machine)) = &mut self.machine {
            tensors::set_moments(plan, machine, &self.network, kind, &state.moments)?;
        }
        self.learned.set_moments(kind.names(), &state.moments)?;
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
        self.gradient_norm = None;
        Ok(())
    }
}
