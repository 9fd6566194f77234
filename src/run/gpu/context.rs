//! A device with what everything on it shares: queue, limits, pipelines.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::adapters::{self, AdapterInfo, Choice};
use super::budget::Budget;
use super::cache::Cache;
use super::crossover::Crossovers;
use super::pipelines::Pipeline;
use crate::error::{Error, Result};
use crate::plan::LinearSize;

/// An open GPU. Clones share it.
#[derive(Clone, Debug)]
pub struct Gpu {
    shared: Arc<Inner>,
    budget: Budget,
    edit: Option<ShaderEdit>,
    /// Where compiled pipelines are kept.
    cache: Option<Arc<Cache>>,
    /// Where lists of events pay.
    crossovers: Option<Arc<Crossovers>>,
}

/// Given the name of a kernel and the text of its shader, the text to be used instead.
pub type ShaderEdit = fn(kernel: &str, text: String) -> String;

#[derive(Debug)]
struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: AdapterInfo,
    limits: wgpu::Limits,
    /// By the text of the shader.
    pipelines: Mutex<HashMap<String, Arc<Pipeline>>>,
    /// Buffers that results came back in, for the next ones.
    staging: Mutex<Vec<wgpu::Buffer>>,
    /// Why the device was lost, once it is; only of devices that we opened.
    lost: Arc<Mutex<Option<String>>>,
    /// What stands for a slot that is read, and for one that is written, where there is nothing to bind.
    nothing: [wgpu::Buffer; 2],
}

/// What a device for this library asks of an adapter: timestamps and caches of pipelines where it has them, which profiles
/// and quick starts need, and of the limits the adapter's own where more helps.
///
/// Limits that this library does not use are low. A caller who needs more merges their own with
/// `limits.or_better_values_from(&own)`. What [`Gpu::from_device`] insists on is less: what every WebGPU device has.
pub fn required(adapter: &wgpu::Adapter) -> (wgpu::Features, wgpu::Limits) {
    let own = adapter.limits();
    let limits = wgpu::Limits {
        max_storage_buffer_binding_size: own.max_storage_buffer_binding_size,
        max_buffer_size: own.max_buffer_size,
        ..wgpu::Limits::downlevel_defaults().or_worse_values_from(&own)
    };
    let limits = wgpu::Limits { max_storage_buffers_per_shader_stage: SLOTS_NEEDED, ..limits };
    (adapter.features() & (wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::PIPELINE_CACHE), limits)
}

/// Storage buffers that the largest kernel binds.
const SLOTS_NEEDED: u32 = 8;

