//! The bits of input cells as lists of the rows of weights that they drive.
//!
//! The list of a cell is made once, and used under every tap and for every block of outputs. Where a chunk of rows is
//! more than one unit of a cell (few channels), lists of units are joined for each output cell.

use super::super::places::PLACES;
use super::layout::Layout;
use super::tile::{Tile, under};
use crate::kernel::Window;
use crate::kernel::conv::Geometry;

/// Entries that are copied at once, whether there are so many or not.
const COPIED: usize = 16;

/// Lists one after the other.
#[derive(Debug, Default)]
struct Lists {
    /// Room for all of them; what lies behind the last is of no meaning.
    entries: Vec<u8>,
    used: usize,
    /// Where each begins, and where the last ends.
    starts: Vec<u32>,
}

impl Lists {
    /// Forgets all lists; makes room for so many entries.
    #[inline(always)]
    fn clear(&mut self, most: usize) {
        if self.entries.len() < most + COPIED {
            self.entries.resize(most + COPIED, 0);
        }
        self.used = 0;
        self.starts.clear();
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.starts.push(self.used as u32);
    }

    /// Adds the rows of the bits of a word, whose first row is `row`.
    #[inline(always)]
    fn push(&mut self, bits: u32, row: usize) {
        for (i, byte) in bits.to_le_bytes().into_iter().enumerate() {
            // No byte of the sum is above 255: rows of a chunk are at most 256.
            let places = u64::from_le_bytes(PLACES[usize::from(byte)]);
            let rows = places.wrapping_add(((row + 8 * i) as u8 as u64) * 0x0101_0101_0101_0101);
            if let Some(to) = self.entries[self.used..].first_chunk_mut::<8>() {
                *to = rows.to_le_bytes();
            }
            self.used += byte.count_ones() as usize;
        }
    }

    /// Adds the entries of another list, `row` rows further on. `from` has some room behind it.
    #[inline(always)]
    fn join(&mut self, from: &Lists, list: usize, row: u8) {
        let (start, end) = (from.starts[list] as usize, from.starts[list + 1] as usize);
        let mut at = start;
        while at < end {
            let to = self.entries[self.used + at - start..].first_chunk_mut();
            if let (Some(from), Some(to)) = (from.entries[at..].first_chunk::<COPIED>(), to) {
                // A copy, which the compiler knows to be apart from where it goes.
                let mut entries = *from;
                for entry in &mut entries {
                    *entry = entry.wrapping_add(row);
                }
                *to = entries;
            }
            at += COPIED;
        }
        self.used += end - start;
    }
}

/// Lists of one cell, for one step after the other.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    /// Where each begins, and where the last ends.
    pub starts: &'a [u32],
    pub entries: &'a [u8],
}

/// The lists of a row of input: `[column, unit, step]`.
#[derive(Debug, Default)]
struct Row {
    /// Its number and one.
    number: usize,
    lists: Lists,
}

/// The lists that the sums of a tile need.
#[derive(Debug)]
pub(super) struct Events<'a> {
    g: &'a Geometry,
    layout: &'a Layout,
    steps: usize,
    /// Rows of input: each in the place of its number, modulo how many lie under a tile.
    rows: Vec<Row>,
    /// Of chunks that are joined: `[chunk, cell, step]`.
    joined: Lists,
    cells: usize,
}

impl<'a> Events<'a> {
    /// For tiles no higher than one of them.
    pub fn new(g: &'a Geometry, layout: &'a Layout, tile: &Tile, steps: usize) -> Events<'a> {
        let high = (tile.rows.len() - 1) * g.stride[0] as usize + ((g.kernel[0] - 1) * g.dilation[0]) as usize + 1;
        let rows = (0..high.min(g.in_size[0] as usize)).map(|_| Row::default()).collect();
        Events { g, layout, steps, rows, joined: Lists::default(), cells: 0 }
    }

    /// Makes the lists of a tile; rows that were under the one before are there already.
    #[inline(always)]
    pub fn take(&mut self, tile: &Tile, input: (&[u32], Window, usize)) {
        self.cells = tile.cells();
        let count = self.rows.len();
        for row in tile.under(self.g) {
            if self.rows[row % count].number != row + 1 {
                self.take_row(row, input);
            }
        }
        if self.layout.unit < self.layout.chunk {
            self.join(tile);
        }
    }

    #[inline(always)]
    fn take_row(&mut self, number: usize, (input, window, sample): (&[u32], Window, usize)) {
        let (g, layout, count) = (self.g, self.layout, self.rows.len());
        let (edge, width) = (&g.input, g.in_size[1] as usize);
        let row = &mut self.rows[number % count];
        row.number = number + 1;
        row.lists.clear(width * self.steps * layout.words * layout.lanes);
        for first in (0..width * layout.words).step_by(layout.unit) {
            for t in 0..self.steps {
                row.lists.begin();
                let at = edge.offset(window, t, sample) + number * width * layout.words + first;
                for (word, &bits) in input[at..at + layout.unit].iter().enumerate() {
                    if bits != 0 {
                        row.lists.push(bits, word * layout.lanes);
                    }
                }
            }
        }
        row.lists.begin();
    }

    /// Joins the lists of the units of each chunk.
    #[inline(always)]
    fn join(&mut self, tile: &Tile) {
        let Events { g, layout, rows, joined, .. } = self;
        let (of_chunk, units) = (layout.chunk / layout.unit, layout.units());
        joined.clear(tile.cells() * self.steps * layout.taps * layout.words * layout.lanes);
        for first in (0..layout.chunks()).map(|chunk| chunk * of_chunk) {
            let mut at = tile.first();
            for _ in 0..tile.cells() {
                // The lists of units, at most one for each word of a block sum.
                let mut under_units = [(0, 0, 0); 8];
                let mut count = 0;
                for unit in first..(first + of_chunk).min(layout.taps * units) {
                    let Some((row, column)) = under(g, unit / units, at) else { continue };
                    let (row, list) = (row % rows.len(), (column * units + unit % units) * self.steps);
                    let starts = &rows[row].lists.starts;
                    // What is silent in all steps is passed over; so are most inputs of some.
                    if starts[list] != starts[list + self.steps] {
                        under_units[count] = (row, list, ((unit - first) * layout.unit * layout.lanes) as u8);
                        count += 1;
                    }
                }
                at = tile.next(at);
                for t in 0..self.steps {
                    joined.begin();
                    for &(row, list, offset) in &under_units[..count] {
                        joined.join(&rows[row].lists, list + t, offset);
                    }
                }
            }
        }
        joined.begin();
    }

    /// The lists of a chunk at a cell, which lies at a row and column; none in the padding.
    #[inline(always)]
    pub fn run(&self, chunk: usize, cell: usize, at: (usize, usize)) -> Option<Run<'_>> {
        let layout = self.layout;
        let (lists, first) = if layout.unit < layout.chunk {
            (&self.joined, chunk * self.cells + cell)
        } else {
            let units = layout.units();
            let (row, column) = under(self.g, chunk / units, at)?;
            (&self.rows[row % self.rows.len()].lists, column * units + chunk % units)
        };
        let first = first * self.steps;
        Some(Run { starts: &lists.starts[first..first + self.steps + 1], entries: &lists.entries })
    }
}
