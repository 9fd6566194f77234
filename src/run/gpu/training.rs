//! Plans of training on a GPU: parameters, gradients and moments stay there; losses and counters come back after a batch.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::context::Gpu;
use super::mapped;
use super::prepared::{self, Prepared, Room};
use super::schedule::Schedule;
use super::timestamps::{self, Timestamps};
use super::upload::{upload, write_steps};
use crate::error::{Error, Result};
use crate::kernel::grad::loss::RESULTS;
use crate::kernel::{TALLY_WORDS, Window};
use crate::plan::{Holds, LossMemory, Part, Plan, TrainingPlan};
use crate::run::pack::unpack_batch;
use crate::run::profile::Profiler;
use crate::run::training::{Batch, BatchResult, Order};

/// A plan of training with its memory.
#[derive(Debug)]
pub(crate) struct GpuTraining {
    gpu: Gpu,
    training: Arc<TrainingPlan>,
    /// The steps of the plan: what its constants hold is on the device.
    plan: Arc<Plan>,
    /// The memory that all samples share.
    constants: Vec<wgpu::Buffer>,
    prepared: Option<Prepared>,
    /// Samples of the last batch, or of its last part.
    samples: usize,
    /// What the host looks at after every batch, as it is on the device.
    known: HashMap<usize, Vec<u32>>,
    timestamps: Option<Timestamps>,
}

impl GpuTraining {
    /// With the constants of the plan as they are.
    ///
    /// # Errors
    /// Parameters that do not fit, a device that is lost; a profile that is asked for, on a device without timestamps.
    pub async fn new(gpu: Gpu, training: Arc<TrainingPlan>, profile: Option<Profiler>) -> Result<GpuTraining> {
        let timestamps = profile.map(|profiler| Timestamps::new(&gpu, profiler)).transpose()?;
        let gpu = gpu.with_budget(gpu.budget().for_training(gpu.info()));
        let constants = prepared::constants(&gpu, &training.plan).await?;
        let mut plan = training.plan.clone();
        plan.constants.iter_mut().for_each(|constant| constant.words = Vec::new());
        let plan = Arc::new(plan);
        let known = HashMap::new();
        Ok(GpuTraining { gpu, training, plan, constants, prepared: None, samples: 0, known, timestamps })
    }

