//! Rounds of timed runs, and what is said of them.

use std::time::Duration;

use saltatory::{Error, Result};

use super::others::Others;

/// Rounds at least and at most.
const ROUNDS: [usize; 2] = [5, 21];
/// Seconds of a round, where there is time for more than the fewest.
const ROUND: f64 = 0.1;
/// Steps of a stream in a round at least: fewer have no 99th percentile worth the name.
const STEPS: usize = 100;
/// The most runs of a round.
const RUNS: usize = 1 << 20;

/// How long is measured.
#[derive(Clone, Copy)]
pub struct Target {
    pub seconds: f64,
    /// Rounds that this is divided into.
    pub rounds: usize,
}

impl Target {
    pub fn new(seconds: f64) -> Result<Target> {
        if !(seconds > 0.0 && seconds.is_finite()) {
            return Err(Error::Request(format!("--seconds: expected more than 0, got {seconds}")));
        }
        Ok(Target { seconds, rounds: ((seconds / ROUND) as usize).clamp(ROUNDS[0], ROUNDS[1]) })
    }

    /// Runs of a round, where one takes so long.
    pub fn runs(self, once: Duration) -> usize {
        let round = self.seconds / self.rounds as f64;
        ((round / once.as_secs_f64().max(1e-9)) as usize).clamp(1, RUNS)
    }
}

/// What a round measured.
pub struct Round {
    /// From the first run to the end of the last.
    pub elapsed: Duration,
    /// Of each run, begun when the one before has ended.
    pub latencies: Vec<Duration>,
}

/// All rounds of a case.
#[derive(Default)]
pub struct Rounds {
    /// How many there are to be.
    pub count: usize,
    /// Runs of each.
    pub runs: usize,
    /// What other processes did meanwhile.
    pub others: Others,
    seconds_a_run: Vec<f64>,
    latencies: Vec<f64>,
}

impl Rounds {
    pub fn new(target: Target, once: Duration, stream: bool) -> Rounds {
        let runs = target.runs(once).max(if stream { STEPS } else { 1 });
        Rounds { count: target.rounds, runs, ..Rounds::default() }
    }

    pub fn push(&mut self, round: Round) {
        self.seconds_a_run.push(round.elapsed.as_secs_f64() / self.runs as f64);
        self.latencies.extend(round.latencies.iter().map(Duration::as_secs_f64));
    }

    /// Seconds of a run: those of the median round, the fastest and the slowest.
    pub fn seconds(&self) -> [f64; 3] {
        [0.5, 0.0, 1.0].map(|q| quantile(&self.seconds_a_run, q))
    }

    /// Seconds of a run, of every round.
    pub fn seconds_a_run(&self) -> &[f64] {
        &self.seconds_a_run
    }

    /// Seconds from the begin of a run to its end: p50 and p99.
    pub fn latency(&self) -> [f64; 2] {
        [0.5, 0.99].map(|q| quantile(&self.latencies, q))
    }

    /// How many times as fast these runs are as others, taken in turns with them: the median of the rounds, the least
    /// and the most.
    pub fn faster_than(&self, others: &Rounds) -> [f64; 3] {
        let ratios: Vec<f64> = others.seconds_a_run.iter().zip(&self.seconds_a_run).map(|(b, a)| b / a).collect();
        [0.5, 0.0, 1.0].map(|q| quantile(&ratios, q))
    }

    /// Runs whose latency was measured.
    pub fn measured(&self) -> usize {
        self.latencies.len()
    }
}

/// The value that a part `q` of all values is not above.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!([0.0, 0.5, 0.99, 1.0].map(|q| quantile(&values, q)), [1.0, 50.0, 99.0, 100.0]);
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), 2.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
