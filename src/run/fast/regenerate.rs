//! Spikes reach their targets over synapses that are drawn again: first all of them are drawn, by threads that share the
//! spikes, and sorted by the part of the accumulators that they go to; then threads share the parts. Sums are of whole numbers,
//! so that no order matters.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kernel::compact::list_words;
use crate::kernel::propagate::ring_slot;
use crate::kernel::regenerate::Params;
use crate::kernel::synapse::{RULE_WORDS, Rule, kind};
use crate::kernel::{Bindings, Window};
use crate::run::spread;

/// Synapses that are worth waking a thread for.
const WORTH_A_THREAD: usize = 1 << 14;
/// Words of a part at least: half a second cache. Parts are written to side by side, so they are [`MOST_PARTS`] at most.
const PART_WORDS: usize = 1 << 16;
const MOST_PARTS: usize = 512;
/// Synapses that are sorted at once at most: 32 MiB.
const MOST_SORTED: usize = 1 << 22;

/// The kernel in its fast form.
#[derive(Debug)]
pub(super) struct FastRegenerate {
    p: Params,
    limits: Limits,
    /// What each thread has drawn, by part: memory that is used again.
    drawn: Mutex<Vec<Drawn>>,
}

/// When synapses are sorted, and into what.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Synapses of a step from which on they are.
    worth: usize,
    /// Words of a part, a power of two.
    part: usize,
    /// How many at once.
    sorted: usize,
}

/// What a thread has drawn: places in a part, and weights.
#[derive(Debug, Default)]
struct Drawn {
    parts: Vec<Vec<[u32; 2]>>,
    count: usize,
}

impl FastRegenerate {
    pub fn new(p: &Params) -> FastRegenerate {
        let words = p.ring_words();
        let part = words.div_ceil(MOST_PARTS).max(PART_WORDS).next_power_of_two();
        // Not more memory than the accumulators take.
        let sorted = (words / 2).clamp(WORTH_A_THREAD, MOST_SORTED);
        Self::with(p, Limits { worth: WORTH_A_THREAD, part, sorted })
    }

    fn with(p: &Params, limits: Limits) -> FastRegenerate {
        FastRegenerate { p: *p, limits, drawn: Mutex::default() }
    }

    pub fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let (events, tables) = (slots.words(0), slots.words(1));
        let ring = slots.words_mut(2);
        let words = self.p.ring_words();
        for sample in 0..window.batch {
            let list = &events[sample * list_words(self.p.cells as usize)..];
            let step = Step {
                rules: bytemuck::cast_slice(&tables[..self.p.rules as usize * RULE_WORDS]),
                tables,
                now: ring_slot(window.clock, self.p.ring),
                of_step: 2 * self.p.cells as usize,
                last: self.p.ring as usize - 1,
                events: &list[1..=list[0] as usize],
            };
            let ring = &mut ring[sample * words..][..words];
            if step.most() < self.limits.worth {
                step.events.iter().for_each(|&cell| {
                    step.draw(cell, |at, weight| ring[at] = ring[at].wrapping_add(weight));
                });
            } else {
                self.sort_and_add(&step, ring);
            }
        }
    }

    /// Draws the synapses of all events, as many at once as there is room for, and adds them part by part.
    fn sort_and_add(&self, step: &Step<'_>, ring: &mut [u32]) {
        let Ok(mut drawn) = self.drawn.lock() else { return };
        let parts = ring.len().div_ceil(self.limits.part);
        drawn
            .resize_with(rayon::current_num_threads(), || Drawn { parts: vec![Vec::new(); parts], ..Drawn::default() });
        let (shift, mask) = (self.limits.part.trailing_zeros(), self.limits.part - 1);
        let quota = self.limits.sorted / drawn.len();
        let next = AtomicUsize::new(0);
        while next.load(Ordering::Relaxed) < step.events.len() {
            spread::each(drawn.iter_mut(), |drawn| {
                drawn.count = 0;
                drawn.parts.iter_mut().for_each(Vec::clear);
                while drawn.count < quota
                    && let Some(&cell) = step.events.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    step.draw(cell, |at, weight| {
                        drawn.parts[at >> shift].push([(at & mask) as u32, weight]);
                        drawn.count += 1;
                    });
                }
            });
            spread::each(ring.chunks_mut(self.limits.part).enumerate(), |(part, ring)| {
                for &[at, weight] in drawn.iter().flat_map(|drawn| &drawn.parts[part]) {
                    ring[at as usize] = ring[at as usize].wrapping_add(weight);
                }
            });
        }
    }
}

