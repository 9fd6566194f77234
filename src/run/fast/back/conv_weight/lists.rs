//! Where each channel of a word of inputs is not zero, in the order of cells.

use std::ops::Range;

use crate::kernel::Edge;
use crate::run::fast::places::PLACES;

/// Cells and values of 32 channels.
pub(super) struct Lists {
    cells: Vec<u16>,
    /// What the values are, unless all are one.
    values: Vec<f32>,
    counts: [usize; 32],
    /// Room of a channel: what lies behind its last entry is of no meaning.
    capacity: usize,
}

impl Lists {
    /// With room for so many cells; `valued`: other values than one occur.
    pub fn new(cells: usize, valued: bool) -> Lists {
        let capacity = cells + 32;
        let values = if valued { vec![0.0; 32 * capacity] } else { Vec::new() };
        Lists { cells: vec![0; 32 * capacity], values, counts: [0; 32], capacity }
    }

    /// The cells of a channel and their values.
    #[inline(always)]
    pub fn of(&self, channel: usize) -> (&[u16], &[f32]) {
        let all = channel * self.capacity..channel * self.capacity + self.counts[channel];
        (&self.cells[all.clone()], self.values.get(all).unwrap_or(&[]))
    }

    /// Takes a word of channels of rows of cells. A cell's number counts `width` cells a row.
    #[inline(always)]
    pub fn take(
        &mut self,
        edge: &Edge,
        step: &[u32],
        word: usize,
        rows: Range<usize>,
        (columns, width): (usize, usize),
    ) {
        self.counts = [0; 32];
        let size = edge.cell_words();
        let channels = (edge.channels as usize - word * 32).min(32);
        for (y, row) in rows.enumerate() {
            let cells = &step[row * columns * size..(row + 1) * columns * size];
            if edge.planes == 1 {
                for (chunk, cells) in cells.chunks(32 * size).enumerate() {
                    self.push_bits(cells, (word, size), y * width + 32 * chunk, channels);
                }
            } else {
                for (x, cell) in cells.chunks_exact(size).enumerate() {
                    self.push(edge.planes as usize, cell, (word, channels), (y * width + x) as u16);
                }
            }
        }
    }

    /// Adds up to 32 neighbouring cells of spikes, whose first number is `first`.
    #[inline(always)]
    fn push_bits(&mut self, cells: &[u32], (word, size): (usize, usize), first: usize, channels: usize) {
        let mut words = [0; 32];
        for (to, cell) in words.iter_mut().zip(cells.chunks_exact(size)) {
            *to = cell[word];
        }
        transpose(&mut words);
        for channel in 0..channels {
            let own = &mut self.cells[channel * self.capacity..(channel + 1) * self.capacity];
            let used = &mut self.counts[channel];
            for (i, byte) in words[channel].to_le_bytes().into_iter().enumerate() {
                if let Some(to) = own[*used..].first_chunk_mut::<8>() {
                    *to = PLACES[usize::from(byte)].map(|place| (first + 8 * i) as u16 + u16::from(place));
                }
                *used += byte.count_ones() as usize;
            }
        }
    }

    #[inline(always)]
    fn push(&mut self, planes: usize, cell: &[u32], (word, channels): (usize, usize), number: u16) {
        if planes == 0 {
            for (channel, x) in cell[word * 32..][..channels].iter().enumerate() {
                let x = f32::from_bits(*x);
                if x != 0.0 {
                    self.add(channel, number, x);
                }
            }
            return;
        }
        let words = &cell[word * planes..][..planes];
        let mut bits = words.iter().fold(0, |all, word| all | word);
        while bits != 0 {
            let bit = bits.trailing_zeros();
            let count = words.iter().rev().fold(0, |n, word| n << 1 | word >> bit & 1);
            self.add(bit as usize, number, count as f32);
            bits &= bits - 1;
        }
    }

    #[inline(always)]
    fn add(&mut self, channel: usize, number: u16, value: f32) {
        let count = &mut self.counts[channel & 31];
        let at = (channel & 31) * self.capacity + *count;
        *count += 1;
        self.cells[at] = number;
        self.values[at] = value;
    }
}

/// Swaps rows and columns of bits: bit `i` of word `k` becomes bit `k` of word `i`. Squares change places with those across
/// the diagonal, halves of the whole first (after Warren, Hacker's Delight, 7-3).
#[inline(always)]
fn transpose(words: &mut [u32; 32]) {
    for (log, mask) in [(4, 0x0000_ffff), (3, 0x00ff_00ff), (2, 0x0f0f_0f0f), (1, 0x3333_3333), (0, 0x5555_5555u32)] {
        let size = 1 << log;
        for first in (0..32).step_by(2 * size) {
            for low in first..first + size {
                let swapped = (words[low] >> size ^ words[low + size]) & mask;
                words[low] ^= swapped << size;
                words[low + size] ^= swapped;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn bits_change_places() {
        let words: [u32; 32] = std::array::from_fn(|i| (i as u32 + 1).wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995);
        let mut swapped = words;
        super::transpose(&mut swapped);
        for i in 0..32 {
            for k in 0..32 {
                assert_eq!(words[k] >> i & 1, swapped[i] >> k & 1, "bit {i} of word {k}");
            }
        }
    }
}
