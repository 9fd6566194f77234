//! What is said of a peer beside ours.

use serde_json::{Value, json};

use super::super::case::Case;
use super::super::line::{Rates, row};
use super::Rounds;
use super::agree::Agreement;

/// A peer on a case.
pub struct Compared {
    pub peer: String,
    /// Modes that failed, with what was said.
    pub failed: Vec<(String, String)>,
    /// `None` where all modes failed.
    pub result: Option<Measured>,
}

/// A peer in its best mode.
pub struct Measured {
    pub mode: String,
    pub rounds: Rounds,
    /// How many times as fast ours is: the median of the rounds, the least and the most.
    pub ratio: [f64; 3],
    pub agreement: Agreement,
}

impl Compared {
    /// Those of its best mode.
    pub fn rates(&self, case: &Case) -> Option<Rates> {
        self.result.as_ref().map(|measured| Rates::new(case.batch, &measured.rounds))
    }

    /// Rows under ours in the table.
    pub fn text(&self, case: &Case, steps: usize) -> String {
        let mut lines = Vec::new();
        if let Some(Measured { mode, rounds, ratio: [ratio, least, most], agreement }) = &self.result {
            let rates = Rates::new(case.batch, rounds);
            lines.push(row(&format!("  {}", self.peer), case.batch, steps, &rates));
            let ours = format!("ours is {ratio:.2} times as fast ({least:.2}..{most:.2})");
            lines.push(format!("    {mode}; {ours}; {}", agreement.text()));
        }
        lines.extend(self.failed.iter().map(|(mode, error)| format!("    {} {mode} failed: {error}", self.peer)));
        lines.join("\n")
    }

    /// A line for machines.
    pub fn json(&self, case: &Case, steps: usize) -> Value {
        let failed: Vec<Value> =
            self.failed.iter().map(|(mode, error)| json!({ "mode": mode, "error": error })).collect();
        let mut value = json!({
            "kind": "peer", "workload": case.name, "batch": case.batch, "steps": steps,
            "neurons": case.variant.neurons, "fan_out": case.variant.fan_out,
            "peer": self.peer, "failed_modes": failed,
        });
        if let Some(measured) = &self.result {
            let [ratio, least, most] = measured.ratio;
            value["mode"] = json!(measured.mode);
            value["ours_over_theirs"] = json!(ratio);
            value["ours_over_theirs_min"] = json!(least);
            value["ours_over_theirs_max"] = json!(most);
            value["agreement"] = measured.agreement.json();
            Rates::new(case.batch, &measured.rounds).put(&mut value);
        }
        value
    }
}
