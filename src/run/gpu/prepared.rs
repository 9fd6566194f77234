//! A plan on a device: its memory, pipelines and bind groups, made once.

use std::sync::{Arc, Mutex};

use super::cache::Cache;
use super::context::Gpu;
use super::pipelines::Pipeline;
use super::readback;
use super::schedule::{Dispatch, Schedule};
use crate::error::{Error, Result};
use crate::kernel::{Access, MOST_STEPS, Window, WindowWords};
use crate::plan::{Holds, Plan, Slot, Step, bytes_text};

/// A plan's memory, pipelines and bind groups, for up to [`Prepared::capacity`] samples at once.
#[derive(Debug)]
pub struct Prepared {
    pub(super) gpu: Gpu,
    pub(super) plan: Arc<Plan>,
    capacity: usize,
    /// Samples that were asked for.
    wanted: usize,
    /// One buffer for each memory slot of the plan.
    slots: Vec<wgpu::Buffer>,
    steps: Vec<PreparedStep>,
    /// What each dispatch of a window is told, `stride` bytes apart.
    windows: wgpu::Buffer,
    stride: u64,
    /// What they were told last.
    told: Mutex<Vec<WindowWords>>,
}

/// What dispatches are told at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Room {
    /// A window, for all samples or for neighbours.
    Window,
    /// A window for some of the samples, whichever: neighbours are told together.
    Runs,
    /// So many different things.
    Entries(usize),
}

#[derive(Debug)]
struct PreparedStep {
    pipeline: Arc<Pipeline>,
    bind: wgpu::BindGroup,
}

impl Prepared {
    /// Prepares a plan for `samples` at once, or as many as fit.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where one sample or the weights do not fit, [`Error::DriverLimit`] where the driver would
    /// give wrong results, [`Error::Gpu`] where it refuses.
    pub async fn new(gpu: &Gpu, plan: Arc<Plan>, samples: usize) -> Result<Prepared> {
        Self::with_room(gpu, plan, samples, Room::Window).await
    }

    /// [`Prepared::new`] with room for what dispatches are told at once.
    pub(super) async fn with_room(gpu: &Gpu, plan: Arc<Plan>, samples: usize, room: Room) -> Result<Prepared> {
        let steps = plan.window_steps();
        if plan.steps().any(|step| step.kernel.population().is_some()) && steps > MOST_STEPS {
            return Err(gpu.error(format!("a window has {steps} steps, kernels with neurons take {MOST_STEPS}")));
        }
        let constants = constants(gpu, &plan).await?;
        Self::with_constants(gpu, plan, samples, room, &constants).await
    }

    /// [`Prepared::with_room`] with memory that all samples share and that outlives it.
    pub(super) async fn with_constants(
        gpu: &Gpu,
        plan: Arc<Plan>,
        samples: usize,
        room: Room,
        constants: &[wgpu::Buffer],
    ) -> Result<Prepared> {
        let steps = plan.window_steps();
        let most = gpu.most_rounds();
        if let Some(step) = plan.steps().find(|step| rounds(step, steps) > most) {
            let (layer, kernel, rounds) = (&step.layer, step.kernel.name(), rounds(step, steps));
            let message = format!(
                "`{layer}` ({kernel}) may take {rounds} loop rounds in one invocation for {steps} steps, this driver ends \
                 loops after {most}: use `--device cpu`"
            );
            return Err(Error::DriverLimit { device: gpu.info().name.clone(), message });
        }
        let mut capacity = fitting(gpu, &plan, samples)?;
        loop {
            match Self::with(gpu, &plan, capacity, constants, room).await {
                Ok(prepared) => return Ok(Prepared { wanted: samples, ..prepared }),
                Err(Error::OutOfMemory { .. }) if capacity > 1 => capacity = capacity.div_ceil(2),
                Err(error) => return Err(error),
            }
        }
    }

    async fn with(
        gpu: &Gpu,
        plan: &Arc<Plan>,
        capacity: usize,
        constants: &[wgpu::Buffer],
        room: Room,
    ) -> Result<Prepared> {
        let bytes = plan.sample_bytes() as u128 * capacity as u128;
        let what = format!("{capacity} samples of `{}` need {}", plan.name, bytes_text(bytes));
        let slots = gpu.checked(&what, || {
            let slots = plan.slots.iter().enumerate();
            slots.map(|(at, &words)| buffer(gpu, &format!("work {at}"), words * capacity)).collect::<Vec<_>>()
        });
        let slots = slots.await?;
        let stride = u64::from(gpu.limits().min_uniform_buffer_offset_alignment).max(size_of::<WindowWords>() as u64);
        let entries = match room {
            Room::Window => most_dispatches(gpu, plan, capacity),
            Room::Runs => most_dispatches(gpu, plan, capacity) * capacity.div_ceil(2),
            Room::Entries(entries) => entries.max(1),
        };
        let windows = gpu.checked("windows of time", || windows_buffer(gpu, stride * entries as u64)).await?;
        let (mut steps, told) = (Vec::new(), Mutex::default());
        for step in plan.steps() {
            let pipeline = gpu.pipeline(&step.kernel).await?;
            let bind =
                gpu.checked(step.kernel.name(), || bind(gpu, plan, step, &pipeline, &slots, constants, &windows));
            steps.push(PreparedStep { bind: bind.await?, pipeline });
        }
        gpu.cache().into_iter().for_each(Cache::save);
        Ok(Prepared {
            gpu: gpu.clone(),
            plan: plan.clone(),
            capacity,
            wanted: capacity,
            slots,
            steps,
            windows,
            stride,
            told,
        })
    }

