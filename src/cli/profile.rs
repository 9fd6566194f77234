//! How long each step of a plan took, as a table, as JSON, and as events of a Chrome trace.

use saltatory::run::{Profile, StepProfile};
use serde_json::{Value, json};

/// A table: milliseconds and share of each step, for one of so many batches or frames.
pub fn table(profile: &Profile, of: usize) -> String {
    let of = of.max(1) as f64;
    let all = profile.time().as_secs_f64().max(f64::MIN_POSITIVE);
    let [step, kernel, runs, time, share, layer] = ["step", "kernel", "runs", "ms", "share", "layer"];
    let mut text = format!("{step:>6} {kernel:<16} {runs:>7} {time:>10} {share:>7}  {layer}\n");
    for (number, StepProfile { layer, kernel, runs, time }) in profile.steps.iter().enumerate() {
        let seconds = time.as_secs_f64();
        let [runs, ms, share] = [*runs as f64 / of, 1e3 * seconds / of, 100.0 * seconds / all];
        text += &format!("{number:>6} {kernel:<16} {runs:>7.1} {ms:>10.4} {share:>6.1}%  {layer}\n");
    }
    text + &format!("{:>6} {:<16} {:>7} {:>10.4}\n", "", "all", "", 1e3 * all / of)
}

/// For machines.
pub fn json(profile: &Profile, of: usize) -> Value {
    let steps = profile.steps.iter().enumerate().map(|(number, step)| {
        json!({
            "step": number, "layer": step.layer, "kernel": step.kernel,
            "runs": step.runs, "seconds": step.time.as_secs_f64(),
        })
    });
    json!({ "batches": of, "seconds": profile.time().as_secs_f64(), "steps": steps.collect::<Vec<_>>() })
}
