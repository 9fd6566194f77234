//! How long each dispatch takes, by the device's own clock.

use std::sync::Mutex;
use std::time::Duration;

use super::context::Gpu;
use super::mapped;
use super::prepared::Prepared;
use super::schedule::{Dispatch, Schedule};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::run::profile::{Profiler, Span};

/// Dispatches that one query set times: it may hold 4096 timestamps.
const MOST: usize = 2048;

/// Records the dispatches of a schedule, each timed where times are taken, and submits what is full; the last part is left in
/// the encoder that comes back.
pub(super) fn record(
    timestamps: Option<&Timestamps>,
    prepared: &Prepared,
    schedule: &Schedule,
    mut encoder: wgpu::CommandEncoder,
) -> wgpu::CommandEncoder {
    let record = |encoder: &mut wgpu::CommandEncoder, dispatches: &[Dispatch]| match timestamps {
        Some(timestamps) => {
            dispatches.chunks(MOST).for_each(|part| timestamps.record(prepared, encoder, part));
        }
        None => prepared.record(encoder, dispatches),
    };
    let mut begin = 0;
    for end in (1..schedule.dispatches.len()).filter(|&at| schedule.dispatches[at].breaks) {
        record(&mut encoder, &schedule.dispatches[begin..end]);
        let full = std::mem::replace(&mut encoder, prepared.encoder());
        prepared.gpu.queue().submit([full.finish()]);
        begin = end;
    }
    record(&mut encoder, &schedule.dispatches[begin..]);
    encoder
}

/// Waits for the times of what was recorded and submitted, where times are taken.
///
/// # Errors
/// A device that is lost.
pub(super) async fn collect(timestamps: Option<&Timestamps>, gpu: &Gpu, plan: &Plan) -> Result<()> {
    match timestamps {
        Some(timestamps) => timestamps.collect(gpu, plan).await,
        None => Ok(()),
    }
}

/// Times dispatches: each becomes a pass of its own with a timestamp before and after it.
#[derive(Debug)]
pub(super) struct Timestamps {
    profiler: Profiler,
    pending: Mutex<Vec<Pending>>,
    /// The first timestamp there was, and when its dispatch was submitted.
    origin: Mutex<Option<(u64, Duration)>>,
}

/// Timestamps on their way.
#[derive(Debug)]
struct Pending {
    steps: Vec<usize>,
    staging: wgpu::Buffer,
    submitted: Duration,
}

impl Timestamps {
    /// On this device.
    ///
    /// # Errors
    /// [`Error::Gpu`] where it has no timestamps.
    pub fn new(gpu: &Gpu, profiler: Profiler) -> Result<Timestamps> {
        if !gpu.device().features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            let message = "a profile needs timestamps (TIMESTAMP_QUERY), which this device does not have";
            return Err(Error::gpu(&gpu.info().name, message));
        }
        Ok(Timestamps { profiler, pending: Mutex::default(), origin: Mutex::default() })
    }

    /// Records dispatches, at most [`MOST`], each in a pass.
    fn record(&self, prepared: &Prepared, encoder: &mut wgpu::CommandEncoder, dispatches: &[Dispatch]) {
        let device = prepared.gpu.device();
        let count = 2 * dispatches.len() as u32;
        if count == 0 {
            return;
        }
        let queries =
            device.create_query_set(&wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count });
        for (at, dispatch) in (0..).step_by(2).zip(dispatches) {
            let descriptor = wgpu::ComputePassDescriptor {
                label: Some("timed"),
                timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                    query_set: &queries,
                    beginning_of_pass_write_index: Some(at),
                    end_of_pass_write_index: Some(at + 1),
                }),
            };
            prepared.record_into(&mut encoder.begin_compute_pass(&descriptor), std::slice::from_ref(dispatch));
        }
        let bytes = 8 * u64::from(count);
        let resolved = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("timestamps"),
            size: bytes,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let staging = prepared.gpu.staging(bytes);
        encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &staging, 0, Some(bytes));
        let steps = dispatches.iter().map(|dispatch| dispatch.step).collect();
        if let Ok(mut pending) = self.pending.lock() {
            pending.push(Pending { steps, staging, submitted: self.profiler.now() });
        }
    }

    /// Waits for everything that was recorded and submitted, and notes it.
    ///
    /// # Errors
    /// A device that is lost.
    async fn collect(&self, gpu: &Gpu, plan: &Plan) -> Result<()> {
        let pending = self.pending.lock().map(|mut pending| std::mem::take(&mut *pending)).unwrap_or_default();
        let period = f64::from(gpu.queue().get_timestamp_period());
        for Pending { steps, staging, submitted } in pending {
            let bytes = 16 * steps.len() as u64;
            let words = mapped::words(gpu, staging, bytes, None).await?;
            let ticks: Vec<u64> = words.chunks_exact(2).map(|w| u64::from(w[0]) | u64::from(w[1]) << 32).collect();
            let Some(&first) = ticks.first() else { continue };
            let Ok(mut origin) = self.origin.lock() else { continue };
            let (zero, host) = *origin.get_or_insert((first, submitted));
            let at = |tick: u64| host + Duration::from_nanos((tick.saturating_sub(zero) as f64 * period) as u64);
            let spans = steps.into_iter().zip(ticks.chunks_exact(2));
            let spans = spans.map(|(step, ticks)| Span { step, lane: 0, start: at(ticks[0]), end: at(ticks[1]) });
            self.profiler.add(plan, spans);
        }
        Ok(())
    }
}
