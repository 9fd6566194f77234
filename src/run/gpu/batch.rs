//! Samples in, commands out, results back: batches and streams on a GPU.

use std::ops::Range;
use std::sync::Arc;

use super::context::Gpu;
use super::prepared::{Prepared, Room};
use super::readback::{self, Left, Wanted};
use super::schedule::Schedule;
use super::timestamps::{self, Timestamps};
use super::upload::upload;
use crate::error::Result;
use crate::kernel::Window;
use crate::plan::{Holds, Part, Plan};
use crate::run::collect::SampleResult;
use crate::run::confident::Confident;
use crate::run::machine::How;
use crate::run::profile::Profiler;
use crate::run::state::StateWords;

/// The machine that runs a plan on a GPU.
#[derive(Debug)]
pub(in crate::run) struct GpuMachine {
    gpu: Gpu,
    plan: Arc<Plan>,
    prepared: Option<Prepared>,
    /// What times dispatches, where that was asked for.
    timestamps: Option<Timestamps>,
    /// Steps that the stream has seen.
    clock: u64,
}

/// Batches under way: their results can be read in order.
#[derive(Debug)]
pub(in crate::run) struct Pending {
    plan: Arc<Plan>,
    chunks: Vec<Chunk>,
}

/// A part of a batch that is computed together. Its rows are samples, those with the most steps first, so that the ones
/// that still run are always the first.
#[derive(Debug)]
struct Chunk {
    /// The sample of each row.
    order: Vec<usize>,
    /// Steps of each row.
    steps: Vec<usize>,
    /// What windows have left, to be read.
    left: Vec<Left>,
    /// What has been read already, by sample.
    results: Vec<SampleResult>,
}

impl GpuMachine {
    /// A machine without memory yet.
    ///
    /// # Errors
    /// A profile that is asked for, on a device without timestamps.
    pub fn new(gpu: Gpu, plan: Arc<Plan>, profile: Option<Profiler>) -> Result<Self> {
        let timestamps = profile.map(|profiler| Timestamps::new(&gpu, profiler)).transpose()?;
        Ok(GpuMachine { gpu, plan, prepared: None, timestamps, clock: 0 })
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Begins a batch: everything is submitted, nothing waited for, unless samples stop when they are certain.
    ///
    /// # Errors
    /// As [`Prepared::new`], and a device that is lost.
    pub async fn submit(&mut self, samples: &[&[f32]], how: &How) -> Result<Pending> {
        let room = if how.confident.is_some() { Room::Runs } else { Room::Window };
        let prepared = prepare(&mut self.prepared, &self.gpu, &self.plan, samples.len(), room).await?;
        let to = Queue { prepared, timestamps: self.timestamps.as_ref() };
        let mut chunks = Vec::new();
        for samples in samples.chunks(prepared.capacity()) {
            let mut chunk = Chunk::new(&self.plan, samples);
            let rows = chunk.rows(samples);
            let clock = match &how.initial {
                Some(initial) => restore(prepared, initial, rows.len()).await?,
                None => 0,
            };
            match how.confident {
                Some(confident) => chunk.run_until(to, confident, &rows, clock).await?,
                None => chunk.submit(to, &rows, clock).await?,
            }
            chunks.push(chunk);
        }
        Ok(Pending { plan: self.plan.clone(), chunks })
    }

    /// The results of a batch, in order; waits for them.
    ///
    /// # Errors
    /// A device that is lost, a neuron that fired more often in a step than its bit planes hold.
    pub async fn finish(&mut self, pending: Pending) -> Result<Vec<SampleResult>> {
        let Pending { plan, chunks } = pending;
        let mut results = Vec::new();
        for chunk in chunks {
            results.extend(chunk.finish(&self.gpu, &plan).await?);
        }
        timestamps::collect(self.timestamps.as_ref(), &self.gpu, &plan).await?;
        Ok(results)
    }

    /// The next steps of a stream: all state stays on the device.
    ///
    /// # Errors
    /// As [`GpuMachine::submit`] and [`GpuMachine::finish`].
    pub async fn advance(&mut self, sample: &[f32]) -> Result<SampleResult> {
        let prepared = prepare(&mut self.prepared, &self.gpu, &self.plan, 1, Room::Window).await?;
        let mut chunk = Chunk::new(&self.plan, &[sample]);
        chunk.submit(Queue { prepared, timestamps: self.timestamps.as_ref() }, &[sample], self.clock).await?;
        self.clock += self.plan.steps_of(sample) as u64;
        let result = chunk.finish(&self.gpu, &self.plan).await?.pop().unwrap_or_default();
        timestamps::collect(self.timestamps.as_ref(), &self.gpu, &self.plan).await?;
        Ok(result)
    }

    /// The state of the stream; `None` where it has not begun.
    ///
    /// # Errors
    /// A device that is lost.
    pub async fn state(&self) -> Result<Option<StateWords>> {
        let Some(prepared) = self.prepared.as_ref().filter(|_| self.clock > 0) else { return Ok(None) };
        let mut words = Vec::new();
        for state in &self.plan.states {
            words.push((state.buffer, readback::whole(prepared, state.buffer).await?));
        }
        Ok(Some(StateWords { words, clock: self.clock }))
    }

    /// The stream goes on from a state.
    ///
    /// # Errors
    /// As [`Prepared::new`], and a device that is lost.
    pub async fn set_state(&mut self, state: &StateWords) -> Result<()> {
        let prepared = prepare(&mut self.prepared, &self.gpu, &self.plan, 1, Room::Window).await?;
        self.clock = restore(prepared, state, 1).await?;
        Ok(())
    }

    /// Forgets the state of the stream.
    pub fn reset(&mut self) {
        self.clock = 0;
    }

    /// Fills all working memory with `word`; for tests.
    pub fn poison(&mut self, word: u32) {
        self.prepared.iter().for_each(|prepared| prepared.poison(word));
    }

    /// As [`Prepared::beyond`]; for tests.
    ///
    /// # Errors
    /// A device that is lost.
    pub async fn beyond(&self, samples: usize) -> Result<Vec<u32>> {
        match &self.prepared {
            Some(prepared) => prepared.beyond(samples).await,
            None => Ok(Vec::new()),
        }
    }
}

impl Chunk {
    fn new(plan: &Plan, samples: &[&[f32]]) -> Chunk {
        let mut order: Vec<usize> = (0..samples.len()).collect();
        order.sort_by_key(|&sample| std::cmp::Reverse(samples[sample].len()));
        let steps = order.iter().map(|&sample| plan.steps_of(samples[sample])).collect();
        let results = (0..samples.len()).map(|_| SampleResult::default()).collect();
        Chunk { order, steps, left: Vec::new(), results }
    }