    /// The words of a constant.
    ///
    /// # Errors
    /// A device that is lost.
    pub async fn shared(&self, constant: usize) -> Result<Cow<'_, [u32]>> {
        if let Some(words) = self.known.get(&constant) {
            return Ok(words.into());
        }
        let words = mapped::mapped(&self.gpu, &[self.constant(constant)]).await?;
        Ok(words.into_iter().next().unwrap_or_default().into())
    }

    /// Sets the words of a constant.
    ///
    /// # Errors
    /// A device that is lost.
    pub async fn set_shared(&mut self, constant: usize, words: &[u32]) -> Result<()> {
        self.known.remove(&constant);
        let write = || self.gpu.queue().write_buffer(&self.constants[constant], 0, bytemuck::cast_slice(words));
        self.gpu.checked("a constant", write).await
    }

    /// A batch forward, and back where the loss is in the plan, in as many parts as memory asks for.
    ///
    /// # Errors
    /// A sample that does not fit, or a batch that cannot be in parts; a device that is lost.
    pub async fn steps(&mut self, batch: &Batch<'_>) -> Result<BatchResult> {
        let all = batch.samples.len();
        self.prepare(all).await?;
        self.known.clear();
        let capacity = self.prepared()?.capacity();
        if let Some(why) = self.takes_it_whole().filter(|_| capacity < all) {
            let message = format!("{why}, of which {capacity} of {all} samples fit: use smaller batches");
            return Err(Error::OutOfMemory { device: self.gpu.info().name.clone(), message });
        }
        let populations = self.plan.populations.len();
        let mut result =
            BatchResult { spikes: vec![0; populations], most_spikes: vec![0; populations], ..Default::default() };
        for first in (0..all).step_by(capacity) {
            self.part_of(batch, first..all.min(first + capacity), &mut result).await?;
        }
        Ok(result)
    }

    /// Why a batch cannot be computed in parts.
    fn takes_it_whole(&self) -> Option<String> {
        let training = &self.training;
        if let Some(norm) = training.norms.first() {
            return Some(format!("`{}` takes the statistics of a whole batch", norm.layer));
        }
        let own = matches!(training.loss, LossMemory::Own { .. });
        let kept = if own { Some("the output") } else { training.input_gradient.map(|_| "the gradient of the input") };
        kept.map(|what| format!("{what} is kept of a whole batch"))
    }

    /// The last batch back from the gradient of its output.
    ///
    /// # Errors
    /// A plan that has its loss, a device that is lost.
    pub async fn back(&mut self, gradient: &[f32]) -> Result<()> {
        let Some((buffer, edge)) = self.training.own_gradient() else {
            return Err(Error::Request("the plan has its loss: it takes no gradient".into()));
        };
        let (prepared, schedule) = (self.prepared()?, self.schedule(self.samples, Part::Back));
        let work = || {
            write_steps(&self.gpu, prepared.buffer(buffer), &edge, gradient);
            self.submit(prepared, &schedule, prepared.encoder());
        };
        self.gpu.checked(&format!("gradients of `{}`", self.plan.name), work).await?;
        // The settings, so that there is something to wait for.
        let looked_at: Vec<usize> = self.looked_at().into_iter().chain([self.training.settings]).collect();
        let sources: Vec<_> = looked_at.iter().map(|&constant| self.constant(constant)).collect();
        let words = mapped::mapped(&self.gpu, &sources).await?;
        self.known = looked_at.into_iter().zip(words).collect();
        timestamps::collect(self.timestamps.as_ref(), &self.gpu, &self.plan).await
    }

    /// What an edge holds of the last batch.
    ///
    /// # Errors
    /// A device that is lost.
    pub async fn values(&self, buffer: usize, order: Order) -> Result<Vec<f32>> {
        let holds = self.plan.buffers[buffer].holds;
        let Holds::Edge(edge) = holds else { return Ok(Vec::new()) };
        let (steps, samples, row) = (self.plan.request.steps, self.samples, edge.step_words());
        let source = (self.prepared()?.buffer(buffer), holds.words(steps, samples));
        mapped::with(&self.gpu, &[source], |words| {
            unpack_batch(&edge, steps, samples, order, |t, sample| &words[(t * samples + sample) * row..][..row])
        })
        .await
    }

    /// A step of the optimiser.
    ///
    /// # Errors
    /// A device that is lost.
    pub async fn optimise(&mut self) -> Result<()> {
        self.prepare(1).await?;
        self.known.clear();
        let schedule = self.schedule(1, Part::End);
        let prepared = self.prepared()?;
        self.gpu.checked("a step of the optimiser", || self.submit(prepared, &schedule, prepared.encoder())).await?;
        timestamps::collect(self.timestamps.as_ref(), &self.gpu, &self.plan).await
    }

    /// Memory for a batch, or for as much of it as fits.
    async fn prepare(&mut self, samples: usize) -> Result<()> {
        if self.prepared.as_ref().is_some_and(|p| p.capacity() >= samples || p.is_full()) {
            return Ok(());
        }
        self.prepared = None;
        let dispatches = |part| self.schedule(samples, part).dispatches.len();
        let parts = [Part::Steps, Part::Back, Part::End];
        let room = Room::Entries(parts.map(dispatches).into_iter().max().unwrap_or(0));
        let prepared = Prepared::with_constants(&self.gpu, self.plan.clone(), samples, room, &self.constants);
        self.prepared = Some(prepared.await?);
        Ok(())
    }

    fn prepared(&self) -> Result<&Prepared> {
        self.prepared.as_ref().ok_or_else(|| self.gpu.error("nothing is prepared"))
    }

    /// The dispatches of a part of the plan.
    fn schedule(&self, samples: usize, part: Part) -> Schedule {
        let mut schedule = Schedule::new(self.gpu.budget()).with_rounds(self.gpu.most_rounds());
        schedule.part(&self.plan, self.window(samples), part, std::slice::from_ref(&(0..samples)));
        schedule
    }

    /// All steps of so many samples.
    fn window(&self, samples: usize) -> Window {
        Window { batch: samples, start: 0, steps: self.plan.request.steps, at: 0, clock: 0 }
    }

    /// The gradients of some samples, added to what is there.
    async fn part_of(&mut self, batch: &Batch<'_>, own: Range<usize>, result: &mut BatchResult) -> Result<()> {
        let (prepared, samples) = (self.prepared()?, own.len());
        let schedule = self.schedule(samples, Part::Steps);
        let window = self.window(samples);
        let work = || {
            if let Holds::Edge(edge) = self.plan.buffers[self.plan.input].holds {
                upload(&self.gpu, prepared.buffer(self.plan.input), &edge, window, &batch.samples[own.clone()]);
            }
            let each = batch.labels[own.clone()].iter().zip(&batch.seeds[own.clone()]);
            let facts: Vec<u32> = each.flat_map(|(label, seed)| [*label, *seed]).collect();
            self.gpu.queue().write_buffer(prepared.buffer(self.training.facts), 0, bytemuck::cast_slice(&facts));
            let mut encoder = prepared.encoder();
            self.clear(prepared, &mut encoder, own.start == 0, samples);
            self.submit(prepared, &schedule, encoder);
        };
        self.gpu.checked(&format!("gradients of `{}`", self.plan.name), work).await?;
        self.samples = samples;
        self.read(samples, result).await
    }

    /// Records that counters and what adds up start at zero.
    fn clear(&self, prepared: &Prepared, encoder: &mut wgpu::CommandEncoder, first: bool, samples: usize) {
        prepared.clear_counters(encoder, samples);
        for &buffer in &self.training.cleared {
            let bytes = 4 * self.plan.buffers[buffer].holds.words(self.plan.request.steps, samples) as u64;
            encoder.clear_buffer(prepared.buffer(buffer), 0, Some(bytes));
        }
        for &constant in self.training.cleared_constants.iter().filter(|_| first) {
            encoder.clear_buffer(&self.constants[constant], 0, None);
        }
    }

    /// Waits for losses and counters, and for what the host computes with.
    async fn read(&mut self, samples: usize, result: &mut BatchResult) -> Result<()> {
        let (prepared, plan) = (self.prepared()?, &self.plan);
        let results = match self.training.loss {
            LossMemory::Computed { results } => Some(results),
            LossMemory::Own { .. } => None,
        };
        let buffers = results.into_iter().chain(plan.populations.iter().map(|population| population.tally));
        let looked_at = self.looked_at();
        let sources: Vec<_> = buffers
            .map(|buffer| (prepared.buffer(buffer), plan.buffers[buffer].holds.words(plan.request.steps, samples)))
            .chain(looked_at.iter().map(|&constant| self.constant(constant)))
            .collect();
        let mut words = mapped::mapped(&self.gpu, &sources).await?.into_iter();
        for value in results.and_then(|_| words.next()).unwrap_or_default().chunks_exact(RESULTS) {
            result.losses.push(f32::from_bits(value[0]));
            result.correct += usize::from(f32::from_bits(value[1]) == 1.0);
        }
        // In this order, so that no more words are taken than there are populations.
        for ((spikes, most), words) in result.spikes.iter_mut().zip(&mut result.most_spikes).zip(words.by_ref()) {
            for tally in words.chunks_exact(TALLY_WORDS) {
                *spikes += u64::from(tally[0]);
                *most = tally[3].max(*most);
            }
        }
        self.known = looked_at.into_iter().zip(words).collect();
        timestamps::collect(self.timestamps.as_ref(), &self.gpu, &self.plan).await
    }

    /// What the host looks at after every batch.
    fn looked_at(&self) -> Vec<usize> {
        let populations = self.training.populations.iter().map(|population| population.gradients);
        self.training.square_sums.into_iter().chain(populations).collect()
    }

    /// A constant and the number of its words.
    fn constant(&self, constant: usize) -> (&wgpu::Buffer, usize) {
        (&self.constants[constant], self.training.plan.constants[constant].words.len())
    }

    /// Submits dispatches, behind what has been recorded.
    fn submit(&self, prepared: &Prepared, schedule: &Schedule, encoder: wgpu::CommandEncoder) {
        prepared.tell(schedule);
        let encoder = timestamps::record(self.timestamps.as_ref(), prepared, schedule, encoder);
        self.gpu.queue().submit([encoder.finish()]);
    }
}
