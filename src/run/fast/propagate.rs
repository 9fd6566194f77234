//! Spikes reach their targets over stored synapses, over threads: each has targets of its own.

use rayon::prelude::*;

use crate::kernel::compact::list_words;
use crate::kernel::propagate::{Params, ring_slot};
use crate::kernel::{Bindings, Window};

/// Synapses that are worth waking a thread for, which takes 50 to 100 us.
const WORTH_A_THREAD: usize = 1 << 16;

/// The kernel in its fast form. The synapses of a source lie in the order of their places, so those of a part of the
/// targets are neighbours.
#[derive(Debug)]
pub(super) struct FastPropagate(pub Params);

impl FastPropagate {
    pub fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.0;
        let (events, rows, synapses) = (slots.words(0), slots.words(1), slots.words(2));
        let ring = slots.words_mut(3);
        let of_step = 2 * p.cells as usize;
        for sample in 0..window.batch {
            let list = &events[sample * list_words(p.cells as usize)..];
            let ring = &mut ring[sample * p.ring_words()..][..p.ring_words()];
            let sources = list[1..=list[0] as usize].iter().map(|cell| cell.wrapping_sub(p.first));
            let sources = sources.filter(|&source| source < p.sources);
            let of_source = |source: u32| {
                let (begin, end) = (rows[source as usize] as usize, rows[source as usize + 1] as usize);
                &synapses[2 * begin..2 * end]
            };
            let reached: Vec<&[u32]> = sources.map(of_source).collect();
            let total = reached.iter().map(|row| row.len() / 2).sum::<usize>();
            let tasks = rayon::current_num_threads().min(total / WORTH_A_THREAD).max(1);
            if tasks == 1 {
                let slots: Vec<&mut [u32]> = ring.chunks_exact_mut(of_step).collect();
                self.add(window.clock, reached.into_iter(), 0, slots);
                continue;
            }
            // Each thread has the places of a range in all steps.
            let places = of_step.div_ceil(tasks);
            let mut parts: Vec<Vec<&mut [u32]>> = (0..tasks).map(|_| Vec::with_capacity(p.ring as usize)).collect();
            for slot in ring.chunks_exact_mut(of_step) {
                slot.chunks_mut(places).zip(&mut parts).for_each(|(part, parts)| parts.push(part));
            }
            parts.into_par_iter().enumerate().for_each(|(at, slots)| {
                let (first, end) = (at * places, (at + 1) * places);
                let own = reached.iter().map(|row| self.between(row, first, end));
                self.add(window.clock, own, first, slots);
            });
        }
    }

    /// The synapses of a row whose places are in a range.
    fn between<'a>(&self, row: &'a [u32], first: usize, end: usize) -> &'a [u32] {
        let place = (1u64 << self.0.place_bits) as u32 - 1;
        let pairs = row.as_chunks::<2>().0;
        let below = |bound: usize| pairs.partition_point(|pair| ((pair[0] & place) as usize) < bound);
        &row[2 * below(first)..2 * below(end)]
    }

    /// Adds the weights of rows to the accumulators of steps, which begin at a place.
    fn add<'a>(&self, clock: u64, rows: impl Iterator<Item = &'a [u32]>, first: usize, mut slots: Vec<&mut [u32]>) {
        let p = &self.0;
        let place = (1u64 << p.place_bits) as u32 - 1;
        let now = ring_slot(clock, p.ring);
        // The steps to come, in their order: a delay is an index.
        slots.rotate_left(now);
        for row in rows {
            for pair in row.as_chunks::<2>().0 {
                let (place, delay) = ((pair[0] & place) as usize, (pair[0] >> p.place_bits) as usize);
                if let Some(sum) = slots[delay].get_mut(place - first) {
                    *sum = sum.wrapping_add(pair[1]);
                }
            }
        }
    }
}
