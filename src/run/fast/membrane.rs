//! The neurons alone: step by step over as many as the first cache holds, so that memory is read in long rows.

use std::ops::Range;

use super::neuron::{Counted, Neurons, States};
use super::{BLOCK, pieces_of, tasks_of_values};
use crate::kernel::{Bindings, TALLY_WORDS, Window, membrane};
use crate::run::spread;

/// Words of spikes that are computed together: their potentials are half of the first cache.
const TILE: usize = 128;

/// A population.
#[derive(Debug)]
pub(super) struct FastMembrane {
    p: membrane::Params,
    neurons: Neurons,
}

/// A part of the words that a step of a sample puts out: what one thread computes.
struct Piece<'a> {
    words: Range<usize>,
    /// The states of its neurons, where they are kept.
    state: &'a mut [f32],
    /// Its words of output, by step.
    output: Vec<&'a mut [u32]>,
    counted: Counted,
}

/// The computation of a piece, to be dispatched.
struct Call<'a, 'b> {
    membrane: &'a FastMembrane,
    window: Window,
    sample: usize,
    input: &'a [u32],
    piece: &'a mut Piece<'b>,
}

impl FastMembrane {
    pub fn new(p: &membrane::Params, coefficients: &[u32]) -> Option<FastMembrane> {
        // Few channels fill no vector.
        if !p.input.is_real() || p.input.channels < BLOCK as u32 / 2 {
            return None;
        }
        Some(FastMembrane { p: *p, neurons: Neurons::new(&p.population, coefficients)? })
    }

    /// Runs it: a sample that is alone over the threads there are, where it is worth them.
    pub fn run(&self, arch: pulp::Arch, window: Window, slots: &mut Bindings<'_>) {
        let (p, input) = (&self.p, slots.words(0));
        let (state, output, tally) = (slots.reals_mut(2), slots.words_mut(3), slots.words_mut(4));
        let words = p.output.step_words();
        let tasks = if window.batch == 1 { tasks_of_values(p.input.elements() * window.steps) } else { 1 };
        let of_task = words.div_ceil(pieces_of(tasks)).next_multiple_of(self.unit());
        for sample in 0..window.batch {
            let mut state = state.chunks_exact_mut(2 * p.input.elements()).nth(sample).unwrap_or_default();
            let mut pieces: Vec<Piece<'_>> = Vec::with_capacity(tasks);
            for first in (0..words).step_by(of_task) {
                let words = first..(first + of_task).min(words);
                let states = 2 * (self.neuron(words.end) - self.neuron(words.start));
                let (own, rest) = state.split_at_mut(states.min(state.len()));
                state = rest;
                let output = Vec::with_capacity(window.steps);
                pieces.push(Piece { words, state: own, output, counted: Counted::default() });
            }
            let steps = output.chunks_exact_mut(words).skip(window.start * window.batch + sample);
            for step in steps.step_by(window.batch).take(window.steps) {
                pieces.iter_mut().zip(step.chunks_mut(of_task)).for_each(|(piece, words)| piece.output.push(words));
            }
            let run = |piece: &mut Piece<'_>| arch.dispatch(Call { membrane: self, window, sample, input, piece });
            spread::each(pieces.iter_mut(), run);
            for piece in pieces {
                piece.counted.add_to(&mut tally[sample * TALLY_WORDS..]);
            }
        }
    }

    /// Words of output of which none shares a neuron's row with others: without pooling each word alone.
    fn unit(&self) -> usize {
        if self.parts() == 1 { 1 } else { self.columns() * self.neurons.blocks() }
    }

    /// The first neuron under a word of output that begins a unit, or that is behind the last.
    fn neuron(&self, word: usize) -> usize {
        let (blocks, channels) = (self.neurons.blocks(), self.p.input.channels as usize);
        if self.parts() == 1 {
            word / blocks * channels + word % blocks * BLOCK
        } else {
            word / self.unit() * (self.p.pool[0] * self.p.width) as usize * channels
        }
    }

