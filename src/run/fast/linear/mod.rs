//! Fully connected layer, with neurons behind it or alone, a block of 32 outputs after another.

mod by_rows;
mod pieces;

use pulp::{Simd, WithSimd};

use super::conv::add_cell;
use super::events::{Lists, Word, added, places};
use super::neuron::Neurons;
use super::products::{Terms, add_products, inputs_at_once};
use super::rows::{Rows, SUM_WORDS, Sum};
use super::{BLOCK, pieces_of, tasks_of_work};
use crate::kernel::{Bindings, Edge, TALLY_WORDS, Window, linear, linear_spike, words_of};
use crate::run::spread;
use pieces::Piece;

/// A linear layer with its weights.
#[derive(Debug)]
pub(super) struct FastLinear {
    input: Edge,
    output: Edge,
    /// The first output, and how many.
    first: usize,
    count: usize,
    rows: Rows,
    /// None: the output is the currents.
    neurons: Option<Neurons>,
    /// The first row of each word of inputs within its segment, and of each segment.
    offsets: Vec<u8>,
    bases: Vec<usize>,
}

impl FastLinear {
    /// With neurons behind it.
    pub fn spiking(p: &linear_spike::Params, weights: &[u32], coefficients: &[u32]) -> Option<FastLinear> {
        let neurons = Neurons::new(&p.population, coefficients)?;
        let (edge, count) = (p.population.output, p.population.count as usize);
        Some(FastLinear { neurons: Some(neurons), ..FastLinear::new(p.input, edge, (0, count), weights, p.bias == 1) })
    }

    /// Alone.
    pub fn currents(p: &linear::Params, weights: &[u32]) -> Option<FastLinear> {
        let own = (p.first as usize, p.count as usize);
        Some(FastLinear::new(p.input, p.output, own, weights, p.bias == 1))
    }

    fn new(input: Edge, output: Edge, (first, count): (usize, usize), weights: &[u32], bias: bool) -> FastLinear {
        let rows = Rows::new(weights, input.elements(), count, bias);
        let (offsets, bases) = places(input.cells as usize, input.channels as usize);
        FastLinear { input, output, first, count, rows, neurons: None, offsets, bases }
    }
}

/// What all pieces read.
struct Given<'a> {
    window: Window,
    /// Steps with sums of their own.
    steps: usize,
    input: &'a [u32],
    /// Weights as the kernel has them: a row of an input is that of all outputs.
    weights: &'a [f32],
    how: How,
    lists: Lists,
}

/// The computation of a piece, to be dispatched.
struct Call<'a, 'b> {
    linear: &'a FastLinear,
    given: &'a Given<'a>,
    piece: &'a mut Piece<'b>,
}

impl WithSimd for Call<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.linear.compute(simd, self.given, self.piece);
    }
}

impl FastLinear {
    /// Takes other weights.
    pub fn fill(&mut self, weights: &[u32]) {
        self.rows.fill(weights);
    }

    /// Runs it: a sample that is alone over the threads there are, where it is worth them.
    pub fn run(&self, arch: pulp::Arch, window: Window, slots: &mut Bindings<'_>) {
        let (input, weights) = (slots.words(0), slots.values::<f32>(1));
        let (state, output, tally): (&mut [f32], _, &mut [u32]) = match self.neurons {
            Some(_) => (slots.reals_mut(3), slots.words_mut(4), slots.words_mut(5)),
            None => (&mut [], slots.words_mut(2), &mut []),
        };
        let steps = if self.input.series == 1 { window.steps } else { 1 };
        let how = self.how(window, steps, input);
        let mut given = Given { window, steps, input, weights, how, lists: Lists::default() };
        if how == How::Lists {
            self.list(&mut given.lists, window, steps, input);
        }
        let work = self.input.elements() as u64 * self.count as u64 * steps as u64;
        let tasks = if window.batch == 1 { tasks_of_work(work) } else { 1 };
        // Rows are read in long pieces.
        let count = if how == How::Rows { tasks } else { pieces_of(tasks) };
        let mut pieces = self.pieces(window, count, state, output);
        spread::each(pieces.iter_mut(), |piece| arch.dispatch(Call { linear: self, given: &given, piece }));
        let Some(neurons) = &self.neurons else { return };
        for piece in &pieces {
            let own = (0..window.batch).flat_map(|sample| piece.blocks.clone().map(move |block| (sample, block)));
            for ((sample, block), states) in own.zip(&piece.states) {
                neurons.finish(state, sample, 0, block, states);
            }
            for (sample, counted) in piece.counted.iter().enumerate() {
                counted.add_to(&mut tally[sample * TALLY_WORDS..]);
            }
        }
    }

