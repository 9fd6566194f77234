//! Convolution, with neurons behind it or alone. Sums are made for a tile of output cells and all steps at once: of two
//! blocks of 32 output channels, one chunk of weights after the other, which stays in the first cache; neurons step
//! through them then.

mod cell;
mod layout;
mod lists;
mod pieces;
mod reals;
mod spikes;
mod tile;

use pulp::{Simd, WithSimd};

use super::neuron::{Counted, Neurons};
use super::rows::Rows;
use super::{BLOCK, tasks};
use crate::kernel::conv::{self, Geometry};
use crate::kernel::{Bindings, Edge, Kernel, TALLY_WORDS, Window, conv_spike};
use crate::run::spread;
pub(super) use cell::add_cell;
use layout::Layout;
use lists::Events;
use pieces::Piece;
use reals::Strip;
use tile::Tile;

/// A convolution with its weights, and what comes behind.
#[derive(Debug)]
pub(super) struct FastConv {
    kernel: Kernel,
    geometry: Geometry,
    pool: [u32; 2],
    output: Edge,
    layout: Layout,
    weights: Rows,
    /// None: the output is the currents.
    neurons: Option<Neurons>,
}

impl FastConv {
    /// With neurons behind it.
    pub fn spiking(p: &conv_spike::Params, weights: &[u32], coefficients: &[u32]) -> Option<FastConv> {
        let conv = FastConv::new(Kernel::ConvSpike(*p), &p.geometry, p.output, weights)?;
        Some(FastConv { pool: p.pool, neurons: Some(Neurons::new(&p.population, coefficients)?), ..conv })
    }

    /// Alone.
    pub fn currents(p: &conv::Params, weights: &[u32]) -> Option<FastConv> {
        FastConv::new(Kernel::Conv(*p), &p.geometry, p.output, weights)
    }

    fn new(kernel: Kernel, g: &Geometry, output: Edge, weights: &[u32]) -> Option<FastConv> {
        if g.groups != 1 {
            return None;
        }
        let inputs = (g.kernel[0] * g.kernel[1] * g.input.channels) as usize;
        let weights = Rows::new(weights, inputs, g.out_channels as usize, g.bias == 1);
        let layout = Layout::new(g);
        Some(FastConv { kernel, geometry: *g, pool: [1, 1], output, layout, weights, neurons: None })
    }

    /// Takes other weights.
    pub fn fill(&mut self, weights: &[u32]) {
        self.weights.fill(weights);
    }

    /// Runs it: a sample that is alone over the threads there are, where it is worth them.
    pub fn run(&self, arch: pulp::Arch, window: Window, slots: &mut Bindings<'_>) {
        let input = slots.words(0);
        let (state, output, tally): (&mut [f32], _, &mut [u32]) = match self.kernel {
            Kernel::ConvSpike(_) => (slots.reals_mut(3), slots.words_mut(4), slots.words_mut(5)),
            _ => (&mut [], slots.words_mut(2), &mut []),
        };
        let tasks = if window.batch == 1 { tasks(&self.kernel, window.steps) } else { 1 };
        let of_sample = self.neurons.as_ref().map_or(1, |neurons| 2 * neurons.population.output.elements());
        for sample in 0..window.batch {
            let run = |piece: &mut Piece<'_>| arch.dispatch(Call { conv: self, window, sample, input, piece });
            let output = &mut output[self.output.offset(window, 0, sample)..];
            let counted: Vec<Counted> = if self.by_blocks(tasks) {
                let words = self.out_steps(window) * self.output.cells as usize * self.blocks().div_ceil(tasks);
                let mut own = vec![vec![0; words]; tasks];
                let mut pieces = self.block_pieces(window, &mut own);
                spread::each(pieces.iter_mut(), run);
                let counted = pieces.iter().map(|piece| piece.counted).collect();
                self.gather(window, &own, output);
                counted
            } else {
                let state = state.chunks_exact_mut(of_sample).nth(sample).unwrap_or_default();
                let mut pieces = self.row_pieces(window, tasks, state, output);
                spread::each(pieces.iter_mut(), run);
                pieces.iter().map(|piece| piece.counted).collect()
            };
            if self.neurons.is_some() {
                counted.into_iter().for_each(|counted| counted.add_to(&mut tally[sample * TALLY_WORDS..]));
            }
        }
    }

    /// Blocks of output channels.
    fn blocks(&self) -> usize {
        (self.geometry.out_channels as usize).div_ceil(BLOCK)
    }

    /// Columns of the output.
    fn columns(&self) -> usize {
        (self.geometry.out_size[1] / self.pool[1]) as usize
    }

    /// Steps whose currents differ, and those of the output.
    fn steps(&self, window: Window) -> usize {
        if self.geometry.input.series == 1 { window.steps } else { 1 }
    }

    fn out_steps(&self, window: Window) -> usize {
        if self.output.series == 1 { window.steps } else { 1 }
    }

    /// Words of a cell of the output before those of the first block.
    fn before(&self) -> usize {
        match (&self.kernel, &self.neurons) {
            (Kernel::Conv(p), _) => p.first as usize,
            (_, neurons) => neurons.as_ref().map_or(0, |neurons| neurons.word(0)),
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

impl WithSimd for Call<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Call { conv, window, sample, input, piece } = self;
        let steps = conv.steps(window);
        let tiles = Tile::all(&conv.geometry, conv.pool, piece.rows.clone(), window.steps);
        let Some(first) = tiles.first() else { return };
        let g = &conv.geometry;
        let source = match g.input.is_real() {
            true => Source::Reals(Strip::new(g, &conv.layout, first.columns.len())),
            false => Source::Spikes(Events::new(g, &conv.layout, first, steps)),
        };
        let mut scratch = Scratch { source, pair: Sums::new(), single: Sums::new() };
        for tile in &tiles {
            conv.tile(simd, piece, &mut scratch, (tile, steps), (input, window, sample));
        }
    }
}

/// What a piece needs besides.
struct Scratch<'a> {
    source: Source<'a>,
    pair: Sums<2>,
    single: Sums<1>,
}