    /// The samples by row.
    fn rows<'a>(&self, samples: &[&'a [f32]]) -> Vec<&'a [f32]> {
        self.order.iter().map(|&sample| samples[sample]).collect()
    }

    /// How many rows have more than so many steps.
    fn longer_than(&self, steps: usize) -> usize {
        self.steps.partition_point(|&of_row| of_row > steps)
    }

    /// The windows of the rows, in order: each ends where a row does, at the latest.
    fn windows<'a>(&'a self, plan: &'a Plan, clock: u64) -> impl Iterator<Item = Window> + 'a {
        let first = Window { batch: self.steps.len(), start: 0, steps: 0, at: 0, clock };
        let mut last = first;
        std::iter::from_fn(move || {
            let at = last.end();
            let running = self.longer_than(at);
            let next = *self.steps[..running].last()?;
            let steps = plan.window_steps().min(next - at);
            last = Window { steps, at, clock: clock + at as u64, ..first };
            Some(last)
        })
    }

    /// Submits every window.
    async fn submit(&mut self, to: Queue<'_>, rows: &[&[f32]], clock: u64) -> Result<()> {
        let windows: Vec<Window> = self.windows(&to.prepared.plan, clock).collect();
        for window in windows {
            let (running, on) = (self.longer_than(window.at), self.longer_than(window.end()));
            let (all, ended) = (0..running, on..running);
            let [all, ended] = [&all, &ended].map(std::slice::from_ref);
            let parts = [(Part::Steps, all), (Part::Scores, ended), (Part::End, ended)];
            let parts = if on < running { &parts[..] } else { &parts[..1] };
            let wanted = Wanted { ran: (0..running).collect(), ended: (on..running).collect(), scores: false };
            let left = to.submit(window, Some(rows), parts, wanted).await?;
            self.left.extend(left);
        }
        Ok(())
    }

    /// Runs window by window, and looks after each which rows are certain: those end there.
    async fn run_until(&mut self, to: Queue<'_>, confident: Confident, rows: &[&[f32]], clock: u64) -> Result<()> {
        let (gpu, plan) = (&to.prepared.gpu, &to.prepared.plan);
        let windows: Vec<Window> = self.windows(plan, clock).collect();
        let mut running: Vec<usize> = (0..rows.len()).collect();
        for window in windows {
            let all = runs(&running);
            let parts = [(Part::Steps, &all[..]), (Part::Scores, &all)];
            let wanted = Wanted { ran: running.clone(), ended: Vec::new(), scores: true };
            let Some(left) = to.submit(window, Some(rows), &parts, wanted).await? else { continue };
            let left = left.read(gpu).await?;
            left.give(plan, &self.order, &mut self.results)?;
            let ended = |&row: &usize| window.end() == self.steps[row] || confident.is_certain(left.scores(plan, row));
            let (ended, on): (Vec<usize>, Vec<usize>) = running.iter().copied().partition(ended);
            if !ended.is_empty() {
                let these = runs(&ended);
                let wanted = Wanted { ran: Vec::new(), ended, scores: false };
                if let Some(left) = to.submit(window, None, &[(Part::End, &these)], wanted).await? {
                    left.read(gpu).await?.give(plan, &self.order, &mut self.results)?;
                }
            }
            running = on;
            if running.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// The results of every sample, in order; waits for them.
    async fn finish(self, gpu: &Gpu, plan: &Plan) -> Result<Vec<SampleResult>> {
        let Chunk { order, left, mut results, .. } = self;
        for left in left {
            left.read(gpu).await?.give(plan, &order, &mut results)?;
        }
        Ok(results)
    }
}

/// Numbers that follow each other, together.
fn runs(rows: &[usize]) -> Vec<Range<usize>> {
    let runs = rows.chunk_by(|a, b| a + 1 == *b);
    runs.map(|run| run[0]..run[0] + run.len()).collect()
}

/// What is prepared, or prepared anew where the batch has grown and more may fit.
async fn prepare<'a>(
    prepared: &'a mut Option<Prepared>,
    gpu: &Gpu,
    plan: &Arc<Plan>,
    samples: usize,
    room: Room,
) -> Result<&'a Prepared> {
    let enough = prepared.as_ref().is_some_and(|p| p.capacity() >= samples || p.is_full());
    if !enough {
        *prepared = None;
        *prepared = Some(Prepared::with_room(gpu, plan.clone(), samples, room).await?);
    }
    prepared.as_ref().ok_or_else(|| gpu.error("nothing is prepared"))
}

