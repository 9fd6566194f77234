//! Rates and sums of spikes: counted for 32 neurons at once, by adding up words bit by bit.

use super::{BLOCK, Run};
use crate::kernel::{Bindings, Window, readout};

/// Words of spikes that are counted side by side, as many as fill a vector or two.
const WORDS: usize = 16;
/// Bits of a counter, and the steps that it counts at most.
const BITS: usize = 5;
const MOST: usize = (1 << BITS) - 1;
/// Steps up to which every sum of spikes is a whole number that f32 holds, whatever the order.
const EXACT: usize = 1 << 24;

/// A read-out of spikes that adds them up.
#[derive(Debug)]
pub(super) struct FastReadout {
    p: readout::Params,
}

impl FastReadout {
    pub fn new(p: &readout::Params) -> Option<FastReadout> {
        let adds = p.mode == readout::SUM || p.mode == readout::MEAN;
        (adds && p.summed == 0 && p.input.planes == 1 && p.input.cells == 1).then_some(FastReadout { p: *p })
    }
}

impl Run for FastReadout {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.p;
        if window.end() > EXACT {
            return readout::run(p, window, slots);
        }
        let (input, bias) = (slots.words(0), slots.values::<f32>(1));
        let (sums, scores) = (slots.reals_mut(2), slots.reals_mut(3));
        let (elements, words) = (p.input.elements(), p.input.step_words());
        let (factor, times) = if p.mode == readout::MEAN { (window.mean(), 1.0) } else { (1.0, window.end() as f32) };
        for sample in 0..window.batch {
            let row = sample * elements..(sample + 1) * elements;
            let scores = &mut scores[row.clone()];
            let totals = if p.keeps_sums == 1 { &mut sums[row.clone()] } else { &mut *scores };
            if window.at == 0 {
                totals.fill(0.0);
            }
            for first in (0..words).step_by(WORDS) {
                let count = (words - first).min(WORDS);
                let counts = self.count(window, sample, first..first + count, input);
                let totals = &mut totals[first * BLOCK..];
                for (totals, counts) in totals.chunks_mut(BLOCK).zip(&counts[..count]) {
                    for (total, count) in totals.iter_mut().zip(counts) {
                        *total += *count as f32;
                    }
                }
            }
            if p.keeps_sums == 1 {
                scores.copy_from_slice(&sums[row]);
            }
            if p.mode == readout::MEAN {
                for score in scores.iter_mut() {
                    *score *= factor;
                }
            }
            if p.bias == 1 {
                for (score, bias) in scores.iter_mut().zip(bias) {
                    *score += bias * times;
                }
            }
        }
    }
}

impl FastReadout {
    /// The spikes of each neuron of some words.
    #[inline(always)]
    fn count(
        &self,
        window: Window,
        sample: usize,
        words: std::ops::Range<usize>,
        input: &[u32],
    ) -> [[u32; BLOCK]; WORDS] {
        let mut counts = [[0; BLOCK]; WORDS];
        for first in (0..window.steps).step_by(MOST) {
            // Bit `b` of the counter of a neuron is its bit in `bits[b]`.
            let mut bits = [[0u32; WORDS]; BITS];
            for t in first..(first + MOST).min(window.steps) {
                let step = &self.p.input.step(input, window, t, sample)[words.clone()];
                let mut carry = [0; WORDS];
                carry[..step.len()].copy_from_slice(step);
                for plane in &mut bits {
                    for i in 0..WORDS {
                        (plane[i], carry[i]) = (plane[i] ^ carry[i], plane[i] & carry[i]);
                    }
                }
            }
            for (word, counts) in counts.iter_mut().enumerate() {
                for (bit, plane) in bits.iter().enumerate() {
                    for i in 0..BLOCK {
                        counts[i] += (plane[word] >> i & 1) << bit;
                    }
                }
            }
        }
        counts
    }
}
