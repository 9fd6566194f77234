//! The canonical sum: what a neuron's input current is, to the bit.
//!
//! Weights lie `[group, tap, channel in, channel out]`, so that one spike adds one row; the biases of all output
//! channels stand behind them. Twin of `shaders/sum.wgsl`.

use super::Edge;

/// Words of 32 channels whose terms make one block sum.
pub(crate) const BLOCK_WORDS: usize = 8;

/// Sums rows of weights in the canonical order.
#[derive(Debug)]
pub struct Sum<'a> {
    total: &'a mut [f32],
    block: &'a mut [f32],
    current: usize,
    touched: bool,
}

impl<'a> Sum<'a> {
    /// Starts at zero. `total` takes the result; `block` is scratch of the same length.
    pub fn new(total: &'a mut [f32], block: &'a mut [f32]) -> Self {
        total.fill(0.0);
        block.fill(0.0);
        Sum { total, block, current: 0, touched: false }
    }

    /// Adds the terms of the inputs `first..first + inputs` of a cell, whose rows are `rows`.
    /// `word` counts words of 32 inputs over all taps so far.
    #[inline]
    pub fn cell(&mut self, edge: &Edge, cell: &[u32], first: usize, inputs: usize, word: usize, rows: &[f32]) {
        let outputs = self.total.len();
        for (w, start) in (0..inputs).step_by(32).enumerate() {
            let count = (inputs - start).min(32);
            self.enter((word + w) / BLOCK_WORDS);
            let rows = &rows[start * outputs..(start + count) * outputs];
            if edge.is_real() {
                for (x, row) in cell[first + start..first + start + count].iter().zip(rows.chunks_exact(outputs)) {
                    let x = f32::from_bits(*x);
                    if x != 0.0 {
                        self.add(row, x);
                    }
                }
            } else {
                for plane in 0..edge.planes as usize {
                    let mut bits = bits_at(cell, edge.planes as usize, plane, first + start, count);
                    while bits != 0 {
                        let bit = bits.trailing_zeros() as usize;
                        bits &= bits - 1;
                        let row = &rows[bit * outputs..(bit + 1) * outputs];
                        if plane == 0 { self.add_one(row) } else { self.add(row, (1u32 << plane) as f32) }
                    }
                }
            }
        }
    }

    /// Ends the sum and adds the biases, where there are any.
    pub fn finish(mut self, bias: &[f32]) {
        self.close();
        for (total, b) in self.total.iter_mut().zip(bias) {
            *total += b;
        }
    }

    #[inline]
    fn enter(&mut self, block: usize) {
        if block != self.current {
            self.close();
            self.current = block;
        }
    }

    #[inline]
    fn close(&mut self) {
        if std::mem::take(&mut self.touched) {
            for (total, block) in self.total.iter_mut().zip(self.block.iter_mut()) {
                *total += *block;
                *block = 0.0;
            }
        }
    }

    #[inline]
    fn add_one(&mut self, row: &[f32]) {
        self.touched = true;
        for (sum, w) in self.block.iter_mut().zip(row) {
            *sum += w;
        }
    }

    #[inline]
    fn add(&mut self, row: &[f32], x: f32) {
        self.touched = true;
        for (sum, w) in self.block.iter_mut().zip(row) {
            *sum += w * x;
        }
    }
}

/// The bits of up to 32 channels from `first` on, in one plane; they may straddle two words.
#[inline]
fn bits_at(cell: &[u32], planes: usize, plane: usize, first: usize, count: usize) -> u32 {
    let shift = first % 32;
    let index = first / 32 * planes + plane;
    let mut bits = cell[index] >> shift;
    if shift != 0 && shift + count > 32 {
        bits |= cell[index + planes] << (32 - shift);
    }
    if count < 32 { bits & ((1 << count) - 1) } else { bits }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract written out: every term, zero or not, in f32.
    fn naive(values: &[f32], rows: &[f32], outputs: usize, bias: &[f32]) -> Vec<f32> {
        (0..outputs)
            .map(|o| {
                let blocks = values.chunks(256).zip(rows.chunks(256 * outputs));
                let sum = blocks.fold(0.0f32, |sum, (x, w)| {
                    sum + x.iter().zip(w.chunks(outputs)).fold(0.0f32, |s, (x, w)| s + x * w[o])
                });
                sum + bias[o]
            })
            .collect()
    }

    #[test]
    fn bits_and_reals_agree_with_the_contract() {
        let (cells, channels, outputs) = (7, 64, 5);
        let noise = |i: usize| (i.wrapping_mul(2654435761) >> 7 & 1023) as f32 / 777.0 - 0.6;
        let values: Vec<f32> = (0..cells * channels).map(|i| f32::from(noise(i) > 0.3)).collect();
        let rows: Vec<f32> = (0..cells * channels * outputs).map(|i| noise(i + 9)).collect();
        let bias: Vec<f32> = (0..outputs).map(noise).collect();
        let expected = naive(&values, &rows, outputs, &bias);
        assert!(values.iter().sum::<f32>() > 50.0);
        for planes in [0, 1, 3] {
            let edge = Edge { cells: cells as u32, channels: channels as u32, planes, series: 1 };
            let mut step = vec![0; edge.step_words()];
            for (cell, values) in values.chunks(channels).enumerate() {
                let words = edge.cell_words();
                for (c, &x) in values.iter().enumerate() {
                    edge.set(&mut step[cell * words..(cell + 1) * words], c, x);
                }
            }
            let (mut total, mut block) = (vec![9.0; outputs], vec![9.0; outputs]);
            let mut sum = Sum::new(&mut total, &mut block);
            for cell in 0..cells {
                let rows = &rows[cell * channels * outputs..(cell + 1) * channels * outputs];
                sum.cell(&edge, edge.cell(&step, cell), 0, channels, cell * 2, rows);
            }
            sum.finish(&bias);
            assert_eq!(total, expected, "planes {planes}");
        }
    }

    #[test]
    fn bits_straddle_words() {
        let edge = Edge { cells: 1, channels: 80, planes: 2, series: 1 };
        let mut cell = vec![0; edge.cell_words()];
        for c in 0..80 {
            edge.set_count(&mut cell, c, (c % 4) as u32);
        }
        for first in 0..60 {
            for plane in 0..2 {
                let bits = bits_at(&cell, 2, plane, first, 20);
                for i in 0..20 {
                    assert_eq!(bits >> i & 1, ((((first + i) % 4) >> plane) & 1) as u32, "{first} {i} {plane}");
                }
                assert_eq!(bits >> 20, 0);
            }
        }
    }
}
