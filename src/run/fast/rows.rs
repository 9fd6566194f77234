//! Rows of weights for blocks of outputs, and their canonical sum.

use super::BLOCK;

/// Words of 32 inputs whose terms make one block sum of the order contract.
pub(super) const SUM_WORDS: usize = 8;

/// Weights `[block of outputs, input, 32]`, and biases `[block, 32]`; outputs that are not there have zeros.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<[f32; BLOCK]>,
    bias: Vec<[f32; BLOCK]>,
    inputs: usize,
}

impl Rows {
    /// From the weights of a kernel: `[input, output]` with biases behind, where there are any.
    pub fn new(words: &[u32], inputs: usize, outputs: usize, has_bias: bool) -> Rows {
        let weights: &[f32] = bytemuck::cast_slice(words);
        let (weights, bias) = weights.split_at(inputs * outputs);
        let block = |row: &[f32], first: usize| -> [f32; BLOCK] {
            std::array::from_fn(|i| row.get(first + i).copied().unwrap_or(0.0))
        };
        let firsts = || (0..outputs).step_by(BLOCK);
        let rows = firsts().flat_map(|first| weights.chunks_exact(outputs).map(move |row| block(row, first))).collect();
        let bias = if has_bias { firsts().map(|first| block(bias, first)).collect() } else { Vec::new() };
        Rows { rows, bias, inputs }
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

/// Adds to a sum its block sum: the products of its values with the rows of a segment, each rounded on its own.
#[inline(always)]
pub(super) fn add_products(sum: &mut [f32; BLOCK], x: &[f32], rows: &[[f32; BLOCK]]) {
    let mut block = [0.0; BLOCK];
    for (row, x) in rows.iter().zip(x) {
        for i in 0..BLOCK {
            block[i] += row[i] * x;
        }
    }
    for i in 0..BLOCK {
        sum[i] += block[i];
    }
}

/// Adds to two sums their block sums, for which each row is read once. Two fill the registers of AVX2; of an array of them
/// the compiler would make memory, so they have names.
#[inline(always)]
pub(super) fn add_products_to_two(sums: &mut [[f32; BLOCK]; 2], x: [&[f32]; 2], rows: &[[f32; BLOCK]]) {
    let (mut first, mut second) = ([0.0; BLOCK], [0.0; BLOCK]);
    for ((row, x), y) in rows.iter().zip(x[0]).zip(x[1]) {
        for i in 0..BLOCK {
            first[i] += row[i] * x;
        }
        for i in 0..BLOCK {
            second[i] += row[i] * y;
        }
    }
    for i in 0..BLOCK {
        sums[0][i] += first[i];
    }
    for i in 0..BLOCK {
        sums[1][i] += second[i];
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
