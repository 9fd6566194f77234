//! Sums of real inputs: a row of weights is multiplied with the values under cells side by side, whose sums stay in
//! registers.

use std::ops::Range;

use pulp::Simd;

use super::super::BLOCK;
use super::super::products::{MOST_INPUTS, Terms, add_products, inputs_at_once};
use super::super::rows::Rows;
use super::layout::Layout;
use super::spikes::Sum;
use super::tile::Tile;
use crate::kernel::Window;
use crate::kernel::conv::Geometry;

/// The values under a row of cells, with zeros for the padding: adding zero changes nothing.
#[derive(Debug)]
pub(super) struct Strip {
    values: Vec<f32>,
    /// Terms whose values lie side by side, in order; and those of each block sum.
    runs: Vec<Run>,
    segments: Vec<Range<usize>>,
    /// Values between neighbouring cells.
    stride: usize,
    /// Columns.
    width: usize,
}

/// Terms whose values lie side by side.
#[derive(Clone, Debug)]
struct Run {
    /// Its rows of weights.
    rows: Range<usize>,
    /// Where its values lie, from the first of the cell.
    at: usize,
}

impl Strip {
    /// For rows of so many cells.
    pub fn new(g: &Geometry, layout: &Layout, cells: usize) -> Strip {
        let channels = g.input.channels as usize;
        let [stride, taps, dilation] = [g.stride[1], g.kernel[1], g.dilation[1]].map(|n| n as usize);
        let width = (cells - 1) * stride + (taps - 1) * dilation + 1;
        let (mut runs, mut segments): (Vec<Run>, Vec<Range<usize>>) = (Vec::new(), Vec::new());
        for tap in 0..layout.taps {
            for channel in (0..channels).step_by(32) {
                let word = tap * layout.words + channel / 32;
                let first = tap * channels + channel;
                let rows = first..first + (channels - channel).min(32);
                let at = (tap / taps * width + tap % taps * dilation) * channels + channel;
                let begins = word / layout.segment == segments.len();
                match runs.last_mut() {
                    Some(last) if !begins && last.at + last.rows.len() == at => last.rows.end = rows.end,
                    _ => runs.push(Run { rows, at }),
                }
                match segments.last_mut() {
                    Some(last) if !begins => last.end = runs.len(),
                    _ => segments.push(runs.len() - 1..runs.len()),
                }
            }
        }
        let values = vec![0.0; g.kernel[0] as usize * width * channels];
        Strip { values, runs, segments, stride: stride * channels, width }
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
pub(super) fn add_up<S: Simd, const B: usize>(
    simd: S,
    (g, weights): (&Geometry, &Rows),
    strip: &mut Strip,
    (tile, steps): (&Tile, usize),
    block: usize,
    (input, window, sample): (&[u32], Window, usize),
    sums: &mut [Sum<B>],
) {
    let width = tile.columns.len();
    let passes = width.div_ceil(inputs_at_once::<S>());
    for (y, row) in tile.rows.clone().enumerate() {
        for t in 0..steps {
            strip.take(g, row, tile.columns.start, g.input.step(input, window, t, sample));
            for pass in 0..passes {
                // About as many cells in every pass.
                let cells = width * pass / passes..width * (pass + 1) / passes;
                for b in 0..B {
                    let (first, rows) = (cells.start, weights.block(block + b));
                    let mut side = [[0.0; BLOCK]; MOST_INPUTS];
                    for segment in &strip.segments {
                        let terms = BlockSum { strip, runs: &strip.runs[segment.clone()], first, rows };
                        add_products(simd, &terms, &mut side[..cells.len()]);
                    }
                    for (x, sum) in cells.clone().zip(&side) {
                        sums[(y * width + x) * steps + t][b] = *sum;
                    }
                }
            }
        }
    }
}

/// The terms of a block sum at cells side by side.
struct BlockSum<'a> {
    strip: &'a Strip,
    runs: &'a [Run],
    /// The first cell.
    first: usize,
    rows: &'a [[f32; BLOCK]],
}

impl Terms for BlockSum<'_> {
    #[inline(always)]
    fn runs(&self) -> usize {
        self.runs.len()
    }

    #[inline(always)]
    fn rows(&self, run: usize) -> &[[f32; BLOCK]] {
        &self.rows[self.runs[run].rows.clone()]
    }

    #[inline(always)]
    fn values(&self, run: usize, input: usize) -> &[f32] {
        &self.strip.values[(self.first + input) * self.strip.stride + self.runs[run].at..]
    }
}
