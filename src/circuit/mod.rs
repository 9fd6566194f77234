//! Circuits: populations of cells, and projections between them, as simulators of brains have them.
//!
//! A circuit is one layer of a network ([`crate::layer::Layer::Circuit`]): it takes spikes or currents, if anything, and
//! gives the spikes of all its cells. Names, units and defaults are those of PyNN, where it has them: mV, ms, nA, uS.
//!
//! ```
//! use saltatory::circuit::{Circuit, Connector, Population, Projection};
//! use saltatory::neuron::cell::models::{IfCurrExp, SpikeSourcePoisson};
//!
//! let circuit = Circuit::new(42)
//!     .population(Population::new("noise", 100, SpikeSourcePoisson { rate: 800.0 }))
//!     .population(Population::new("neurons", 400, IfCurrExp { tau_refrac: 2.0, ..Default::default() }))
//!     .projection(Projection::new("noise", "neurons", Connector::FixedProbability(0.1)).weight(0.4).delay(1.5))
//!     .projection(Projection::new("neurons", "neurons", Connector::FixedNumberPost(10)).weight(0.1).delay(1.5));
//! circuit.check(0.1)?;
//! # Ok::<(), saltatory::Error>(())
//! ```
//!
//! | file | what it knows |
//! |---|---|
//! | `population`, `projection` | what people write down |
//! | `distribution` | numbers that are drawn: weights, delays, potentials |
//! | `connector` | who is joined with whom, as rules that can be drawn again |
//! | `joined` | a projection in numbers, and as a rule that kernels read |
//! | `tables` | a circuit in the words that kernels read |
//! | `stored` | synapses that are drawn once and kept |
//! | `draws` | synapses of connectors that know no source |
//! | `connections` | all synapses one by one, and how many there will be |
//! | `statistics` | rates, irregularity, counts in bins, of spikes as they come |
//!
//! What arrives at a cell in a step is summed in whole numbers: results depend on no order, and are the same on every
//! machine to the bit. A population's unit is the largest power of two with which the sum of all weights that reach a cell
//! cannot overflow; a weight is rounded to it.

mod connections;
mod connector;
mod distribution;
mod draws;
mod joined;
mod population;
mod projection;
mod statistics;
mod stored;
mod tables;

pub use connections::Connection;
pub use connector::Connector;
pub use distribution::Distribution;
pub use population::{Background, Population};
pub use projection::{Projection, Receptor};
pub use statistics::{Bins, PopulationStatistics, Statistics};
pub(crate) use stored::Stored;
pub(crate) use tables::Tables;

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::neuron::cell::CellType;

/// Populations, and projections between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Circuit {
    /// What everything random is drawn from.
    pub seed: u64,
    /// The populations, in the order of their cells.
    pub populations: Vec<Population>,
    /// The projections.
    pub projections: Vec<Projection>,
}

/// The most steps that a spike may take.
pub const MOST_DELAY: usize = (1 << 12) - 1;

/// The most cells of a circuit, whose accumulators, two each for every step that they look ahead, have numbers of one word.
/// Stored synapses keep that number in a part of a word, beside the delay: with them there may be fewer, and an error says so.
pub const MOST_CELLS: usize = 1 << 27;

impl Circuit {
    /// An empty circuit, whose random numbers are drawn from `seed`.
    pub fn new(seed: u64) -> Circuit {
        Circuit { seed, ..Default::default() }
    }

    /// This circuit with a population.
    pub fn population(mut self, population: Population) -> Self {
        self.populations.push(population);
        self
    }

    /// This circuit with a projection.
    pub fn projection(mut self, projection: Projection) -> Self {
        self.projections.push(projection);
        self
    }

    /// The first cell of every population, and behind them how many cells there are: each begins a word of 32.
    pub fn starts(&self) -> Vec<usize> {
        let mut starts = vec![0];
        for population in &self.populations {
            starts.push(starts[starts.len() - 1] + population.size.next_multiple_of(32));
        }
        starts
    }

    /// Cells, with those that fill up words.
    pub fn cells(&self) -> usize {
        self.populations.iter().map(|population| population.size.next_multiple_of(32)).sum()
    }

    /// A population by its name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.populations.iter().position(|population| population.name == name)
    }

    /// The population that the input of the circuit is for: the first of cells that fire by it, else the first.
    pub(crate) fn input_population(&self) -> usize {
        let is_input = |population: &Population| matches!(population.cell, CellType::Input {});
        self.populations.iter().position(is_input).unwrap_or(0)
    }

    /// Checks populations and projections for steps of `dt` ms.
    ///
    /// # Errors
    /// [`Error::Request`] naming the population or projection, what was expected and what came.
    pub fn check(&self, dt: f64) -> Result<()> {
        if !(dt.is_finite() && dt > 0.0) {
            return Err(Error::Request(format!("expected a time step above zero ms, got {dt}")));
        }
        if self.populations.is_empty() {
            return Err(Error::Request("a circuit needs at least one population".into()));
        }
        if self.populations.iter().any(|population| population.size > MOST_CELLS) || self.cells() > MOST_CELLS {
            return Err(Error::Request(format!("expected at most {MOST_CELLS} cells in a circuit")));
        }
        let mut names = HashSet::new();
        for population in &self.populations {
            if !names.insert(population.name.as_str()) {
                return Err(Error::Request(format!("two populations are called `{}`", population.name)));
            }
            population.check(dt).map_err(|e| Error::Request(format!("population `{}`: {e}", population.name)))?;
        }
        for projection in &self.projections {
            let name = projection.name();
            self.check_projection(projection, dt).map_err(|e| Error::Request(format!("projection `{name}`: {e}")))?;
        }
        Ok(())
    }

    fn check_projection(&self, projection: &Projection, dt: f64) -> Result<()> {
        let population = |name: &str| {
            let known = || self.populations.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join("`, `");
            let unknown = || Error::Request(format!("there is no population `{name}`, but `{}`", known()));
            self.find(name).map(|at| &self.populations[at]).ok_or_else(unknown)
        };
        let (from, to) = (population(&projection.from)?, population(&projection.to)?);
        if to.cell.is_source() {
            return Err(Error::Request(format!("`{}` are {}: nothing arrives there", to.name, to.cell.name())));
        }
        projection.connector.check(from.size, to.size, projection.skips_self())?;
        if projection.procedural && !projection.connector.is_procedural() {
            return Err(Error::Request(format!(
                "`{}` cannot be drawn source by source: leave out `procedural`",
                projection.connector.name()
            )));
        }
        projection.weight.check("weight")?;
        projection.delay.check("delay")?;
        let conductances = to.cell.cell(dt)?.flags & crate::neuron::cell::flag::CONDUCTANCE != 0;
        let weights = projection.all_weights();
        if let Some(weight) = weights.iter().find(|weight| conductances && **weight < 0.0) {
            return Err(Error::Request(format!("expected conductances of zero or more, got a weight of {weight}")));
        }
        let steps = |delay: f64| (delay / dt).round();
        let delays = projection.all_delays();
        if let Some(delay) = delays.iter().find(|&&delay| !(1.0..=MOST_DELAY as f64).contains(&steps(delay))) {
            let most = MOST_DELAY as f64 * dt;
            return Err(Error::Request(format!(
                "expected delays between one step of {dt} ms and {most} ms, got {delay}"
            )));
        }
        Ok(())
    }
}
