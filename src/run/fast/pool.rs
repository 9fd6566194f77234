//! Pools of whole cells at a time: reals side by side, bits and counts a word of 32 channels at a time.

use std::ops::Range;

use super::add::add_counts;
use super::{BLOCK, Run};
use crate::kernel::{Bindings, Window, pool};

/// A pool.
#[derive(Debug)]
pub(super) struct FastPool {
    p: pool::Params,
    form: Form,
}

/// What becomes of the cells in a window.
#[derive(Clone, Copy, Debug)]
enum Form {
    LargestReal,
    SumOfReals,
    LargestCount,
    SumOfCounts,
    /// Counts whose sum, times a factor, is real.
    MeanOfCounts,
}

/// Whole numbers below are exact in f32, so that their sum has no order.
const EXACT: u64 = 1 << 24;

impl FastPool {
    pub fn new(p: &pool::Params) -> Option<FastPool> {
        let largest_sum = u64::from(p.input.largest()) * u64::from(p.kernel[0]) * u64::from(p.kernel[1]);
        let form = match (p.input.is_real(), p.output.is_real(), p.max == 1) {
            (true, true, true) => Form::LargestReal,
            (true, true, false) => Form::SumOfReals,
            (false, false, true) if p.input.planes == p.output.planes => Form::LargestCount,
            (false, false, false) if p.factor == 1.0 && largest_sum < EXACT => Form::SumOfCounts,
            (false, true, false) if largest_sum < EXACT => Form::MeanOfCounts,
            _ => return None,
        };
        Some(FastPool { p: *p, form })
    }

    /// Rows or columns of the input in the window of an output row or column.
    #[inline(always)]
    fn window(&self, axis: usize, out: usize) -> Range<usize> {
        let p = &self.p;
        let [stride, kernel, pad, size] = [p.stride, p.kernel, p.pad, p.in_size].map(|of| of[axis] as usize);
        let first = out * stride;
        first.saturating_sub(pad).min(size)..(first + kernel).saturating_sub(pad).min(size)
    }

    /// Takes a cell of the input into that of the output.
    #[inline(always)]
    fn take(&self, to: &mut [u32], from: &[u32]) {
        let planes = self.p.input.planes as usize;
        match self.form {
            Form::LargestReal => {
                for (to, &from) in to.iter_mut().zip(from) {
                    let (value, next) = (f32::from_bits(*to), f32::from_bits(from));
                    // Of zeros of both signs the first stays.
                    *to = (if next <= value { value } else { next }).to_bits();
                }
            }
            Form::SumOfReals => {
                for (to, &from) in to.iter_mut().zip(from) {
                    *to = (f32::from_bits(*to) + f32::from_bits(from)).to_bits();
                }
            }
            Form::LargestCount if planes == 1 => {
                for (to, &from) in to.iter_mut().zip(from) {
                    *to |= from;
                }
            }
            Form::LargestCount => {
                for (to, from) in to.chunks_exact_mut(planes).zip(from.chunks_exact(planes)) {
                    take_larger(to, from);
                }
            }
            Form::SumOfCounts => {
                let sums = self.p.output.planes as usize;
                for (to, from) in to.chunks_exact_mut(sums).zip(from.chunks_exact(planes)) {
                    add_counts(to, from);
                }
            }
            Form::MeanOfCounts => {
                for (to, from) in to.chunks_mut(BLOCK).zip(from.chunks_exact(planes)) {
                    for (plane, &bits) in from.iter().enumerate() {
                        for (lane, sum) in to.iter_mut().enumerate() {
                            *sum += (bits >> lane & 1) << plane;
                        }
                    }
                }
            }
        }
    }

    /// What the output is where the window is empty, and ends as.
    #[inline(always)]
    fn finish(&self, to: &mut [u32]) {
        for value in to {
            match self.form {
                Form::SumOfReals => *value = (f32::from_bits(*value) * self.p.factor).to_bits(),
                Form::MeanOfCounts => *value = (*value as f32 * self.p.factor).to_bits(),
                _ => {}
            }
        }
    }
}

impl Run for FastPool {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.p;
        let input = slots.words(0);
        let output = slots.words_mut(1);
        let steps = if p.output.series == 1 { window.steps } else { 1 };
        let start = if matches!(self.form, Form::LargestReal) { f32::NEG_INFINITY.to_bits() } else { 0 };
        let [out_width, width] = [p.out_size[1] as usize, p.in_size[1] as usize];
        for t in 0..steps {
            for sample in 0..window.batch {
                let from = p.input.step(input, window, t, sample);
                let to = p.output.step_mut(output, window, t, sample);
                to.fill(start);
                for (cell, to) in to.chunks_exact_mut(p.output.cell_words()).enumerate() {
                    for y in self.window(0, cell / out_width) {
                        for x in self.window(1, cell % out_width) {
                            self.take(to, p.input.cell(from, y * width + x));
                        }
                    }
                    self.finish(to);
                }
            }
        }
    }
}

/// Of the counts of 32 channels, plane by plane, the larger of two.
#[inline(always)]
fn take_larger(to: &mut [u32], from: &[u32]) {
    let (mut larger, mut same) = (0, u32::MAX);
    for (to, from) in to.iter().zip(from).rev() {
        larger |= same & from & !to;
        same &= !(from ^ to);
    }
    for (to, from) in to.iter_mut().zip(from) {
        *to = *to & !larger | from & larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_words_add_up_and_compare() {
        // Of every pair of counts of three planes, in a channel each.
        let pairs = || (0..64u32).map(|i| (i / 8, i % 8));
        let packed = |count: fn((u32, u32)) -> u32| -> [[u32; 4]; 2] {
            let mut words = [[0; 4]; 2];
            for (i, pair) in pairs().enumerate() {
                (0..4).for_each(|plane| words[i / 32][plane] |= (count(pair) >> plane & 1) << (i % 32));
            }
            words
        };
        let (left, right) = (packed(|(a, _)| a), packed(|(_, b)| b));
        let (mut sum, mut larger) = (left, left);
        for word in 0..2 {
            add_counts(&mut sum[word], &right[word][..3]);
            take_larger(&mut larger[word], &right[word]);
        }
        assert_eq!(sum, packed(|(a, b)| a + b));
        assert_eq!(larger, packed(|(a, b)| a.max(b)));
        // Without the highest plane, low bits are kept.
        let mut low = left[1];
        add_counts(&mut low[..2], &right[1][..3]);
        assert_eq!(low[..2], sum[1][..2]);
    }
}
