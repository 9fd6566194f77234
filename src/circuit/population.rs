//! Cells of one kind, and what drives them from outside.

use serde::{Deserialize, Serialize};

use super::{Distribution, Receptor};
use crate::error::{Error, Result};
use crate::neuron::cell::{CellType, flag};

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

    pub(super) fn check(&self, dt: f64) -> Result<()> {
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
        let conductances = self.cell.cell(dt)?.flags & flag::CONDUCTANCE != 0;
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
