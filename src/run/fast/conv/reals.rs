//! Sums of real inputs: a row of weights is multiplied with the values under three cells side by side, whose sums stay
//! in registers.

use std::ops::Range;

use super::super::BLOCK;
use super::super::rows::Rows;
use super::layout::Layout;
use super::spikes::Sum;
use super::tile::Tile;
use crate::kernel::Window;
use crate::kernel::conv::Geometry;

/// Cells side by side: twelve registers of sums of a block.
const SIDE: usize = 3;

/// The values under a row of cells, with zeros for the padding: adding zero changes nothing.
#[derive(Debug)]
pub(super) struct Strip {
    values: Vec<f32>,
    /// Where the value of each term lies, from that of the first; and the terms of each block sum.
    terms: Vec<usize>,
    segments: Vec<Range<usize>>,
    /// Values between neighbouring cells.
    stride: usize,
    /// Columns.
    width: usize,
}

impl Strip {
    /// For rows of so many cells.
    pub fn new(g: &Geometry, layout: &Layout, cells: usize) -> Strip {
        let channels = g.input.channels as usize;
        let [stride, taps, dilation] = [g.stride[1], g.kernel[1], g.dilation[1]].map(|n| n as usize);
        let width = (cells.next_multiple_of(SIDE) - 1) * stride + (taps - 1) * dilation + 1;
        let (mut terms, mut segments) = (Vec::new(), Vec::new());
        for tap in 0..layout.taps {
            for channel in 0..channels {
                let word = tap * layout.words + channel / 32;
                if word / layout.segment == segments.len() {
                    segments.push(terms.len()..terms.len());
                }
                terms.push((tap / taps * width + tap % taps * dilation) * channels + channel);
                if let Some(last) = segments.last_mut() {
                    last.end = terms.len();
                }
            }
        }
        let values = vec![0.0; g.kernel[0] as usize * width * channels];
        Strip { values, terms, segments, stride: stride * channels, width }
    }

    /// Takes the values under a row of cells.
    #[inline(always)]
    fn take(&mut self, g: &Geometry, row: usize, first: usize, step: &[u32]) {
        let channels = g.input.channels as usize;
        let [height, width] = g.in_size.map(|extent| extent as usize);
        self.values.fill(0.0);
        // Columns of the strip that lie on the input.
        let left = first * g.stride[1] as usize;
        let before = (g.pad[1] as usize).saturating_sub(left).min(self.width);
        let from = (left + before).saturating_sub(g.pad[1] as usize).min(width);
        let count = (self.width - before).min(width - from) * channels;
        for (tap, values) in self.values.chunks_exact_mut(self.width * channels).enumerate() {
            let y = row * g.stride[0] as usize + tap * g.dilation[0] as usize;
            let Some(y) = y.checked_sub(g.pad[0] as usize).filter(|&y| y < height) else { continue };
            let from = &step[(y * width + from) * channels..][..count];
            for (to, x) in values[before * channels..].iter_mut().zip(from) {
                *to = f32::from_bits(*x);
            }
        }
    }
}

/// Adds up the currents of a tile, `[cell, step]`, without bias.
#[inline(always)]
pub(super) fn add_up<const B: usize>(
    (g, weights): (&Geometry, &Rows),
    strip: &mut Strip,
    (tile, steps): (&Tile, usize),
    block: usize,
    (input, window, sample): (&[u32], Window, usize),
    sums: &mut [Sum<B>],
) {
    let width = tile.columns.len();
    for (y, row) in tile.rows.clone().enumerate() {
        for t in 0..steps {
            strip.take(g, row, tile.columns.start, g.input.step(input, window, t, sample));
            for x in (0..width).step_by(SIDE) {
                for b in 0..B {
                    let side = beside(strip, x, weights.block(block + b));
                    for (i, sum) in side.into_iter().take(width - x).enumerate() {
                        sums[(y * width + x + i) * steps + t][b] = sum;
                    }
                }
            }
        }
    }
}

/// The sums of a block at cells side by side; each in a variable of its own, so that all stay in registers.
#[inline(always)]
fn beside(strip: &Strip, first: usize, rows: &[[f32; BLOCK]]) -> [[f32; BLOCK]; SIDE] {
    const ZERO: [f32; BLOCK] = [0.0; BLOCK];
    let (mut left, mut middle, mut right) = (ZERO, ZERO, ZERO);
    let values = &strip.values[first * strip.stride..];
    for segment in &strip.segments {
        let (mut l, mut m, mut r) = (ZERO, ZERO, ZERO);
        for (row, &at) in rows[segment.clone()].iter().zip(&strip.terms[segment.clone()]) {
            add_times(&mut l, row, values[at]);
            add_times(&mut m, row, values[at + strip.stride]);
            add_times(&mut r, row, values[at + 2 * strip.stride]);
        }
        add_times(&mut left, &l, 1.0);
        add_times(&mut middle, &m, 1.0);
        add_times(&mut right, &r, 1.0);
    }
    [left, middle, right]
}

#[inline(always)]
fn add_times(sum: &mut [f32; BLOCK], row: &[f32; BLOCK], x: f32) {
    for i in 0..BLOCK {
        sum[i] += row[i] * x;
    }
}
