//! How the values on an edge lie in memory: bits, bit planes, or reals.

use bytemuck::{Pod, Zeroable};

use super::Window;
use crate::shared::shared;

/// The layout of an edge, for one step of one sample: `[cell, channel]`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Edge {
    /// Height times width.
    pub cells: u32,
    /// Channels.
    pub channels: u32,
    /// Bit planes: 1 for spikes, more for counts, 0 for reals.
    pub planes: u32,
    /// 1 where there is a value for every step, 0 where one holds for all of them.
    pub series: u32,
}

shared!(Edge as "Edge" { cells: u32, channels: u32, planes: u32, series: u32 });

/// Workgroups of `shaders/elementwise.wgsl` for one sample: 64 reals, or words of 32 channels, each.
pub(crate) fn elementwise_groups(edge: &Edge, steps: usize) -> u64 {
    let channels = edge.channels as usize;
    let per_cell = if edge.is_real() { channels } else { words_of(channels) };
    let steps = if edge.series == 1 { steps } else { 1 };
    (u64::from(edge.cells) * per_cell as u64 * steps as u64).div_ceil(64)
}

/// Words that hold the bits of so many channels.
pub fn words_of(channels: usize) -> usize {
    channels.div_ceil(32)
}

impl Edge {
    /// Whether the values are reals.
    pub fn is_real(&self) -> bool {
        self.planes == 0
    }

    /// 32-bit words of one cell.
    pub fn cell_words(&self) -> usize {
        if self.is_real() { self.channels as usize } else { words_of(self.channels as usize) * self.planes as usize }
    }

    /// 32-bit words of one step of one sample.
    pub fn step_words(&self) -> usize {
        self.cells as usize * self.cell_words()
    }

    /// Values of a step.
    pub fn elements(&self) -> usize {
        self.cells as usize * self.channels as usize
    }

    /// Where a step of a sample begins; `t` counts from the window's start.
    pub fn offset(&self, window: Window, t: usize, sample: usize) -> usize {
        let step = if self.series == 1 { window.start + t } else { 0 };
        (step * window.batch + sample) * self.step_words()
    }

    /// A step of a sample.
    pub fn step<'a>(&self, data: &'a [u32], window: Window, t: usize, sample: usize) -> &'a [u32] {
        let offset = self.offset(window, t, sample);
        &data[offset..offset + self.step_words()]
    }

    /// A step of a sample, to be written.
    pub fn step_mut<'a>(&self, data: &'a mut [u32], window: Window, t: usize, sample: usize) -> &'a mut [u32] {
        let offset = self.offset(window, t, sample);
        &mut data[offset..offset + self.step_words()]
    }

    /// A cell of a step.
    pub fn cell<'a>(&self, step: &'a [u32], cell: usize) -> &'a [u32] {
        &step[cell * self.cell_words()..(cell + 1) * self.cell_words()]
    }

    /// The value of a channel of a cell.
    #[inline]
    pub fn value(&self, cell: &[u32], channel: usize) -> f32 {
        if self.is_real() { f32::from_bits(cell[channel]) } else { self.count(cell, channel) as f32 }
    }

    /// The whole number of a channel of a cell: bits and counts alone.
    #[inline]
    pub fn count(&self, cell: &[u32], channel: usize) -> u32 {
        let planes = self.planes as usize;
        let words = &cell[channel / 32 * planes..channel / 32 * planes + planes];
        words.iter().rev().fold(0, |n, word| n << 1 | word >> (channel % 32) & 1)
    }

    /// Sets a channel of a cell. Bits and counts: the cell must be zero there; too large a count keeps its low bits.
    #[inline]
    pub fn set(&self, cell: &mut [u32], channel: usize, value: f32) {
        if self.is_real() {
            cell[channel] = value.to_bits();
        } else {
            self.set_count(cell, channel, value as u32);
        }
    }

    /// Sets a whole number in a cell that is zero there.
    #[inline]
    pub fn set_count(&self, cell: &mut [u32], channel: usize, count: u32) {
        let planes = self.planes as usize;
        for plane in 0..planes {
            cell[channel / 32 * planes + plane] |= (count >> plane & 1) << (channel % 32);
        }
    }

    /// The largest whole number that fits.
    pub fn largest(&self) -> u32 {
        1u32.checked_shl(self.planes).map_or(u32::MAX, |n| n - 1)
    }
}