    #[inline(always)]
    fn compute<S: Simd>(&self, simd: S, given: &Given<'_>, piece: &mut Piece<'_>) {
        let (window, steps) = (given.window, given.steps);
        if given.how == How::Rows {
            return self.by_rows(given, piece);
        }
        let all = window.batch * steps;
        let chunk = if given.how == How::Products { rows_at_once(self.input.step_words()) } else { all };
        let mut sums = vec![[0.0; BLOCK]; chunk.min(all)];
        for first in (0..all).step_by(chunk) {
            let sums = &mut sums[..chunk.min(all - first)];
            for block in piece.blocks.clone() {
                let rows = self.rows.block(block);
                match given.how {
                    How::Lists => self.add_up(sums, &given.lists, rows),
                    How::Products => self.multiply(simd, sums, window, (first, steps), given.input, rows),
                    How::OneByOne | How::Rows => {}
                }
                for (at, sum) in sums.iter().enumerate() {
                    let (sample, from) = ((first + at) / steps, (first + at) % steps);
                    let sum = match given.how {
                        How::OneByOne => self.sum(self.input.step(given.input, window, from, sample), rows),
                        _ => *sum,
                    };
                    self.put(given, piece, (sample, from), block, sum);
                }
            }
        }
    }

    /// Takes the sum of a block in a step: it is put out, or drives the neurons.
    #[inline(always)]
    fn put(
        &self,
        given: &Given<'_>,
        piece: &mut Piece<'_>,
        (sample, from): (usize, usize),
        block: usize,
        sum: [f32; BLOCK],
    ) {
        let (window, own) = (given.window, block - piece.blocks.start);
        let currents = self.rows.with_bias(block, sum);
        let Some(neurons) = &self.neurons else {
            let width = (self.count - block * BLOCK).min(BLOCK);
            let to = &mut piece.output[from * window.batch + sample][own * BLOCK..][..width];
            to.copy_from_slice(bytemuck::cast_slice(&currents[..width]));
            return;
        };
        // What holds for all steps is summed up once.
        let to = if self.input.series == 1 { from + 1 } else { window.steps };
        let states = &mut piece.states[sample * piece.blocks.len() + own];
        for t in from..to {
            let word = neurons.step(block, states, &currents, &mut piece.counted[sample]);
            piece.output[t * window.batch + sample][own] = word;
        }
    }
}

/// Values of input that all blocks of outputs read in turns: a quarter of the second cache; and steps at least, so that
/// weights are not read too often.
const VALUES_AT_ONCE: usize = 1 << 15;
const STEPS_AT_ONCE: usize = 32;

/// Steps of so many inputs that are multiplied before the next.
fn rows_at_once(inputs: usize) -> usize {
    (VALUES_AT_ONCE / inputs).max(STEPS_AT_ONCE)
}

/// How sums are computed.
#[derive(Clone, Copy, PartialEq)]
enum How {
    /// Spikes: from lists of the rows that they drive.
    Lists,
    /// Spikes so few that weights are read from memory for each: rows of all outputs, as they lie there.
    Rows,
    /// Reals of which most are not zero: as a product of matrices.
    Products,
    /// Counts, and reals of which most are zero.
    OneByOne,
}

/// The terms of a block sum: the values of samples and steps, one after the other.
struct BlockSum<'a, F> {
    rows: &'a [[f32; BLOCK]],
    values: F,
}

