//! What a run says at the end: for people as text, for machines as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use saltatory::layer::{Layer, MAX_ELEMENTS, SparseLinear};
use saltatory::tensor::element_count;
use saltatory::{Error, Network, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::batch::shard::Shard;
use super::job::Job;
use super::tally::Tally;
use super::written::Written;

/// What is known of a run but for its counts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    pub model: String,
    pub device: String,
    pub steps: usize,
    pub batch: usize,
    pub readout: String,
    /// Names of the classes; maybe fewer than there are outputs.
    pub classes: Vec<String>,
    /// Rows and columns of the confusion table; zero without labels.
    pub confusion_size: usize,
    /// Shape of a row of scores.
    pub row: Vec<usize>,
    /// How far the best score had to lead for a sample to stop; `None`: all ran to their end.
    #[serde(default)]
    pub confident_margin: Option<f32>,
    /// Bytes of parameters and buffers of the model.
    pub footprint_bytes: usize,
    /// What the results depend on.
    pub job: Job,
    pub shard: Option<Shard>,
    /// The files of results, by the option that asked for them.
    pub files: BTreeMap<String, Written>,
}

/// Everything a run measured.
pub struct Report {
    pub facts: Facts,
    pub tally: Tally,
}

/// Confusion tables wider than this are left to the JSON report.
const WIDEST_TABLE: usize = 12;
/// Wider ones grow by the square: they are left to the counts of the JSON report, where a cell that is zero takes no room.
const WIDEST_JSON: usize = 2048;
/// Bad inputs that are named on the terminal.
const NAMED_BAD: usize = 10;

impl Report {
    /// Reads a report.
    pub fn read(path: &Path) -> Result<Report> {
        let text = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let fault = |e: serde_json::Error| Error::file(path, format!("expected a report of this version, got {e}"));
        let mut value: Value = serde_json::from_slice(&text).map_err(fault)?;
        let counts = value.get_mut("counts").map(Value::take).unwrap_or_default();
        let mut tally: Tally = serde_json::from_value(counts).map_err(fault)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let bad = value["bad"].as_array().into_iter().flatten();
        tally.bad = bad.map(|bad| (text(&bad["name"]), text(&bad["reason"]))).collect();
        let report = Report { facts: serde_json::from_value(value).map_err(fault)?, tally };
        report
            .check()
            .map_err(|message| Error::file(path, format!("expected a report that a run wrote: {message}")))?;
        Ok(report)
    }

    /// Says what no run could have written.
    fn check(&self) -> Result<(), String> {
        let Facts { row, shard, .. } = &self.facts;
        let (samples, bad) = (self.tally.samples, self.tally.bad.len());
        if bad > samples {
            return Err(format!("it has {bad} bad inputs among {samples} samples"));
        }
        if element_count(row).is_none_or(|n| !(1..=MAX_ELEMENTS).contains(&n)) {
            return Err(format!("its rows have the absurd shape {row:?}"));
        }
        match shard {
            Some(shard) if !(1..=shard.of).contains(&shard.index) => Err(format!("its shard is {shard}")),
            _ => Ok(()),
        }
    }

    /// Rows are labels, columns predictions; empty without labels, and where it would be too wide.
    fn confusion(&self) -> Vec<Vec<u64>> {
        let size = if self.facts.confusion_size > WIDEST_JSON { 0 } else { self.facts.confusion_size };
        let mut table = vec![vec![0; size]; size];
        for (&label, row) in &self.tally.confusion {
            for (&prediction, &n) in row {
                if let Some(cell) = table.get_mut(label).and_then(|row| row.get_mut(prediction)) {
                    *cell = n;
                }
            }
        }
        table
    }

    /// Good samples a second, end to end and while the device had a batch.
    fn rates(&self) -> [f64; 2] {
        let rate = |seconds: f64| if seconds > 0.0 { self.tally.good() as f64 / seconds } else { 0.0 };
        [rate(self.tally.seconds), rate(self.tally.busy)]
    }

