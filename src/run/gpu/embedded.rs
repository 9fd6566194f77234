//! A network inside a caller's own GPU work: its dispatches go into the caller's encoder, its scores stay in a buffer.

use std::sync::Arc;

use super::budget::Budget;
use super::context::Gpu;
use super::input_buffer::InputBuffer;
use super::mapped::mapped;
use super::prepared::{Prepared, Room, buffer};
use super::schedule::{Dispatch, Schedule};
use super::tick::{self, Tick};
use crate::error::{Error, Result};
use crate::kernel::{MOST_STEPS, Window, WindowWords};
use crate::network::{Network, Readout, compile};
use crate::plan::{Holds, Part, Plan, Request, bytes_text};
use crate::run::metrics::Metrics;
use crate::tensor::Tensor;

/// What an encode takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feed {
    /// Whole samples of one frame, which holds for all steps: `[batch, ...]`.
    #[default]
    Constant,
    /// Whole samples with a frame for each step: `[batch, time, ...]`.
    Series,
    /// The next step of `batch` streams: `[batch, ...]`. States stay on the device.
    Stream,
}

/// How a network is embedded.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbedOptions {
    /// Samples, or streams, of every encode.
    pub batch: usize,
    /// What an encode takes.
    pub feed: Feed,
    /// Steps per sample; `None`: as the network says. A stream has no end.
    pub steps: Option<usize>,
    /// How the output is reduced over time; `None`: as the network says, else the mean. A stream gives each step's output.
    pub readout: Option<Readout>,
    /// Steps that every layer computes before the next slice of time begins; `None`: as many as kernels take. Of no
    /// effect on results, but on memory.
    pub slice: Option<usize>,
}

impl Default for EmbedOptions {
    fn default() -> Self {
        EmbedOptions { batch: 1, feed: Feed::Constant, steps: None, readout: None, slice: None }
    }
}

/// A network ready to be encoded.
///
/// Everything is made and told once: an encode writes to no queue, submits nothing and waits for nothing. Commands run
/// in the order of encoding, whatever the submissions they are in; each encode leaves its scores where the one before had
/// them. Errors of the driver layer while one is made become [`Error`]s; while encoding there are none, as long as what
/// is given lives on the same device.
///
/// A very large network should not be encoded together with what has to be on the screen in time: a session ends a
/// submission before a watchdog bites, this cannot.
#[derive(Debug)]
pub struct Embedded {
    prepared: Prepared,
    options: EmbedOptions,
    input: InputBuffer,
    slices: Vec<Slice>,
    /// The clock of a stream.
    tick: Option<Tick>,
    /// Entries that the dispatches are told.
    entries: usize,
    scores: wgpu::Buffer,
    shape: Vec<usize>,
}

/// A window of time.
#[derive(Debug)]
struct Slice {
    window: Window,
    /// Entry and grid of the dispatch that takes the input in.
    input: (usize, [u32; 3]),
    dispatches: Vec<Dispatch>,
}

impl Embedded {
    /// Compiles a network and prepares it for a fixed batch and number of steps.
    ///
    /// # Errors
    /// A network that is not well formed or has no weights, steps that are not known or conflict,
    /// [`Error::OutOfMemory`] where the batch does not fit, [`Error::Gpu`].
    pub async fn new(gpu: &Gpu, network: &Network, options: &EmbedOptions) -> Result<Embedded> {
        let most = gpu.budget().axis as usize;
        if !(1..=most).contains(&options.batch) {
            return Err(Error::Request(format!("expected 1 to {most} samples, got {}", options.batch)));
        }
        let mut request = request(network, options)?;
        loop {
            match Self::with(gpu, network, options, &request).await {
                // Perhaps a shorter part of the time fits.
                Err(error) if error.is_too_large() && request.window_steps() > 1 => {
                    request.slice = Some(request.window_steps().div_ceil(2));
                }
                made => return made,
            }
        }
    }