/// What sums are made of.
enum Source<'a> {
    Spikes(Events<'a>),
    Reals(Strip),
}

/// The sums of a tile, and block sums on their way to them.
struct Sums<const B: usize> {
    sums: Vec<spikes::Sum<B>>,
    partial: Vec<spikes::Sum<B>>,
    chunk: spikes::Chunk<B>,
}

impl<const B: usize> Sums<B> {
    fn new() -> Self {
        Sums { sums: Vec::new(), partial: Vec::new(), chunk: [const { Vec::new() }; B] }
    }
}

impl FastConv {
    #[inline(always)]
    fn tile<S: Simd>(
        &self,
        simd: S,
        piece: &mut Piece<'_>,
        scratch: &mut Scratch<'_>,
        tile: (&Tile, usize),
        input: (&[u32], Window, usize),
    ) {
        let Scratch { source, pair, single } = scratch;
        if let Source::Spikes(events) = source {
            events.take(tile.0, input);
        }
        let blocks = piece.blocks.clone();
        let pairs = blocks.start..blocks.end - blocks.len() % 2;
        for block in pairs.clone().step_by(2) {
            self.compute(simd, piece, (source, pair), tile, block, input);
        }
        if pairs.end < blocks.end {
            self.compute(simd, piece, (source, single), tile, pairs.end, input);
        }
    }

    /// Some blocks of output channels.
    #[inline(always)]
    fn compute<S: Simd, const B: usize>(
        &self,
        simd: S,
        piece: &mut Piece<'_>,
        (source, Sums { sums, partial, chunk }): (&mut Source<'_>, &mut Sums<B>),
        (tile, steps): (&Tile, usize),
        block: usize,
        input: (&[u32], Window, usize),
    ) {
        let weights = &self.weights;
        sums.resize(tile.cells() * steps, [[0.0; BLOCK]; B]);
        match source {
            Source::Spikes(events) => {
                partial.resize(sums.len(), [[0.0; BLOCK]; B]);
                spikes::add_up(weights, &self.layout, events, (tile, steps), block, (sums, partial, chunk));
            }
            Source::Reals(strip) => {
                reals::add_up(simd, (&self.geometry, weights), strip, (tile, steps), block, input, sums);
            }
        }
        for b in 0..B {
            match &self.neurons {
                Some(neurons) => self.step(neurons, piece, (tile, steps), sums, (b, block + b), input.1),
                None => self.write(piece, (tile, steps), sums, (b, block + b)),
            }
        }
    }

    /// The neurons of a block, out of its sums.
    #[inline(always)]
    fn step<const B: usize>(
        &self,
        neurons: &Neurons,
        piece: &mut Piece<'_>,
        (tile, steps): (&Tile, usize),
        sums: &[spikes::Sum<B>],
        (b, block): (usize, usize),
        window: Window,
    ) {
        let [pool_h, pool_w] = self.pool.map(|extent| extent as usize);
        let (width, columns) = (self.geometry.out_size[1] as usize, self.columns());
        let first_row = piece.rows.start * pool_h;
        for row in tile.rows.clone().step_by(pool_h) {
            for column in tile.columns.clone().step_by(pool_w) {
                piece.any.fill(0);
                for (y, x) in (0..pool_h * pool_w).map(|i| (row + i / pool_w, column + i % pool_w)) {
                    let cell = (y - first_row) * width + x;
                    let first = ((y - tile.rows.start) * tile.columns.len() + x - tile.columns.start) * steps;
                    let mut v = neurons.start(window, piece.state, 0, cell, block);
                    let mut currents = [0.0; BLOCK];
                    for (t, any) in piece.any.iter_mut().enumerate() {
                        if t < steps {
                            currents = self.weights.with_bias(block, sums[first + t][b]);
                        }
                        *any |= neurons.step(block, &mut v, &currents, &mut piece.counted);
                    }
                    neurons.finish(piece.state, 0, cell, block, &v);
                }
                let pooled = (row / pool_h - piece.rows.start) * columns + column / pool_w;
                let at = pooled * piece.words.0 + piece.words.1 + block - piece.blocks.start;
                for (output, any) in piece.output.iter_mut().zip(&piece.any) {
                    output[at] = *any;
                }
            }
        }
    }

    /// The currents of a block as they are.
    #[inline(always)]
    fn write<const B: usize>(
        &self,
        piece: &mut Piece<'_>,
        (tile, steps): (&Tile, usize),
        sums: &[spikes::Sum<B>],
        (b, block): (usize, usize),
    ) {
        let width = (self.geometry.out_channels as usize - block * BLOCK).min(BLOCK);
        let mut place = tile.first();
        for sums in sums.chunks_exact(steps) {
            let (y, x) = place;
            place = tile.next(place);
            let at = ((y - piece.rows.start) * self.columns() + x) * piece.words.0 + piece.words.1 + block * BLOCK;
            for (t, output) in piece.output.iter_mut().enumerate() {
                let currents = self.weights.with_bias(block, sums[t.min(steps - 1)][b]);
                for (to, current) in output[at..at + width].iter_mut().zip(&currents) {
                    *to = current.to_bits();
                }
            }
        }
    }
}
