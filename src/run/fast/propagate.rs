//! Spikes reach their targets over stored synapses, over threads: each has targets of its own.

use rayon::prelude::*;

use crate::kernel::compact::list_words;
use crate::kernel::propagate::{Params, ring_slot};
use crate::kernel::{Bindings, Window};
use crate::run::spread;

/// Synapses that are worth waking a thread for, which takes 50 to 100 us.
const WORTH_A_THREAD: usize = 1 << 15;
/// Accumulators whose cache misses threads wait for side by side: 4 MiB. Where they lie in a cache, reading synapses is what
/// takes the time, and threads that read half rows each were a fifth slower than one.
const ACCUMULATORS_WORTH_THREADS: usize = 1 << 20;
/// Threads that targets are shared out to, at most.
const MOST_PARTS: usize = 16;

/// The kernel in its fast form. The synapses of a source lie in the order of their places, so those of a part of the
/// targets are neighbours.
#[derive(Debug)]
pub(super) struct FastPropagate {
    p: Params,
    /// Parts of the targets.
    parts: usize,
    /// Where in the row of every source each part ends: `[source, part]`. A search in a row that is not in a cache costs as
    /// much as a part of its synapses.
    ends: Vec<u32>,
}

impl FastPropagate {
    /// For these rows and synapses.
    pub fn new(p: &Params, rows: &[u32], synapses: &[u32]) -> FastPropagate {
        let parts = rayon::current_num_threads().min(MOST_PARTS);
        let place = p.place_mask();
        let width = part_width(p, parts);
        let ends = rows.par_windows(2).flat_map_iter(|row| {
            let pairs = synapses[2 * row[0] as usize..2 * row[1] as usize].as_chunks::<2>().0;
            let begin = row[0];
            (1..=parts)
                .map(move |part| begin + pairs.partition_point(|pair| pair[0] & place < part as u32 * width) as u32)
        });
        FastPropagate { p: *p, parts, ends: ends.collect() }
    }

    pub fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.p;
        let (events, rows, synapses) = (slots.words(0), slots.words(1), slots.words(2));
        let ring = slots.words_mut(3);
        let of_step = 2 * p.cells as usize;
        let now = ring_slot(window.clock, p.ring);
        for sample in 0..window.batch {
            let list = &events[sample * list_words(p.cells as usize)..];
            let ring = &mut ring[sample * p.ring_words()..][..p.ring_words()];
            let sources = list[1..=list[0] as usize].iter().map(|cell| cell.wrapping_sub(p.first));
            let sources: Vec<usize> =
                sources.filter(|&source| source < p.sources).map(|source| source as usize).collect();
            let row = |begin: u32, end: u32| synapses[2 * begin as usize..2 * end as usize].as_chunks::<2>().0;
            let total: usize = sources.iter().map(|&source| (rows[source + 1] - rows[source]) as usize).sum();
            let alone = total < 2 * WORTH_A_THREAD || ring.len() < ACCUMULATORS_WORTH_THREADS;
            if self.parts == 1 || alone {
                let rows = sources.iter().map(|&source| row(rows[source], rows[source + 1]));
                add(p, now, rows, ring);
                continue;
            }
            // Each thread has the places of a range in all steps.
            let width = part_width(p, self.parts) as usize;
            let mut parts: Vec<Vec<&mut [u32]>> =
                (0..self.parts).map(|_| Vec::with_capacity(p.ring as usize)).collect();
            for slot in ring.chunks_exact_mut(of_step) {
                slot.chunks_mut(width).zip(&mut parts).for_each(|(part, parts)| parts.push(part));
            }
            spread::each(parts.into_iter().enumerate(), |(part, slots)| {
                let rows = sources.iter().map(|&source| {
                    let ends = &self.ends[source * self.parts..][..self.parts];
                    row(if part == 0 { rows[source] } else { ends[part - 1] }, ends[part])
                });
                add_part(p, now, rows, part * width, slots);
            });
        }
    }
}

/// Places of a part.
fn part_width(p: &Params, parts: usize) -> u32 {
    (2 * p.cells).div_ceil(parts as u32)
}

/// Adds the weights of rows to all accumulators.
fn add<'a>(p: &Params, now: usize, rows: impl Iterator<Item = &'a [[u32; 2]]>, ring: &mut [u32]) {
    let (mask, bits, of_step, last) = (p.place_mask(), p.place_bits, 2 * p.cells as usize, p.ring as usize - 1);
    in_step(rows, |[word, weight]| {
        let slot = (now + (word >> bits) as usize) & last;
        if let Some(sum) = ring.get_mut(slot * of_step + (word & mask) as usize) {
            *sum = sum.wrapping_add(weight);
        }
    });
}

/// Rows that are read in step: a row begins with some misses of the caches, which others' synapses fill.
const IN_STEP: usize = 4;

/// Every synapse of rows, some rows side by side.
#[inline(always)]
fn in_step<'a>(rows: impl Iterator<Item = &'a [[u32; 2]]>, mut each: impl FnMut([u32; 2])) {
    let rows: Vec<&[[u32; 2]]> = rows.collect();
    let (some, rest) = rows.as_chunks::<IN_STEP>();
    for some in some {
        let common = some.iter().map(|row| row.len()).min().unwrap_or(0);
        let [a, b, c, d] = some.map(|row| &row[..common]);
        for (((&a, &b), &c), &d) in a.iter().zip(b).zip(c).zip(d) {
            each(a);
            each(b);
            each(c);
            each(d);
        }
        some.iter().flat_map(|row| &row[common..]).for_each(|&synapse| each(synapse));
    }
    rest.iter().flat_map(|row| *row).for_each(|&synapse| each(synapse));
}

/// Adds the weights of rows to the accumulators of a part of the targets, whose places begin at `first`.
fn add_part<'a>(
    p: &Params,
    now: usize,
    rows: impl Iterator<Item = &'a [[u32; 2]]>,
    first: usize,
    mut slots: Vec<&mut [u32]>,
) {
    let (mask, bits) = (p.place_mask(), p.place_bits);
    // The steps to come, in their order: a delay is an index.
    slots.rotate_left(now);
    in_step(rows, |[word, weight]| {
        if let Some(sum) = slots[(word >> bits) as usize].get_mut((word & mask) as usize - first) {
            *sum = sum.wrapping_add(weight);
        }
    });
}