impl<'a, F: Fn(usize) -> &'a [f32]> Terms for BlockSum<'a, F> {
    #[inline(always)]
    fn runs(&self) -> usize {
        1
    }

    #[inline(always)]
    fn rows(&self, _: usize) -> &[[f32; BLOCK]] {
        self.rows
    }

    #[inline(always)]
    fn values(&self, _: usize, input: usize) -> &[f32] {
        (self.values)(input)
    }
}

/// Of how many reals one is not zero, at least, where skipping the others is slower than multiplying by all of them.
const DENSE: usize = 3;

impl FastLinear {
    /// How the sums of all samples and steps are computed. Adding zero changes nothing, so the choice does neither.
    #[inline(always)]
    fn how(&self, window: Window, steps: usize, input: &[u32]) -> How {
        if !self.input.is_real() {
            return match self.input.planes {
                1 if self.few_spikes(window, steps, input) => How::Rows,
                1 => How::Lists,
                _ => How::OneByOne,
            };
        }
        let all = window.batch * steps * self.input.step_words();
        let first = self.input.offset(window, 0, 0);
        let mut others = 0;
        for x in &input[first..first + all] {
            others += usize::from(f32::from_bits(*x) != 0.0);
        }
        if others * DENSE >= all { How::Products } else { How::OneByOne }
    }

    /// The sums of a block of outputs for samples and steps from `first` on: as [`FastLinear::add_up`], several at once.
    #[inline(always)]
    fn multiply<S: Simd>(
        &self,
        simd: S,
        sums: &mut [[f32; BLOCK]],
        window: Window,
        (first, steps): (usize, usize),
        input: &[u32],
        rows: &[[f32; BLOCK]],
    ) {
        sums.fill([0.0; BLOCK]);
        let edge = &self.input;
        for (segment, &base) in self.bases.iter().enumerate() {
            let end = self.bases.get(segment + 1).copied().unwrap_or(rows.len());
            let rows = &rows[base..end];
            for (pass, sums) in sums.chunks_mut(inputs_at_once::<S>()).enumerate() {
                let first = first + pass * inputs_at_once::<S>();
                let values = |at: usize| {
                    let at = first + at;
                    bytemuck::cast_slice(&edge.step(input, window, at % steps, at / steps)[base..end])
                };
                add_products(simd, &BlockSum { rows, values }, sums);
            }
        }
    }

    /// A list of spikes for each segment, and in it for each sample and step.
    #[inline(always)]
    fn list(&self, lists: &mut Lists, window: Window, steps: usize, input: &[u32]) {
        let all = self.input.step_words();
        lists.clear(all * window.batch * steps);
        for first in (0..all).step_by(SUM_WORDS) {
            for sample in 0..window.batch {
                for t in 0..steps {
                    lists.begin();
                    let step = self.input.step(input, window, t, sample);
                    for word in first..(first + SUM_WORDS).min(all) {
                        lists.push(word, self.offsets[word], &Word::new(step[word]));
                    }
                }
            }
        }
    }

    /// The sums of a block of outputs for every sample and step: one segment of weights after the other, as it stays in
    /// the first cache while all use it.
    #[inline(always)]
    fn add_up(&self, sums: &mut [[f32; BLOCK]], lists: &Lists, rows: &[[f32; BLOCK]]) {
        sums.fill([0.0; BLOCK]);
        for (segment, &base) in self.bases.iter().enumerate() {
            let first = segment * sums.len();
            for (at, sum) in sums.iter_mut().enumerate() {
                for (_, entries) in lists.list(first + at) {
                    let block = added(entries, &rows[base..]);
                    for i in 0..BLOCK {
                        sum[i] += block[i];
                    }
                }
            }
        }
    }

    /// The currents of a block of outputs, without bias.
    #[inline(always)]
    fn sum(&self, step: &[u32], rows: &[[f32; BLOCK]]) -> [f32; BLOCK] {
        let edge = &self.input;
        let (channels, words) = (edge.channels as usize, words_of(edge.channels as usize));
        let mut sum = Sum::new();
        let cells = step.chunks_exact(edge.cell_words()).zip(rows.chunks_exact(channels));
        for (at, (cell, rows)) in cells.enumerate() {
            add_cell(&mut sum, edge, cell, at * words, rows);
        }
        sum.total()
    }
}
