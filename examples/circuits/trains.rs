//! Spike trains and what is said of them: rates, and how irregular they are.

/// Steps of the spikes of every cell of a population.
#[derive(Clone, Debug)]
pub struct Trains(Vec<Vec<u32>>);

/// Cells with fewer spikes say nothing of their intervals.
const LEAST_SPIKES: usize = 5;

impl Trains {
    /// Without a spike.
    pub fn new(cells: usize) -> Trains {
        Trains(vec![Vec::new(); cells])
    }

    /// Notes a spike; those of a cell come in the order of time.
    pub fn push(&mut self, cell: usize, step: u32) {
        self.0[cell].push(step);
    }

    /// Spikes a second of a cell, on average, in a recording of `ms`.
    pub fn rate(&self, ms: f64) -> f64 {
        let spikes: usize = self.0.iter().map(Vec::len).sum();
        spikes as f64 / self.0.len() as f64 / ms * 1000.0
    }

    /// Coefficient of variation of the intervals between spikes, on average over cells with at least 5 spikes. A short
    /// recording misses the long intervals, and makes it smaller.
    pub fn variation(&self) -> f64 {
        let of_cell = |spikes: &Vec<u32>| {
            let intervals: Vec<f64> = spikes.windows(2).map(|pair| f64::from(pair[1] - pair[0])).collect();
            let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
            let variance = intervals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / intervals.len() as f64;
            variance.sqrt() / mean
        };
        let all: Vec<f64> = self.0.iter().filter(|spikes| spikes.len() >= LEAST_SPIKES).map(of_cell).collect();
        all.iter().sum::<f64>() / all.len() as f64
    }
}
