//! Without strides the gradients under a spike lie, for every tap, at a fixed distance from it. So a channel's sums for
//! some taps stay in registers while its spikes, in order, each add the gradients at those distances.
//!
//! A task has a word of input channels, some blocks of outputs and some taps. It goes through the rows of input in bands,
//! whose gradients, with zeros around them, stay in the first cache.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::super::Part;
use super::lists::Lists;
use crate::kernel::conv::Geometry;
use crate::kernel::grad::conv_weight::Params;
use crate::kernel::words_of;
use crate::run::fast::BLOCK;
use crate::run::fast::sums::{MOST, Sums, parts, up_to_most};

/// Bytes of the gradients of a band that are read at once, with those around: three quarters of the first cache.
const BAND: usize = 24 << 10;

/// Bands that the memory of gradients has room for, unless the whole input has fewer.
const BANDS: usize = 4;

/// What a task sums.
#[derive(Clone, Debug)]
struct Task {
    word: usize,
    blocks: Range<usize>,
    taps: Range<usize>,
}

impl Task {
    /// Tasks for so many threads: each makes lists of its word and takes gradients of its blocks, so it has as many blocks
    /// and taps as leave a task for every thread; two, where that only parts blocks.
    fn all(g: &Geometry, threads: usize) -> Vec<Task> {
        let words = words_of(g.input.channels as usize);
        let (blocks, taps) = ((g.out_channels as usize).div_ceil(BLOCK), (g.kernel[0] * g.kernel[1]) as usize);
        let of_blocks = (2 * threads).div_ceil(words).min(blocks);
        let of_taps = threads.div_ceil(words * of_blocks).min(taps);
        let part = |all: usize, at: usize, of: usize| all * at / of..all * (at + 1) / of;
        let task = |at: usize| Task {
            word: at / of_taps / of_blocks,
            blocks: part(blocks, at / of_taps % of_blocks, of_blocks),
            taps: part(taps, at % of_taps, of_taps),
        };
        (0..words * of_blocks * of_taps).map(task).collect()
    }

    /// Channels of the word.
    fn channels(&self, g: &Geometry) -> usize {
        (g.input.channels as usize - self.word * 32).min(32)
    }

    /// Where the rows of its sums, `[block, channel, tap]`, are among the weights, and how long they are.
    fn places<'a>(&'a self, g: &'a Geometry) -> impl Iterator<Item = (usize, usize)> + 'a {
        let (inputs, outputs) = (g.input.channels as usize, g.out_channels as usize);
        let (channels, taps) = (self.channels(g), self.taps.len());
        (0..self.blocks.len() * channels * taps).map(move |row| {
            let block = self.blocks.start + row / taps / channels;
            let (channel, tap) = (self.word * 32 + row / taps % channels, self.taps.start + row % taps);
            let at = (tap * inputs + channel) * outputs + block * BLOCK;
            (at, (outputs - block * BLOCK).min(BLOCK))
        })
    }
}

/// The computation of a task, to be dispatched.
struct Call<'a, 'b> {
    p: &'a Params,
    parts: &'a [Part<'b>],
    /// What is there already: gradients of parts of the batch before.
    before: &'a [f32],
    task: &'a Task,
}

/// Whether a row of input has numbers for its cells.
pub(super) fn fits(g: &Geometry) -> bool {
    g.in_size[1] + (g.kernel[1] - 1) * g.dilation[1] <= u16::MAX.into()
}