/// What kernels take for granted: the limit's name, what it must be at least, what it is.
fn needed(limits: &wgpu::Limits) -> [(&'static str, u32, u32); 6] {
    [
        ("max_storage_buffers_per_shader_stage", SLOTS_NEEDED, limits.max_storage_buffers_per_shader_stage),
        ("max_bindings_per_bind_group", SLOTS_NEEDED + 1, limits.max_bindings_per_bind_group),
        ("max_dynamic_uniform_buffers_per_pipeline_layout", 1, limits.max_dynamic_uniform_buffers_per_pipeline_layout),
        ("max_compute_invocations_per_workgroup", 256, limits.max_compute_invocations_per_workgroup),
        ("max_compute_workgroup_storage_size", 16_352, limits.max_compute_workgroup_storage_size),
        ("max_compute_workgroup_size_x", 256, limits.max_compute_workgroup_size_x),
    ]
}

impl Gpu {
    /// The best GPU there is.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new() -> Result<Gpu> {
        Self::open(&Choice::Best)
    }

    /// A GPU by choice.
    ///
    /// # Errors
    /// [`Error::Request`] where there is none such, [`Error::Gpu`] where it cannot be opened.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(choice: &Choice) -> Result<Gpu> {
        pollster::block_on(Self::open_async(choice))
    }

    /// A GPU by choice, for the web.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub async fn open_async(choice: &Choice) -> Result<Gpu> {
        let adapter = adapters::choose(choice).await?;
        let info = adapters::describe(&adapter);
        let (required_features, required_limits) = required(&adapter);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("saltatory"),
            required_features,
            required_limits,
            ..Default::default()
        };
        let opened = adapter.request_device(&descriptor).await;
        let (device, queue) = opened.map_err(|e| Error::gpu(&info.name, format!("cannot be opened: {e}")))?;
        let lost = Arc::new(Mutex::new(None));
        let reason = lost.clone();
        device.set_device_lost_callback(move |why, message| {
            if let Ok(mut lost) = reason.lock() {
                *lost = Some(format!("{why:?}: {message}"));
            }
        });
        Self::with(device, queue, info, lost)
    }

    /// The caller's own device: nothing is installed on it, and only what it already has is used.
    ///
    /// # Errors
    /// [`Error::Gpu`] where its limits are below those that every WebGPU device has.
    pub fn from_device(device: &wgpu::Device, queue: &wgpu::Queue) -> Result<Gpu> {
        let info = adapters::about(&device.adapter_info(), &device.limits());
        Self::with(device.clone(), queue.clone(), info, Arc::default())
    }

    fn with(
        device: wgpu::Device,
        queue: wgpu::Queue,
        info: AdapterInfo,
        lost: Arc<Mutex<Option<String>>>,
    ) -> Result<Gpu> {
        let limits = device.limits();
        if let Some((name, needed, has)) = needed(&limits).into_iter().find(|(_, needed, has)| has < needed) {
            return Err(Error::gpu(&info.name, format!("expected {name} of {needed} or more, the device has {has}")));
        }
        let nothing = ["nothing.read", "nothing.write"].map(|label| {
            let usage = wgpu::BufferUsages::STORAGE;
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: 256,
                usage,
                mapped_at_creation: false,
            })
        });
        let budget = Budget::of(&info);
        let (pipelines, staging) = Default::default();
        let shared = Arc::new(Inner { device, queue, info, limits, pipelines, staging, lost, nothing });
        Ok(Gpu { shared, budget, edit: None, cache: None, crossovers: None })
    }

    /// The same GPU, asked for less or more at once.
    pub fn with_budget(&self, budget: Budget) -> Gpu {
        Gpu { budget, ..self.clone() }
    }

    /// The same GPU with other shaders: for tests, which show so that a wrong one is noticed.
    pub fn with_edited_shaders(&self, edit: ShaderEdit) -> Gpu {
        Gpu { edit: Some(edit), ..self.clone() }
    }

    /// The same GPU, which finds pipelines in a file of this folder if it compiled them before, and keeps new ones there. Of
    /// no effect where the driver has no such thing.
    pub fn keep_pipelines(&self, folder: &std::path::Path) -> Gpu {
        Gpu { cache: Cache::new(self, folder).map(Arc::new), ..self.clone() }
    }

    /// The same GPU, which finds in a file of this folder where lists of events were measured to pay, and keeps there what is
    /// measured of it.
    pub fn keep_crossovers(&self, folder: &std::path::Path) -> Gpu {
        Gpu { crossovers: Some(Arc::new(Crossovers::new(folder))), ..self.clone() }
    }

    /// The share of inputs up to which lists of those that fired are quicker, where that was measured for such a layer.
    pub fn crossover(&self, size: LinearSize) -> Option<f32> {
        self.crossovers.as_ref()?.share(self.info(), size)
    }

    /// Whether it was measured with batches of so many samples.
    pub fn knows_crossover(&self, size: LinearSize, batch: usize) -> bool {
        self.crossovers.as_ref().is_some_and(|known| known.knows(self.info(), size, batch))
    }

    /// What was measured on it, where it is kept.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn crossovers(&self) -> Option<&Crossovers> {
        self.crossovers.as_deref()
    }

    /// Where compiled pipelines are kept.
    pub(super) fn cache(&self) -> Option<&Cache> {
        self.cache.as_deref()
    }

    /// What it is asked for at most.
    pub fn budget(&self) -> Budget {
        let axis = self.budget.axis.min(self.limits().max_compute_workgroups_per_dimension).max(1);
        Budget { axis, ..self.budget }
    }

    /// The text of a shader, edited where that was asked for.
    pub(super) fn edited(&self, kernel: &str, text: String) -> String {
        match self.edit {
            Some(edit) => edit(kernel, text),
            None => text,
        }
    }

    /// What is known of the adapter.
    pub fn info(&self) -> &AdapterInfo {
        &self.shared.info
    }

    /// The device.
    pub fn device(&self) -> &wgpu::Device {
        &self.shared.device
    }

    /// The queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.shared.queue
    }

    pub(super) fn limits(&self) -> &wgpu::Limits {
        &self.shared.limits
    }

    /// Loop rounds that one invocation may take over all its loops. llvmpipe ends loops beyond them without a word
    /// (its sources call this the loop limiter), which leaves wrong results; other drivers count on a watchdog.
    pub(super) fn most_rounds(&self) -> u64 {
        let info = &self.shared.info;
        if info.name.contains("llvmpipe") || info.driver.contains("llvmpipe") { 65_000 } else { u64::MAX }
    }

    /// The most bytes that one storage binding holds.
    pub fn binding_limit(&self) -> u64 {
        self.shared.limits.max_storage_buffer_binding_size.min(self.shared.limits.max_buffer_size)
    }

    /// A buffer of at least so many bytes that can be copied to and mapped.
    pub(super) fn staging(&self, bytes: u64) -> wgpu::Buffer {
        let bytes = bytes.max(4);
        let kept = self.shared.staging.lock().ok().and_then(|mut kept| {
            let at = kept.iter().position(|buffer| (bytes..=2 * bytes).contains(&buffer.size()))?;
            Some(kept.swap_remove(at))
        });
        kept.unwrap_or_else(|| {
            self.device().create_buffer(&wgpu::BufferDescriptor {
                label: Some("results"),
                size: bytes,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })
    }

    /// Keeps a buffer that [`Gpu::staging`] has given, no longer mapped, for the next who wants one.
    pub(super) fn keep_staging(&self, buffer: wgpu::Buffer) {
        const MOST: usize = 8;
        // A large one is worth its memory more than its making.
        const LARGEST: u64 = 16 << 20;
        if buffer.size() <= LARGEST
            && let Ok(mut kept) = self.shared.staging.lock()
        {
            kept.truncate(MOST - 1);
            kept.insert(0, buffer);
        }
    }

    pub(super) fn pipelines(&self) -> &Mutex<HashMap<String, Arc<Pipeline>>> {
        &self.shared.pipelines
    }

    /// What is bound where there is nothing to read (0) or to write (1).
    pub(super) fn nothing(&self, writes: bool) -> &wgpu::Buffer {
        &self.shared.nothing[usize::from(writes)]
    }

    /// An error of this GPU.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        let lost = self.shared.lost.lock().ok().and_then(|lost| lost.clone());
        let message = message.into();
        Error::gpu(
            &self.shared.info.name,
            lost.map_or(message.clone(), |why| format!("{message}; the device was lost ({why})")),
        )
    }

    /// Runs `work`; errors that the driver layer raises meanwhile become ours.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] or [`Error::Gpu`].
    pub(super) async fn checked<T>(&self, what: &str, work: impl FnOnce() -> T) -> Result<T> {
        let device = self.device();
        let filters = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::OutOfMemory];
        let scopes = filters.map(|filter| device.push_error_scope(filter));
        let result = work();
        // Scopes are a stack: the last one pushed goes first.
        let [internal, validation, memory] = scopes;
        let futures = (memory.pop(), validation.pop(), internal.pop());
        if let Some(error) = futures.0.await {
            return Err(Error::OutOfMemory { device: self.info().name.clone(), message: format!("{what}: {error}") });
        }
        let (validation, internal) = (futures.1.await, futures.2.await);
        validation.or(internal).map_or(Ok(result), |error| Err(self.error(format!("{what}: {error}"))))
    }
}
