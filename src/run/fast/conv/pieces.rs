//! How the threads share a sample that is alone.

use std::ops::Range;

use super::super::neuron::Counted;
use super::FastConv;
use crate::kernel::Window;

/// What one thread computes of a sample.
pub(super) struct Piece<'a> {
    /// Output rows, and blocks of output channels.
    pub rows: Range<usize>,
    pub blocks: Range<usize>,
    /// The states of their cells before pooling, where they are kept.
    pub state: &'a mut [f32],
    /// Their words of output, by step.
    pub output: Vec<&'a mut [u32]>,
    /// Words from one cell of the output to the next, and before that of the first block.
    pub words: (usize, usize),
    /// Spikes of a pooled cell, by step.
    pub any: Vec<u32>,
    pub counted: Counted,
}

impl FastConv {
    /// Whether tasks take blocks of output channels: where these are many, most of the time goes by with their weights,
    /// so that each should pass by one thread alone.
    pub(super) fn by_blocks(&self, tasks: usize) -> bool {
        let forgets = self.neurons.as_ref().is_some_and(|neurons| neurons.population.keeps_state == 0);
        tasks > 1 && forgets && self.blocks() >= 4 * tasks
    }

    /// A task for some blocks each, which writes to words of its own.
    pub(super) fn block_pieces<'a>(&self, window: Window, own: &'a mut [Vec<u32>]) -> Vec<Piece<'a>> {
        let (blocks, cells) = (self.blocks(), self.output.cells as usize);
        let of_task = blocks.div_ceil(own.len());
        let piece = |(task, own): (usize, &'a mut Vec<u32>)| {
            let blocks = (task * of_task).min(blocks)..((task + 1) * of_task).min(blocks);
            Piece {
                rows: 0..cells / self.columns(),
                output: own.chunks_exact_mut((cells * blocks.len()).max(1)).take(self.out_steps(window)).collect(),
                words: (blocks.len(), 0),
                blocks,
                state: &mut [],
                any: vec![0; self.out_steps(window)],
                counted: Counted::default(),
            }
        };
        own.iter_mut().enumerate().map(piece).collect()
    }

    /// Brings the words of tasks for blocks together, in the output from a sample on.
    pub(super) fn gather(&self, window: Window, own: &[Vec<u32>], output: &mut [u32]) {
        let (edge, cells) = (&self.output, self.output.cells as usize);
        let of_task = self.blocks().div_ceil(own.len());
        for (task, own) in own.iter().enumerate() {
            let first = (task * of_task).min(self.blocks());
            let blocks = of_task.min(self.blocks() - first);
            for (i, words) in own.chunks_exact(blocks.max(1)).take(self.out_steps(window) * cells).enumerate() {
                let at = i / cells * window.batch * edge.step_words() + i % cells * edge.cell_words();
                output[at + self.before() + first..][..blocks].copy_from_slice(&words[..blocks]);
            }
        }
    }

    /// A task for some rows each.
    pub(super) fn row_pieces<'a>(
        &self,
        window: Window,
        tasks: usize,
        state: &'a mut [f32],
        output: &'a mut [u32],
    ) -> Vec<Piece<'a>> {
        let rows = self.output.cells as usize / self.columns();
        let of_task = rows.div_ceil(tasks);
        // States of a task's rows before pooling; its words in a step of the output.
        let of_row = self.neurons.as_ref().map_or(0, |neurons| {
            (self.pool[0] * self.geometry.out_size[1] * neurons.population.output.channels) as usize
        });
        let states = (2 * of_task * of_row).max(1);
        let words = of_task * self.columns() * self.output.cell_words();
        let mut states = state.chunks_mut(states);
        let piece = |first: usize| Piece {
            rows: first..(first + of_task).min(rows),
            blocks: 0..self.blocks(),
            state: states.next().unwrap_or_default(),
            output: Vec::with_capacity(self.out_steps(window)),
            words: (self.output.cell_words(), self.before()),
            any: vec![0; self.out_steps(window)],
            counted: Counted::default(),
        };
        let mut pieces: Vec<Piece<'_>> = (0..rows).step_by(of_task).map(piece).collect();
        let steps = output.chunks_mut(self.output.step_words()).step_by(window.batch);
        for step in steps.take(self.out_steps(window)) {
            pieces.iter_mut().zip(step.chunks_mut(words)).for_each(|(piece, words)| piece.output.push(words));
        }
        pieces
    }
}
