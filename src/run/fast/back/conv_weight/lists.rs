//! Where each channel of a word of inputs is not zero, in the order of cells.

use std::ops::Range;

use crate::kernel::Edge;

/// Cells and values of 32 channels.
pub(super) struct Lists {
    cells: Vec<u32>,
    /// What the values are, unless all are one.
    values: Vec<f32>,
    counts: [usize; 32],
    capacity: usize,
}

impl Lists {
    /// With room for so many cells; `valued`: other values than one occur.
    pub fn new(cells: usize, valued: bool) -> Lists {
        let values = if valued { vec![0.0; 32 * cells] } else { Vec::new() };
        Lists { cells: vec![0; 32 * cells], values, counts: [0; 32], capacity: cells }
    }

    /// The cells of a channel and their values.
    #[inline(always)]
    pub fn of(&self, channel: usize) -> (&[u32], &[f32]) {
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
        for (y, row) in rows.clone().enumerate() {
            for x in 0..columns {
                let cell = &step[(row * columns + x) * size..][..size];
                self.push(edge, cell, word, (y * width + x) as u32);
            }
        }
    }

    #[inline(always)]
    fn push(&mut self, edge: &Edge, cell: &[u32], word: usize, number: u32) {
        let channels = (edge.channels as usize - word * 32).min(32);
        let planes = edge.planes as usize;
        match planes {
            0 => {
                for (channel, x) in cell[word * 32..][..channels].iter().enumerate() {
                    let x = f32::from_bits(*x);
                    if x != 0.0 {
                        self.add(channel, number, Some(x));
                    }
                }
            }
            1 => {
                let mut bits = cell[word];
                while bits != 0 {
                    self.add(bits.trailing_zeros() as usize, number, None);
                    bits &= bits - 1;
                }
            }
            _ => {
                let words = &cell[word * planes..][..planes];
                let mut bits = words.iter().fold(0, |all, word| all | word);
                while bits != 0 {
                    let bit = bits.trailing_zeros();
                    let count = words.iter().rev().fold(0, |n, word| n << 1 | word >> bit & 1);
                    self.add(bit as usize, number, Some(count as f32));
                    bits &= bits - 1;
                }
            }
        }
    }

    #[inline(always)]
    fn add(&mut self, channel: usize, number: u32, value: Option<f32>) {
        let count = &mut self.counts[channel & 31];
        let at = (channel & 31) * self.capacity + *count;
        *count += 1;
        self.cells[at] = number;
        if let Some(value) = value {
            self.values[at] = value;
        }
    }
}
