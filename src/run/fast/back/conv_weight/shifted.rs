//! Without strides the gradients under a spike lie, for every tap, at a fixed distance from it. So a channel's sums for
//! some taps stay in registers while its spikes, in order, each add the gradients at those distances.
//!
//! A task has a word of input channels and some taps. It goes through the rows of input in bands, whose gradients, with
//! zeros around them, stay in the first cache.

use std::ops::Range;

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::super::Part;
use super::lists::Lists;
use crate::kernel::conv::Geometry;
use crate::kernel::grad::conv_weight::Params;
use crate::kernel::words_of;
use crate::run::fast::BLOCK;
use crate::run::fast::products::{MOST, Pair, Sums, halves, pair, up_to_most};

/// Cells of a band, with those around: the gradients of half a block fill half of the first cache.
const BAND: usize = 256;

/// What a task sums.
#[derive(Clone, Debug)]
struct Task {
    word: usize,
    taps: Range<usize>,
}

/// The computation of a task, to be dispatched.
struct Call<'a, 'b> {
    p: &'a Params,
    parts: &'a [Part<'b>],
    /// What is there already: gradients of parts of the batch before.
    before: &'a [f32],
    task: &'a Task,
}

pub(super) fn run(p: &Params, parts: &[Part<'_>], written: &mut [f32]) {
    let g = &p.geometry;
    let taps = (g.kernel[0] * g.kernel[1]) as usize;
    let groups = taps.div_ceil(MOST);
    let task = |at: usize| {
        let (word, group) = (at / groups, at % groups);
        Task { word, taps: taps * group / groups..taps * (group + 1) / groups }
    };
    let tasks: Vec<Task> = (0..words_of(g.input.channels as usize) * groups).map(task).collect();
    let (arch, before): (_, &[f32]) = (pulp::Arch::new(), written);
    let sums: Vec<Vec<[f32; BLOCK]>> =
        tasks.par_iter().map(|task| arch.dispatch(Call { p, parts, before, task })).collect();
    for (task, sums) in tasks.iter().zip(sums) {
        for (own, place) in sums.iter().zip(places(g, task)) {
            let Some((at, width)) = place else { continue };
            written[at..at + width].copy_from_slice(&own[..width]);
        }
    }
}

/// Where the rows of a task's sums, `[block, channel, tap]`, are among the weights, and how many of each.
fn places<'a>(g: &'a Geometry, task: &'a Task) -> impl Iterator<Item = Option<(usize, usize)>> + 'a {
    let (inputs, outputs) = (g.input.channels as usize, g.out_channels as usize);
    let taps = task.taps.len();
    (0..outputs.div_ceil(BLOCK) * 32 * taps).map(move |row| {
        let (block, channel, tap) = (row / taps / 32, row / taps % 32, task.taps.start + row % taps);
        let channel = task.word * 32 + channel;
        let at = (tap * inputs + channel) * outputs + block * BLOCK;
        (channel < inputs).then_some((at, (outputs - block * BLOCK).min(BLOCK)))
    })
}

impl WithSimd for Call<'_, '_> {
    type Output = Vec<[f32; BLOCK]>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<[f32; BLOCK]> {
        let Call { p, parts, before, task } = self;
        let g = &p.geometry;
        let mut sums = vec![[0.0; BLOCK]; (g.out_channels as usize).div_ceil(BLOCK) * 32 * task.taps.len()];
        for (sum, place) in sums.iter_mut().zip(places(g, task)) {
            let Some((at, width)) = place else { continue };
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
                    band.step(simd, g, task, step, of, &mut own);
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
struct Band<S: Simd> {
    lists: Lists,
    /// Rows of input.
    rows: usize,
    /// Rows and columns around an input that the kernel reaches.
    around: [usize; 2],
    /// Columns with those around.
    width: usize,
    /// Cells of those rows.
    cells: usize,
    /// Gradients of a block of outputs, half after half: `[half, row, column]`.
    gradients: Vec<Pair<S>>,
    /// How far from a cell of input the gradients under each tap of the task are.
    distances: [usize; MOST],
}

impl<S: Simd> Band<S> {
    fn new(simd: S, g: &Geometry, task: &Task) -> Band<S> {
        let [height, columns] = g.in_size.map(|extent| extent as usize);
        let around = [0, 1].map(|axis| ((g.kernel[axis] - 1) * g.dilation[axis]) as usize);
        let width = columns + around[1];
        let rows = (BAND / width).saturating_sub(around[0]).clamp(1, height);
        let mut distances = [0; MOST];
        for (tap, distance) in task.taps.clone().zip(&mut distances) {
            let (y, x) = (tap / g.kernel[1] as usize, tap % g.kernel[1] as usize);
            let [y, x] = [around[0] - y * g.dilation[0] as usize, around[1] - x * g.dilation[1] as usize];
            *distance = y * width + x;
        }
        let cells = (rows + around[0]) * width;
        let gradients = vec![[simd.splat_f32s(0.0); 2]; halves::<S>() * cells];
        let lists = Lists::new(rows * columns, g.input.planes != 1);
        Band { lists, rows, around, width, cells, gradients, distances }
    }

    /// Adds what a step of a sample gives.
    #[inline(always)]
    fn step(&mut self, simd: S, g: &Geometry, task: &Task, step: &[u32], of: &[f32], own: &mut [[f32; BLOCK]]) {
        let [height, columns] = g.in_size.map(|extent| extent as usize);
        let taps = task.taps.len();
        for first in (0..height).step_by(self.rows) {
            let rows = first..(first + self.rows).min(height);
            self.lists.take(&g.input, step, task.word, rows.clone(), (columns, self.width));
            for (block, own) in own.chunks_exact_mut(32 * taps).enumerate() {
                self.take(g, rows.clone(), of, block);
                for (channel, own) in own.chunks_exact_mut(taps).enumerate() {
                    for half in 0..halves::<S>() {
                        up_to_most!(taps, N => self.add::<N>(simd, half, channel, own));
                    }
                }
            }
        }
    }

    /// Takes the gradients around some rows of input, of a block of outputs. Those around the output stay zero.
    #[inline(always)]
    fn take(&mut self, g: &Geometry, rows: Range<usize>, of: &[f32], block: usize) {
        let outputs = g.out_channels as usize;
        let width = (outputs - block * BLOCK).min(BLOCK);
        let [height, columns] = g.out_size.map(|extent| extent as usize);
        let [pad_y, pad_x] = g.pad.map(|extent| extent as usize);
        // Columns of output that no input of the row reaches lie left of the first.
        let (skipped, left) = (pad_x.saturating_sub(self.around[1]), self.around[1].saturating_sub(pad_x));
        let count = columns.saturating_sub(skipped).min(self.width - left);
        for line in 0..rows.len() + self.around[0] {
            let row = (rows.start + line + pad_y).checked_sub(self.around[0]).filter(|&row| row < height);
            for column in 0..count {
                let mut values = [0.0; BLOCK];
                if let Some(row) = row {
                    let from = &of[(row * columns + skipped + column) * outputs + block * BLOCK..];
                    match from.first_chunk::<BLOCK>() {
                        Some(from) if width == BLOCK => values = *from,
                        _ => values[..width].copy_from_slice(&from[..width]),
                    }
                }
                for half in 0..halves::<S>() {
                    let to = &mut self.gradients[half * self.cells + line * self.width + left + column];
                    *to = pair::<S>(half, &values);
                }
            }
        }
    }

    /// Adds what a channel gives to `N` taps.
    #[inline(always)]
    fn add<const N: usize>(&self, simd: S, half: usize, channel: usize, own: &mut [[f32; BLOCK]]) {
        let (cells, values) = self.lists.of(channel);
        if cells.is_empty() {
            return;
        }
        let mut rows: [&[Pair<S>]; N] = [&[]; N];
        for (rows, distance) in rows.iter_mut().zip(&self.distances) {
            *rows = &self.gradients[half * self.cells + distance..(half + 1) * self.cells];
        }
        let mut sums = Sums::<S, N>::of(simd, half, own);
        if values.is_empty() {
            sums.add_rows(simd, rows, cells);
        } else {
            sums.add_rows_times(simd, rows, cells, values);
        }
        sums.store(half, own);
    }
}