    /// Cells under a pooled cell.
    fn parts(&self) -> usize {
        (self.p.pool[0] * self.p.pool[1]) as usize
    }

    /// Columns of the output.
    fn columns(&self) -> usize {
        (self.p.width / self.p.pool[1]) as usize
    }

    /// The cell that is a part of those under a word of output.
    #[inline(always)]
    fn cell(&self, word: usize, part: usize) -> usize {
        let (pool_h, pool_w) = (self.p.pool[0] as usize, self.p.pool[1] as usize);
        let pooled = word / self.neurons.blocks();
        let (row, column) = (pooled / self.columns(), pooled % self.columns());
        (row * pool_h + part / pool_w) * self.p.width as usize + column * pool_w + part % pool_w
    }
}

impl pulp::NullaryFnOnce for Call<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Call { membrane, window, sample, input, piece } = self;
        let tile = (TILE / membrane.parts()).max(1);
        let mut states = Vec::with_capacity(tile * membrane.parts());
        for first in piece.words.clone().step_by(tile) {
            let words = first..(first + tile).min(piece.words.end);
            membrane.tile(&mut states, window, (sample, words), input, piece);
        }
    }
}

impl FastMembrane {
    /// Words of output over all steps.
    #[inline(always)]
    fn tile(
        &self,
        states: &mut Vec<States>,
        window: Window,
        (sample, words): (usize, Range<usize>),
        input: &[u32],
        piece: &mut Piece<'_>,
    ) {
        let (blocks, parts, channels) = (self.neurons.blocks(), self.parts(), self.p.input.channels as usize);
        let of_piece = self.neuron(piece.words.start);
        states.clear();
        for word in words.clone() {
            for part in 0..parts {
                let kept = 2 * (self.cell(word, part) * channels + word % blocks * BLOCK - of_piece);
                states.push(self.neurons.begin(window, piece.state.get(kept..).unwrap_or_default(), word % blocks));
            }
        }
        let own = words.start - piece.words.start..words.end - piece.words.start;
        for t in 0..window.steps {
            let step = |t| bytemuck::cast_slice::<u32, f32>(self.p.input.step(input, window, t, sample));
            let out = &mut piece.output[t][own.clone()];
            if self.neurons.are_alike() && parts == 1 {
                let x = |t| step(t)[words.start * BLOCK..words.end * BLOCK].as_chunks().0;
                let x = [x(t), x((t + 1).min(window.steps - 1))];
                self.neurons.step_all(states, x, out, &mut piece.counted);
            } else {
                self.step(states, step(t), words.clone(), out, &mut piece.counted);
            }
        }
        let all = words.flat_map(|word| (0..parts).map(move |part| (word, part)));
        for ((word, part), states) in all.zip(states.iter()) {
            let kept = 2 * (self.cell(word, part) * channels + word % blocks * BLOCK - of_piece);
            self.neurons.end(piece.state.get_mut(kept..).unwrap_or_default(), word % blocks, states);
        }
    }

    /// Words of output in one step, whatever their neurons are.
    #[inline(always)]
    fn step(&self, states: &mut [States], step: &[f32], words: Range<usize>, out: &mut [u32], counted: &mut Counted) {
        let (blocks, parts, channels) = (self.neurons.blocks(), self.parts(), self.p.input.channels as usize);
        for ((word, out), states) in words.zip(out).zip(states.chunks_exact_mut(parts)) {
            let block = word % blocks;
            let width = (channels - block * BLOCK).min(BLOCK);
            *out = 0;
            for (part, states) in states.iter_mut().enumerate() {
                let at = self.cell(word, part) * channels + block * BLOCK;
                let mut x = [0.0; BLOCK];
                x[..width].copy_from_slice(&step[at..at + width]);
                *out |= self.neurons.step(block, states, &x, counted);
            }
        }
    }
}
