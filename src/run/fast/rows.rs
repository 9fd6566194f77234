//! Rows of weights for blocks of outputs, and their canonical sum.

use rayon::prelude::*;

use super::BLOCK;

pub(super) use crate::kernel::sum::BLOCK_WORDS as SUM_WORDS;

/// Weights `[block of outputs, input, 32]`, and biases `[block, 32]`; outputs that are not there have zeros.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<[f32; BLOCK]>,
    bias: Vec<[f32; BLOCK]>,
    inputs: usize,
    outputs: usize,
}

impl Rows {
    /// From the weights of a kernel: `[input, output]` with biases behind, where there are any.
    pub fn new(words: &[u32], inputs: usize, outputs: usize, has_bias: bool) -> Rows {
        let blocks = outputs.div_ceil(BLOCK);
        let bias = vec![[0.0; BLOCK]; if has_bias { blocks } else { 0 }];
        let mut rows = Rows { rows: vec![[0.0; BLOCK]; blocks * inputs], bias, inputs, outputs };
        rows.fill(words);
        rows
    }

    /// Takes other weights of the same kernel.
    pub fn fill(&mut self, words: &[u32]) {
        let weights: &[f32] = bytemuck::cast_slice(words);
        let (weights, bias) = weights.split_at(self.inputs * self.outputs);
        let take = |to: &mut [f32; BLOCK], row: &[f32], block: usize| {
            let from = &row[block * BLOCK..row.len().min((block + 1) * BLOCK)];
            match from.first_chunk() {
                Some(from) => *to = *from,
                None => to[..from.len()].copy_from_slice(from),
            }
        };
        self.rows.par_chunks_mut(self.inputs.max(1)).enumerate().for_each(|(block, rows)| {
            rows.iter_mut().zip(weights.chunks_exact(self.outputs)).for_each(|(to, row)| take(to, row, block));
        });
        self.bias.iter_mut().enumerate().for_each(|(block, to)| take(to, bias, block));
    }

    /// The rows of a block of outputs.
    #[inline(always)]
    pub fn block(&self, block: usize) -> &[[f32; BLOCK]] {
        &self.rows[block * self.inputs..(block + 1) * self.inputs]
    }

    /// Ends a sum: the biases come last, where there are any.
    #[inline(always)]
    pub fn with_bias(&self, block: usize, mut total: [f32; BLOCK]) -> [f32; BLOCK] {
        if let Some(bias) = self.bias.get(block) {
            for i in 0..BLOCK {
                total[i] += bias[i];
            }
        }
        total
    }
}

/// A canonical sum on its way.
pub(super) struct Sum {
    total: [f32; BLOCK],
    block: [f32; BLOCK],
    at: usize,
}

impl Sum {
    #[inline(always)]
    pub fn new() -> Sum {
        Sum { total: [0.0; BLOCK], block: [0.0; BLOCK], at: 0 }
    }

    /// Enters the block sum that the word of inputs belongs to.
    #[inline(always)]
    pub fn enter(&mut self, word: usize) {
        if word / SUM_WORDS != self.at {
            self.at = word / SUM_WORDS;
            for i in 0..BLOCK {
                self.total[i] += self.block[i];
                self.block[i] = 0.0;
            }
        }
    }

    /// Adds a row.
    #[inline(always)]
    pub fn add(&mut self, row: &[f32; BLOCK]) {
        for i in 0..BLOCK {
            self.block[i] += row[i];
        }
    }

    /// Adds a row times a factor, rounded on its own.
    #[inline(always)]
    pub fn add_times(&mut self, row: &[f32; BLOCK], factor: f32) {
        for i in 0..BLOCK {
            self.block[i] += row[i] * factor;
        }
    }

    /// The sum.
    #[inline(always)]
    pub fn total(self) -> [f32; BLOCK] {
        std::array::from_fn(|i| self.total[i] + self.block[i])
    }
}
