//! How the threads share a sample that is alone: each has outputs of its own.

use std::ops::Range;

use super::super::BLOCK;
use super::super::neuron::{Counted, States};
use super::FastLinear;
use crate::kernel::Window;

/// Blocks of outputs: what one thread computes.
pub(super) struct Piece<'a> {
    pub blocks: Range<usize>,
    /// Of each sample and block.
    pub states: Vec<States>,
    /// Its words of every step, and in it of every sample.
    pub output: Vec<&'a mut [u32]>,
    /// Of each sample.
    pub counted: Vec<Counted>,
}

impl FastLinear {
    /// Blocks of outputs in so many pieces or fewer, with their states and words of output.
    pub(super) fn pieces<'a>(
        &self,
        window: Window,
        count: usize,
        state: &[f32],
        output: &'a mut [u32],
    ) -> Vec<Piece<'a>> {
        let blocks = self.count.div_ceil(BLOCK);
        let of_piece = blocks.div_ceil(count);
        let mut pieces: Vec<Piece<'a>> = Vec::new();
        for first in (0..blocks).step_by(of_piece) {
            let blocks = first..(first + of_piece).min(blocks);
            let own = (0..window.batch).flat_map(|sample| blocks.clone().map(move |block| (sample, block)));
            let start = |(sample, block)| self.neurons.as_ref().map(|n| n.start(window, state, sample, 0, block));
            let (states, counted) = (own.filter_map(start).collect(), vec![Counted::default(); window.batch]);
            pieces.push(Piece { blocks, states, output: Vec::new(), counted });
        }
        // Words before the first of a step that are ours, and those of a block.
        let (before, of_block) = self.neurons.as_ref().map_or((self.first, BLOCK), |neurons| (neurons.word(0), 1));
        let all = if of_block == 1 { blocks } else { self.count };
        let out_steps = if self.output.series == 1 { window.steps } else { 1 };
        let first = self.output.offset(window, 0, 0);
        let steps = output[first..].chunks_exact_mut(self.output.step_words());
        for step in steps.take(out_steps * window.batch) {
            let own = step[before..before + all].chunks_mut(of_piece * of_block);
            pieces.iter_mut().zip(own).for_each(|(piece, words)| piece.output.push(words));
        }
        pieces
    }
}