    /// For machines.
    pub fn json(&self) -> Result<Value> {
        let (facts, tally) = (&self.facts, &self.tally);
        let m = &tally.metrics;
        let [end_to_end, computing] = self.rates();
        let counts = Tally { bad: Vec::new(), ..tally.clone() };
        let fault = |e: serde_json::Error| Error::Request(format!("the report cannot be written: {e}"));
        let per_sample = |n: u64| if m.samples == 0 { 0.0 } else { n as f64 / m.samples as f64 };
        let populations: Vec<Value> = m
            .populations
            .iter()
            .filter(|p| p.fires)
            .map(|p| {
                json!({
                    "layer": p.layer, "neurons": p.neurons,
                    "firing_rate": m.firing_rate(p), "sparsity": m.sparsity(p),
                    "spikes_per_sample": per_sample(p.spikes), "membrane_updates_per_sample": per_sample(p.updates),
                })
            })
            .collect();
        let weighted: Vec<Value> = m
            .weighted
            .iter()
            .map(|w| {
                json!({
                    "layer": w.layer,
                    "effective_acs": per_sample(w.accumulates), "effective_macs": per_sample(w.multiply_accumulates),
                    "dense": per_sample(w.dense), "performed": per_sample(w.performed),
                    "active_inputs": per_sample(w.active_inputs), "inputs": per_sample(w.inputs),
                })
            })
            .collect();
        let mut report = json!({
            "samples": tally.samples, "good": tally.good(),
            "bad": tally.bad.iter().map(|(name, reason)| json!({ "name": name, "reason": reason })).collect::<Vec<_>>(),
            "fallbacks": tally.fallbacks,
            "accuracy": tally.accuracy().map(|(right, total)| right as f64 / total as f64),
            "labelled": tally.accuracy().map(|(_, total)| total),
            "confusion": self.confusion(),
            "mean_steps": tally.mean_steps(),
            "seconds": tally.seconds,
            "samples_per_second": end_to_end,
            "compute_seconds": tally.busy,
            "compute_samples_per_second": computing,
            "latency_per_batch_ms": {
                "batches": tally.latencies.count(),
                "median": tally.latencies.quantile_ms(0.5), "p99": tally.latencies.quantile_ms(0.99),
            },
            "populations": populations,
            "weighted_layers": weighted,
            "synaptic_operations_per_sample": {
                "effective_acs": m.per_sample(|w| w.accumulates),
                "effective_macs": m.per_sample(|w| w.multiply_accumulates),
                "dense": m.per_sample(|w| w.dense),
                "performed": m.per_sample(|w| w.performed),
            },
            "activation_sparsity": m.activation_sparsity(),
            "connection_sparsity": m.connection_sparsity(),
            "counts": serde_json::to_value(counts).map_err(fault)?,
        });
        if let (Value::Object(report), Value::Object(facts)) =
            (&mut report, serde_json::to_value(facts).map_err(fault)?)
        {
            report.extend(facts);
        }
        Ok(report)
    }

    /// [`Report::json`] as text.
    pub fn json_text(&self) -> Result<String> {
        Ok(format!("{:#}\n", self.json()?))
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let out = &mut text;
        let (facts, tally) = (&self.facts, &self.tally);
        let _ = writeln!(out, "{}  on {}", facts.model, facts.device);
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let (good, steps) = (tally.good(), facts.steps);
        let _ = write!(out, "{good} sample{}, {steps} step{}", plural(good), plural(steps));
        let _ = write!(out, ", read-out {}", facts.readout);
        let _ = writeln!(out, ", batch {}", facts.batch);
        for fallback in &tally.fallbacks {
            let _ = writeln!(out, "fallback   {fallback}");
        }
        if let Some((right, total)) = tally.accuracy() {
            let _ = writeln!(out, "accuracy   {:.2} %  ({right} of {total})", 100.0 * right as f64 / total as f64);
            self.confusion_table(out);
        }
        self.steps_line(out);
        let [end_to_end, computing] = self.rates();
        let (median, p99) = (tally.latencies.quantile_ms(0.5), tally.latencies.quantile_ms(0.99));
        let _ = writeln!(
            out,
            "speed      {end_to_end:.0} samples/s, {computing:.0} while computing; a batch takes {median:.2} ms (median), \
             {p99:.2} ms (p99)"
        );
        self.layer_table(out);
        if !self.tally.bad.is_empty() {
            let _ = write!(out, "\n{}", self.bad_inputs());
        }
        text
    }

    /// The bad inputs by name and reason; nothing where there are none.
    pub fn bad_inputs(&self) -> String {
        let mut text = String::new();
        if self.tally.bad.is_empty() {
            return text;
        }
        let inputs = if self.tally.bad.len() == 1 { "input; its row is" } else { "inputs; their rows are" };
        let _ = writeln!(text, "{} bad {inputs} NaN:", self.tally.bad.len());
        for (name, reason) in self.tally.bad.iter().take(NAMED_BAD) {
            let known = reason.contains(name.as_str());
            let _ = if known { writeln!(text, "  {reason}") } else { writeln!(text, "  {name}: {reason}") };
        }
        if self.tally.bad.len() > NAMED_BAD {
            let _ = writeln!(text, "  and {} more: `--report FILE` lists them all", self.tally.bad.len() - NAMED_BAD);
        }
        text
    }

