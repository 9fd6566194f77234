//! A workload in a session of ours, or in a trainer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use saltatory::layer::Layer;
use saltatory::network::{Readout, compile, compile_training};
use saltatory::plan::{Cost, Request, TrainingRequest};
use saltatory::run::{Device, Metrics, Options, Profile, Profiler};
use saltatory::train::{Loss, LossKind, Over, TrainOptions, Trainer};
use saltatory::workloads::{Workload, variant};
use saltatory::{Error, Result, Session, Tensor};

use super::case::Case;
use super::rounds::{Round, Target};

/// Frames of a stream, again and again.
const FRAMES: usize = 64;
/// The part of the measured time that warming up takes.
const WARM_UP: f64 = 0.2;
/// Runs of a round whose latency is measured apart, on devices that else have the next batch waiting.
const APART: usize = 20;

/// A batch, or frames.
fn inputs(workload: &Workload, batch: usize) -> Result<Vec<Tensor>> {
    if !workload.stream {
        return Ok(vec![workload.input(batch)?]);
    }
    let (frames, shape) = (workload.input(FRAMES)?, &workload.network.input.shape);
    let each = frames.data().chunks_exact(frames.len() / FRAMES);
    each.map(|frame| Tensor::new(shape.clone(), frame.to_vec())).collect()
}

impl Given {
    fn of(workload: &Workload, inputs: &[Tensor], options: Options) -> Result<Given> {
        let network = &workload.network;
        let mut session = Session::new(network.clone(), options)?;
        let classes = !matches!(network.nodes[network.output].layer, Layer::Neuron(_));
        let mut given = Given { classes, ..Given::default() };
        for input in inputs {
            let output = if workload.stream { session.step(input)? } else { session.run(input)? };
            let rows = if workload.stream { 1 } else { output.scores.shape()[0] };
            given.row = output.scores.len() / rows;
            given.metrics.add(&output.metrics);
            given.scores.extend(output.scores.into_data());
        }
        Ok(given)
    }

    /// Spikes of all populations.
    pub fn spikes(&self) -> u64 {
        self.metrics.populations.iter().filter(|p| p.fires).map(|p| p.spikes).sum()
    }
}

/// A workload in a session, with its input in memory.
pub struct Ours {
    computer: Computer,
    inputs: Vec<Tensor>,
    pub stream: bool,
    /// Steps of a sample.
    pub steps: usize,
    sequence: Option<usize>,
    /// Batches under way beside the one that is waited for.
    ahead: usize,
    next: usize,
    /// What a run gave.
    pub given: Given,
    /// What the plan costs at least.
    pub cost: Cost,
}

/// What computes it.
enum Computer {
    Session(Box<Session>),
    /// With the labels of the batch.
    Trainer(Box<Trainer>, Vec<u32>),
    /// With the gradient of the output.
    Given(Box<Trainer>, Tensor),
}

/// The means over the rows of a sample.
fn means(row: usize) -> impl Fn(&[f32]) -> Vec<f32> {
    move |sample| {
        let rows = sample.len() / row;
        let sum = |i: usize| sample.iter().skip(i).step_by(row).sum::<f32>();
        (0..row).map(|i| sum(i) / rows as f32).collect()
    }
}

/// How long each step of the plan takes, over how many runs.
pub fn profile(case: &Case, options: &Options, target: Target) -> Result<(Profile, usize)> {
    let profiler = Profiler::new();
    let mut timed = Ours::new(case, &Options { profile: Some(profiler.clone()), ..options.clone() })?;
    let once = timed.warm_up(target)?;
    profiler.take();
    let runs = target.runs(once);
    for _ in 0..runs {
        timed.once()?;
    }
    Ok((profiler.take(), runs))
}

/// What a batch gives, or each frame of a stream that has just begun.
#[derive(Default)]
pub struct Given {
    pub metrics: Metrics,
    pub scores: Vec<f32>,
    /// Scores of a sample or frame.
    pub row: usize,
    /// Whether scores are those of classes.
    pub classes: bool,
}

impl Ours {
    /// Runs a case once, with everything counted, and makes ready to time it.
    pub fn new(case: &Case, options: &Options) -> Result<Ours> {
        let workload = variant(case.name, case.variant)?;
        let inputs = inputs(&workload, case.batch)?;
        if workload.trains {
            return Ours::training(workload, inputs, options);
        }
        let request = Request {
            steps: workload.steps,
            constant_input: workload.constant_input,
            readout: if workload.stream { Readout::Last } else { Readout::Mean },
            streaming: workload.stream,
            meter: false,
            ..Request::default()
        };
        let cost = compile(&workload.network, &request)?.cost();
        let given = Given::of(&workload, &inputs, Options { no_meter: false, ..options.clone() })?;
        Ok(Ours {
            computer: Computer::Session(Box::new(Session::new(workload.network, options.clone())?)),
            inputs,
            stream: workload.stream,
            steps: workload.steps,
            sequence: (!workload.constant_input && !workload.stream).then_some(workload.steps),
            ahead: usize::from(!matches!(options.device, Device::Cpu | Device::Reference)),
            next: 0,
            given,
            cost,
        })
    }