    async fn with(gpu: &Gpu, network: &Network, options: &EmbedOptions, request: &Request) -> Result<Embedded> {
        let plan = Arc::new(compile(network, request)?);
        let Holds::Edge(edge) = plan.buffers[plan.input].holds else {
            return Err(Error::Request(format!("`{}` has no input", plan.name)));
        };
        let frames = if options.feed == Feed::Series { request.steps } else { 1 };
        let input = InputBuffer::new(gpu, edge, options.batch, frames).await?;
        let (slices, told) = slices(&plan, options.batch, gpu.budget(), |window| input.groups(window));
        let prepared = Prepared::with_room(gpu, plan.clone(), options.batch, Room::Entries(told.len())).await?;
        if prepared.capacity() < options.batch {
            let one = bytes_text(plan.sample_bytes() as u128);
            let message =
                format!("{} samples of `{}` need {one} each, {} fit", options.batch, plan.name, prepared.capacity());
            return Err(Error::OutOfMemory { device: gpu.info().name.clone(), message });
        }
        let mut shape = vec![options.batch];
        if is_trace(&plan) {
            shape.insert(0, request.steps);
        }
        shape.extend(&plan.score_shape);
        let words = shape.iter().product();
        let scores = gpu.checked("scores and windows of time", || {
            prepared.tell_all(&told);
            buffer(gpu, "scores", words)
        });
        let scores = scores.await?;
        let tick = if request.streaming { Some(Tick::new(gpu, &prepared, told.len()).await?) } else { None };
        let options = options.clone();
        Ok(Embedded { prepared, options, input, slices, tick, entries: told.len(), scores, shape })
    }

    /// Records everything between values and scores. `input`: f32 as [`Feed`] says, channels first, in a buffer with
    /// usage `STORAGE` of the same device. For bits a value from 0.5 on is a spike, counts are rounded and kept from 0 to
    /// 255. Values of [`Embedded::scores`] are there once the commands have run.
    ///
    /// # Errors
    /// [`Error::Request`] where the buffer is too small or cannot be bound.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder, input: wgpu::BufferSlice<'_>) -> Result<()> {
        let (prepared, plan) = (&self.prepared, &self.prepared.plan);
        let bind = self.input.bind(&prepared.gpu, prepared.windows().0, input, prepared.buffer(plan.input))?;
        prepared.clear_counters(encoder, self.options.batch);
        for (at, slice) in self.slices.iter().enumerate() {
            let descriptor = wgpu::ComputePassDescriptor { label: Some(&plan.name), timestamp_writes: None };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            let (entry, [x, y, z]) = slice.input;
            pass.set_pipeline(self.input.pipeline());
            pass.set_bind_group(0, &bind, &[prepared.offset(entry)]);
            pass.dispatch_workgroups(x, y, z);
            prepared.record_into(&mut pass, &slice.dispatches);
            self.tick.iter().for_each(|tick| tick.record(&mut pass));
            drop(pass);
            if is_trace(plan) || at + 1 == self.slices.len() {
                self.keep_scores(encoder, slice.window);
            }
        }
        Ok(())
    }

    /// Records that what is encoded next is the first step of the streams.
    pub fn reset(&self, encoder: &mut wgpu::CommandEncoder) {
        if self.tick.is_some() {
            tick::reset(encoder, &self.prepared, self.entries);
        }
    }

    /// Scores of the last encode that ran, f32 `[batch, ...]`; for a trace of whole samples `[time, batch, ...]`. May be
    /// bound as storage and copied from.
    pub fn scores(&self) -> &wgpu::Buffer {
        &self.scores
    }

    /// The shape of [`Embedded::scores`].
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        self.prepared.plan()
    }

    /// Scores on the host: a copy is submitted, and waited for.
    ///
    /// # Errors
    /// As [`Embedded::read_async`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn read(&self) -> Result<Tensor> {
        pollster::block_on(self.read_async())
    }

    /// Scores on the host: a copy is submitted, and waited for.
    ///
    /// # Errors
    /// A device that is lost, a neuron that fired more often in a step than its bit planes hold.
    pub async fn read_async(&self) -> Result<Tensor> {
        let (prepared, plan) = (&self.prepared, &self.prepared.plan);
        let (gpu, batch) = (&prepared.gpu, self.options.batch);
        let tallies: Vec<usize> = plan.populations.iter().map(|p| p.tally).collect();
        let sources = tallies.iter().map(|&tally| (prepared.buffer(tally), plan.buffers[tally].holds.words(1, batch)));
        let sources: Vec<_> = [(&self.scores, self.shape.iter().product())].into_iter().chain(sources).collect();
        let mut parts = mapped(gpu, &sources).await?.into_iter();
        let scores = parts.next().unwrap_or_default();
        let counted: Vec<(usize, Vec<u32>)> = tallies.into_iter().zip(parts).collect();
        let mut metrics = Metrics::default();
        for sample in 0..batch {
            metrics.count(plan, plan.request.steps, |wanted| {
                let words = counted.iter().find(|(b, _)| *b == wanted).map_or(&[][..], |(_, words)| words);
                plan.buffers[wanted].holds.row(words, batch, sample)
            })?;
        }
        Tensor::new(self.shape.clone(), bytemuck::cast_vec(scores))
    }

    /// Records that a window's scores are kept.
    fn keep_scores(&self, encoder: &mut wgpu::CommandEncoder, window: Window) {
        let plan = &self.prepared.plan;
        let from = self.prepared.buffer(plan.scores);
        let bytes = 4 * plan.buffers[plan.scores].holds.words(window.steps, window.batch) as u64;
        let of_step = 4 * plan.buffers[plan.scores].holds.words(1, window.batch) as u64;
        let to = if is_trace(plan) { window.at as u64 * of_step } else { 0 };
        encoder.copy_buffer_to_buffer(from, 0, &self.scores, to, Some(bytes));
    }
}