    /// The steps that samples ran, where these were not always the same.
    fn steps_line(&self, out: &mut String) {
        let (steps, counts) = (self.facts.steps, &self.tally.steps);
        let Some(mean) = self.tally.mean_steps() else { return };
        if self.facts.confident_margin.is_none() && counts.len() < 2 {
            return;
        }
        let (least, most) = (counts.keys().next().unwrap_or(&steps), counts.keys().last().unwrap_or(&steps));
        let _ = write!(out, "steps      {mean:.2} on average, from {least} to {most}");
        if let Some(margin) = self.facts.confident_margin {
            let saved = 100.0 * (1.0 - mean / steps as f64);
            let _ = write!(out, ": {saved:.1} % saved by samples that led by {margin:.3}");
        }
        let _ = writeln!(out);
    }

    fn confusion_table(&self, out: &mut String) {
        let confusion = self.confusion();
        let count = confusion.len();
        if count == 0 || count > WIDEST_TABLE {
            return;
        }
        let name = |i: usize| self.facts.classes.get(i).map_or_else(|| i.to_string(), |class| format!("{i} {class}"));
        let wide = (0..count).map(|i| name(i).chars().count()).max().unwrap_or(1);
        let cell = confusion.iter().flatten().max().map_or(1, |n| n.to_string().len()).max(2) + 1;
        let _ = writeln!(out, "\n  rows are labels, columns predictions");
        let _ = write!(out, "  {:wide$} ", "");
        let head: String = (0..count).map(|i| format!("{i:>cell$}")).collect();
        let _ = writeln!(out, "{head}");
        for (i, row) in confusion.iter().enumerate() {
            let _ = write!(out, "  {:<wide$} ", name(i));
            for &n in row {
                let text = if n == 0 { "·".to_string() } else { n.to_string() };
                let _ = write!(out, "{text:>cell$}");
            }
            let _ = writeln!(out);
        }
        let _ = writeln!(out);
    }

    fn layer_table(&self, out: &mut String) {
        let m = &self.tally.metrics;
        if m.samples == 0 {
            return;
        }
        let wide = m.populations.iter().map(|p| &p.layer).chain(m.weighted.iter().map(|w| &w.layer));
        let wide = wide.map(String::len).max().unwrap_or(5).max(5);
        let _ = writeln!(out, "\n  {:<wide$}  {:>8}  {:>8}  {:>9}", "layer", "neurons", "rate", "sparsity");
        for p in m.populations.iter().filter(|p| p.fires) {
            let (rate, sparsity) = (100.0 * m.firing_rate(p), 100.0 * m.sparsity(p));
            let _ = writeln!(out, "  {:<wide$}  {:>8}  {rate:>6.2} %  {sparsity:>7.2} %", p.layer, p.neurons);
        }
        if m.populations.iter().any(|p| p.fires) && m.populations.iter().all(|p| p.spikes == 0) {
            let _ = writeln!(
                out,
                "\n  nothing fired: is the input scaled as in training (8-bit values are divided by 255; `--scale 1` \
                 leaves event counts as they are), and are `--dialect` and `--dt` those of the network?"
            );
        }
        if !m.weighted.is_empty() {
            let _ = writeln!(out, "\n  synaptic operations a sample");
            let row = |name: &str, cells: [String; 4]| {
                let cells: String = cells.iter().map(|cell| format!("  {cell:>10}")).collect();
                format!("  {name:<wide$}{cells}")
            };
            let _ = writeln!(out, "{}", row("layer", ["ACs", "MACs", "dense", "performed"].map(String::from)));
            for w in &m.weighted {
                let each = [w.accumulates, w.multiply_accumulates, w.dense, w.performed];
                let _ = writeln!(out, "{}", row(&w.layer, each.map(|n| short(n as f64 / m.samples as f64))));
            }
            let totals = [
                m.per_sample(|w| w.accumulates),
                m.per_sample(|w| w.multiply_accumulates),
                m.per_sample(|w| w.dense),
                m.per_sample(|w| w.performed),
            ];
            let _ = writeln!(out, "{}", row("total", totals.map(short)));
        }
    }
}

/// A count as people read it: `5.83 M`.
pub fn short(n: f64) -> String {
    let (value, unit) = match n {
        n if n >= 1e12 => (n / 1e12, " T"),
        n if n >= 1e9 => (n / 1e9, " G"),
        n if n >= 1e6 => (n / 1e6, " M"),
        n if n >= 1e4 => (n / 1e3, " k"),
        n => return format!("{n:.0}"),
    };
    format!("{value:.2}{unit}")
}

/// Bytes of the model's own parameters and statistics, as f32, and of the numbers that say which weights are there.
pub fn footprint(network: &Network) -> usize {
    let tensors = network.nodes.iter().flat_map(|node| saltatory::network::checkpoint::tensors(&node.layer));
    let dense: usize = tensors.map(|(_, tensor)| tensor.len()).sum();
    let sparse = network.nodes.iter().map(|node| match &node.layer {
        Layer::SparseLinear(SparseLinear { weight: Some(weight), .. }) => 2 * weight.len() + weight.offsets().len(),
        _ => 0,
    });
    4 * (dense + sparse.sum::<usize>())
}