pub(super) fn run(p: &Params, parts: &[Part<'_>], written: &mut [f32]) {
    let g = &p.geometry;
    let tasks = Task::all(g, rayon::current_num_threads());
    let (arch, before): (_, &[f32]) = (pulp::Arch::new(), written);
    let sums: Vec<Vec<[f32; BLOCK]>> =
        tasks.par_iter().map(|task| arch.dispatch(Call { p, parts, before, task })).collect();
    for (task, sums) in tasks.iter().zip(sums) {
        for (own, (at, width)) in sums.iter().zip(task.places(g)) {
            written[at..at + width].copy_from_slice(&own[..width]);
        }
    }
}

impl WithSimd for Call<'_, '_> {
    type Output = Vec<[f32; BLOCK]>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<[f32; BLOCK]> {
        let Call { p, parts, before, task } = self;
        let g = &p.geometry;
        let mut sums = vec![[0.0; BLOCK]; task.places(g).count()];
        for (sum, (at, width)) in sums.iter_mut().zip(task.places(g)) {
            sum[..width].copy_from_slice(&before[at..at + width]);
        }
        let mut own = vec![[0.0; BLOCK]; sums.len()];
        let mut band = Band::new(simd, g, task);
        for part in parts {
            let (input, gradient) = (part.slots.words(0), part.slots.values::<f32>(1));
            let steps = if p.gradient.series == 1 { part.window.steps } else { 1 };
            for sample in 0..part.window.batch {
                own.fill([0.0; BLOCK]);
                for t in 0..steps {
                    let step = g.input.step(input, part.window, t, sample);
                    let of = &gradient[p.gradient.offset(part.window, t, sample)..][..p.gradient.elements()];
                    band.step(simd, step, of, &mut own);
                }
                for (sum, own) in sums.iter_mut().zip(&own) {
                    for i in 0..BLOCK {
                        sum[i] += own[i];
                    }
                }
            }
        }
        sums
    }
}

/// Some rows of input, and the gradients around them.
struct Band<'a, S: Simd> {
    g: &'a Geometry,
    task: &'a Task,
    lists: Lists,
    /// Rows of input.
    rows: usize,
    /// Rows and columns around an input that the kernel reaches.
    around: [usize; 2],
    /// Columns with those around.
    width: usize,
    /// Numbers from that of the first input to that of the last: as many gradients lie from the first under any tap on.
    reach: usize,
    /// Gradients, `[block, part, line, column]`: the band moves down these lines, so that those around two bands are taken
    /// once, and at the end goes back to the first.
    gradients: Vec<S::f32s>,
    lines: usize,
    /// The line where the band is.
    top: usize,
    /// How far from a cell of input the gradients under each tap of the task are.
    distances: Vec<usize>,
}