    /// The most samples of one batch.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The memory that a buffer of the plan lives in, from its first byte on.
    pub fn buffer(&self, buffer: usize) -> &wgpu::Buffer {
        &self.slots[self.plan.buffers[buffer].slot]
    }

    /// Fills all working memory with a value that shows up in results if it is ever read before it is written.
    pub fn poison(&self, word: u32) {
        for slot in &self.slots {
            self.gpu.queue().write_buffer(slot, 0, bytemuck::cast_slice(&vec![word; slot.size() as usize / 4]));
        }
    }

    /// The words of its memory that batches of so many samples have no use for.
    pub(super) async fn beyond(&self, samples: usize) -> Result<Vec<u32>> {
        let mut words = Vec::new();
        for (at, slot) in self.slots.iter().enumerate() {
            let lodgers = self.plan.buffers.iter().filter(|b| b.slot == at);
            let used = lodgers.map(|b| b.holds.words(self.plan.window_steps(), samples)).max().unwrap_or(0);
            words.extend(readback::from(&self.gpu, slot, 4 * used as u64).await?);
        }
        Ok(words)
    }

    /// Whether no more samples fit.
    pub(super) fn is_full(&self) -> bool {
        self.capacity < self.wanted
    }

    /// Records that counters start at zero.
    pub(super) fn clear_counters(&self, encoder: &mut wgpu::CommandEncoder, batch: usize) {
        for (at, buffer) in self.plan.buffers.iter().enumerate() {
            if matches!(buffer.holds, Holds::Tally | Holds::Meter) {
                let bytes = 4 * buffer.holds.words(1, batch) as u64;
                encoder.clear_buffer(self.buffer(at), 0, Some(bytes));
            }
        }
    }

    /// Tells the dispatches of a window what they are to do; takes effect with the next submission.
    pub(super) fn tell(&self, schedule: &Schedule) {
        if let Ok(mut told) = self.told.lock()
            && *told != schedule.entries
        {
            self.tell_all(&schedule.entries);
            told.clone_from(&schedule.entries);
        }
    }

    /// Tells dispatches these entries; takes effect with the next submission.
    pub(super) fn tell_all(&self, entries: &[WindowWords]) {
        let mut bytes = vec![0; self.stride as usize * entries.len()];
        for (entry, to) in entries.iter().zip(bytes.chunks_exact_mut(self.stride as usize)) {
            to[..size_of::<WindowWords>()].copy_from_slice(bytemuck::bytes_of(entry));
        }
        if !bytes.is_empty() {
            self.gpu.queue().write_buffer(&self.windows, 0, &bytes);
        }
    }

    /// An encoder for its dispatches.
    pub(super) fn encoder(&self) -> wgpu::CommandEncoder {
        self.gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(&self.plan.name) })
    }

    /// Records dispatches as one pass.
    pub(super) fn record(&self, encoder: &mut wgpu::CommandEncoder, dispatches: &[Dispatch]) {
        let descriptor = wgpu::ComputePassDescriptor { label: Some(&self.plan.name), timestamp_writes: None };
        self.record_into(&mut encoder.begin_compute_pass(&descriptor), dispatches);
    }

    /// Records dispatches in a pass.
    pub(super) fn record_into(&self, pass: &mut wgpu::ComputePass<'_>, dispatches: &[Dispatch]) {
        for dispatch in dispatches {
            let step = &self.steps[dispatch.step];
            pass.set_pipeline(&step.pipeline.pipeline);
            pass.set_bind_group(0, &step.bind, &[self.offset(dispatch.entry)]);
            let [x, y, z] = dispatch.grid;
            pass.dispatch_workgroups(x, y, z);
        }
    }

    /// What each dispatch is told, and how many bytes apart.
    pub(super) fn windows(&self) -> (&wgpu::Buffer, u64) {
        (&self.windows, self.stride)
    }

    /// Where an entry begins.
    pub(super) fn offset(&self, entry: usize) -> u32 {
        (entry as u64 * self.stride) as u32
    }
}

/// Loop rounds of an invocation of a step.
fn rounds(step: &Step, steps: usize) -> u64 {
    let neurons = step.kernel.population().is_some();
    step.kernel.rounds(if neurons { steps.min(MOST_STEPS) } else { steps })
}

