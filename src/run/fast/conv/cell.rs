//! The terms of one cell, without lists: for what is summed once.

use super::super::BLOCK;
use super::super::rows::Sum;
use crate::kernel::Edge;

/// Real values of a cell that are added without a look.
const FEW: usize = 4;

/// Adds the terms of a cell. `word` counts words of 32 inputs over all taps so far.
#[inline(always)]
pub fn add_cell(sum: &mut Sum, edge: &Edge, cell: &[u32], word: usize, rows: &[[f32; BLOCK]]) {
    if edge.planes == 1 {
        for (w, (&bits, rows)) in cell.iter().zip(rows.chunks(32)).enumerate() {
            sum.enter(word + w);
            let mut bits = bits;
            while bits != 0 {
                sum.add(&rows[bits.trailing_zeros() as usize]);
                bits &= bits - 1;
            }
        }
    } else if edge.is_real() {
        // Few values are not worth asking whether they are zero: adding zero changes nothing.
        let few = cell.len() <= FEW;
        for (w, (values, rows)) in cell.chunks(32).zip(rows.chunks(32)).enumerate() {
            sum.enter(word + w);
            for (x, row) in values.iter().zip(rows) {
                let x = f32::from_bits(*x);
                if few || x != 0.0 {
                    sum.add_times(row, x);
                }
            }
        }
    } else {
        for (w, (planes, rows)) in cell.chunks(edge.planes as usize).zip(rows.chunks(32)).enumerate() {
            sum.enter(word + w);
            for (plane, &bits) in planes.iter().enumerate() {
                let mut bits = bits;
                let factor = (1u32 << plane) as f32;
                while bits != 0 {
                    sum.add_times(&rows[bits.trailing_zeros() as usize], factor);
                    bits &= bits - 1;
                }
            }
        }
    }
}
