//! Large layers of few spikes: each adds its row of weights as it lies in memory, which gives long rows quickest.

use std::ops::Range;

use super::super::BLOCK;
use super::super::by_spike::{self, Weights};
use super::{FastLinear, Given, Piece};
use crate::kernel::Window;

/// Weights that no cache holds from step to step: 16 MiB.
const LARGE: usize = 1 << 22;

/// Rows that are read side by side: while one waits for memory, others come.
const AT_ONCE: usize = 4;

/// Rows of weights of some outputs.
struct Rows<'a> {
    linear: &'a FastLinear,
    weights: &'a [f32],
    outputs: Range<usize>,
}

impl Weights for Rows<'_> {
    #[inline(always)]
    fn add(&self, inputs: &[u32], sums: &mut [f32]) {
        let (fours, rest) = inputs.as_chunks::<AT_ONCE>();
        for four in fours {
            let [a, b, c, d] = four.map(|input| self.row(input));
            let rows = a.iter().zip(b).zip(c).zip(d);
            for (sum, (((a, b), c), d)) in sums.iter_mut().zip(rows) {
                *sum = *sum + a + b + c + d;
            }
        }
        for &input in rest {
            sums.iter_mut().zip(self.row(input)).for_each(|(sum, weight)| *sum += weight);
        }
    }
}

impl Rows<'_> {
    /// The row of an input.
    #[inline(always)]
    fn row(&self, input: u32) -> &[f32] {
        let row = self.linear.row(input as usize / 32) + input as usize % 32;
        &self.weights[row * self.linear.count..][self.outputs.clone()]
    }
}

impl FastLinear {
    /// Whether weights are so many, and spikes so few, that most rows are read for one of them.
    pub(super) fn few_spikes(&self, window: Window, steps: usize, input: &[u32]) -> bool {
        let inputs = self.input.elements();
        if inputs * self.count < LARGE {
            return false;
        }
        let first = self.input.offset(window, 0, 0);
        let all = &input[first..][..window.batch * steps * self.input.step_words()];
        all.iter().map(|word| word.count_ones() as usize).sum::<usize>() < inputs
    }

    /// All sums of a piece, step after step.
    #[inline(always)]
    pub(super) fn by_rows(&self, given: &Given<'_>, piece: &mut Piece<'_>) {
        let outputs = piece.blocks.start * BLOCK..(piece.blocks.end * BLOCK).min(self.count);
        let weights = Rows { linear: self, weights: given.weights, outputs };
        let padded = piece.blocks.len() * BLOCK;
        let (mut total, mut block) = (vec![0.0f32; padded], vec![0.0f32; padded]);
        for (sample, t) in (0..given.window.batch).flat_map(|sample| (0..given.steps).map(move |t| (sample, t))) {
            let step = self.input.step(given.input, given.window, t, sample);
            by_spike::sums(&weights, step, &mut total, &mut block);
            for (own, sum) in piece.blocks.clone().zip(total.as_chunks().0) {
                self.put(given, piece, (sample, t), own, *sum);
            }
        }
    }

    /// The row of the first input of a word.
    #[inline(always)]
    fn row(&self, word: usize) -> usize {
        self.bases[word / super::SUM_WORDS] + usize::from(self.offsets[word])
    }
}
