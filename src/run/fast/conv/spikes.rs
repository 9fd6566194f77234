//! Sums of the rows that spikes drive, for all cells and steps of a tile: one chunk of weights after the other, as it
//! stays in the first cache while all use it.

use super::super::BLOCK;
use super::super::rows::Rows;
use super::layout::Layout;
use super::lists::{Events, Run};
use super::tile::Tile;

/// Sums of `B` blocks of outputs: eight registers for two of them, so that no addition waits for the one before.
pub(super) type Sum<const B: usize> = [[f32; BLOCK]; B];

/// Rows that the entry of a list may name.
const NAMED: usize = 256;
static NONE: [[f32; BLOCK]; NAMED] = [[0.0; BLOCK]; NAMED];

/// Rows of a chunk.
pub(super) type Chunk<const B: usize> = [Vec<[f32; BLOCK]>; B];

/// Adds up the currents of a tile, `[cell, step]`, without bias. `partial` and `chunk` are scratch.
#[inline(always)]
pub(super) fn add_up<const B: usize>(
    weights: &Rows,
    layout: &Layout,
    events: &Events<'_>,
    (tile, steps): (&Tile, usize),
    block: usize,
    (sums, partial, chunk): (&mut [Sum<B>], &mut [Sum<B>], &mut Chunk<B>),
) {
    sums.fill([[0.0; BLOCK]; B]);
    for number in 0..layout.chunks() {
        for b in 0..B {
            chunk[b].resize(NAMED, [0.0; BLOCK]);
            layout.copy(number, weights.block(block + b), &mut chunk[b]);
        }
        let rows: [&[[f32; BLOCK]; NAMED]; B] = std::array::from_fn(|b| chunk[b].first_chunk().unwrap_or(&NONE));
        let none = Run { starts: &[], entries: &[] };
        let mut at = tile.first();
        let cells = sums.chunks_exact_mut(steps).zip(partial.chunks_exact_mut(steps));
        for (cell, (sums, partial)) in cells.enumerate() {
            let run = events.run(number, cell, at).unwrap_or(none);
            at = tile.next(at);
            match layout.ends(number) {
                (true, true) => add_run::<B, true, true>(rows, run, sums, partial),
                (true, false) => add_run::<B, true, false>(rows, run, sums, partial),
                (false, true) => add_run::<B, false, true>(rows, run, sums, partial),
                (false, false) => add_run::<B, false, false>(rows, run, sums, partial),
            }
        }
    }
}

/// Adds the rows of a chunk to the block sums of a cell, and where they end, those to the sums.
#[inline(always)]
fn add_run<const B: usize, const FIRST: bool, const LAST: bool>(
    rows: [&[[f32; BLOCK]; NAMED]; B],
    run: Run<'_>,
    sums: &mut [Sum<B>],
    partial: &mut [Sum<B>],
) {
    if FIRST && LAST && run.starts.first() == run.starts.last() {
        return;
    }
    for (t, (sum, partial)) in sums.iter_mut().zip(partial).enumerate() {
        let list = match run.starts.get(t..t + 2) {
            Some(&[start, end]) => &run.entries[start as usize..end as usize],
            _ => &[],
        };
        if list.is_empty() && FIRST == LAST {
            continue;
        }
        let mut block = if FIRST { [[0.0; BLOCK]; B] } else { *partial };
        for &entry in list {
            for b in 0..B {
                let row = &rows[b][usize::from(entry)];
                for i in 0..BLOCK {
                    block[b][i] += row[i];
                }
            }
        }
        if LAST {
            for b in 0..B {
                for i in 0..BLOCK {
                    sum[b][i] += block[b][i];
                }
            }
        } else {
            *partial = block;
        }
    }
}
