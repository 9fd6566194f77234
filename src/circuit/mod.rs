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
//! | `distribution` | numbers that are drawn: weights, delays, potentials |
//! | `connector` | who is joined with whom, as rules that can be drawn again |
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
mod statistics;
mod stored;
mod tables;

pub use connections::Connection;
pub use connector::Connector;
pub use distribution::Distribution;
pub use statistics::{Bins, PopulationStatistics, Statistics};
pub(crate) use stored::Stored;
pub(crate) use tables::Tables;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

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

/// Cells of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// Unique in the circuit.
    pub name: String,
    /// Cells.
    pub size: usize,
    /// What they are.
    pub cell: CellType,
    /// Potentials before the first step, mV; `None`: at rest.
    pub v_init: Option<Distribution>,
    /// Currents in every step, nA, in place of the cells' own `i_offset`; `None`: that.
    pub i_offset: Option<Distribution>,
    /// Spikes that arrive from outside.
    pub background: Option<Background>,
    /// Changes of the current from outside: from which time on, ms, what current, nA.
    pub currents: Vec<(f64, f64)>,
    /// The cells whose potentials and synapses are recorded, by their number.
    pub probes: Vec<usize>,
}

/// Spikes that arrive at every cell of a population at random, independently.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Background {
    /// Spikes a second, of all sources of a cell together.
    pub rate: f64,
    /// Weight of each, as those of projections.
    pub weight: f64,
    /// Where they arrive; `None`: by the sign of the weight.
    #[serde(default)]
    pub receptor: Option<Receptor>,
}

/// Where spikes arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Receptor {
    /// At the excitatory synapse.
    Excitatory,
    /// At the inhibitory synapse.
    Inhibitory,
}

/// Synapses from one population to another, or the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// The population whose spikes it takes.
    pub from: String,
    /// The population that it reaches.
    pub to: String,
    /// Which cells are joined.
    pub connector: Connector,
    /// Weights: nA, uS of conductances, mV where potentials jump.
    pub weight: Distribution,
    /// Delays, ms: at least one step; they are rounded to whole steps.
    pub delay: Distribution,
    /// Where it arrives; `None`: by the sign of the weights.
    pub receptor: Option<Receptor>,
    /// Whether a cell may reach itself.
    pub allow_self_connections: bool,
    /// Synapses are not stored, but drawn again by every spike.
    pub procedural: bool,
}

/// The most steps that a spike may take.
pub const MOST_DELAY: usize = (1 << 12) - 1;

/// The most cells of a circuit: their accumulators, two each, have their number in a part of a word.
pub const MOST_CELLS: usize = 1 << 24;

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

impl Population {
    /// Cells of one kind, at rest before the first step.
    pub fn new(name: impl Into<String>, size: usize, cell: impl Into<CellType>) -> Population {
        Population {
            name: name.into(),
            size,
            cell: cell.into(),
            v_init: None,
            i_offset: None,
            background: None,
            currents: Vec::new(),
            probes: Vec::new(),
        }
    }

    /// With these potentials before the first step.
    pub fn v_init(self, v_init: impl Into<Distribution>) -> Self {
        Population { v_init: Some(v_init.into()), ..self }
    }

    /// With these currents in every step.
    pub fn i_offset(self, i_offset: impl Into<Distribution>) -> Self {
        Population { i_offset: Some(i_offset.into()), ..self }
    }

    /// With spikes from outside: so many a second at every cell, of this weight.
    pub fn background(self, rate: f64, weight: f64) -> Self {
        Population { background: Some(Background { rate, weight, receptor: None }), ..self }
    }

    /// With a current from a time on, until the next change.
    pub fn current(mut self, from: f64, current: f64) -> Self {
        self.currents.push((from, current));
        self
    }

    /// With these cells recorded in every step.
    pub fn probes(mut self, cells: impl IntoIterator<Item = usize>) -> Self {
        self.probes.extend(cells);
        self
    }

