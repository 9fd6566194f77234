//! The order in which the rows of a convolution are added: chunk by chunk.
//!
//! Counts are bits too: the planes of a word of inputs stand side by side, each with rows of its own, which are the
//! weights times its power of two. So the bits of a cell name the rows of a tap, in the canonical order.

use super::super::BLOCK;
use super::super::rows::SUM_WORDS;
use crate::kernel::conv::Geometry;
use crate::kernel::words_of;

/// Rows that one pass adds: those of a pair of blocks fill the first cache.
const CHUNK_ROWS: usize = 128;

/// How the rows of a convolution lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Rows of a word: 32, or as many as there are channels.
    pub lanes: usize,
    /// Words of a tap, planes counted; reals have one for 32 channels.
    pub words: usize,
    /// Words whose terms make one block sum.
    pub segment: usize,
    /// Words of a chunk: rows that are added in one pass.
    pub chunk: usize,
    /// Words of a unit: the largest part that cells and chunks have in common.
    pub unit: usize,
    pub taps: usize,
    channels: usize,
    planes: usize,
}

impl Layout {
    pub fn new(g: &Geometry) -> Layout {
        let (channels, planes) = (g.input.channels as usize, g.input.planes.max(1) as usize);
        let lanes = channels.min(32);
        let (words, segment) = (words_of(channels) * planes, SUM_WORDS * planes);
        let fits = |chunk: &usize| segment.is_multiple_of(*chunk) && chunk * lanes <= CHUNK_ROWS;
        let chunk = (0..8).map(|log| 1 << log).filter(fits).max().unwrap_or(1);
        let unit = 1 << words.trailing_zeros().min(chunk.trailing_zeros());
        Layout { lanes, words, segment, chunk, unit, taps: (g.kernel[0] * g.kernel[1]) as usize, channels, planes }
    }

    /// Chunks of all taps.
    pub fn chunks(&self) -> usize {
        (self.taps * self.words).div_ceil(self.chunk)
    }

    /// Units of a cell.
    pub fn units(&self) -> usize {
        self.words / self.unit
    }

    /// Whether a chunk begins a block sum, and whether it ends one.
    pub fn ends(&self, chunk: usize) -> (bool, bool) {
        let chunks = self.segment / self.chunk;
        (chunk.is_multiple_of(chunks), (chunk + 1).is_multiple_of(chunks) || chunk + 1 == self.chunks())
    }

    /// Copies the rows of a chunk out of those of a block: one behind the other, they come from far memory fast.
    #[inline(always)]
    pub fn copy(&self, chunk: usize, rows: &[[f32; BLOCK]], to: &mut [[f32; BLOCK]]) {
        let first = chunk * self.chunk;
        let words = first..(first + self.chunk).min(self.taps * self.words);
        for (word, to) in words.zip(to.chunks_exact_mut(self.lanes)) {
            let (tap, word, plane) = (word / self.words, word % self.words / self.planes, word % self.planes);
            let factor = (1u32 << plane) as f32;
            let rows = &rows[tap * self.channels..(tap + 1) * self.channels];
            for (to, row) in to.iter_mut().zip(&rows[word * 32..]) {
                for i in 0..BLOCK {
                    to[i] = row[i] * factor;
                }
            }
        }
    }
}