/// How many of `samples` fit into bindings and the budget.
fn fitting(gpu: &Gpu, plan: &Plan, samples: usize) -> Result<usize> {
    let binding = gpu.binding_limit();
    let memory = gpu.budget().memory;
    let largest = plan.slots.iter().max().map_or(0, |&words| 4 * words as u64);
    let results = readback::sample_bytes(plan);
    let whole = plan.sample_bytes() as u64 + results;
    let name = plan.buffers.iter().find(|b| 4 * plan.slots[b.slot] as u64 == largest).map_or("", |b| &b.name);
    let needs = [
        (largest, format!("for `{name}`"), binding, "one binding holds"),
        (results, "for its results".into(), gpu.limits().max_buffer_size, "one buffer holds"),
        (whole, "in all".into(), memory, "the budget is"),
    ];
    if let Some((needed, what, has, who)) = needs.iter().find(|(needed, _, has, _)| needed > has) {
        let (needed, has) = (bytes_text((*needed).into()), bytes_text((*has).into()));
        let steps = plan.window_steps();
        return Err(Error::OutOfMemory {
            device: gpu.info().name.clone(),
            message: format!(
                "one sample of `{}` over {steps} steps at once needs {needed} {what}, {who} {has}",
                plan.name
            ),
        });
    }
    let most = needs.iter().map(|(needed, _, has, _)| has / (*needed).max(1)).min().unwrap_or(1);
    Ok(samples.clamp(1, most.max(1) as usize))
}

/// The most dispatches of a window: shorter ones may split otherwise.
fn most_dispatches(gpu: &Gpu, plan: &Plan, capacity: usize) -> usize {
    let windows = (1..=plan.window_steps()).map(|steps| Window { batch: capacity, start: 0, steps, at: 0, clock: 0 });
    windows.map(|window| Schedule::whole(plan, window, gpu.budget()).dispatches.len()).max().unwrap_or(1)
}

/// Weights, coefficients and tables on the device.
pub(super) async fn constants(gpu: &Gpu, plan: &Plan) -> Result<Vec<wgpu::Buffer>> {
    let binding = gpu.binding_limit();
    if let Some(large) = plan.constants.iter().find(|c| 4 * c.words.len() as u64 > binding) {
        return Err(Error::OutOfMemory {
            device: gpu.info().name.clone(),
            message: format!(
                "`{}` needs {}, one binding holds {}",
                large.name,
                bytes_text(4 * large.words.len() as u128),
                bytes_text(binding.into())
            ),
        });
    }
    let what = format!("weights of `{}` need {}", plan.name, bytes_text(plan.constant_bytes() as u128));
    gpu.checked(&what, || {
        let made = plan.constants.iter().map(|constant| {
            let made = buffer(gpu, &constant.name, constant.words.len());
            gpu.queue().write_buffer(&made, 0, bytemuck::cast_slice(&constant.words));
            made
        });
        made.collect()
    })
    .await
}

/// What dispatches are told; a stream's clock goes on there, so it can be written by a kernel.
fn windows_buffer(gpu: &Gpu, size: u64) -> wgpu::Buffer {
    use wgpu::BufferUsages as Usage;
    gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some("windows"),
        size: size.max(4),
        usage: Usage::UNIFORM | Usage::STORAGE | Usage::COPY_DST,
        mapped_at_creation: false,
    })
}

/// A storage buffer of so many words; none is empty.
pub(super) fn buffer(gpu: &Gpu, label: &str, words: usize) -> wgpu::Buffer {
    gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size: 4 * words.max(1) as u64,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// The entry at an offset of a buffer of them, to be bound.
pub(super) fn window_at(buffer: &wgpu::Buffer, offset: u64) -> wgpu::BindingResource<'_> {
    let size = std::num::NonZeroU64::new(size_of::<WindowWords>() as u64);
    wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
}

fn bind(
    gpu: &Gpu,
    plan: &Plan,
    step: &Step,
    pipeline: &Pipeline,
    slots: &[wgpu::Buffer],
    constants: &[wgpu::Buffer],
    windows: &wgpu::Buffer,
) -> wgpu::BindGroup {
    let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: window_at(windows, 0) }];
    for (at, (slot, info)) in step.bind.iter().zip(step.kernel.slots()).enumerate() {
        let buffer = match *slot {
            Slot::Empty => gpu.nothing(info.access == Access::Write),
            Slot::Buffer(buffer) => &slots[plan.buffers[buffer].slot],
            Slot::Constant(constant) => &constants[constant],
        };
        entries.push(wgpu::BindGroupEntry { binding: at as u32 + 1, resource: buffer.as_entire_binding() });
    }
    let label = format!("{} {}", step.kernel.name(), step.layer);
    gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some(&label),
        layout: &pipeline.layout,
        entries: &entries,
    })
}