/// Every row gets a state; returns the clock that goes with it.
async fn restore(prepared: &Prepared, state: &StateWords, rows: usize) -> Result<u64> {
    let gpu = &prepared.gpu;
    let write = || {
        for (buffer, words) in &state.words {
            let words = prepared.plan.buffers[*buffer].holds.for_all(words, rows);
            gpu.queue().write_buffer(prepared.buffer(*buffer), 0, bytemuck::cast_slice(&words));
        }
    };
    gpu.checked("a state", write).await?;
    Ok(state.clock)
}

/// Where work goes.
#[derive(Clone, Copy)]
struct Queue<'a> {
    prepared: &'a Prepared,
    timestamps: Option<&'a Timestamps>,
}

impl Queue<'_> {
    /// Submits parts of a window, with its input where they take one; returns what there is to read after them.
    async fn submit(
        self,
        window: Window,
        rows: Option<&[&[f32]]>,
        parts: &[(Part, &[Range<usize>])],
        wanted: Wanted,
    ) -> Result<Option<Left>> {
        let prepared = self.prepared;
        let (gpu, plan) = (&prepared.gpu, &prepared.plan);
        let mut schedule = Schedule::new(gpu.budget());
        for (part, rows) in parts {
            schedule.part(plan, window, *part, rows);
        }
        let what = format!("steps {}..{} of `{}`", window.at, window.end(), plan.name);
        gpu.checked(&what, || {
            if let (Holds::Edge(edge), Some(rows)) = (plan.buffers[plan.input].holds, rows) {
                upload(gpu, prepared.buffer(plan.input), &edge, window, rows);
            }
            prepared.tell(&schedule);
            let mut encoder = prepared.encoder();
            if window.at == 0 && rows.is_some() {
                prepared.clear_counters(&mut encoder, window.batch);
            }
            let mut encoder = timestamps::record(self.timestamps, prepared, &schedule, encoder);
            let left = readback::results(prepared, window, wanted, &mut encoder);
            let submission = gpu.queue().submit([encoder.finish()]);
            left.map(|left| left.submitted(submission))
        })
        .await
    }
}
