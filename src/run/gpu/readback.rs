//! Results back from the device: copied to memory that the host can map, and taken apart sample by sample.

use super::context::Gpu;
use super::mapped;
use super::prepared::Prepared;
use crate::error::Result;
use crate::kernel::Window;
use crate::network::Readout;
use crate::plan::Plan;
use crate::run::collect::SampleResult;

/// What a window leaves to be read.
#[derive(Debug)]
pub(super) struct Part {
    window: Window,
    staging: wgpu::Buffer,
    /// Buffers of the plan, and where their bytes are.
    places: Vec<(usize, std::ops::Range<usize>)>,
    /// Whether counters and final scores are among them.
    last: bool,
    submission: Option<wgpu::SubmissionIndex>,
}

impl Part {
    pub fn submitted(self, submission: wgpu::SubmissionIndex) -> Part {
        Part { submission: Some(submission), ..self }
    }
}

/// Records copies of what is to be read after a window; `None` where there is nothing.
pub(super) fn results(prepared: &Prepared, window: Window, encoder: &mut wgpu::CommandEncoder) -> Option<Part> {
    let plan = &prepared.plan;
    let last = plan.is_last(window);
    let part = copy(prepared, window, &wanted(plan, last), encoder)?;
    Some(Part { last, ..part })
}

/// Records copies of buffers of the plan; `None` where there are none.
fn copy(prepared: &Prepared, window: Window, wanted: &[usize], encoder: &mut wgpu::CommandEncoder) -> Option<Part> {
    let mut places = Vec::new();
    let mut end = 0;
    for &buffer in wanted {
        let bytes = 4 * prepared.plan.buffers[buffer].holds.words(window.steps, window.batch);
        places.push((buffer, end..end + bytes));
        end += bytes;
    }
    if end == 0 {
        return None;
    }
    let staging = staging(&prepared.gpu, end as u64);
    for (buffer, range) in &places {
        let from = prepared.buffer(*buffer);
        encoder.copy_buffer_to_buffer(from, 0, &staging, range.start as u64, Some(range.len() as u64));
    }
    Some(Part { window, staging, places, last: false, submission: None })
}

fn staging(gpu: &Gpu, bytes: u64) -> wgpu::Buffer {
    gpu.device().create_buffer(&wgpu::BufferDescriptor {
        label: Some("results"),
        size: bytes,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// The buffers to be read after a window, or after the last one.
fn wanted(plan: &Plan, last: bool) -> Vec<usize> {
    let trace = plan.request.readout == Readout::Trace && !plan.request.streaming;
    let mut wanted = Vec::new();
    if last || trace {
        wanted.push(plan.scores);
    }
    wanted.extend(plan.populations.iter().flat_map(|p| [p.spikes, p.traces]).flatten());
    if last {
        wanted.extend(plan.populations.iter().map(|p| p.tally));
        wanted.extend(plan.weighted.iter().filter_map(|w| w.meter));
    }
    wanted
}

/// Bytes that a window leaves to be read for one sample, at most.
pub(super) fn sample_bytes(plan: &Plan) -> u64 {
    let words = wanted(plan, true).into_iter().map(|b| plan.buffers[b].holds.words(plan.window_steps(), 1) as u64);
    4 * words.sum::<u64>()
}

/// Waits for the parts of a batch, in order, and hands every sample its own.
pub(super) async fn collect(
    gpu: &Gpu,
    plan: &Plan,
    parts: impl IntoIterator<Item = Part>,
    steps: usize,
    results: &mut [SampleResult],
) -> Result<()> {
    for part in parts {
        let window = part.window;
        let words = read(gpu, &part).await?;
        for (sample, result) in results.iter_mut().enumerate() {
            let own: Vec<(usize, Vec<u32>)> = part
                .places
                .iter()
                .map(|(buffer, range)| {
                    let words = &words[range.start / 4..range.end / 4];
                    (*buffer, plan.buffers[*buffer].holds.of_sample(words, window.steps, window.batch, sample))
                })
                .collect();
            let buffer = |wanted: usize| own.iter().find(|(b, _)| *b == wanted).map_or(&[][..], |(_, words)| words);
            result.window(plan, window, buffer);
            if part.last {
                result.finish(plan, steps, buffer)?;
            }
        }
    }
    Ok(())
}

/// The words of one sample in a buffer of the plan, once everything submitted so far is done.
pub(super) async fn whole(prepared: &Prepared, buffer: usize) -> Result<Vec<u32>> {
    let (gpu, plan) = (&prepared.gpu, &prepared.plan);
    let window = Window { batch: 1, start: 0, steps: plan.window_steps(), clock: 0 };
    let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
    let part = copy(prepared, window, &[buffer], &mut encoder).ok_or_else(|| gpu.error("there is nothing to read"))?;
    let submission = gpu.queue().submit([encoder.finish()]);
    read(gpu, &part.submitted(submission)).await
}

/// The words of a buffer from a byte on.
pub(super) async fn from(gpu: &Gpu, buffer: &wgpu::Buffer, first: u64) -> Result<Vec<u32>> {
    if first >= buffer.size() {
        return Ok(Vec::new());
    }
    let copy = || {
        let staging = staging(gpu, buffer.size() - first);
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        encoder.copy_buffer_to_buffer(buffer, first, &staging, 0, None);
        let submission = gpu.queue().submit([encoder.finish()]);
        (staging, submission)
    };
    let (staging, submission) = gpu.checked("reading memory", copy).await?;
    mapped::words(gpu, &staging, Some(submission)).await
}

/// The words of a part, once they are there.
async fn read(gpu: &Gpu, part: &Part) -> Result<Vec<u32>> {
    mapped::words(gpu, &part.staging, part.submission.clone()).await
}
