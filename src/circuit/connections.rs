//! All synapses of a circuit one by one, as a simulation draws them; how many of them are to be expected.

use super::draws::Draws;
use super::joined::{Joined, RuleTables};
use super::tables::{place, units};
use super::{Circuit, Connector, Projection};
use crate::error::Result;
use crate::random::Stream;

/// A synapse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connection {
    /// The projection.
    pub projection: usize,
    /// Source, in its population.
    pub source: usize,
    /// Target, in its population.
    pub target: usize,
    /// Weight as it is computed with: rounded to the unit of the target's population.
    pub weight: f64,
    /// Delay as it is computed with, ms.
    pub delay: f64,
}

impl Circuit {
    /// Hands out every synapse, projection by projection, as simulations in steps of `dt` ms draw it, stored or not.
    ///
    /// # Errors
    /// As [`Circuit::check`].
    pub fn connections(&self, dt: f64, mut each: impl FnMut(Connection)) -> Result<()> {
        self.check(dt)?;
        let (starts, units) = (self.starts(), units(self, dt)?);
        let random = Stream::new(self.seed, place::CIRCUIT);
        for (at, projection) in self.projections.iter().enumerate() {
            let joined = Joined::new(self, projection, &starts, &units, dt);
            let stream = random.at(place::PROJECTIONS + at as u32);
            let mut found = |source: u32, synapse: crate::kernel::synapse::Synapse| {
                each(Connection {
                    projection: at,
                    source: (source - joined.source) as usize,
                    target: (synapse.place - joined.place) as usize,
                    weight: f64::from(synapse.weight) * joined.unit,
                    delay: f64::from(synapse.delay) * dt,
                });
            };
            match projection.connector.kind() {
                None => Draws::new(&joined, stream).each(found),
                Some(kind) => {
                    let mut rules = RuleTables::default();
                    rules.add(kind, &joined, stream);
                    let (rules, tables) = rules.finish();
                    for rule in &rules {
                        for cell in rule.source..rule.source + rule.sources {
                            rule.synapses(&tables, cell, |synapse| found(cell, synapse));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The synapses that a projection of this circuit has, where chance has its way the mean of them.
    pub fn expected_synapses(&self, projection: &Projection) -> f64 {
        let size = |name: &str| self.find(name).map_or(0, |at| self.populations[at].size) as f64;
        let (sources, targets) = (size(&projection.from), size(&projection.to));
        let pairs = if projection.skips_self() { sources * (targets - 1.0) } else { sources * targets };
        match &projection.connector {
            Connector::AllToAll => pairs,
            Connector::OneToOne => sources,
            Connector::FixedProbability(p) => p * pairs,
            Connector::FixedNumberPost(count) => *count as f64 * sources,
            Connector::FixedNumberPre(count) => *count as f64 * targets,
            Connector::FixedTotalNumber(count) => *count as f64,
            Connector::FromList(list) => list.len() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::circuit::{Distribution, Population};
    use crate::neuron::cell::models::IfCurrExp;

    /// What a simulation stores is what is handed out.
    #[test]
    fn are_those_that_are_simulated() {
        let connectors = [
            Connector::AllToAll,
            Connector::FixedProbability(0.2),
            Connector::FixedNumberPost(3),
            Connector::FixedNumberPre(4),
            Connector::FixedTotalNumber(50),
            Connector::FromList(vec![(3, 5, 0.25, 2.0), (0, 39, -0.5, 1.0)]),
        ];
        let populations = ["a", "b"].map(|name| Population::new(name, 40, IfCurrExp::default()));
        let mut circuit = Circuit { seed: 7, populations: populations.to_vec(), projections: Vec::new() };
        for (n, connector) in connectors.into_iter().enumerate() {
            let projection = Projection::new(["a", "b"][n % 2], "b", connector)
                .weight(Distribution::uniform(0.1, 0.9))
                .delay(Distribution::uniform(1.0, 3.0));
            circuit.projections.push(projection.no_self_connections());
        }
        let dt = 0.5;
        let mut found = Vec::new();
        let mut counts = vec![0; circuit.projections.len()];
        circuit
            .connections(dt, |connection| {
                let from = &circuit.projections[connection.projection].from;
                let source = circuit.starts()[circuit.find(from).unwrap()] + connection.source;
                found.push((source, connection.target, connection.weight.to_bits(), (connection.delay / dt) as u32));
                counts[connection.projection] += 1;
            })
            .unwrap();
        let tables = crate::circuit::Tables::new(&circuit, dt).unwrap();
        let unit = units(&circuit, dt).unwrap()[1];
        let stored = &tables.stored;
        let mut expected = Vec::new();
        for (source, range) in stored.rows.windows(2).enumerate() {
            for synapse in stored.synapses[2 * range[0] as usize..2 * range[1] as usize].chunks_exact(2) {
                let (place, delay) = (synapse[0] & ((1 << stored.place_bits) - 1), synapse[0] >> stored.place_bits);
                let target = (place as usize % tables.cells as usize) - circuit.starts()[1];
                expected.push((source, target, (f64::from(synapse[1] as i32) * unit).to_bits(), delay));
            }
        }
        found.sort_unstable();
        expected.sort_unstable();
        assert!(found.len() > 1900 && found == expected, "{} {}", found.len(), expected.len());
        for (projection, count) in circuit.projections.iter().zip(counts) {
            let mean = circuit.expected_synapses(projection);
            let chance = matches!(projection.connector, Connector::FixedProbability(_));
            let off = (f64::from(count) - mean).abs();
            assert!(off <= if chance { 6.0 * mean.sqrt() } else { 0.0 }, "{projection:?}: {count} of {mean}");
        }
    }
}
