//! Convolution and neurons, a block of 32 output channels after another: the weights of a block stay in the first cache.

use std::ops::Range;

use rayon::prelude::*;

use super::events::{Lists, Words, added, places};
use super::neuron::{Counted, Neurons};
use super::rows::{Rows, Sum};
use super::{BLOCK, tasks};
use crate::kernel::conv::Geometry;
use crate::kernel::{Bindings, Edge, Kernel, TALLY_WORDS, Window, conv_spike, words_of};

/// A fused convolution with its weights.
#[derive(Debug)]
pub(super) struct FastConv {
    p: conv_spike::Params,
    rows: Rows,
    neurons: Neurons,
    /// The first row of each word of inputs within its segment, and of each segment.
    offsets: Vec<u8>,
    bases: Vec<usize>,
}

impl FastConv {
    pub fn new(p: &conv_spike::Params, weights: &[u32], coefficients: &[u32]) -> Option<FastConv> {
        let g = &p.geometry;
        if g.groups != 1 {
            return None;
        }
        let neurons = Neurons::new(&p.population, coefficients)?;
        let inputs = (g.kernel[0] * g.kernel[1] * g.input.channels) as usize;
        let rows = Rows::new(weights, inputs, g.out_channels as usize, g.bias == 1);
        let (offsets, bases) = places((g.kernel[0] * g.kernel[1]) as usize, g.input.channels as usize);
        Some(FastConv { p: *p, rows, neurons, offsets, bases })
    }
}

impl FastConv {
    /// Runs it: a sample that is alone over the threads there are, where it is worth them.
    pub fn run(&self, arch: pulp::Arch, window: Window, slots: &mut Bindings<'_>) {
        let (p, input) = (&self.p, slots.words(0));
        let (state, output, tally) = (slots.reals_mut(3), slots.words_mut(4), slots.words_mut(5));
        let rows = p.output.cells as usize / self.columns();
        let tasks = if window.batch == 1 { tasks(&Kernel::ConvSpike(*p), window.steps) } else { 1 };
        let of_task = rows.div_ceil(tasks);
        // States of a sample, and of a task's rows before pooling; its words in a step of the output.
        let of_sample = 2 * p.population.output.elements();
        let states = 2 * of_task * (p.pool[0] * p.geometry.out_size[1] * p.population.output.channels) as usize;
        let words = of_task * self.columns() * p.output.cell_words();
        for sample in 0..window.batch {
            let mut states = state.chunks_exact_mut(of_sample).nth(sample).unwrap_or_default().chunks_mut(states);
            let mut pieces: Vec<Piece<'_>> = (0..rows)
                .step_by(of_task)
                .map(|first| Piece {
                    rows: first..(first + of_task).min(rows),
                    state: states.next().unwrap_or_default(),
                    output: Vec::with_capacity(window.steps),
                    any: vec![0; window.steps],
                    counted: Counted::default(),
                })
                .collect();
            let steps = output.chunks_exact_mut(p.output.step_words()).skip(window.start * window.batch + sample);
            for step in steps.step_by(window.batch).take(window.steps) {
                pieces.iter_mut().zip(step.chunks_mut(words)).for_each(|(piece, words)| piece.output.push(words));
            }
            let run = |piece: &mut Piece<'_>| arch.dispatch(Call { conv: self, window, sample, input, piece });
            match &mut pieces[..] {
                [piece] => run(piece),
                pieces => pieces.par_iter_mut().for_each(run),
            }
            for piece in pieces {
                piece.counted.add_to(&mut tally[sample * TALLY_WORDS..]);
            }
        }
    }
}

/// The computation of a piece, to be dispatched.
struct Call<'a, 'b> {
    conv: &'a FastConv,
    window: Window,
    sample: usize,
    input: &'a [u32],
    piece: &'a mut Piece<'b>,
}

impl pulp::NullaryFnOnce for Call<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Call { conv, window, sample, input, piece } = self;
        let mut lists = Lists::default();
        let mut spikes = Spikes::default();
        // Row by row, so that lists stay in the second cache, and the weights of a block in the first.
        for row in piece.rows.clone() {
            if conv.p.geometry.input.planes == 1 {
                conv.take_apart(&mut spikes, window, (sample, row), &piece.rows, input);
                conv.list(&mut lists, &spikes, row);
            }
            for block in 0..conv.neurons.blocks() {
                conv.row(piece, &lists, window, (sample, row, block), input);
            }
        }
    }
}

/// Words of input that are taken apart at once: half of the second cache.
const MOST_APART: usize = 8192;

/// The input, taken apart.
#[derive(Default)]
struct Spikes {
    words: Words,
    /// Rows of the input that there are, in each of so many steps; none before the first.
    rows: Range<usize>,
    steps: usize,
    /// Words of a step.
    of_step: usize,
}

