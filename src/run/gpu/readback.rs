//! Results back from the device: copied to memory that the host can map, and taken apart sample by sample.

use super::context::Gpu;
use super::mapped;
use super::prepared::Prepared;
use crate::error::Result;
use crate::kernel::Window;
use crate::network::Readout;
use crate::plan::Plan;
use crate::run::collect::SampleResult;
use crate::run::metrics::Metrics;

/// What is to be read after a window, by row of the batch.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Rows that have run: their steps of a trace and of recordings.
    pub ran: Vec<usize>,
    /// Rows that have ended: their scores and counters.
    pub ended: Vec<usize>,
    /// Whether the scores so far are wanted as well.
    pub scores: bool,
}

/// What a window leaves to be read.
#[derive(Debug)]
pub(super) struct Left {
    window: Window,
    staging: wgpu::Buffer,
    /// Buffers of the plan, and where their bytes are.
    places: Vec<(usize, std::ops::Range<usize>)>,
    wanted: Wanted,
    submission: Option<wgpu::SubmissionIndex>,
}

impl Left {
    pub fn submitted(self, submission: wgpu::SubmissionIndex) -> Left {
        Left { submission: Some(submission), ..self }
    }

    /// Waits for it.
    ///
    /// # Errors
    /// A device that is lost.
    pub async fn read(self, gpu: &Gpu) -> Result<Read> {
        let bytes = self.places.last().map_or(0, |(_, range)| range.end) as u64;
        let Left { window, staging, places, wanted, submission } = self;
        let words = mapped::words(gpu, staging, bytes, submission).await?;
        Ok(Read { words, window, places, wanted })
    }
}

/// What a window has left.
#[derive(Debug)]
pub(super) struct Read {
    words: Vec<u32>,
    window: Window,
    places: Vec<(usize, std::ops::Range<usize>)>,
    wanted: Wanted,
}

impl Read {
    /// Hands every sample its own; `order` has the sample of each row.
    ///
    /// # Errors
    /// A neuron that fired more often in a step than its bit planes hold.
    pub fn give(&self, plan: &Plan, order: &[usize], results: &mut [SampleResult]) -> Result<()> {
        let Read { window, wanted, .. } = self;
        if plan.request.record || plan.request.readout == Readout::Trace {
            for &row in &wanted.ran {
                let own = self.of_row(plan, row);
                let words = |buffer| own.iter().find(|(b, _)| *b == buffer).map_or(&[][..], |(_, words)| words);
                results[order[row]].window(plan, window.steps, words);
            }
        }
        // One of them has what was counted of all.
        let mut metrics = Metrics::default();
        for &row in &wanted.ended {
            results[order[row]].end(plan, window.end(), self.scores(plan, row));
            metrics.count(plan, window.end(), |buffer| self.row(plan, buffer, row))?;
        }
        if let Some(&row) = wanted.ended.first() {
            results[order[row]].metrics = metrics;
        }
        Ok(())
    }

    /// The scores of a row; of no use for a trace.
    pub fn scores(&self, plan: &Plan, row: usize) -> &[f32] {
        bytemuck::cast_slice(self.row(plan, plan.scores, row))
    }

    /// The words of a row in a buffer of one step.
    fn row(&self, plan: &Plan, buffer: usize, row: usize) -> &[u32] {
        let Some((_, range)) = self.places.iter().find(|(b, _)| *b == buffer) else { return &[] };
        plan.buffers[buffer].holds.row(&self.words[range.start / 4..range.end / 4], self.window.batch, row)
    }

    fn of_row(&self, plan: &Plan, row: usize) -> Vec<(usize, Vec<u32>)> {
        let Read { window, places, .. } = self;
        let places = places.iter().map(|(buffer, range)| {
            let words = &self.words[range.start / 4..range.end / 4];
            (*buffer, plan.buffers[*buffer].holds.of_sample(words, window.steps, window.batch, row))
        });
        places.collect()
    }
}

/// Records copies of what is to be read after a window; `None` where there is nothing.
pub(super) fn results(
    prepared: &Prepared,
    window: Window,
    wanted: Wanted,
    encoder: &mut wgpu::CommandEncoder,
) -> Option<Left> {
    let plan = &prepared.plan;
    let ends = !wanted.ended.is_empty();
    let mut buffers = buffers(plan, !wanted.ran.is_empty(), ends);
    if wanted.scores && !buffers.contains(&plan.scores) {
        buffers.push(plan.scores);
    }
    let left = copy(prepared, window, &buffers, encoder)?;
    Some(Left { wanted, ..left })
}

/// Records copies of buffers of the plan; `None` where there are none.
fn copy(prepared: &Prepared, window: Window, wanted: &[usize], encoder: &mut wgpu::CommandEncoder) -> Option<Left> {
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
    let staging = prepared.gpu.staging(end as u64);
    for (buffer, range) in &places {
        let from = prepared.buffer(*buffer);
        encoder.copy_buffer_to_buffer(from, 0, &staging, range.start as u64, Some(range.len() as u64));
    }
    Some(Left { window, staging, places, wanted: Wanted::default(), submission: None })
}

/// The buffers to be read after a window in which samples ran, or with which some ended.
fn buffers(plan: &Plan, ran: bool, ended: bool) -> Vec<usize> {
    let trace = plan.request.readout == Readout::Trace;
    let mut buffers = Vec::new();
    if if trace { ran } else { ended } {
        buffers.push(plan.scores);
    }
    if ran {
        buffers.extend(plan.populations.iter().flat_map(|p| [p.spikes, p.traces]).flatten());
        if plan.request.record {
            buffers.extend(plan.circuits.iter().flat_map(|c| [Some(c.spikes), c.probes]).flatten());
        }
    }
    if ended {
        buffers.extend(plan.results().filter(|&buffer| buffer != plan.scores));
    }
    buffers
}

/// Bytes that a window leaves to be read for one sample, at most.
pub(super) fn sample_bytes(plan: &Plan) -> u64 {
    let buffers = buffers(plan, true, true).into_iter();
    4 * buffers.map(|b| plan.buffers[b].holds.words(plan.window_steps(), 1) as u64).sum::<u64>()
}

/// The words of one sample in a buffer of the plan, once everything submitted so far is done.
pub(super) async fn whole(prepared: &Prepared, buffer: usize) -> Result<Vec<u32>> {
    let (gpu, plan) = (&prepared.gpu, &prepared.plan);
    let window = Window { batch: 1, start: 0, steps: plan.window_steps(), at: 0, clock: 0 };
    let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
    let left = copy(prepared, window, &[buffer], &mut encoder).ok_or_else(|| gpu.error("there is nothing to read"))?;
    let submission = gpu.queue().submit([encoder.finish()]);
    Ok(left.submitted(submission).read(gpu).await?.words)
}

/// The words of a buffer from a byte on.
pub(super) async fn from(gpu: &Gpu, buffer: &wgpu::Buffer, first: u64) -> Result<Vec<u32>> {
    if first >= buffer.size() {
        return Ok(Vec::new());
    }
    let copy = || {
        let staging = gpu.staging(buffer.size() - first);
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        encoder.copy_buffer_to_buffer(buffer, first, &staging, 0, None);
        let submission = gpu.queue().submit([encoder.finish()]);
        (staging, submission)
    };
    let (staging, submission) = gpu.checked("reading memory", copy).await?;
    mapped::words(gpu, staging, buffer.size() - first, Some(submission)).await
}
