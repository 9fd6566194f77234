//! What a machine leaves in buffers, window by window, becomes the result of one sample.

use super::activity::{self, CircuitActivity};
use super::metrics::Metrics;
use super::record::{self, Recording};
use crate::error::Result;
use crate::network::Readout;
use crate::plan::Plan;

/// What one sample gave.
#[derive(Debug, Default)]
pub(super) struct SampleResult {
    pub scores: Vec<f32>,
    /// What was counted; where samples ran together one of them has it for all.
    pub metrics: Metrics,
    pub recording: Vec<Recording>,
    /// What every circuit did, where recordings were asked for.
    pub activity: Vec<CircuitActivity>,
    /// Steps that it ran.
    pub steps: usize,
}

impl SampleResult {
    /// Takes what a window of so many steps left: of a trace and of recordings. `buffer` gives a buffer's words of this
    /// sample.
    pub fn window<'a>(&mut self, plan: &Plan, steps: usize, buffer: impl Fn(usize) -> &'a [u32]) {
        if plan.request.readout == Readout::Trace {
            let scores: &[f32] = bytemuck::cast_slice(buffer(plan.scores));
            let of_step: usize = plan.score_shape.iter().product();
            self.scores.extend(&scores[..of_step * steps]);
        }
        activity::read(plan, steps, &buffer, &mut self.activity);
        let recording = record::read(plan, steps, &buffer);
        if self.recording.is_empty() {
            self.recording = recording;
        } else {
            self.recording.iter_mut().zip(recording).for_each(|(whole, next)| whole.append(next));
        }
    }

    /// Takes the scores that the last of so many steps left.
    pub fn end(&mut self, plan: &Plan, steps: usize, scores: &[f32]) {
        if plan.request.readout != Readout::Trace {
            self.scores = scores.to_vec();
        }
        self.steps = steps;
    }

    /// Takes what the last window left: scores and counters. `steps`: how many the counters have seen.
    ///
    /// # Errors
    /// As [`Metrics::count`].
    pub fn finish<'a>(&mut self, plan: &Plan, steps: usize, buffer: impl Fn(usize) -> &'a [u32]) -> Result<()> {
        self.end(plan, steps, bytemuck::cast_slice(buffer(plan.scores)));
        self.metrics.count(plan, steps, buffer)
    }
}