/// Output rows of a sample that one thread computes.
struct Piece<'a> {
    rows: Range<usize>,
    /// The states of their cells before pooling, where they are kept.
    state: &'a mut [f32],
    /// Their words of output, by step.
    output: Vec<&'a mut [u32]>,
    /// Spikes of a pooled cell, by step.
    any: Vec<u32>,
    counted: Counted,
}

impl FastConv {
    /// Columns of the output.
    fn columns(&self) -> usize {
        (self.p.geometry.out_size[1] / self.p.pool[1]) as usize
    }

    /// The cells before pooling under an output cell, in order.
    #[inline(always)]
    fn cells(&self, row: usize, column: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let [pool_h, pool_w] = self.p.pool.map(|extent| extent as usize);
        (0..pool_h * pool_w).map(move |i| (row * pool_h + i / pool_w, column * pool_w + i % pool_w))
    }

    /// The rows of input that lie under an output row.
    #[inline(always)]
    fn under(&self, row: usize) -> Range<usize> {
        let g = &self.p.geometry;
        let (height, pool) = (g.in_size[0] as usize, self.p.pool[0] as usize);
        let top = (row * pool * g.stride[0] as usize).saturating_sub(g.pad[0] as usize).min(height);
        let last = ((row + 1) * pool - 1) * g.stride[0] as usize + ((g.kernel[0] - 1) * g.dilation[0]) as usize;
        top..(last + 1).saturating_sub(g.pad[0] as usize).min(height).max(top)
    }

    /// Takes the words of input apart that lie under an output row: under all `rows` at once where these are few.
    #[inline(always)]
    fn take_apart(
        &self,
        spikes: &mut Spikes,
        window: Window,
        (sample, row): (usize, usize),
        rows: &Range<usize>,
        input: &[u32],
    ) {
        let g = &self.p.geometry;
        let wanted = self.under(row);
        if spikes.steps > 0 && spikes.rows.start <= wanted.start && wanted.end <= spikes.rows.end {
            return;
        }
        spikes.steps = if g.input.series == 1 { window.steps } else { 1 };
        let of_row = g.in_size[1] as usize * g.input.cell_words();
        let all = self.under(rows.start).start..self.under(rows.end - 1).end;
        spikes.rows = if spikes.steps * all.len() * of_row <= MOST_APART { all } else { wanted };
        spikes.of_step = spikes.rows.len() * of_row;
        for t in 0..spikes.steps {
            let step = g.input.step(input, window, t, sample);
            spikes.words.set(t * spikes.of_step, &step[spikes.rows.start * of_row..spikes.rows.end * of_row]);
        }
    }

    /// A list of spikes for every cell before pooling under an output row, and each step.
    #[inline(always)]
    fn list(&self, lists: &mut Lists, spikes: &Spikes, row: usize) {
        let (g, words) = (&self.p.geometry, self.p.geometry.input.cell_words());
        let (width, top) = (g.in_size[1] as usize, spikes.rows.start);
        let taps = (g.kernel[0] * g.kernel[1]) as usize;
        let mut under = Vec::with_capacity(taps);
        lists.clear(self.columns() * (self.p.pool[0] * self.p.pool[1]) as usize * spikes.steps * taps * words);
        for column in 0..self.columns() {
            for (y, x) in self.cells(row, column) {
                // The first word of each tap, and where it lies in a step.
                under.clear();
                for (tap, y, x) in Taps::new(g, y, x).all(g) {
                    under.push((tap * words, ((y - top) * width + x) * words));
                }
                for t in 0..spikes.steps {
                    lists.begin();
                    for &(first, at) in &under {
                        for (w, word) in spikes.words.get(t * spikes.of_step + at, words).iter().enumerate() {
                            lists.push(first + w, self.offsets[first + w], word);
                        }
                    }
                }
            }
        }
    }

