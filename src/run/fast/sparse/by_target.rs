//! By target: sums of many steps are in registers, and a synapse adds its weight to those in which its source fired.

use std::ops::Range;

use super::is_there;
use crate::kernel::sparse::{Packed, Params};
use crate::run::spread;

/// Positions of inputs whose terms make one block sum.
const BLOCK: u32 = 256;

/// The synapses of every target.
#[derive(Debug)]
pub(super) struct Targets {
    /// Where those of each begin, and where the last end.
    offsets: Vec<usize>,
    /// Position of the source, and weight.
    synapses: Vec<(u32, f32)>,
}

/// Neighbouring targets: what one thread computes.
struct Piece<'a> {
    targets: Range<usize>,
    /// Their sums, step by step.
    sums: Vec<&'a mut [f32]>,
}

/// The computation of a piece, to be dispatched.
struct Call<'a, 'b> {
    targets: &'a Targets,
    /// In which steps of a chunk each input fired, as bits: chunk after chunk.
    fired: &'a [Vec<u32>],
    at_once: usize,
    bias: &'a [f32],
    piece: &'a mut Piece<'b>,
}

impl Targets {
    pub fn new(p: &Params, packed: &Packed<'_>) -> Targets {
        let (mut offsets, mut synapses) = (vec![0], Vec::new());
        for target in 0..p.count as usize {
            synapses.extend(packed.of(target).filter(is_there));
            offsets.push(synapses.len());
        }
        Targets { offsets, synapses }
    }

    /// The sums of all steps, so many at once; a thread has targets of its own.
    pub fn run(
        &self,
        arch: pulp::Arch,
        trains: &[&[u32]],
        bias: &[f32],
        sums: Vec<&mut [f32]>,
        (tasks, at_once): (usize, usize),
    ) {
        let fired: Vec<Vec<u32>> = trains.chunks(at_once).map(fired).collect();
        let targets = self.offsets.len() - 1;
        // Several pieces for each thread, so that one that comes late takes fewer.
        let of_piece = if tasks > 1 { targets.div_ceil(8 * tasks) } else { targets };
        let mut pieces: Vec<Piece<'_>> = (0..targets)
            .step_by(of_piece)
            .map(|first| Piece { targets: first..(first + of_piece).min(targets), sums: Vec::new() })
            .collect();
        for sums in sums {
            pieces.iter_mut().zip(sums.chunks_mut(of_piece)).for_each(|(piece, sums)| piece.sums.push(sums));
        }
        spread::each(pieces.iter_mut(), |piece| {
            arch.dispatch(Call { targets: self, fired: &fired, at_once, bias, piece });
        });
    }

    /// The sums of a target in `N` steps.
    #[inline(always)]
    fn sums<const N: usize>(&self, target: usize, fired: &[u32]) -> [f32; N] {
        let (mut total, mut block, mut at) = ([0.0; N], [0.0; N], 0);
        for &(position, weight) in &self.synapses[self.offsets[target]..self.offsets[target + 1]] {
            if position / BLOCK != at {
                close(&mut total, &mut block);
                at = position / BLOCK;
            }
            let steps = fired.get(position as usize).copied().unwrap_or_default();
            for (t, sum) in block.iter_mut().enumerate() {
                *sum += if steps & (1 << t) != 0 { weight } else { 0.0 };
            }
        }
        close(&mut total, &mut block);
        total
    }
}

#[inline(always)]
fn close<const N: usize>(total: &mut [f32; N], block: &mut [f32; N]) {
    for (total, block) in total.iter_mut().zip(block) {
        *total += *block;
        *block = 0.0;
    }
}

/// In which of up to 32 steps each input fired.
fn fired(trains: &[&[u32]]) -> Vec<u32> {
    let mut fired = vec![0; trains.first().map_or(0, |step| 32 * step.len())];
    for (t, step) in trains.iter().enumerate() {
        for (fired, &bits) in fired.as_chunks_mut::<32>().0.iter_mut().zip(*step) {
            for (i, fired) in fired.iter_mut().enumerate() {
                *fired |= (bits >> i & 1) << t;
            }
        }
    }
    fired
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
        let Call { targets, fired, bias, piece, .. } = self;
        for (at, target) in piece.targets.clone().enumerate() {
            for (fired, out) in fired.iter().zip(piece.sums.chunks_mut(N)) {
                let sums = targets.sums::<N>(target, fired);
                for (out, sum) in out.iter_mut().zip(sums) {
                    out[at] = bias.get(target).map_or(sum, |bias| sum + bias);
                }
            }
        }
    }
}