/// Whether scores have an axis of time.
fn is_trace(plan: &Plan) -> bool {
    plan.request.readout == Readout::Trace
}

/// What the plan is asked for.
fn request(network: &Network, options: &EmbedOptions) -> Result<Request> {
    let readout = options.readout.or(network.readout).unwrap_or(Readout::Mean);
    // What is encoded cannot be run again with more planes: it has them from the start.
    let request = Request { readout, meter: false, count_planes: 16, ..Request::default() };
    if options.feed == Feed::Stream {
        return Ok(Request { steps: 1, constant_input: false, streaming: true, readout: Readout::Last, ..request });
    }
    let steps = match (options.steps, network.steps) {
        (Some(asked), Some(fixed)) if asked != fixed => {
            return Err(Error::Request(format!("the network fixes {fixed} steps, {asked} were asked for")));
        }
        (Some(steps), _) | (None, Some(steps)) => steps,
        (None, None) => return Err(Error::Request("the network fixes no steps: say how many".into())),
    };
    let slice = options.slice.map_or(MOST_STEPS, |slice| slice.clamp(1, MOST_STEPS));
    let slice = Some(slice).filter(|&slice| slice < steps);
    Ok(Request { steps, constant_input: options.feed == Feed::Constant, slice, ..request })
}

/// The windows of a plan, and what all their dispatches are told. `groups`: workgroups of a sample that take its input in.
fn slices(plan: &Plan, batch: usize, budget: Budget, groups: impl Fn(Window) -> u64) -> (Vec<Slice>, Vec<WindowWords>) {
    let mut told = Vec::new();
    let slices = plan.windows(batch, plan.request.steps, 0).map(|window| {
        let groups = groups(window);
        let x = groups.min(u64::from(budget.axis));
        let grid = [x as u32, batch as u32, groups.div_ceil(x) as u32];
        let input = (told.len(), grid);
        told.push(window.words(0, 0, groups as u32));
        let mut schedule = Schedule::new(budget);
        let ends = window.end() == plan.request.steps;
        for part in Part::of_window(ends) {
            schedule.part(plan, window, part, std::slice::from_ref(&(0..batch)));
        }
        let dispatches =
            schedule.dispatches.into_iter().map(|d| Dispatch { entry: d.entry + told.len(), ..d }).collect();
        told.extend(schedule.entries);
        Slice { window, input, dispatches }
    });
    (slices.collect(), told)
}
