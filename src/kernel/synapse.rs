//! Synapses by rule: what a spike of a source reaches, drawn from a seed, in whole numbers alone.
//!
//! Stored synapses are drawn once and kept; others are drawn anew by every spike ([`super::regenerate`]): both are the
//! same. Twin of `shaders/synapse.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::random::{Stream, picked};
use crate::shared::shared;

/// How sources and targets are joined.
pub mod kind {
    /// Every source with every target.
    pub const ALL: u32 = 0;
    /// The n-th source with the n-th target.
    pub const ONE: u32 = 1;
    /// Every source with so many targets, drawn with replacement.
    pub const FAN_OUT: u32 = 2;
    /// Every pair with the same chance: gaps from one target to the next are drawn.
    pub const PROBABILITY: u32 = 3;

    /// Every kind with the name it has in shaders.
    pub const NAMES: &[(&str, u32)] = &[("ALL", ALL), ("ONE", ONE), ("FAN_OUT", FAN_OUT), ("PROBABILITY", PROBABILITY)];
}

/// Targets among which gaps are drawn from the start anew, so that they can be drawn side by side.
pub const BLOCK_TARGETS: u32 = 256;

/// Synapses from neighbouring cells to neighbouring cells.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Rule {
    /// First source, as a cell of the circuit.
    pub source: u32,
    /// Sources.
    pub sources: u32,
    /// Where the first target accumulates: the cell, and behind all cells once more for inhibition.
    pub place: u32,
    /// Targets.
    pub targets: u32,
    /// How they are joined, see [`kind`].
    pub kind: u32,
    /// Targets of a source, of `FAN_OUT`.
    pub amount: u32,
    /// 1: sources and targets are the same cells, and none reaches itself.
    pub skips_self: u32,
    /// Cumulative chances of gaps of 0, 1, ... in the tables, of `PROBABILITY`: where, and how many.
    pub gaps: [u32; 2],
    /// Where weights are in the tables, and the logarithm of how many; each is as likely as the others.
    pub weights: [u32; 2],
    /// The same of delays, in steps.
    pub delays: [u32; 2],
    /// The stream that all is drawn from.
    pub key: [u32; 2],
    /// Keeps the size a multiple of 16 bytes.
    pub padding: u32,
}

shared!(Rule as "Rule" {
    source: u32, sources: u32, place: u32, targets: u32, kind: u32, amount: u32, skips_self: u32, gaps: [u32; 2],
    weights: [u32; 2], delays: [u32; 2], key: [u32; 2], padding: u32,
});

/// 32-bit words of a [`Rule`].
pub const RULE_WORDS: usize = size_of::<Rule>() / 4;

/// A synapse: where its target accumulates, its weight in units of the accumulators, its delay in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synapse {
    /// As [`Rule::place`].
    pub place: u32,
    /// The weight.
    pub weight: i32,
    /// The delay.
    pub delay: u32,
}

impl Rule {
    /// Whether a cell is one of its sources.
    pub fn has_source(&self, cell: u32) -> bool {
        cell.wrapping_sub(self.source) < self.sources
    }

    /// The synapses of a source, a cell of the circuit, in order.
    pub fn synapses(&self, tables: &[u32], cell: u32, mut each: impl FnMut(Synapse)) {
        let source = cell - self.source;
        let stream = Stream::from(self.key).at(source);
        let mut reach = |draw: u32, target: u32| {
            let of_table = |[first, log]: [u32; 2], random: u32| tables[first as usize + picked(random, log)];
            let weight = of_table(self.weights, stream.bits(3 * draw + 1)) as i32;
            let delay = of_table(self.delays, stream.bits(3 * draw + 2));
            each(Synapse { place: self.place + target, weight, delay });
        };
        let is_self = |target: u32| self.skips_self == 1 && target == source;
        match self.kind {
            kind::ONE => reach(source, source),
            kind::FAN_OUT => {
                let among = self.targets - self.skips_self;
                for draw in 0..self.amount {
                    let target = stream.below(3 * draw, among);
                    reach(draw, target + u32::from(self.skips_self == 1 && target >= source));
                }
            }
            kind::PROBABILITY => {
                for block in 0..self.targets.div_ceil(BLOCK_TARGETS) {
                    let gaps = stream.at(block);
                    let end = self.targets.min((block + 1) * BLOCK_TARGETS);
                    let mut target = block * BLOCK_TARGETS;
                    for draw in 0..2 * BLOCK_TARGETS {
                        let (gap, hit) = self.gap(tables, gaps.bits(draw));
                        target += gap;
                        if target >= end {
                            break;
                        }
                        if hit {
                            if !is_self(target) {
                                reach(target, target);
                            }
                            target += 1;
                        }
                    }
                }
            }
            _ => (0..self.targets).filter(|&target| !is_self(target)).for_each(|target| reach(target, target)),
        }
    }

    /// Targets that are passed over, and whether the next one is reached; otherwise another gap follows.
    fn gap(&self, tables: &[u32], random: u32) -> (u32, bool) {
        let [first, count] = self.gaps;
        let chances = &tables[first as usize..][..count as usize];
        let gap = chances.partition_point(|&chance| chance <= random) as u32;
        (gap, gap < count)
    }
}
