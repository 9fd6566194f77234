//! How the time of a run grows with steps, batch, neurons and rate.

mod fit;
mod series;

use saltatory::Result;
use saltatory::run::Options;
use serde_json::{Value, json};

use super::ours::Ours;
use super::rounds::{Rounds, Target, quantile};
use fit::{Line, exponent};
pub use series::{Series, series};

/// The fewest points whose exponent is told.
const FEWEST: usize = 3;

/// A series with its times.
pub struct Measured {
    pub series: Series,
    rounds: Vec<Rounds>,
}

/// The exponent of some points: of the medians, and the least and most that a round alone gives.
struct Exponent {
    /// The first point that counts.
    from: f64,
    values: [f64; 3],
}

/// Measures a series: a round of every point, and again, so that what else the machine does meets all of them.
pub fn measure(series: Series, options: &Options, target: Target, say: impl Fn(&str)) -> Result<Measured> {
    let mut ready = Vec::new();
    for (x, case) in &series.points {
        say(&format!("{}: {}, {x} {}", series.sweep, series.workload, series.unit[0]));
        let mut ours = Ours::new(case, options)?;
        let once = ours.warm_up(target)?;
        ready.push((ours, Rounds::new(target, once, false)));
    }
    for round in 1..=target.rounds {
        say(&format!("{}: {}, round {round} of {}", series.sweep, series.workload, target.rounds));
        for (ours, rounds) in &mut ready {
            let runs = rounds.runs;
            let round = rounds.others.during(None, || ours.round(runs))?;
            rounds.push(round);
        }
    }
    Ok(Measured { series, rounds: ready.into_iter().map(|(_, rounds)| rounds).collect() })
}

impl Measured {
    /// Of each point what grows, then seconds of a run: those of the median round, the fastest and the slowest.
    pub fn points(&self) -> impl Iterator<Item = [f64; 4]> {
        self.series.points.iter().zip(&self.rounds).map(|((x, _), rounds)| {
            let [median, fastest, slowest] = rounds.seconds();
            [*x, median, fastest, slowest]
        })
    }

    fn medians(&self) -> Vec<[f64; 2]> {
        self.points().map(|[x, seconds, ..]| [x, seconds]).collect()
    }

    /// Points that do not count to the upper half.
    fn lower(&self) -> usize {
        (self.rounds.len() / 2).min(self.rounds.len().saturating_sub(FEWEST))
    }

    /// Of all points, and of the upper half.
    fn exponents(&self) -> [Exponent; 2] {
        let medians = self.medians();
        [0, self.lower()].map(|from| {
            let rounds = self.rounds.iter().map(|rounds| rounds.seconds_a_run().len()).min().unwrap_or(0);
            let of_round = |round: usize| {
                let points = medians.iter().zip(&self.rounds).skip(from);
                let points: Vec<_> = points.map(|([x, _], rounds)| [*x, rounds.seconds_a_run()[round]]).collect();
                exponent(&points)
            };
            let alone: Vec<f64> = (0..rounds).map(of_round).collect();
            let [least, most] = [0.0, 1.0].map(|q| quantile(&alone, q));
            Exponent { from: medians[from][0], values: [exponent(&medians[from..]), least, most] }
        })
    }

    /// The exponent of the upper half.
    #[cfg(feature = "charts")]
    pub fn exponent(&self) -> f64 {
        let [_, upper] = self.exponents();
        upper.values[0]
    }

    /// A table for people.
    pub fn text(&self) -> String {
        let Series { sweep, workload, unit: [many, one], points } = &self.series;
        let [a, b, c] = ["ms a run", "min..max", &format!("us a {one}")];
        let mut text = format!("\n{sweep}: {workload}\n{many:>12} {a:>12} {b:>23} {c:>14}\n");
        for ([x, median, fastest, slowest], rounds) in self.points().zip(&self.rounds) {
            let median_ms = format!("{}{}", rounds.others.mark(), digits(1e3 * median));
            let range = format!("{}..{}", digits(1e3 * fastest), digits(1e3 * slowest));
            text += &format!("{x:>12} {median_ms:>12} {range:>23} {:>14}\n", digits(1e6 * median / x));
        }
        for (exponent, which) in self.exponents().iter().zip(["all points", "upper half"]) {
            let [value, least, most] = exponent.values;
            text += &format!("  exponent {value:.3} ({least:.3}..{most:.3}), {which}, from {}\n", exponent.from);
        }
        let Line { fixed, each, off } = Line::fit(&self.medians());
        let [fixed, each] = [1e3 * fixed, 1e6 * each].map(digits);
        let count = points.len();
        text + &format!("  line {fixed} ms + {each} us a {one}; {count} points, off by {:.0} % at most\n", 1e2 * off)
    }

    /// Lines for machines: the points, then what fits them.
    pub fn json(&self) -> Vec<Value> {
        let Series { sweep, workload, unit: [many, _], points } = &self.series;
        let mut lines: Vec<Value> = Vec::new();
        for (([x, median, fastest, slowest], (_, case)), rounds) in self.points().zip(points).zip(&self.rounds) {
            lines.push(json!({
                "kind": "point", "sweep": sweep, "workload": workload, "of": many, "x": x, "batch": case.batch,
                "rounds": rounds.count, "runs_a_round": rounds.runs, "seconds_a_run": median,
                "seconds_a_run_min": fastest, "seconds_a_run_max": slowest,
                "others_cpu": rounds.others.share(),
            }));
        }
        let [all, upper] = self.exponents().map(|Exponent { from, values: [value, least, most] }| {
            json!({ "from": from, "exponent": value, "exponent_min": least, "exponent_max": most })
        });
        let Line { fixed, each, off } = Line::fit(&self.medians());
        lines.push(json!({
            "kind": "fit", "sweep": sweep, "workload": workload, "of": many, "all_points": all, "upper_half": upper,
            "fixed_seconds": fixed, "seconds_each": each, "line_off_by_at_most": off,
        }));
        lines
    }
}

/// Four digits that count.
fn digits(x: f64) -> String {
    let before = if x == 0.0 { 0 } else { x.abs().log10().floor() as i32 };
    let places = usize::try_from(3 - before).unwrap_or(0);
    format!("{x:.places$}")
}