/// What spikes in a step of a sample.
struct Step<'a> {
    rules: &'a [Rule],
    tables: &'a [u32],
    /// The slot of the ring that is this step's, words of a slot, and the last slot.
    now: usize,
    of_step: usize,
    last: usize,
    events: &'a [u32],
}

impl Step<'_> {
    /// How many synapses there are at most.
    fn most(&self) -> usize {
        let of_rule = |rule: &Rule| match rule.kind {
            kind::ONE => 1,
            kind::FAN_OUT => rule.amount as usize,
            _ => rule.targets as usize,
        };
        let of_event = |cell: u32| self.rules.iter().filter(|rule| rule.has_source(cell)).map(of_rule).sum::<usize>();
        self.events.iter().map(|&cell| of_event(cell)).sum()
    }

    /// The synapses of a cell: where they accumulate, and the weight.
    #[inline(always)]
    fn draw(&self, cell: u32, mut each: impl FnMut(usize, u32)) {
        for rule in self.rules.iter().filter(|rule| rule.has_source(cell)) {
            rule.synapses(self.tables, cell, |synapse| {
                let slot = (self.now + synapse.delay as usize) & self.last;
                each(slot * self.of_step + synapse.place as usize, synapse.weight as u32);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kernel;

    /// In small parts, a few synapses at once, over rules of every kind.
    #[test]
    fn sorted_synapses_give_what_the_twin_gives() {
        let (cells, ring) = (700, 8);
        let rule = |kind: u32, place: u32| Rule {
            sources: cells,
            place,
            targets: cells,
            kind,
            amount: 90,
            skips_self: u32::from(kind == kind::FAN_OUT),
            weights: [1000, 2],
            delays: [1004, 1],
            gaps: [1006, 3],
            key: [11 + kind, 7],
            ..Rule::default()
        };
        let rules = [rule(kind::FAN_OUT, 0), rule(kind::PROBABILITY, cells), rule(kind::ONE, 0), rule(kind::ALL, 0)];
        let mut tables: Vec<u32> = bytemuck::cast_slice(&rules).to_vec();
        tables.resize(1000, 0);
        tables.extend([1, 2, u32::MAX, 40, 3, 5, 1 << 30, 1 << 31, 3 << 30]);
        let mut events: Vec<u32> = std::iter::once(60).chain((0..cells).step_by(11).take(60)).collect();
        events.resize(list_words(cells as usize), 0);
        let p = Params { cells, rules: rules.len() as u32, ring, groups: 1 };
        let window = Window { batch: 1, start: 0, steps: 1, at: 0, clock: 13 };
        let before: Vec<u32> = (0..2 * cells * ring).map(|i| i.wrapping_mul(0x9e37_79b9)).collect();
        let run = |run: &dyn Fn(&mut Bindings<'_>)| {
            let mut ring = before.clone();
            let mut slots = Bindings::default();
            slots.push_read(&events);
            slots.push_read(&tables);
            slots.push_write(&mut ring);
            run(&mut slots);
            ring
        };
        let expected = run(&|slots| Kernel::Regenerate(p).run(window, slots));
        assert_ne!(expected, before);
        for limits in [
            Limits { worth: 1, part: 64, sorted: 100 },
            Limits { worth: 1, part: 1 << 10, sorted: 1 << 20 },
            Limits { worth: usize::MAX, part: 64, sorted: 1 },
        ] {
            let fast = FastRegenerate::with(&p, limits);
            for _ in 0..2 {
                assert!(run(&|slots| fast.run(window, slots)) == expected, "{limits:?}");
            }
        }
    }
}
