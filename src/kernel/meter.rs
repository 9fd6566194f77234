//! Synaptic operations of a weighted layer, counted on its input (NeuroBench's definition, and those performed).
//!
//! A non-zero input drives as many outputs as there are weights that are not zero under it; near a border there are
//! fewer. Cells that see the same taps share a row of the table. Twin of `shaders/meter.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::edge::elementwise_groups;
use super::shader::Shader;
use super::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Input of the weighted layer.
    pub input: Edge,
    /// 1: the input is counts of spikes, each of which is an operation; 0: a non-zero value is one, whatever its size.
    pub spike_counts: u32,
}

/// Counters of one sample: non-zero inputs, effective and performed operations, each as low and high word;
/// whether an input was neither 0 nor 1 nor -1; unused.
pub const METER_WORDS: usize = 8;

/// Input, table, counters.
///
/// The table: for each cell the row, then rows `[channel, (effective, performed)]`.
pub const SLOTS: &[SlotInfo] =
    &[read("input", Element::Words), read("table", Element::Words), write("counters", Element::Words)];

shared!(Params as "Params" { input: Edge, spike_counts: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/meter.wgsl")], reads: &[] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&p.input, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, table) = (slots.words(0), slots.words(1));
    let counters = slots.words_mut(2);
    let (cells, channels) = (p.input.cells as usize, p.input.channels as usize);
    let (rows, table) = table.split_at(cells);
    let steps = if p.input.series == 1 { window.steps } else { 1 };
    for sample in 0..window.batch {
        let (mut active, mut effective, mut performed, mut odd) = (0u64, 0u64, 0u64, false);
        for t in 0..steps {
            let step = p.input.step(input, window, t, sample);
            for cell in 0..cells {
                let values = p.input.cell(step, cell);
                let row = &table[rows[cell] as usize * channels * 2..][..channels * 2];
                active_channels(&p.input, values, |channel| {
                    let x = p.input.value(values, channel);
                    let (fan, dense) = (u64::from(row[2 * channel]), u64::from(row[2 * channel + 1]));
                    let events = if p.spike_counts == 1 { x as u64 } else { 1 };
                    let additions = if p.input.is_real() { 1 } else { u64::from((x as u32).count_ones()) };
                    active += events;
                    effective += events * fan;
                    performed += additions * dense;
                    odd |= x != 1.0 && x != -1.0;
                });
            }
        }
        let counters = &mut counters[sample * METER_WORDS..(sample + 1) * METER_WORDS];
        add(counters, [active, effective, performed]);
        counters[6] |= u32::from(odd && p.spike_counts == 0);
    }
}

/// Adds to the three sums of a sample's counters.
pub(crate) fn add(counters: &mut [u32], sums: [u64; 3]) {
    for (pair, new) in counters.chunks_exact_mut(2).zip(sums) {
        let sum = (u64::from(pair[0]) | u64::from(pair[1]) << 32) + new;
        pair.copy_from_slice(&[sum as u32, (sum >> 32) as u32]);
    }
}

/// Calls `f` for every channel of a cell that is not zero.
#[inline]
fn active_channels(edge: &Edge, cell: &[u32], mut f: impl FnMut(usize)) {
    if edge.is_real() {
        (0..cell.len()).filter(|&c| f32::from_bits(cell[c]) != 0.0).for_each(f);
        return;
    }
    for (word, planes) in cell.chunks_exact(edge.planes as usize).enumerate() {
        let mut any = planes.iter().fold(0, |any, plane| any | plane);
        while any != 0 {
            f(word * 32 + any.trailing_zeros() as usize);
            any &= any - 1;
        }
    }
}
