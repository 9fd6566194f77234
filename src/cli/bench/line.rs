//! What is said of a case.

use saltatory::workloads::Variant;
use serde_json::{Value, json};

use super::case::Case;
use super::floor::Machine;
use super::memory::Peak;
use super::ours::Ours;
use super::rounds::Rounds;

/// What rounds say, ours or a peer's.
pub struct Rates {
    /// Rounds, runs of each, runs whose latency was measured.
    counts: [usize; 3],
    /// Samples a second, or frames: of the median round, the slowest and the fastest.
    samples: [f64; 3],
    /// Seconds: p50 and p99.
    latency: [f64; 2],
    /// The share of the machine that other processes took, and what marks it.
    others: (Option<f64>, &'static str),
}

impl Rates {
    pub fn new(batch: usize, rounds: &Rounds) -> Rates {
        let [median, fastest, slowest] = rounds.seconds().map(|seconds| batch as f64 / seconds);
        Rates {
            counts: [rounds.count, rounds.runs, rounds.measured()],
            samples: [median, slowest, fastest],
            latency: rounds.latency(),
            others: (rounds.others.share(), rounds.others.mark()),
        }
    }

    /// Samples a second: of the median round, the slowest and the fastest.
    #[cfg(feature = "charts")]
    pub fn samples(&self) -> [f64; 3] {
        self.samples
    }

    /// Puts them into a line for machines.
    pub fn put(&self, value: &mut Value) {
        let ([rounds, runs, measured], [median, least, most], [p50, p99]) = (self.counts, self.samples, self.latency);
        value["rounds"] = json!(rounds);
        value["runs_a_round"] = json!(runs);
        value["samples_per_second"] = json!(median);
        value["samples_per_second_min"] = json!(least);
        value["samples_per_second_max"] = json!(most);
        value["latency_p50_ms"] = json!(1e3 * p50);
        value["latency_p99_ms"] = json!(1e3 * p99);
        value["latencies"] = json!(measured);
        value["others_cpu"] = json!(self.others.0);
    }
}

/// What was measured of a case.
pub struct Line {
    name: &'static str,
    batch: usize,
    steps: usize,
    variant: Variant,
    rates: Rates,
    peak: Option<Peak>,
    /// Bytes moved and operations performed in a run.
    work: [f64; 2],
    /// How many times as long as the machine would need for these a run took.
    over: [Option<f64>; 2],
}

/// Over the columns.
pub fn heading() -> String {
    let [a, b, c, d, e] = ["workload", "batch", "T", "samples/s", "min..max"];
    let [f, g, h, i, j] = ["p50 ms", "p99 ms", "peak MB", "x bytes", "x ops"];
    format!("\n{a:<15} {b:>5} {c:>4} {d:>10} {e:>19} {f:>9} {g:>9} {h:>8} {i:>8} {j:>6}\n")
}

/// The columns that ours and a peer's rows have in common.
pub fn row(name: &str, batch: usize, steps: usize, rates: &Rates) -> String {
    let [rate, least, most] = rates.samples.map(digits);
    let [p50, p99] = rates.latency.map(|seconds| format!("{:.3}", 1e3 * seconds));
    let (rate, range) = (format!("{}{rate}", rates.others.1), format!("{least}..{most}"));
    format!("{name:<15} {batch:>5} {steps:>4} {rate:>10} {range:>19} {p50:>9} {p99:>9}")
}

impl Line {
    pub fn new(case: &Case, ours: &Ours, rounds: &Rounds, machine: Option<&Machine>, peak: Option<Peak>) -> Line {
        let bytes = (ours.cost.read + ours.cost.written) as f64 * case.batch as f64 + ours.cost.constants as f64;
        let work = [bytes, ours.performed()];
        let over = |floor: f64| (floor > 0.0).then(|| rounds.seconds()[0] / floor);
        Line {
            name: case.name,
            batch: case.batch,
            steps: ours.steps,
            variant: case.variant,
            rates: Rates::new(case.batch, rounds),
            peak,
            work,
            over: [
                machine.and_then(|machine| over(machine.moving(work[0]))),
                machine.and_then(|machine| over(machine.adding(work[1]))),
            ],
        }
    }

    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// A row of the table.
    pub fn text(&self) -> String {
        let none = || "-".to_owned();
        let peak = self.peak.map_or_else(none, |peak| {
            let at_most = if peak.of_case_alone { "" } else { "<" };
            format!("{at_most}{:.1}", peak.bytes as f64 / 1e6)
        });
        let [bytes, operations] = self.over.map(|over| over.map_or_else(none, |over| format!("{over:.2}")));
        let row = row(self.name, self.batch, self.steps, &self.rates);
        format!("{row} {peak:>8} {bytes:>8} {operations:>6}")
    }

    /// A line for machines.
    pub fn json(&self) -> Value {
        let mut value = json!({
            "kind": "case", "workload": self.name, "batch": self.batch, "steps": self.steps,
            "neurons": self.variant.neurons, "fan_out": self.variant.fan_out,
            "peak_memory_bytes": self.peak.map(|peak| peak.bytes),
            "peak_memory_of_case_alone": self.peak.map(|peak| peak.of_case_alone),
            "bytes_moved_a_run": self.work[0], "operations_a_run": self.work[1],
            "over_bytes_floor": self.over[0], "over_operations_floor": self.over[1],
        });
        self.rates.put(&mut value);
        value
    }
}

/// Three digits that count.
fn digits(x: f64) -> String {
    let places = match x {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{x:.places$}")
}
