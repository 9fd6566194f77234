//! Spikes reach their targets over synapses that nobody stores: every spike draws those of its source again.
//!
//! Procedural connectivity (Knight and Nowotny, Nature Computational Science 2021): memory does not grow with synapses.
//! Twin of `shaders/regenerate.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::compact::list_words;
use super::propagate::ring_slot;
use super::shader::{RANDOM, Shader, TABLES};
use super::synapse::{RULE_WORDS, Rule};
use super::{Bindings, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Cells of the circuit.
    pub cells: u32,
    /// Rules, at the start of the tables.
    pub rules: u32,
    /// Steps that accumulators look ahead, a power of two.
    pub ring: u32,
    /// Workgroups of a sample: they take events in turns.
    pub groups: u32,
}

shared!(Params as "Params" { cells: u32, rules: u32, ring: u32, groups: u32 });

/// The list of what fired; rules, and what they draw from; accumulators `[step, inhibition, cell]`.
pub const SLOTS: &[SlotInfo] =
    &[read("events", Element::Words), read("tables", Element::Words), write("ring", Element::Words)];

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader {
        pieces: &[
            include_str!("../../shaders/regenerate.wgsl"),
            include_str!("../../shaders/synapse.wgsl"),
            RANDOM,
            TABLES,
        ],
        reads: &[],
    }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    p.groups.into()
}

impl Params {
    /// Words of the ring of one sample.
    pub fn ring_words(&self) -> usize {
        2 * self.cells as usize * self.ring as usize
    }
}

/// The plain twin: of the first step of the window.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (events, tables) = (slots.words(0), slots.words(1));
    let ring = slots.words_mut(2);
    let rules: &[Rule] = bytemuck::cast_slice(&tables[..p.rules as usize * RULE_WORDS]);
    let of_step = 2 * p.cells as usize;
    for sample in 0..window.batch {
        let list = &events[sample * list_words(p.cells as usize)..];
        let ring = &mut ring[sample * p.ring_words()..][..p.ring_words()];
        for &cell in &list[1..=list[0] as usize] {
            for rule in rules.iter().filter(|rule| rule.has_source(cell)) {
                rule.synapses(tables, cell, |synapse| {
                    let slot = ring_slot(window.clock + u64::from(synapse.delay), p.ring);
                    let sum = &mut ring[slot * of_step + synapse.place as usize];
                    *sum = sum.wrapping_add(synapse.weight as u32);
                });
            }
        }
    }
}