impl<'a, S: Simd> Band<'a, S> {
    fn new(simd: S, g: &'a Geometry, task: &'a Task) -> Band<'a, S> {
        let [height, columns] = g.in_size.map(|extent| extent as usize);
        let around = [0, 1].map(|axis| ((g.kernel[axis] - 1) * g.dilation[axis]) as usize);
        let width = columns + around[1];
        let rows = (BAND / size_of::<S::f32s>() / width).saturating_sub(around[0]).clamp(1, height);
        let distance = |tap: usize| {
            let (y, x) = (tap / g.kernel[1] as usize, tap % g.kernel[1] as usize);
            let [y, x] = [around[0] - y * g.dilation[0] as usize, around[1] - x * g.dilation[1] as usize];
            y * width + x
        };
        let lines = around[0] + (BANDS * rows.max(around[0])).min(height);
        let gradients = vec![simd.splat_f32s(0.0); task.blocks.len() * parts::<S>() * lines * width];
        let lists = Lists::new(rows * columns, g.input.planes != 1);
        let distances = task.taps.clone().map(distance).collect();
        Band { g, task, lists, rows, around, width, reach: 0, gradients, lines, top: 0, distances }
    }

    /// Adds what a step of a sample gives.
    #[inline(always)]
    fn step(&mut self, simd: S, step: &[u32], of: &[f32], own: &mut [[f32; BLOCK]]) {
        let (g, taps) = (self.g, self.task.taps.len());
        let [height, columns] = g.in_size.map(|extent| extent as usize);
        let channels = self.task.channels(g);
        for first in (0..height).step_by(self.rows) {
            let rows = first..(first + self.rows).min(height);
            let taken = self.go_to(&rows);
            self.reach = (rows.len() - 1) * self.width + columns;
            self.lists.take(&g.input, step, self.task.word, rows.clone(), (columns, self.width));
            for (block, own) in own.chunks_exact_mut(channels * taps).enumerate() {
                for line in taken..rows.len() + self.around[0] {
                    self.take(simd, (rows.start, line), of, block);
                }
                for (channel, own) in own.chunks_exact_mut(taps).enumerate() {
                    for (own, distances) in own.chunks_mut(MOST).zip(self.distances.chunks(MOST)) {
                        for part in 0..parts::<S>() {
                            let gradients = self.gradients_at(block, part, self.top);
                            up_to_most!(own.len(), N => self.add::<N>(simd, gradients, part, channel, distances, own));
                        }
                    }
                }
            }
        }
    }

    /// Moves to some rows, those behind the last or the first. Says how many lines are there already.
    #[inline(always)]
    fn go_to(&mut self, rows: &Range<usize>) -> usize {
        if rows.start == 0 {
            self.top = 0;
            return 0;
        }
        self.top += self.rows;
        let around = self.around[0];
        if self.top + around + rows.len() > self.lines {
            let kept = self.top * self.width..(self.top + around) * self.width;
            for lines in self.gradients.chunks_exact_mut(self.lines * self.width) {
                lines.copy_within(kept.clone(), 0);
            }
            self.top = 0;
        }
        around
    }

    /// Where the gradients of a part of a block of the task begin on a line.
    #[inline(always)]
    fn gradients_at(&self, block: usize, part: usize, line: usize) -> usize {
        ((block * parts::<S>() + part) * self.lines + line) * self.width
    }

    /// Takes a line of the gradients around rows of input, of a block of outputs. Those around the output stay zero.
    #[inline(always)]
    fn take(&mut self, simd: S, (first, line): (usize, usize), of: &[f32], block: usize) {
        let g = self.g;
        let outputs = g.out_channels as usize;
        let [height, columns] = g.out_size.map(|extent| extent as usize);
        let [pad_y, pad_x] = g.pad.map(|extent| extent as usize);
        // Columns of output that no input of the row reaches lie left of the first.
        let (skipped, left) = (pad_x.saturating_sub(self.around[1]), self.around[1].saturating_sub(pad_x));
        let count = columns.saturating_sub(skipped).min(self.width - left);
        let row = (first + line + pad_y).checked_sub(self.around[0]).filter(|&row| row < height);
        let from = (self.task.blocks.start + block) * BLOCK;
        let own = from..(from + BLOCK).min(outputs);
        for part in 0..parts::<S>() {
            let at = self.gradients_at(block, part, self.top + line) + left;
            let to = &mut self.gradients[at..at + count];
            let Some(row) = row else {
                to.fill(simd.splat_f32s(0.0));
                continue;
            };
            let cells = of[(row * columns + skipped) * outputs..].chunks_exact(outputs);
            for (to, cell) in to.iter_mut().zip(cells) {
                let cell = &cell[own.clone()];
                *to = match cell.first_chunk::<BLOCK>() {
                    Some(cell) => S::as_simd_f32s(cell).0[part],
                    None => {
                        let mut values = [0.0; BLOCK];
                        values[..cell.len()].copy_from_slice(cell);
                        S::as_simd_f32s(&values).0[part]
                    }
                };
            }
        }
    }

    /// Adds what a channel gives to `N` taps.
    #[inline(always)]
    fn add<const N: usize>(
        &self,
        simd: S,
        gradients: usize,
        part: usize,
        channel: usize,
        distances: &[usize],
        own: &mut [[f32; BLOCK]],
    ) {
        let (cells, values) = self.lists.of(channel);
        if cells.is_empty() {
            return;
        }
        let mut rows: [&[S::f32s]; N] = [&[]; N];
        for (rows, distance) in rows.iter_mut().zip(distances) {
            *rows = &self.gradients[gradients + distance..][..self.reach];
        }
        let mut sums = Sums::<S, N>::of(simd, part, own);
        if values.is_empty() {
            sums.add_rows(simd, rows, cells);
        } else {
            sums.add_rows_times(simd, rows, cells, values);
        }
        sums.store(part, own);
    }
}
