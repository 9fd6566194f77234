//! Fully connected layer and neurons, a block of 32 outputs after another.

use super::conv::add_cell;
use super::events::{Lists, Word, added, places};
use super::neuron::{Counted, Neurons};
use super::rows::{Rows, SUM_WORDS, Sum};
use super::{BLOCK, Run};
use crate::kernel::{Bindings, TALLY_WORDS, Window, linear_spike, words_of};

/// A fused linear layer with its weights.
#[derive(Debug)]
pub(super) struct FastLinear {
    p: linear_spike::Params,
    rows: Rows,
    neurons: Neurons,
    /// The first row of each word of inputs within its segment, and of each segment.
    offsets: Vec<u8>,
    bases: Vec<usize>,
}

impl FastLinear {
    pub fn new(p: &linear_spike::Params, weights: &[u32], coefficients: &[u32]) -> Option<FastLinear> {
        let neurons = Neurons::new(&p.population, coefficients)?;
        let inputs = p.input.cells as usize * p.input.channels as usize;
        let rows = Rows::new(weights, inputs, p.population.count as usize, p.bias == 1);
        let (offsets, bases) = places(p.input.cells as usize, p.input.channels as usize);
        Some(FastLinear { p: *p, rows, neurons, offsets, bases })
    }
}

impl Run for FastLinear {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.p;
        let input = slots.words(0);
        let (state, output, tally) = (slots.reals_mut(3), slots.words_mut(4), slots.words_mut(5));
        let edge = &p.population.output;
        let steps = if p.input.series == 1 { window.steps } else { 1 };
        let spikes = p.input.planes == 1;
        let mut lists = Lists::default();
        if spikes {
            self.list(&mut lists, window, steps, input);
        }
        let mut counted = vec![Counted::default(); window.batch];
        let mut sums = vec![[0.0; BLOCK]; window.batch * steps];
        for block in 0..self.neurons.blocks() {
            let rows = self.rows.block(block);
            if spikes {
                self.add_up(&mut sums, &lists, rows);
            }
            for sample in 0..window.batch {
                let mut v = self.neurons.start(window, state, sample, 0, block);
                let mut currents = [0.0; BLOCK];
                for t in 0..window.steps {
                    if t < steps {
                        let sum = if spikes {
                            sums[sample * steps + t]
                        } else {
                            self.sum(p.input.step(input, window, t, sample), rows)
                        };
                        currents = self.rows.with_bias(block, sum);
                    }
                    let word = self.neurons.step(block, &mut v, &currents, &mut counted[sample]);
                    output[edge.offset(window, t, sample) + self.neurons.word(block)] = word;
                }
                self.neurons.finish(state, sample, 0, block, &v);
            }
        }
        for (sample, counted) in counted.into_iter().enumerate() {
            counted.add_to(&mut tally[sample * TALLY_WORDS..]);
        }
    }
}

impl FastLinear {
    /// A list of spikes for each segment, and in it for each sample and step.
    #[inline(always)]
    fn list(&self, lists: &mut Lists, window: Window, steps: usize, input: &[u32]) {
        let all = self.p.input.step_words();
        lists.clear(all * window.batch * steps);
        for first in (0..all).step_by(SUM_WORDS) {
            for sample in 0..window.batch {
                for t in 0..steps {
                    lists.begin();
                    let step = self.p.input.step(input, window, t, sample);
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
        let edge = &self.p.input;
        let (channels, words) = (edge.channels as usize, words_of(edge.channels as usize));
        let mut sum = Sum::new();
        let cells = step.chunks_exact(edge.cell_words()).zip(rows.chunks_exact(channels));
        for (at, (cell, rows)) in cells.enumerate() {
            add_cell(&mut sum, edge, cell, at * words, rows);
        }
        sum.total()
    }
}
