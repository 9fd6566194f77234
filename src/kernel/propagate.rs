//! Spikes reach their targets over stored synapses: rows of a source, added to accumulators of the steps to come.
//!
//! Accumulators are whole numbers, so sums do not depend on their order, and cost follows the spikes. Twin of
//! `shaders/propagate.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::compact::list_words;
use super::shader::Shader;
use super::{Bindings, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Cells of the circuit.
    pub cells: u32,
    /// The first source of this dispatch; others have the rest, where synapses are too many for one binding.
    pub first: u32,
    /// Sources of this dispatch.
    pub sources: u32,
    /// Steps that accumulators look ahead, a power of two.
    pub ring: u32,
    /// Bits of a synapse's first word that are its place; the others are its delay.
    pub place_bits: u32,
    /// Workgroups of a sample: they take events in turns.
    pub groups: u32,
}

shared!(Params as "Params" { cells: u32, first: u32, sources: u32, ring: u32, place_bits: u32, groups: u32 });

/// The list of what fired; where each source's synapses begin, and where the last ends; two words for each of them: place
/// with delay, weight; accumulators `[step, inhibition, cell]`.
pub const SLOTS: &[SlotInfo] = &[
    read("events", Element::Words),
    read("rows", Element::Words),
    read("synapses", Element::Words),
    write("ring", Element::Words),
];

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/propagate.wgsl")], reads: &[] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    p.groups.into()
}

/// The slot of the ring of a step.
pub(crate) fn ring_slot(clock: u64, ring: u32) -> usize {
    (clock % u64::from(ring)) as usize
}

impl Params {
    /// The bits of a synapse's first word that are its place.
    pub(crate) fn place_mask(&self) -> u32 {
        (1u64 << self.place_bits) as u32 - 1
    }

    /// Words of the ring of one sample.
    pub fn ring_words(&self) -> usize {
        2 * self.cells as usize * self.ring as usize
    }
}

/// The plain twin: of the first step of the window.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (events, rows, synapses) = (slots.words(0), slots.words(1), slots.words(2));
    let ring = slots.words_mut(3);
    let places = p.place_mask();
    for sample in 0..window.batch {
        let list = &events[sample * list_words(p.cells as usize)..];
        let ring = &mut ring[sample * p.ring_words()..][..p.ring_words()];
        for &cell in &list[1..=list[0] as usize] {
            let source = cell.wrapping_sub(p.first);
            if source >= p.sources {
                continue;
            }
            let (begin, end) = (rows[source as usize] as usize, rows[source as usize + 1] as usize);
            for synapse in synapses[2 * begin..2 * end].chunks_exact(2) {
                let (place, delay) = (synapse[0] & places, synapse[0] >> p.place_bits);
                let slot = ring_slot(window.clock + u64::from(delay), p.ring);
                let sum = &mut ring[slot * 2 * p.cells as usize + place as usize];
                *sum = sum.wrapping_add(synapse[1]);
            }
        }
    }
}
