//! What spikes say, counted while they come: rates, how irregular the intervals are, counts in bins of time. Memory does not
//! grow with time.

use super::Circuit;

/// Spikes and intervals of every cell.
///
/// ```
/// use saltatory::circuit::Statistics;
///
/// let mut statistics = Statistics::new([2], 0.1);
/// for step in [10, 20, 40] {
///     statistics.spike(step, 0, 1);
/// }
/// statistics.advance(10_000); // one second
/// let population = statistics.population(0);
/// assert_eq!((population.spikes, population.rate), (3, 1.5));
/// // Intervals of 10 and 20 steps: mean 15, standard deviation 5.
/// assert!((population.cv.unwrap() - 1.0 / 3.0).abs() < 1e-12);
/// ```
#[derive(Clone, Debug)]
pub struct Statistics {
    dt: f64,
    steps: u64,
    spikes: u64,
    populations: Vec<Vec<Cell>>,
}

/// What is kept of a cell: whole numbers, so that nothing is rounded.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    spikes: u64,
    last: u64,
    /// Steps between the first spike and the last, and the sum of the squares of all intervals.
    span: u64,
    squares: u128,
}

/// What the spikes of a population say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PopulationStatistics {
    /// Cells.
    pub size: usize,
    /// Spikes of all cells.
    pub spikes: u64,
    /// Spikes a second and cell; 0 before the first step.
    pub rate: f64,
    /// Coefficient of variation of the intervals between the spikes of a cell (standard deviation over mean), the mean of
    /// all cells that have spiked three times; `None`: none has.
    pub cv: Option<f64>,
    /// The cells that `cv` is the mean of.
    pub cells_of_cv: usize,
}

/// A cell that fired less has no variation to speak of.
const FEWEST_SPIKES: u64 = 3;

impl Statistics {
    /// For populations of these sizes, in steps of `dt` ms.
    pub fn new(sizes: impl IntoIterator<Item = usize>, dt: f64) -> Statistics {
        let populations = sizes.into_iter().map(|size| vec![Cell::default(); size]).collect();
        Statistics { dt, steps: 0, spikes: 0, populations }
    }

    /// For the populations of a circuit.
    pub fn of(circuit: &Circuit, dt: f64) -> Statistics {
        Self::new(circuit.populations.iter().map(|population| population.size), dt)
    }

    /// Notes a spike; those of a cell come in the order of their steps. One of no cell is passed over.
    pub fn spike(&mut self, step: u64, population: usize, cell: usize) {
        let Some(cell) = self.populations.get_mut(population).and_then(|cells| cells.get_mut(cell)) else { return };
        if cell.spikes > 0 {
            let interval = step.saturating_sub(cell.last);
            cell.span += interval;
            cell.squares += u128::from(interval).pow(2);
        }
        cell.last = step;
        cell.spikes += 1;
        self.spikes += 1;
    }

    /// Notes that so many more steps have passed.
    pub fn advance(&mut self, steps: u64) {
        self.steps += steps;
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Time so far, s.
    pub fn seconds(&self) -> f64 {
        self.steps as f64 * self.dt / 1000.0
    }

    /// Spikes of all populations.
    pub fn spikes(&self) -> u64 {
        self.spikes
    }

    /// What a population's spikes say.
    ///
    /// # Panics
    /// Where there is no such population.
    pub fn population(&self, population: usize) -> PopulationStatistics {
        let cells = &self.populations[population];
        let spikes = cells.iter().map(|cell| cell.spikes).sum();
        let (sum, cells_of_cv) = cells.iter().filter_map(Cell::cv).fold((0.0, 0), |(sum, n), cv| (sum + cv, n + 1));
        PopulationStatistics {
            size: cells.len(),
            spikes,
            rate: self.rate_of(spikes) / cells.len().max(1) as f64,
            cv: (cells_of_cv > 0).then(|| sum / f64::from(cells_of_cv)),
            cells_of_cv: cells_of_cv as usize,
        }
    }

    /// The rate of every cell of a population, spikes a second.
    ///
    /// # Panics
    /// Where there is no such population.
    pub fn rates(&self, population: usize) -> impl Iterator<Item = f64> + '_ {
        self.populations[population].iter().map(|cell| self.rate_of(cell.spikes))
    }

    fn rate_of(&self, spikes: u64) -> f64 {
        if self.steps == 0 { 0.0 } else { spikes as f64 / self.seconds() }
    }
}

impl Cell {
    fn cv(&self) -> Option<f64> {
        if self.spikes < FEWEST_SPIKES || self.span == 0 {
            return None;
        }
        // n^2 times the variance, in whole numbers.
        let intervals = u128::from(self.spikes - 1);
        let variance = (intervals * self.squares).saturating_sub(u128::from(self.span).pow(2));
        Some((variance as f64).sqrt() / self.span as f64)
    }
}

