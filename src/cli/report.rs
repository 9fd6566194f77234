//! What a run says at the end: for people as text, for machines as JSON.

use std::fmt::Write;

use saltatory::Network;
use saltatory::run::Metrics;
use serde_json::{Value, json};

/// Everything a run measured.
pub struct Report {
    pub model: String,
    pub device: String,
    pub steps: usize,
    pub batch: usize,
    pub readout: &'static str,
    pub samples: usize,
    /// Name and reason of every bad sample.
    pub bad: Vec<(String, String)>,
    /// Rows are labels, columns predictions; empty without labels.
    pub confusion: Vec<Vec<u64>>,
    /// Seconds from the first sample read to the last result written.
    pub seconds: f64,
    /// Seconds of computing, batch by batch.
    pub latencies: Vec<f64>,
    pub metrics: Metrics,
    pub classes: Vec<String>,
    /// Bytes of parameters and buffers of the model.
    pub footprint: usize,
}

/// Confusion tables wider than this are left to the JSON report.
const WIDEST_TABLE: usize = 12;
/// Bad inputs that are named on the terminal.
const NAMED_BAD: usize = 10;

impl Report {
    /// Right predictions and all with a label.
    pub fn accuracy(&self) -> Option<(u64, u64)> {
        let total: u64 = self.confusion.iter().flatten().sum();
        let right = self.confusion.iter().enumerate().map(|(i, row)| row.get(i).copied().unwrap_or(0)).sum();
        (total > 0).then_some((right, total))
    }

    fn good(&self) -> usize {
        self.samples - self.bad.len()
    }

    /// A quantile of the latency of a batch, in milliseconds; the nearest rank.
    fn latency_ms(&self, quantile: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (quantile * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).map_or(0.0, |s| s * 1e3)
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let m = &self.metrics;
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
        json!({
            "model": self.model, "device": self.device, "steps": self.steps, "batch": self.batch,
            "readout": self.readout, "samples": self.samples, "good": self.good(),
            "bad": self.bad.iter().map(|(name, reason)| json!({ "name": name, "reason": reason })).collect::<Vec<_>>(),
            "accuracy": self.accuracy().map(|(right, total)| right as f64 / total as f64),
            "labelled": self.accuracy().map(|(_, total)| total),
            "confusion": self.confusion,
            "classes": self.classes,
            "seconds": self.seconds,
            "samples_per_second": if self.seconds > 0.0 { self.good() as f64 / self.seconds } else { 0.0 },
            "latency_per_batch_ms": {
                "batches": self.latencies.len(), "median": self.latency_ms(0.5), "p99": self.latency_ms(0.99),
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
            "footprint_bytes": self.footprint,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let out = &mut text;
        let _ = writeln!(out, "{}  on {}", self.model, self.device);
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        let (good, steps) = (self.good(), self.steps);
        let _ = write!(out, "{good} sample{}, {steps} step{}", plural(good), plural(steps));
        let _ = write!(out, ", read-out {}", self.readout);
        let _ = writeln!(out, ", batch {}", self.batch);
        if let Some((right, total)) = self.accuracy() {
            let _ = writeln!(out, "accuracy   {:.2} %  ({right} of {total})", 100.0 * right as f64 / total as f64);
            self.confusion_table(out);
        }
        let rate = if self.seconds > 0.0 { self.good() as f64 / self.seconds } else { 0.0 };
        let (median, p99) = (self.latency_ms(0.5), self.latency_ms(0.99));
        let _ =
            writeln!(out, "speed      {rate:.0} samples/s; a batch takes {median:.2} ms (median), {p99:.2} ms (p99)");
        self.layer_table(out);
        if !self.bad.is_empty() {
            let _ = write!(out, "\n{}", self.bad_inputs());
        }
        text
    }

    /// The bad inputs by name and reason; nothing where there are none.
    pub fn bad_inputs(&self) -> String {
        let mut text = String::new();
        if self.bad.is_empty() {
            return text;
        }
        let inputs = if self.bad.len() == 1 { "input; its row is" } else { "inputs; their rows are" };
        let _ = writeln!(text, "{} bad {inputs} NaN:", self.bad.len());
        for (name, reason) in self.bad.iter().take(NAMED_BAD) {
            let known = reason.contains(name.as_str());
            let _ = if known { writeln!(text, "  {reason}") } else { writeln!(text, "  {name}: {reason}") };
        }
        if self.bad.len() > NAMED_BAD {
            let _ = writeln!(text, "  and {} more: `--report FILE` lists them all", self.bad.len() - NAMED_BAD);
        }
        text
    }

    fn confusion_table(&self, out: &mut String) {
        let count = self.confusion.len();
        if count == 0 || count > WIDEST_TABLE {
            return;
        }
        let name = |i: usize| self.classes.get(i).map_or_else(|| i.to_string(), |class| format!("{i} {class}"));
        let wide = (0..count).map(|i| name(i).chars().count()).max().unwrap_or(1);
        let cell = self.confusion.iter().flatten().max().map_or(1, |n| n.to_string().len()).max(2) + 1;
        let _ = writeln!(out, "\n  rows are labels, columns predictions");
        let _ = write!(out, "  {:wide$} ", "");
        let head: String = (0..count).map(|i| format!("{i:>cell$}")).collect();
        let _ = writeln!(out, "{head}");
        for (i, row) in self.confusion.iter().enumerate() {
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
        let m = &self.metrics;
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

/// Bytes of the model's own parameters and statistics, as f32.
pub fn footprint(network: &Network) -> usize {
    let tensors = network.nodes.iter().flat_map(|node| saltatory::network::checkpoint::tensors(&node.layer));
    4 * tensors.map(|(_, tensor)| tensor.len()).sum::<usize>()
}