    fn check(&self, dt: f64) -> Result<()> {
        if self.size == 0 {
            return Err(Error::Request("expected at least one cell".into()));
        }
        self.cell.cell(dt)?;
        if let CellType::SpikeSourceArray { spike_times } = &self.cell {
            if spike_times.len() != self.size {
                let (lists, size) = (spike_times.len(), self.size);
                return Err(Error::Request(format!(
                    "expected spike times for each of {size} cells, got {lists} lists"
                )));
            }
            if let Some(time) = spike_times.iter().flatten().find(|time| !(time.is_finite() && **time >= 0.0)) {
                return Err(Error::Request(format!("expected spike times of zero or more, got {time}")));
            }
        }
        for (what, distribution) in [("v_init", &self.v_init), ("i_offset", &self.i_offset)] {
            distribution.iter().try_for_each(|distribution| distribution.check(what))?;
        }
        if let Some(probe) = self.probes.iter().find(|probe| **probe >= self.size) {
            return Err(Error::Request(format!("expected probes among {} cells, got {probe}", self.size)));
        }
        if let Some((time, current)) =
            self.currents.iter().find(|(t, i)| !(t.is_finite() && *t >= 0.0 && i.is_finite()))
        {
            return Err(Error::Request(format!(
                "expected finite currents from times of zero or more, got {current} from {time}"
            )));
        }
        if !self.currents.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(Error::Request("expected changes of the current in the order of their times".into()));
        }
        let given = !self.currents.is_empty() || self.background.is_some() || self.i_offset.is_some();
        if self.cell.is_source() && (given || self.v_init.is_some() || !self.probes.is_empty()) {
            return Err(Error::Request(format!("{} has no potential and takes no currents", self.cell.name())));
        }
        let conductances = self.cell.cell(dt)?.flags & crate::neuron::cell::flag::CONDUCTANCE != 0;
        self.background.map_or(Ok(()), |background| background.check(conductances))
    }
}

impl Background {
    /// More spikes in a step than this are taken for a mistake.
    const MOST_RATE: f64 = 1e9;

    fn check(&self, conductances: bool) -> Result<()> {
        if conductances && self.weight < 0.0 {
            let weight = self.weight;
            return Err(Error::Request(format!("background: expected a conductance of zero or more, got {weight}")));
        }
        if !(0.0..=Self::MOST_RATE).contains(&self.rate) || !self.weight.is_finite() {
            let (rate, weight) = (self.rate, self.weight);
            return Err(Error::Request(format!(
                "background: expected a rate between 0 and {:e} and a finite weight, got {rate} and {weight}",
                Self::MOST_RATE
            )));
        }
        Ok(())
    }
}

impl Projection {
    /// Synapses of weight 0 and a delay of 1 ms.
    pub fn new(from: impl Into<String>, to: impl Into<String>, connector: Connector) -> Projection {
        Projection {
            from: from.into(),
            to: to.into(),
            connector,
            weight: Distribution::Constant(0.0),
            delay: Distribution::Constant(1.0),
            receptor: None,
            allow_self_connections: true,
            procedural: false,
        }
    }

    /// With these weights.
    pub fn weight(self, weight: impl Into<Distribution>) -> Self {
        Projection { weight: weight.into(), ..self }
    }

    /// With these delays, ms.
    pub fn delay(self, delay: impl Into<Distribution>) -> Self {
        Projection { delay: delay.into(), ..self }
    }

    /// Arriving there.
    pub fn receptor(self, receptor: Receptor) -> Self {
        Projection { receptor: Some(receptor), ..self }
    }

    /// No cell reaches itself.
    pub fn no_self_connections(self) -> Self {
        Projection { allow_self_connections: false, ..self }
    }

    /// Its synapses are drawn again by every spike, and not stored.
    pub fn procedural(self) -> Self {
        Projection { procedural: true, ..self }
    }

    /// Its name, for people.
    pub fn name(&self) -> String {
        format!("{} -> {}", self.from, self.to)
    }

    pub(crate) fn skips_self(&self) -> bool {
        !self.allow_self_connections && self.from == self.to
    }

    /// Where it arrives.
    pub fn arrives_at(&self) -> Receptor {
        let inhibits = || self.all_weights().iter().all(|&weight| weight <= 0.0);
        let by_sign =
            || if inhibits() && self.largest_weight() > 0.0 { Receptor::Inhibitory } else { Receptor::Excitatory };
        self.receptor.unwrap_or_else(by_sign)
    }

    /// Every weight that it may have.
    fn all_weights(&self) -> Vec<f64> {
        match &self.connector {
            Connector::FromList(list) => list.iter().map(|synapse| synapse.2).collect(),
            _ => self.weight.values(),
        }
    }

    /// Every delay that it may have.
    fn all_delays(&self) -> Vec<f64> {
        match &self.connector {
            Connector::FromList(list) => list.iter().map(|synapse| synapse.3).collect(),
            _ => self.delay.values(),
        }
    }

    /// The largest size of a weight.
    pub(crate) fn largest_weight(&self) -> f64 {
        self.all_weights().into_iter().fold(0.0, |most, weight| most.max(weight.abs()))
    }
}

macro_rules! cell_type_from {
    ($($model:ident),*) => {$(
        impl From<crate::neuron::cell::models::$model> for CellType {
            fn from(model: crate::neuron::cell::models::$model) -> Self {
                CellType::$model(model)
            }
        }
    )*};
}

cell_type_from!(
    IfCurrExp,
    IfCurrExpThreshold,
    IfCurrDelta,
    IfCondExp,
    EifCondExp,
    EifCurrExp,
    QifCurrExp,
    Izhikevich,
    SpikeSourcePoisson
);
