//! Synapses that belong to no source: each is drawn by its number.

use rayon::prelude::*;

use super::Connector;
use super::joined::Joined;
use crate::kernel::synapse::Synapse;
use crate::random::{Stream, picked};

/// Draws of a synapse that belongs to no source: source, target, weight, delay.
const DRAWS: u32 = 4;
/// The logarithm of how many such synapses draw from one stream.
const STREAM_LOG: u32 = 20;

/// The synapses of a projection that has no rule by source.
pub(super) struct Draws<'a> {
    of: &'a Joined<'a>,
    stream: Stream,
    weights: Vec<u32>,
    delays: Vec<u32>,
}

/// Synapses that are drawn at once and brought into the order of their sources, so that memory is not written at random.
const AT_ONCE: u64 = 1 << 22;

impl<'a> Draws<'a> {
    pub fn new(of: &'a Joined<'a>, stream: Stream) -> Draws<'a> {
        let [weights, delays] = of.values();
        Draws { of, stream, weights, delays }
    }

    fn count(&self) -> u64 {
        match &self.of.projection.connector {
            Connector::FixedNumberPre(count) => *count as u64 * u64::from(self.of.targets),
            Connector::FixedTotalNumber(count) => *count as u64,
            Connector::FromList(list) => list.len() as u64,
            _ => 0,
        }
    }

    /// A synapse, and its source as a cell of the circuit.
    fn draw(&self, number: u64) -> (u32, Synapse) {
        let of = self.of;
        if let Connector::FromList(list) = &of.projection.connector {
            let (source, target, weight, delay) = list[number as usize];
            let (weight, delay) = (of.weight(weight) as i32, of.delay(delay));
            return (of.source + source as u32, Synapse { place: of.place + target as u32, weight, delay });
        }
        let pick = |values: &[u32], random: u32| values[picked(random, values.len().ilog2())];
        let stream = self.stream.at((number >> STREAM_LOG) as u32);
        let first = DRAWS * (number as u32 & ((1 << STREAM_LOG) - 1));
        let target = match &of.projection.connector {
            Connector::FixedNumberPre(count) => (number / *count as u64) as u32,
            _ => stream.below(first + 1, of.targets),
        };
        let skips_self = of.projection.skips_self();
        let source = stream.below(first, of.sources - u32::from(skips_self));
        let synapse = Synapse {
            place: of.place + target,
            weight: pick(&self.weights, stream.bits(first + 2)) as i32,
            delay: pick(&self.delays, stream.bits(first + 3)),
        };
        (of.source + source + u32::from(skips_self && source >= target), synapse)
    }

    /// Synapses of every cell.
    pub fn count_by_source(&self, cells: u32) -> Vec<u32> {
        let none = || vec![0u32; cells as usize];
        let starts = (0..self.count().div_ceil(AT_ONCE)).into_par_iter().map(|part| part * AT_ONCE);
        let count = |mut counts: Vec<u32>, start: u64| {
            let end = self.count().min(start + AT_ONCE);
            (start..end).for_each(|number| counts[self.draw(number).0 as usize] += 1);
            counts
        };
        let sum = |mut counts: Vec<u32>, other: Vec<u32>| {
            counts.iter_mut().zip(other).for_each(|(count, other)| *count += other);
            counts
        };
        starts.fold(none, count).reduce(none, sum)
    }

    /// All of them, in the order of their numbers.
    pub fn each(&self, mut each: impl FnMut(u32, Synapse)) {
        (0..self.count()).map(|number| self.draw(number)).for_each(|(source, synapse)| each(source, synapse));
    }

    /// All of them, many neighbours of one source after the other.
    pub fn each_by_source(&self, mut each: impl FnMut(u32, Synapse)) {
        for start in (0..self.count()).step_by(AT_ONCE as usize) {
            let end = self.count().min(start + AT_ONCE);
            let mut part: Vec<(u32, Synapse)> = (start..end).into_par_iter().map(|number| self.draw(number)).collect();
            part.par_sort_unstable_by_key(|drawn| drawn.0);
            part.into_iter().for_each(|(source, synapse)| each(source, synapse));
        }
    }
}
