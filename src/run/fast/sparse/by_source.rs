//! By source: every spike adds its weights to the sums of its step.

use super::is_there;
use crate::kernel::sparse::{Packed, Params};
use crate::run::spread;

/// Words of 32 inputs whose terms make one block sum.
const SUM_WORDS: usize = 8;

/// The synapses of every source.
#[derive(Debug)]
pub(super) struct Sources {
    /// Where those of each position begin, and where the last end.
    offsets: Vec<u32>,
    targets: Vec<u32>,
    weights: Vec<f32>,
}

/// Some steps, to be dispatched.
struct Call<'a, 'b> {
    sources: &'a Sources,
    trains: &'a [&'a [u32]],
    bias: &'a [f32],
    sums: &'a mut [&'b mut [f32]],
}

impl Sources {
    pub fn new(p: &Params, packed: &Packed<'_>) -> Sources {
        let mut offsets = vec![0u32; 32 * p.input.step_words() + 1];
        let all =
            || (0..p.count as usize).flat_map(|target| packed.of(target).filter(is_there).map(move |s| (target, s)));
        all().for_each(|(_, (position, _))| offsets[position as usize + 1] += 1);
        for at in 1..offsets.len() {
            offsets[at] += offsets[at - 1];
        }
        let mut next = offsets.clone();
        let synapses = offsets.last().map_or(0, |&last| last as usize);
        let (mut targets, mut weights) = (vec![0; synapses], vec![0.0; synapses]);
        for (target, (position, weight)) in all() {
            let at = &mut next[position as usize];
            (targets[*at as usize], weights[*at as usize]) = (target as u32, weight);
            *at += 1;
        }
        Sources { offsets, targets, weights }
    }

    /// The sums of all steps; a thread has steps of its own.
    pub fn run(&self, arch: pulp::Arch, trains: &[&[u32]], bias: &[f32], mut sums: Vec<&mut [f32]>, tasks: usize) {
        // Several pieces for each thread, so that one that comes late takes fewer.
        let of_piece = if tasks > 1 { trains.len().div_ceil(4 * tasks) } else { trains.len() };
        spread::each(trains.chunks(of_piece).zip(sums.chunks_mut(of_piece)), |(trains, sums)| {
            arch.dispatch(Call { sources: self, trains, bias, sums });
        });
    }

    /// Adds the weights of a source to its targets.
    #[inline(always)]
    fn add(&self, position: usize, sums: &mut [f32]) {
        let own = self.offsets[position] as usize..self.offsets[position + 1] as usize;
        for (&target, weight) in self.targets[own.clone()].iter().zip(&self.weights[own]) {
            if let Some(sum) = sums.get_mut(target as usize) {
                *sum += weight;
            }
        }
    }
}

impl pulp::NullaryFnOnce for Call<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Call { sources, trains, bias, sums } = self;
        let mut block = vec![0.0f32; sums.first().map_or(0, |sums| sums.len())];
        for (train, total) in trains.iter().zip(sums) {
            total.fill(0.0);
            for (number, words) in train.chunks(SUM_WORDS).enumerate() {
                let spikes: u32 = words.iter().map(|word| word.count_ones()).sum();
                // A block of one spike is what it adds.
                let sums: &mut [f32] = if spikes > 1 { &mut block } else { total };
                for (word, &bits) in words.iter().enumerate() {
                    let mut left = bits;
                    while left != 0 {
                        let position = 32 * (SUM_WORDS * number + word) + left.trailing_zeros() as usize;
                        sources.add(position, sums);
                        left &= left - 1;
                    }
                }
                if spikes > 1 {
                    for (total, block) in total.iter_mut().zip(&mut block) {
                        *total += std::mem::take(block);
                    }
                }
            }
            for (total, bias) in total.iter_mut().zip(bias) {
                *total += bias;
            }
        }
    }
}
