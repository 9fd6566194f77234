//! Whether another framework computes the same.

use saltatory::tensor::arg_max;
use serde_json::{Value, json};

use super::Given;

/// Scores that differ by more are counted. Sums are rounded in another order; now and then that makes or takes a spike.
pub const TOLERANCE: f32 = 2e-5;

/// What agrees, and how far.
pub struct Agreement {
    /// Samples with the same best score, of how many; `None` where scores are not those of classes.
    predictions: Option<[usize; 2]>,
    /// Scores beyond the tolerance, of how many; `None` where there are not as many.
    beyond: Option<[usize; 2]>,
    /// The largest difference of two scores.
    largest: f32,
    /// Ours and theirs.
    spikes: [Option<u64>; 2],
}

impl Agreement {
    /// Compares what a run of each gave.
    pub fn of(ours: &Given, theirs: &[f32], spikes: Option<u64>) -> Agreement {
        let spikes = [Some(ours.spikes()), spikes];
        if theirs.len() != ours.scores.len() {
            return Agreement { predictions: None, beyond: None, largest: f32::NAN, spikes };
        }
        // NaN differs from everything.
        let differences: Vec<f32> = ours.scores.iter().zip(theirs).map(|(a, b)| (a - b).abs()).collect();
        let beyond = differences.iter().filter(|&&d| d.is_nan() || d > TOLERANCE).count();
        let rows = ours.scores.chunks_exact(ours.row).zip(theirs.chunks_exact(ours.row));
        let same = || rows.clone().filter(|(a, b)| arg_max(a) == arg_max(b)).count();
        Agreement {
            predictions: ours.classes.then(|| [same(), rows.len()]),
            beyond: Some([beyond, differences.len()]),
            largest: differences
                .into_iter()
                .fold(0.0, |a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) }),
            spikes,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let Some([beyond, scores]) = self.beyond else { return "DIFFERS: another number of scores".into() };
        let mut text = match self.predictions {
            Some([same, all]) => format!("{same} of {all} predictions equal, "),
            None => String::new(),
        };
        text += &match beyond {
            0 => format!("scores within {:.1e}", self.largest),
            _ => format!(
                "{beyond} of {scores} scores differ by more than {TOLERANCE:e}, the most by {:.1e}",
                self.largest
            ),
        };
        if let [Some(ours), Some(theirs)] = self.spikes {
            text +=
                &if ours == theirs { format!(", {ours} spikes each") } else { format!(", {ours} and {theirs} spikes") };
        }
        text
    }

    /// For machines.
    pub fn json(&self) -> Value {
        json!({
            "predictions_equal": self.predictions.map(|p| p[0]), "predictions": self.predictions.map(|p| p[1]),
            "scores_beyond_tolerance": self.beyond.map(|b| b[0]), "scores": self.beyond.map(|b| b[1]),
            "tolerance": TOLERANCE, "largest_difference": self.largest.is_finite().then_some(self.largest),
            "spikes_ours": self.spikes[0], "spikes_theirs": self.spikes[1],
        })
    }
}
