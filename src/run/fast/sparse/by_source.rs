//! By source: every spike adds its weights to the sums of its step, tile by tile of targets.

use super::super::by_spike::{self, Weights};
use super::{in_tiles, is_there};
use crate::kernel::sparse::{Packed, Params};
use crate::run::spread;

/// Targets of a tile: their sums, and those of a block, are a fraction of the second cache. In smaller tiles rows are so short
/// that memory is no quicker than where it is read at random.
const TILE: usize = 1 << 14;
/// Steps that a thread takes at once.
const STEPS: usize = 4;

/// The synapses of every source.
#[derive(Debug)]
pub(super) struct Sources {
    tiles: Vec<Tile>,
}

/// Their synapses with neighbouring targets.
#[derive(Debug)]
struct Tile {
    /// Where those of each position begin, and where the last end.
    offsets: Vec<u32>,
    targets: Vec<u16>,
    weights: Vec<f32>,
}

/// Some steps of a tile, to be dispatched.
struct Call<'a, 'b> {
    tile: &'a Tile,
    trains: &'a [&'a [u32]],
    bias: &'a [f32],
    sums: &'a mut [&'b mut [f32]],
}

impl Sources {
    pub fn new(p: &Params, packed: &Packed<'_>) -> Sources {
        let all = p.count as usize;
        let tile = |first: usize| Tile::new(p, packed, first..(first + TILE).min(all));
        Sources { tiles: (0..all).step_by(TILE).map(tile).collect() }
    }

    /// The sums of all steps.
    pub fn run(&self, arch: pulp::Arch, trains: &[&[u32]], bias: &[f32], sums: Vec<&mut [f32]>) {
        let mut of_tiles = in_tiles(sums, TILE);
        let mut calls = Vec::new();
        for (number, (tile, sums)) in self.tiles.iter().zip(&mut of_tiles).enumerate() {
            let bias = bias.get(number * TILE..).unwrap_or_default();
            let pieces = trains.chunks(STEPS).zip(sums.chunks_mut(STEPS));
            calls.extend(pieces.map(|(trains, sums)| Call { tile, trains, bias, sums }));
        }
        spread::each(calls.into_iter(), |call| arch.dispatch(call));
    }
}

impl Tile {
    fn new(p: &Params, packed: &Packed<'_>, targets: std::ops::Range<usize>) -> Tile {
        let mut offsets = vec![0u32; 32 * p.input.step_words() + 1];
        let all = || targets.clone().flat_map(|target| packed.of(target).filter(is_there).map(move |s| (target, s)));
        all().for_each(|(_, (position, _))| offsets[position as usize + 1] += 1);
        for at in 1..offsets.len() {
            offsets[at] += offsets[at - 1];
        }
        let mut next = offsets.clone();
        let synapses = offsets.last().map_or(0, |&last| last as usize);
        let (mut own, mut weights) = (vec![0; synapses], vec![0.0; synapses]);
        for (target, (position, weight)) in all() {
            let at = &mut next[position as usize];
            (own[*at as usize], weights[*at as usize]) = ((target - targets.start) as u16, weight);
            *at += 1;
        }
        Tile { offsets, targets: own, weights }
    }
}

impl Weights for Tile {
    #[inline(always)]
    fn add(&self, inputs: &[u32], sums: &mut [f32]) {
        for &input in inputs {
            let own = self.offsets[input as usize] as usize..self.offsets[input as usize + 1] as usize;
            for (&target, weight) in self.targets[own.clone()].iter().zip(&self.weights[own]) {
                if let Some(sum) = sums.get_mut(target as usize) {
                    *sum += weight;
                }
            }
        }
    }
}

impl pulp::NullaryFnOnce for Call<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Call { tile, trains, bias, sums } = self;
        let targets = sums.first().map_or(0, |sums| sums.len());
        let (mut total, mut block) = (vec![0.0f32; targets], vec![0.0f32; targets]);
        for (train, out) in trains.iter().zip(sums) {
            by_spike::sums(tile, train, &mut total, &mut block);
            out.copy_from_slice(&total);
            for (out, bias) in out.iter_mut().zip(bias) {
                *out += bias;
            }
        }
    }
}
