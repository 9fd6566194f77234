//! Synapses that are drawn once and kept: a row for each source.

use rayon::prelude::*;

use super::draws::Draws;
use super::joined::Joined;
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
        rows_of(&rows, &mut synapses).into_par_iter().enumerate().for_each(|(cell, row)| {
            let mut places = row.iter_mut();
            of_source(cell as u32, &mut |synapse| {
                if let Some(place) = places.next() {
                    *place = word(synapse);
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
        // Synapses of neighbouring targets are neighbours.
        let place = (1u64 << place_bits) as u32 - 1;
        let sorted = |row: &mut [[u32; 2]]| row.sort_unstable_by_key(|synapse| synapse[0] & place);
        rows_of(&rows, &mut synapses).into_par_iter().for_each(sorted);
        Ok(Stored { rows, synapses, place_bits })
    }

    /// Synapses.
    pub fn len(&self) -> usize {
        self.synapses.len() / 2
    }
}

/// The row of every source.
fn rows_of<'a>(rows: &[u32], synapses: &'a mut [u32]) -> Vec<&'a mut [[u32; 2]]> {
    let mut rest = synapses.as_chunks_mut::<2>().0;
    let row = |pair: &[u32]| {
        let (row, behind) = std::mem::take(&mut rest).split_at_mut((pair[1] - pair[0]) as usize);
        rest = behind;
        row
    };
    rows.windows(2).map(row).collect()
}