    /// A step of training. What it gives are the losses of the first two steps; where the gradient of the output is given,
    /// that of the input, its mean over time.
    fn training(workload: Workload, inputs: Vec<Tensor>, options: &Options) -> Result<Ours> {
        let request = TrainingRequest {
            steps: workload.steps,
            constant_input: workload.constant_input,
            loss: (!workload.own_loss).then_some(LossKind::CrossEntropy),
            input_gradient: workload.own_loss,
            ..TrainingRequest::default()
        };
        let cost = compile_training(&workload.network, &request)?.plan.cost();
        let mse = workload.network.nodes.iter().any(|node| node.name == "vote");
        let kind = if mse { LossKind::Mse } else { LossKind::CrossEntropy };
        let options = TrainOptions {
            steps: Some(workload.steps),
            loss: Loss { kind, over: Over::Mean },
            detach_reset: Some(true),
            input_gradient: workload.own_loss,
            device: options.device.clone(),
            threads: options.threads,
            profile: options.profile.clone(),
            ..TrainOptions::default()
        };
        let trainer = Trainer::new(workload.network.clone(), options)?;
        let (trainer, batch) = (Box::new(trainer), inputs[0].shape()[0]);
        let computer = match workload.own_loss {
            true => Computer::Given(trainer, workload.output_gradient(batch)?),
            false => Computer::Trainer(trainer, workload.labels(batch)?),
        };
        let mut ours = Ours {
            computer,
            inputs,
            stream: false,
            steps: workload.steps,
            sequence: None,
            ahead: 0,
            next: 0,
            given: Given { row: 2, ..Given::default() },
            cost,
        };
        let losses = [ours.trained()?, ours.trained()?];
        match &ours.computer {
            Computer::Given(trainer, _) => {
                let gradient = trainer.input_gradient()?;
                let row = gradient.len() / batch / workload.steps;
                ours.given.scores = gradient.data().chunks_exact(row * workload.steps).flat_map(means(row)).collect();
                ours.given.row = row;
            }
            _ => ours.given.scores.extend(losses.into_iter().flatten().map(|loss| loss as f32)),
        }
        Ok(ours)
    }

    /// A step of training; its loss, where it has one.
    fn trained(&mut self) -> Result<Option<f64>> {
        let input = &self.inputs[0];
        let rows: Vec<&[f32]> = input.data().chunks_exact(input.len() / input.shape()[0]).collect();
        match &mut self.computer {
            Computer::Trainer(trainer, labels) => Ok(Some(trainer.step(&rows, labels)?.loss)),
            Computer::Given(trainer, gradient) => {
                trainer.forward_backward(&rows, |_| Ok(&*gradient))?;
                Ok(None)
            }
            Computer::Session(_) => Err(Error::Request("a workload of training was expected".into())),
        }
    }

    /// Synaptic operations performed in a timed run: a batch, or a frame.
    pub fn performed(&self) -> f64 {
        let all: u64 = self.given.metrics.weighted.iter().map(|w| w.performed).sum();
        all as f64 / self.inputs.len() as f64
    }

    /// Runs until the machine is warm; how long one run takes then.
    pub fn warm_up(&mut self, target: Target) -> Result<Duration> {
        let (begun, mut last) = (Instant::now(), self.once()?);
        while begun.elapsed().as_secs_f64() < WARM_UP * target.seconds {
            last = self.once()?.min(last);
        }
        Ok(last)
    }

    /// A round of so many runs.
    pub fn round(&mut self, runs: usize) -> Result<Round> {
        if self.ahead == 0 || self.stream {
            let begun = Instant::now();
            let latencies = (0..runs).map(|_| self.once()).collect::<Result<_>>()?;
            return Ok(Round { elapsed: begun.elapsed(), latencies });
        }
        let elapsed = self.in_flight(runs)?;
        let latencies = (0..runs.min(APART)).map(|_| self.once()).collect::<Result<_>>()?;
        Ok(Round { elapsed, latencies })
    }

    /// A batch, or a frame, or a step of training.
    fn once(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        let Computer::Session(session) = &mut self.computer else {
            self.trained()?;
            return Ok(begun.elapsed());
        };
        let input = &self.inputs[self.next];
        self.next = (self.next + 1) % self.inputs.len();
        let output = if self.stream { session.step(input)? } else { session.run(input)? };
        let elapsed = begun.elapsed();
        std::hint::black_box(output);
        Ok(elapsed)
    }

    /// So many batches, each begun before the one before it has ended.
    fn in_flight(&mut self, runs: usize) -> Result<Duration> {
        let input = &self.inputs[0];
        let rows: Vec<&[f32]> = input.data().chunks_exact(input.len() / input.shape()[0]).collect();
        let (begun, mut under_way) = (Instant::now(), VecDeque::new());
        let Computer::Session(session) = &mut self.computer else { return Ok(begun.elapsed()) };
        for _ in 0..runs {
            under_way.push_back(session.submit(&rows, self.sequence)?);
            while under_way.len() > self.ahead {
                let Some(ticket) = under_way.pop_front() else { break };
                std::hint::black_box(session.finish(ticket, &rows)?);
            }
        }
        for ticket in under_way {
            std::hint::black_box(session.finish(ticket, &rows)?);
        }
        Ok(begun.elapsed())
    }
}
