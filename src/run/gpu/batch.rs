//! Samples in, commands out, results back: batches and streams on a GPU.

use std::sync::Arc;

use super::context::Gpu;
use super::prepared::Prepared;
use super::readback::{self, Part};
use super::schedule::Schedule;
use crate::error::Result;
use crate::kernel::Window;
use crate::plan::{Holds, Plan};
use crate::run::collect::SampleResult;
use crate::run::pack::pack_batch;

/// The machine that runs a plan on a GPU.
#[derive(Debug)]
pub(in crate::run) struct GpuMachine {
    gpu: Gpu,
    plan: Arc<Plan>,
    prepared: Option<Prepared>,
    /// Steps that the stream has seen.
    clock: u64,
}

/// Batches under way: their results can be read in order.
#[derive(Debug)]
pub(in crate::run) struct Pending {
    plan: Arc<Plan>,
    chunks: Vec<Chunk>,
}

/// A part of a batch that was computed together.
#[derive(Debug)]
struct Chunk {
    samples: usize,
    parts: Vec<Part>,
}

impl GpuMachine {
    pub fn new(gpu: Gpu, plan: Arc<Plan>) -> Self {
        GpuMachine { gpu, plan, prepared: None, clock: 0 }
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Begins a batch: everything is submitted, nothing waited for.
    ///
    /// # Errors
    /// As [`Prepared::new`], and a device that is lost.
    pub async fn submit(&mut self, samples: &[&[f32]]) -> Result<Pending> {
        let prepared = prepare(&mut self.prepared, &self.gpu, &self.plan, samples.len()).await?;
        let mut chunks = Vec::new();
        for samples in samples.chunks(prepared.capacity()) {
            let mut parts = Vec::new();
            for window in self.plan.windows(samples.len()) {
                parts.extend(submit_window(prepared, window, samples).await?);
            }
            chunks.push(Chunk { samples: samples.len(), parts });
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
            let first = results.len();
            results.extend((0..chunk.samples).map(|_| SampleResult::default()));
            readback::collect(&self.gpu, &plan, chunk.parts, plan.request.steps, &mut results[first..]).await?;
        }
        Ok(results)
    }

    /// The next step of a stream: all state stays on the device.
    ///
    /// # Errors
    /// As [`GpuMachine::submit`] and [`GpuMachine::finish`].
    pub async fn step(&mut self, frame: &[f32]) -> Result<SampleResult> {
        let prepared = prepare(&mut self.prepared, &self.gpu, &self.plan, 1).await?;
        let window = Window { batch: 1, start: 0, steps: 1, clock: self.clock };
        let part = submit_window(prepared, window, &[frame]).await?;
        self.clock += 1;
        let mut results = [SampleResult::default()];
        readback::collect(&self.gpu, &self.plan, part, 1, &mut results).await?;
        let [result] = results;
        Ok(result)
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

/// What is prepared, or prepared anew where the batch has grown and more may fit.
async fn prepare<'a>(
    prepared: &'a mut Option<Prepared>,
    gpu: &Gpu,
    plan: &Arc<Plan>,
    samples: usize,
) -> Result<&'a Prepared> {
    let enough = prepared.as_ref().is_some_and(|p| p.capacity() >= samples || p.is_full());
    if !enough {
        *prepared = None;
        *prepared = Some(Prepared::new(gpu, plan.clone(), samples).await?);
    }
    prepared.as_ref().ok_or_else(|| gpu.error("nothing is prepared"))
}

/// Submits a window of samples; returns what there is to read after it.
async fn submit_window(prepared: &Prepared, window: Window, samples: &[&[f32]]) -> Result<Option<Part>> {
    let (gpu, plan) = (&prepared.gpu, &prepared.plan);
    let schedule = Schedule::new(plan, window, gpu.budget());
    let what = format!("steps {}..{} of `{}`", window.clock, window.clock + window.steps as u64, plan.name);
    gpu.checked(&what, || {
        if let Holds::Edge(edge) = plan.buffers[plan.input].holds {
            let words = pack_batch(&edge, plan, window, samples);
            gpu.queue().write_buffer(prepared.buffer(plan.input), 0, bytemuck::cast_slice(&words));
        }
        prepared.tell(&schedule);
        let label = wgpu::CommandEncoderDescriptor { label: Some(&plan.name) };
        let mut encoder = gpu.device().create_command_encoder(&label);
        if window.clock == 0 || plan.request.streaming {
            prepared.clear_counters(&mut encoder, window.batch);
        }
        let ends = (1..schedule.dispatches.len()).filter(|&i| schedule.dispatches[i].breaks);
        let mut begin = 0;
        for end in ends {
            prepared.record(&mut encoder, &schedule.dispatches[begin..end]);
            let full = std::mem::replace(&mut encoder, gpu.device().create_command_encoder(&label));
            gpu.queue().submit([full.finish()]);
            begin = end;
        }
        prepared.record(&mut encoder, &schedule.dispatches[begin..]);
        let part = readback::results(prepared, window, &mut encoder);
        let submission = gpu.queue().submit([encoder.finish()]);
        part.map(|part| part.submitted(submission))
    })
    .await
}
