//! A projection in numbers, and as a rule that kernels read.

use std::collections::HashMap;

use super::connector::gap_chances;
use super::{Circuit, Connector, Projection, Receptor};
use crate::kernel::synapse::{RULE_WORDS, Rule, kind};
use crate::random::Stream;

/// A projection in numbers.
#[derive(Debug)]
pub(super) struct Joined<'a> {
    pub projection: &'a Projection,
    /// First source and first target, as cells of the circuit.
    pub source: u32,
    pub place: u32,
    pub sources: u32,
    pub targets: u32,
    /// What one unit of the targets' accumulators stands for.
    pub unit: f64,
    dt: f64,
}

impl<'a> Joined<'a> {
    pub fn new(circuit: &Circuit, projection: &'a Projection, starts: &[usize], units: &[f64], dt: f64) -> Joined<'a> {
        let [from, to] = [&projection.from, &projection.to].map(|name| circuit.find(name).unwrap_or(0));
        let inhibits = projection.arrives_at() == Receptor::Inhibitory;
        Joined {
            projection,
            source: starts[from] as u32,
            place: (starts[to] + if inhibits { circuit.cells() } else { 0 }) as u32,
            sources: circuit.populations[from].size as u32,
            targets: circuit.populations[to].size as u32,
            unit: units[to],
            dt,
        }
    }

    /// A weight in units of the accumulators.
    pub fn weight(&self, weight: f64) -> u32 {
        (weight / self.unit).round() as i32 as u32
    }

    /// A delay in steps.
    pub fn delay(&self, delay: f64) -> u32 {
        (delay / self.dt).round() as u32
    }

    /// Tables of weights and of delays.
    pub fn values(&self) -> [Vec<u32>; 2] {
        let weights = self.projection.weight.values().into_iter().map(|weight| self.weight(weight));
        let delays = self.projection.delay.values().into_iter().map(|delay| self.delay(delay));
        [weights.collect(), delays.collect()]
    }
}

/// Rules, and what they draw from, while they are made: places in the tables count from behind the rules.
#[derive(Default)]
pub(super) struct RuleTables {
    rules: Vec<Rule>,
    words: Vec<u32>,
    /// Where tables are that several rules draw from.
    places: HashMap<Vec<u32>, u32>,
}

impl RuleTables {
    pub fn add(&mut self, kind: u32, of: &Joined<'_>, stream: Stream) {
        let mut table = |words: Vec<u32>| {
            let count = words.len() as u32;
            let place = *self.places.entry(words).or_insert_with_key(|words| {
                let place = self.words.len() as u32;
                self.words.extend(words);
                place
            });
            [place, count]
        };
        let [weights, delays] = of.values().map(&mut table).map(|[place, count]| [place, count.ilog2()]);
        let connector = &of.projection.connector;
        let gaps = match connector {
            Connector::FixedProbability(p) if kind == kind::PROBABILITY => table(gap_chances(*p)),
            _ => [0, 0],
        };
        let amount = if let Connector::FixedNumberPost(count) = connector { *count as u32 } else { 0 };
        self.rules.push(Rule {
            source: of.source,
            sources: of.sources,
            place: of.place,
            targets: of.targets,
            kind,
            amount,
            skips_self: u32::from(of.projection.skips_self()),
            gaps,
            weights,
            delays,
            key: stream.key(),
            padding: 0,
        });
    }

    /// The rules, and the tables with them at the start.
    pub fn finish(self) -> (Vec<Rule>, Vec<u32>) {
        let behind = (self.rules.len() * RULE_WORDS) as u32;
        let moved = |[place, count]: [u32; 2]| [place + behind, count];
        let rules: Vec<Rule> = (self.rules.into_iter())
            .map(|rule| Rule {
                gaps: moved(rule.gaps),
                weights: moved(rule.weights),
                delays: moved(rule.delays),
                ..rule
            })
            .collect();
        let mut words: Vec<u32> = bytemuck::cast_slice(&rules).to_vec();
        words.extend(self.words);
        (rules, words)
    }
}
