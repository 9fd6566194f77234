//! By target: sums of many steps are in registers, and a synapse adds its weight to those in which its source fired.
//!
//! Synapses come tile by tile of targets, in it block after block of the sum: in which steps the inputs of a block fired is
//! written out as masks, which stay in the first cache. Targets with as many synapses in a block come one after the other,
//! so that the processor knows how often it goes round.

use super::super::rows::SUM_WORDS;
use super::{in_tiles, is_there};
use crate::kernel::sparse::{Packed, Params};
use crate::run::spread;

/// Inputs whose terms make one block sum.
const BLOCK: usize = 32 * SUM_WORDS;
/// Targets of a tile: their sums of 32 steps are a fraction of the second cache.
const TILE: usize = 512;

/// Values of `N` steps, that lie in a line of the cache or fill some.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct Steps<T, const N: usize>([T; N]);

/// The synapses of every target.
#[derive(Debug)]
pub(super) struct Targets {
    tiles: Vec<Tile>,
}

/// Neighbouring targets.
#[derive(Debug, Default)]
struct Tile {
    targets: usize,
    /// How many of them have synapses in each block.
    counts: Vec<u16>,
    /// Which these are, and how many synapses each has there.
    runs: Vec<(u16, u16)>,
    /// Of every synapse the input in its block, and the weight.
    inputs: Vec<u8>,
    weights: Vec<f32>,
}

/// The computation of a tile, to be dispatched.
struct Call<'a, 'b> {
    tile: &'a Tile,
    trains: &'a [&'a [u32]],
    at_once: usize,
    bias: &'a [f32],
    /// Its sums, step by step.
    sums: Vec<&'b mut [f32]>,
}

impl Targets {
    pub fn new(p: &Params, packed: &Packed<'_>) -> Targets {
        let all = p.count as usize;
        let tile = |first: usize| Tile::new(p, packed, first..(first + TILE).min(all));
        Targets { tiles: (0..all).step_by(TILE).map(tile).collect() }
    }

    /// The sums of all steps, so many at once; a thread has tiles of its own.
    pub fn run(&self, arch: pulp::Arch, trains: &[&[u32]], bias: &[f32], sums: Vec<&mut [f32]>, at_once: usize) {
        let of_tiles = in_tiles(sums, TILE);
        spread::each(self.tiles.iter().zip(of_tiles).enumerate(), |(number, (tile, sums))| {
            let bias = bias.get(number * TILE..).unwrap_or_default();
            arch.dispatch(Call { tile, trains, at_once, bias, sums });
        });
    }
}

impl Tile {
    fn new(p: &Params, packed: &Packed<'_>, targets: std::ops::Range<usize>) -> Tile {
        let mut tile = Tile { targets: targets.len(), ..Tile::default() };
        let mut rest: Vec<_> = targets.map(|target| packed.of(target).filter(is_there).peekable()).collect();
        for block in 0..p.input.step_words().div_ceil(SUM_WORDS) {
            let mut runs: Vec<(u16, Vec<(u8, f32)>)> = Vec::new();
            for (target, rest) in rest.iter_mut().enumerate() {
                let own = std::iter::from_fn(|| rest.next_if(|synapse| synapse.0 as usize / BLOCK == block));
                let own: Vec<(u8, f32)> = own.map(|(position, weight)| (position as u8, weight)).collect();
                if !own.is_empty() {
                    runs.push((target as u16, own));
                }
            }
            runs.sort_by_key(|run| run.1.len());
            tile.counts.push(runs.len() as u16);
            for (target, own) in runs {
                tile.runs.push((target, own.len() as u16));
                tile.inputs.extend(own.iter().map(|synapse| synapse.0));
                tile.weights.extend(own.iter().map(|synapse| synapse.1));
            }
        }
        tile
    }

    /// Adds up the sums of `N` steps or fewer of all targets.
    #[inline(always)]
    fn add_up<const N: usize>(&self, trains: &[&[u32]], sums: &mut [Steps<f32, N>]) {
        let mut fired = [Steps([0u32; N]); BLOCK];
        let (mut runs, mut inputs, mut weights) = (&self.runs[..], &self.inputs[..], &self.weights[..]);
        for (block, &count) in self.counts.iter().enumerate() {
            spread_bits(trains, block, &mut fired);
            let own;
            (own, runs) = runs.split_at(count as usize);
            for &(target, synapses) in own {
                let (own_inputs, own_weights);
                (own_inputs, inputs) = inputs.split_at(synapses as usize);
                (own_weights, weights) = weights.split_at(synapses as usize);
                let mut sum = [0.0f32; N];
                for (&input, weight) in own_inputs.iter().zip(own_weights) {
                    let (fired, weight) = (&fired[input as usize].0, weight.to_bits());
                    for t in 0..N {
                        sum[t] += f32::from_bits(weight & fired[t]);
                    }
                }
                let total = &mut sums[target as usize].0;
                for t in 0..N {
                    total[t] += sum[t];
                }
            }
        }
    }
}

/// In which steps the inputs of a block fired: all bits of a number, or none.
#[inline(always)]
fn spread_bits<const N: usize>(trains: &[&[u32]], block: usize, fired: &mut [Steps<u32, N>; BLOCK]) {
    for (t, train) in trains.iter().enumerate() {
        let words = &train[(block * SUM_WORDS).min(train.len())..];
        for (fired, &bits) in fired.as_chunks_mut::<32>().0.iter_mut().zip(words) {
            for (i, fired) in fired.iter_mut().enumerate() {
                fired.0[t] = (bits >> i & 1).wrapping_neg();
            }
        }
    }
}

impl pulp::NullaryFnOnce for Call<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        if self.at_once == 8 { self.all::<8>() } else { self.all::<32>() }
    }
}

impl Call<'_, '_> {
    #[inline(always)]
    fn all<const N: usize>(self) {
        let Call { tile, trains, bias, mut sums, .. } = self;
        for (trains, out) in trains.chunks(N).zip(sums.chunks_mut(N)) {
            let mut sums = vec![Steps([0.0; N]); tile.targets];
            tile.add_up(trains, &mut sums);
            for (t, out) in out.iter_mut().enumerate() {
                out.iter_mut().zip(&sums).for_each(|(out, sums)| *out = sums.0[t]);
                out.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
            }
        }
    }
}
