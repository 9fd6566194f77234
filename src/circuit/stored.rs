//! Synapses that are drawn once and kept: a row for each source.

use rayon::prelude::*;

use super::Connector;
use super::tables::Joined;
use crate::error::{Error, Result};
use crate::kernel::synapse::{Rule, Synapse};
use crate::random::Stream;

/// Synapses by source, as [`crate::kernel::propagate`] reads them.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Where the row of each cell begins, and where the last ends.
    pub rows: Vec<u32>,
    /// Two words each: place with delay, weight.
    pub synapses: Vec<u32>,
    /// Bits of the first word that are the place.
    pub place_bits: u32,
}

/// Draws of a synapse that belongs to no source: source, target, weight, delay.
const DRAWS: u32 = 4;
/// The logarithm of how many such synapses draw from one stream.
const STREAM_LOG: u32 = 20;

impl Stored {
    /// Draws everything twice: to count, and to keep.
    ///
    /// # Errors
    /// [`Error::Request`] where synapses, or places with delays, are too many for their words.
    pub(super) fn new(
        cells: u32,
        ring: u32,
        rules: &[Rule],
        tables: &[u32],
        drawn: &[(Joined<'_>, Stream)],
    ) -> Result<Stored> {
        if rules.is_empty() && drawn.is_empty() {
            return Ok(Stored::default());
        }
        let place_bits = (2 * cells).next_power_of_two().trailing_zeros().max(1);
        let delay_bits = ring.trailing_zeros();
        if place_bits + delay_bits > 32 {
            return Err(Error::Request(format!(
                "{cells} cells and delays of up to {} steps do not fit into one word: leave projections `procedural`, or use \
                 shorter delays",
                ring - 1
            )));
        }
        let of_source = |cell: u32, each: &mut dyn FnMut(Synapse)| {
            rules.iter().filter(|rule| rule.has_source(cell)).for_each(|rule| rule.synapses(tables, cell, &mut *each));
        };
        // By source: every row alone.
        let mut counts: Vec<u32> = (0..cells)
            .into_par_iter()
            .map(|cell| {
                let mut count = 0;
                of_source(cell, &mut |_| count += 1);
                count
            })
            .collect();
        let by_rule = counts.clone();
        let drawn: Vec<Draws<'_>> = drawn.iter().map(|(joined, stream)| Draws::new(joined, *stream)).collect();
        for draws in &drawn {
            let own = draws.count_by_source(cells);
            counts.iter_mut().zip(own).for_each(|(count, own)| *count += own);
        }
        let mut rows = Vec::with_capacity(counts.len() + 1);
        let mut total = 0u64;
        rows.push(0);
        for count in counts {
            total += u64::from(count);
            rows.push(u32::try_from(total).unwrap_or(u32::MAX));
        }
        if total > u64::from(u32::MAX) / 2 {
            return Err(Error::Request(format!(
                "{total} synapses are too many to be stored: make projections `procedural`"
            )));
        }
        let mut synapses = vec![0u32; 2 * total as usize];
        let word = |synapse: Synapse| [synapse.place | synapse.delay << place_bits, synapse.weight as u32];
        let mut rest = synapses.as_mut_slice();
        let mut parts = Vec::with_capacity(cells as usize);
        for pair in rows.windows(2) {
            let (part, behind) = rest.split_at_mut(2 * (pair[1] - pair[0]) as usize);
            parts.push(part);
            rest = behind;
        }
        parts.into_par_iter().enumerate().for_each(|(cell, row)| {
            let mut places = row.chunks_exact_mut(2);
            of_source(cell as u32, &mut |synapse| {
                if let Some(place) = places.next() {
                    place.copy_from_slice(&word(synapse));
                }
            });
        });
        let mut next: Vec<u32> = rows.iter().zip(by_rule).map(|(begin, count)| begin + count).collect();
        for draws in &drawn {
            draws.each_by_source(|source, synapse| {
                let at = &mut next[source as usize];
                synapses[2 * *at as usize..][..2].copy_from_slice(&word(synapse));
                *at += 1;
            });
        }
        sort(&rows, &mut synapses, (1u64 << place_bits) as u32 - 1);
        Ok(Stored { rows, synapses, place_bits })
    }

    /// Synapses.
    pub fn len(&self) -> usize {
        self.synapses.len() / 2
    }
}

/// The synapses of every source in the order of their places: those of neighbouring targets are neighbours.
fn sort(rows: &[u32], synapses: &mut [u32], place: u32) {
    let mut rest = synapses.as_chunks_mut::<2>().0;
    let mut parts = Vec::with_capacity(rows.len());
    for pair in rows.windows(2) {
        let (part, behind) = rest.split_at_mut((pair[1] - pair[0]) as usize);
        parts.push(part);
        rest = behind;
    }
    parts.into_par_iter().for_each(|row| row.sort_unstable_by_key(|synapse| synapse[0] & place));
}

/// The synapses of a projection that has no rule by source: each is drawn by its number.
struct Draws<'a> {
    of: &'a Joined<'a>,
    stream: Stream,
    weights: Vec<u32>,
    delays: Vec<u32>,
}

/// Synapses that are drawn at once and brought into the order of their sources, so that memory is not written at random.
const AT_ONCE: u64 = 1 << 22;

impl<'a> Draws<'a> {
    fn new(of: &'a Joined<'a>, stream: Stream) -> Draws<'a> {
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
        let pick = |values: &[u32], random: u32| values[((random >> 1) >> (31 - values.len().ilog2())) as usize];
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
    fn count_by_source(&self, cells: u32) -> Vec<u32> {
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

    /// All of them, many neighbours of one source after the other.
    fn each_by_source(&self, mut each: impl FnMut(u32, Synapse)) {
        for start in (0..self.count()).step_by(AT_ONCE as usize) {
            let end = self.count().min(start + AT_ONCE);
            let mut part: Vec<(u32, Synapse)> = (start..end).into_par_iter().map(|number| self.draw(number)).collect();
            part.par_sort_unstable_by_key(|drawn| drawn.0);
            part.into_iter().for_each(|(source, synapse)| each(source, synapse));
        }
    }
}
