//! Fully connected layer and neurons, a block of 32 outputs after another.

use super::conv::add_cell;
use super::neuron::{Counted, Neurons};
use super::rows::{Rows, Sum};
use super::{BLOCK, Run};
use crate::kernel::{Bindings, TALLY_WORDS, Window, linear_spike, words_of};

/// A fused linear layer with its weights.
#[derive(Debug)]
pub(super) struct FastLinear {
    p: linear_spike::Params,
    rows: Rows,
    neurons: Neurons,
}

impl FastLinear {
    pub fn new(p: &linear_spike::Params, weights: &[u32], coefficients: &[u32]) -> Option<FastLinear> {
        let neurons = Neurons::new(&p.population, coefficients)?;
        let inputs = p.input.cells as usize * p.input.channels as usize;
        let rows = Rows::new(weights, inputs, p.population.count as usize, p.bias == 1);
        Some(FastLinear { p: *p, rows, neurons })
    }
}

impl Run for FastLinear {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.p;
        let input = slots.words(0);
        let (state, output, tally) = (slots.reals_mut(3), slots.words_mut(4), slots.words_mut(5));
        let edge = &p.population.output;
        for sample in 0..window.batch {
            let mut counted = Counted::default();
            for block in 0..self.neurons.blocks() {
                let rows = self.rows.block(block);
                let mut v = self.neurons.start(window, state, sample, 0, block);
                let mut currents = [0.0; BLOCK];
                for t in 0..window.steps {
                    if t == 0 || p.input.series == 1 {
                        let step = p.input.step(input, window, t, sample);
                        currents = self.rows.with_bias(block, self.sum(step, rows));
                    }
                    let word = self.neurons.step(block, &mut v, &currents, &mut counted);
                    output[edge.offset(window, t, sample) + self.neurons.word(block)] = word;
                }
                self.neurons.finish(state, sample, 0, block, &v);
            }
            counted.add_to(&mut tally[sample * TALLY_WORDS..]);
        }
    }
}

impl FastLinear {
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
