//! Cells that are computed together, so many that their sums stay in the second cache while weights pass by.

use std::ops::Range;

use crate::kernel::conv::Geometry;

/// Sums of a block of outputs that are on their way at once: 128 KiB of a pair of blocks.
const MOST_SUMS: usize = 512;

/// A rectangle of the output.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    /// Rows and columns before pooling.
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl Tile {
    /// The tiles of some rows of the pooled output, in order.
    pub fn all(g: &Geometry, pool: [u32; 2], rows: Range<usize>, steps: usize) -> Vec<Tile> {
        let [pool_h, pool_w] = pool.map(|extent| extent as usize);
        let columns = g.out_size[1] as usize / pool_w;
        let cells = (MOST_SUMS / (pool_h * pool_w * steps)).max(1);
        let (high, wide) = ((cells / columns).max(1), cells.min(columns));
        let part = |first: usize, count: usize, end: usize, pool: usize| first * pool..(first + count).min(end) * pool;
        let row = |y: usize| part(y, high, rows.end, pool_h);
        let tiles = |y: usize| (0..columns).step_by(wide).map(move |x| (y, x));
        let tiles = rows.clone().step_by(high).flat_map(tiles);
        tiles.map(|(y, x)| Tile { rows: row(y), columns: part(x, wide, columns, pool_w) }).collect()
    }

    /// Cells of the tile.
    pub fn cells(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// The row and column of the first cell.
    pub fn first(&self) -> (usize, usize) {
        (self.rows.start, self.columns.start)
    }

    /// Those of the cell behind another.
    #[inline(always)]
    pub fn next(&self, (row, column): (usize, usize)) -> (usize, usize) {
        if column + 1 < self.columns.end { (row, column + 1) } else { (row + 1, self.columns.start) }
    }

    /// The rows of input that lie under the tile.
    #[inline(always)]
    pub fn under(&self, g: &Geometry) -> Range<usize> {
        let (height, pad) = (g.in_size[0] as usize, g.pad[0] as usize);
        let first = (self.rows.start * g.stride[0] as usize).saturating_sub(pad).min(height);
        let last = (self.rows.end - 1) * g.stride[0] as usize + ((g.kernel[0] - 1) * g.dilation[0]) as usize;
        first..(last + 1).saturating_sub(pad).min(height).max(first)
    }
}

/// The row and column of input under a tap at an output cell, or `None` in the padding.
#[inline(always)]
pub(super) fn under(g: &Geometry, tap: usize, (y, x): (usize, usize)) -> Option<(usize, usize)> {
    let taps = g.kernel[1] as usize;
    let row = y * g.stride[0] as usize + tap / taps * g.dilation[0] as usize;
    let column = x * g.stride[1] as usize + tap % taps * g.dilation[1] as usize;
    // What lies before the first row or column wraps to more than there are.
    let (row, column) = (row.wrapping_sub(g.pad[0] as usize), column.wrapping_sub(g.pad[1] as usize));
    (row < g.in_size[0] as usize && column < g.in_size[1] as usize).then_some((row, column))
}