/// Spikes of every population in bins of time. Where there would be too many, neighbours become one, twice as long.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    first_step: u64,
    bin_steps: u64,
    most: usize,
    /// Spikes of every population, bin by bin.
    counts: Vec<Vec<u64>>,
}

impl Bins {
    /// From a step on, in bins of so many steps; at most `most` of them, which is at least two.
    pub fn new(populations: usize, first_step: u64, bin_steps: u64, most: usize) -> Bins {
        Bins { first_step, bin_steps: bin_steps.max(1), most: most.max(2), counts: vec![Vec::new(); populations] }
    }

    /// Notes a spike; one before the first step is passed over.
    pub fn spike(&mut self, step: u64, population: usize) {
        let Some(since) = step.checked_sub(self.first_step) else { return };
        while since / self.bin_steps >= self.most as u64 {
            self.double();
        }
        let bin = (since / self.bin_steps) as usize;
        let Some(counts) = self.counts.get_mut(population) else { return };
        if counts.len() <= bin {
            counts.resize(bin + 1, 0);
        }
        counts[bin] += 1;
    }

    fn double(&mut self) {
        for counts in &mut self.counts {
            *counts = counts.chunks(2).map(|pair| pair.iter().sum()).collect();
        }
        self.bin_steps *= 2;
    }

    /// Steps of a bin.
    pub fn bin_steps(&self) -> u64 {
        self.bin_steps
    }

    /// The step that the first bin begins with.
    pub fn first_step(&self) -> u64 {
        self.first_step
    }

    /// The spikes of a population, bin by bin; what comes behind its last spike is left out.
    ///
    /// # Panics
    /// Where there is no such population.
    pub fn counts(&self, population: usize) -> &[u64] {
        &self.counts[population]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(trains: &[&[u64]], steps: u64) -> PopulationStatistics {
        let mut statistics = Statistics::new([1, trains.len()], 0.5);
        for (cell, train) in trains.iter().enumerate() {
            train.iter().for_each(|&step| statistics.spike(step, 1, cell));
        }
        statistics.advance(steps);
        assert_eq!(statistics.population(0).spikes, 0);
        assert_eq!(statistics.spikes(), statistics.population(1).spikes);
        statistics.population(1)
    }

    #[test]
    fn regular_trains_do_not_vary() {
        let train: Vec<u64> = (0..100).map(|n| 7 + 13 * n).collect();
        let statistics = of(&[&train, &[]], 4000);
        assert_eq!((statistics.spikes, statistics.cv, statistics.cells_of_cv), (100, Some(0.0), 1));
        assert_eq!(statistics.rate, 25.0, "100 spikes of two cells in two seconds");
    }

    #[test]
    fn variation_is_the_mean_of_cells_that_fired_often_enough() {
        // Intervals 1 and 3: mean 2, deviation 1. Intervals 10, 10, 40: mean 20, deviation sqrt(200).
        let statistics = of(&[&[5, 6, 9], &[0, 10, 20, 60], &[3, 900], &[4]], 1000);
        assert_eq!(statistics.cells_of_cv, 2);
        let expected = (0.5 + 200f64.sqrt() / 20.0) / 2.0;
        assert!((statistics.cv.unwrap() - expected).abs() < 1e-12, "{statistics:?}");
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        let statistics = of(&[&[1, 2]], 0);
        assert_eq!((statistics.rate, statistics.cv, statistics.spikes), (0.0, None, 2));
    }

    #[test]
    fn late_steps_lose_nothing() {
        // In f64 the squares of such intervals would be rounded.
        let far = 1u64 << 40;
        let statistics = of(&[&[0, far, 2 * far, 3 * far + 1]], 1);
        let deviation = (2.0f64 / 9.0).sqrt();
        let expected = deviation / (far as f64 + 1.0 / 3.0);
        assert!((statistics.cv.unwrap() / expected - 1.0).abs() < 1e-9, "{statistics:?}");
    }

    #[test]
    fn bins_grow_longer_and_lose_no_spike() {
        let mut bins = Bins::new(2, 100, 10, 4);
        [99, 100, 109, 110, 135].iter().for_each(|&step| bins.spike(step, 0));
        assert_eq!((bins.counts(0), bins.bin_steps()), (&[2, 1, 0, 1][..], 10));
        bins.spike(100 + 159, 1);
        assert_eq!((bins.counts(0), bins.counts(1), bins.bin_steps()), (&[4][..], &[0, 0, 0, 1][..], 40));
        bins.spike(100 + 160, 0);
        assert_eq!((bins.counts(0), bins.counts(1), bins.bin_steps()), (&[4, 0, 1][..], &[0, 1][..], 80));
    }
}
