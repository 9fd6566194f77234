//! What a batch gives.

use super::collect::SampleResult;
use super::metrics::Metrics;
use super::record::Recording;
use crate::error::{Error, Result};
use crate::network::Readout;
use crate::plan::Plan;
use crate::tensor::Tensor;

/// What a batch gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Scores `[batch, ...]`, or `[batch, time, ...]` for a trace, with NaN behind the end of a shorter sample.
    pub scores: Tensor,
    /// Steps that each sample ran.
    pub steps: Vec<usize>,
    /// What was counted.
    pub metrics: Metrics,
    /// For each sample what every population did, where it was asked for.
    pub recordings: Vec<Vec<Recording>>,
}

impl Output {
    /// The outputs of several batches of one session as those of one.
    ///
    /// # Errors
    /// Scores whose rows differ.
    pub fn together(outputs: Vec<Output>) -> Result<Output> {
        let mut outputs = outputs.into_iter();
        let mut all = outputs.next().ok_or_else(|| Error::Request("expected at least one output".into()))?;
        let (mut shape, mut scores) = (all.scores.shape().to_vec(), all.scores.into_data());
        for output in outputs {
            if output.scores.shape()[1..] != shape[1..] {
                let message = format!("expected scores like {shape:?}, got {:?}", output.scores.shape());
                return Err(Error::Request(message));
            }
            shape[0] += output.scores.shape()[0];
            scores.extend(output.scores.into_data());
            all.steps.extend(output.steps);
            all.metrics.add(&output.metrics);
            all.recordings.extend(output.recordings);
        }
        Ok(Output { scores: Tensor::new(shape, scores)?, ..all })
    }
}

/// The results of a batch, together.
pub(super) fn gather(plan: &Plan, results: Vec<SampleResult>) -> Result<Output> {
    let mut shape = vec![results.len()];
    if plan.request.readout == Readout::Trace {
        shape.push(plan.request.steps);
    }
    shape.extend(&plan.score_shape);
    let mut metrics = Metrics::default();
    let mut scores = Vec::new();
    let (mut steps, mut recordings) = (Vec::new(), Vec::new());
    let row: usize = shape[1..].iter().product();
    let all = shape[0] * row;
    for result in results {
        metrics.add(&result.metrics);
        steps.push(result.steps);
        if scores.is_empty() {
            scores = result.scores;
            scores.reserve_exact(all - scores.len());
        } else {
            scores.extend(result.scores);
        }
        scores.resize(steps.len() * row, f32::NAN);
        if plan.request.record {
            recordings.push(result.recording);
        }
    }
    Ok(Output { scores: Tensor::new(shape, scores)?, steps, metrics, recordings })
}