    /// An output row of a block of channels.
    #[inline(always)]
    fn row(
        &self,
        piece: &mut Piece<'_>,
        lists: &Lists,
        window: Window,
        (sample, row, block): (usize, usize, usize),
        input: &[u32],
    ) {
        let (p, g) = (&self.p, &self.p.geometry);
        let rows = self.rows.block(block);
        let steps = if g.input.series == 1 { window.steps } else { 1 };
        let first_cell = piece.rows.start * (p.pool[0] * g.out_size[1]) as usize;
        let mut list = 0;
        for column in 0..self.columns() {
            piece.any.fill(0);
            for (y, x) in self.cells(row, column) {
                let cell = y * g.out_size[1] as usize + x - first_cell;
                let mut v = self.neurons.start(window, piece.state, 0, cell, block);
                let mut currents = [0.0; BLOCK];
                for t in 0..window.steps {
                    if t < steps {
                        let sum = if g.input.planes == 1 {
                            self.sum(lists, list + t, rows)
                        } else {
                            Taps::new(g, y, x).sum(g, g.input.step(input, window, t, sample), rows)
                        };
                        currents = self.rows.with_bias(block, sum);
                    }
                    piece.any[t] |= self.neurons.step(block, &mut v, &currents, &mut piece.counted);
                }
                list += steps;
                self.neurons.finish(piece.state, 0, cell, block, &v);
            }
            let at = ((row - piece.rows.start) * self.columns() + column) * p.output.cell_words();
            for t in 0..window.steps {
                piece.output[t][at + self.neurons.word(block)] = piece.any[t];
            }
        }
    }

    /// The currents that a list of spikes drives, without bias.
    #[inline(always)]
    fn sum(&self, lists: &Lists, list: usize, rows: &[[f32; BLOCK]]) -> [f32; BLOCK] {
        let mut total = [0.0; BLOCK];
        for (segment, entries) in lists.list(list) {
            let block = added(entries, &rows[self.bases[segment]..]);
            for i in 0..BLOCK {
                total[i] += block[i];
            }
        }
        total
    }
}

/// The taps that lie on the input at an output cell.
struct Taps {
    /// Taps along height and width, from first to one past the last.
    y: (usize, usize),
    x: (usize, usize),
    /// The input cell under tap (0, 0) if there were no padding; it may lie outside.
    origin: (isize, isize),
}

impl Taps {
    #[inline(always)]
    fn new(g: &Geometry, y: usize, x: usize) -> Taps {
        let axis = |axis: usize, out: usize| {
            let (dilation, size) = (g.dilation[axis] as isize, g.in_size[axis] as isize);
            let origin = (out * g.stride[axis] as usize) as isize - g.pad[axis] as isize;
            // The first tap at or behind 0, and the first at or behind the end.
            let ceil = |distance: isize| (distance.max(0) + dilation - 1) / dilation;
            let taps = g.kernel[axis] as isize;
            ((ceil(-origin).min(taps) as usize, ceil(size - origin).min(taps) as usize), origin)
        };
        let ((y, top), (x, left)) = (axis(0, y), axis(1, x));
        Taps { y, x, origin: (top, left) }
    }

    /// Every tap on the input, and the row and column that it lies on.
    #[inline(always)]
    fn all<'a>(&'a self, g: &'a Geometry) -> Under<'a> {
        Under { taps: self, g, y: self.y.0, x: self.x.0 }
    }

    /// The currents of a block of outputs, without bias.
    #[inline(always)]
    fn sum(&self, g: &Geometry, step: &[u32], rows: &[[f32; BLOCK]]) -> [f32; BLOCK] {
        let edge = &g.input;
        let (channels, cell_words) = (edge.channels as usize, edge.cell_words());
        let words = words_of(channels);
        let mut sum = Sum::new();
        for (tap, y, x) in self.all(g) {
            let cell = (y * g.in_size[1] as usize + x) * cell_words;
            let cell = &step[cell..cell + cell_words];
            add_cell(&mut sum, edge, cell, tap * words, &rows[tap * channels..(tap + 1) * channels]);
        }
        sum.total()
    }
}

/// The taps on the input, one after the other.
struct Under<'a> {
    taps: &'a Taps,
    g: &'a Geometry,
    y: usize,
    x: usize,
}

impl Iterator for Under<'_> {
    /// The tap, and the row and column that it lies on.
    type Item = (usize, usize, usize);

    #[inline(always)]
    fn next(&mut self) -> Option<(usize, usize, usize)> {
        let (taps, g) = (self.taps, self.g);
        if self.x >= taps.x.1 {
            (self.y, self.x) = (self.y + 1, taps.x.0);
        }
        if self.y >= taps.y.1 || self.x >= taps.x.1 {
            return None;
        }
        let on = |origin: isize, tap: usize, dilation: u32| (origin + (tap * dilation as usize) as isize) as usize;
        let y = on(taps.origin.0, self.y, g.dilation[0]);
        let x = on(taps.origin.1, self.x, g.dilation[1]);
        let tap = self.y * g.kernel[1] as usize + self.x;
        self.x += 1;
        Some((tap, y, x))
    }
}

/// Real values of a cell that are added without a look.
const FEW: usize = 4;

/// Adds the terms of a cell. `word` counts words of 32 inputs over all taps so far.
#[inline(always)]
pub(super) fn add_cell(sum: &mut Sum, edge: &Edge, cell: &[u32], word: usize, rows: &[[f32; BLOCK]]) {
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
