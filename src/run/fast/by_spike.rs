//! The sums of a step, spike by spike: each adds its weights to those of many outputs side by side.

use super::rows::SUM_WORDS;

/// What has weights.
pub(super) trait Weights {
    /// Adds the weights of inputs, one after the other, to the sums of all outputs. An input is 32 times its word, and its
    /// bit there.
    fn add(&self, inputs: &[u32], sums: &mut [f32]);
}

/// The sums of a step without biases, in `total`; those of `block` are zero before and after.
#[inline(always)]
pub(super) fn sums(weights: &impl Weights, step: &[u32], total: &mut [f32], block: &mut [f32]) {
    total.fill(0.0);
    let mut inputs = Vec::with_capacity(32 * SUM_WORDS);
    for (segment, words) in step.chunks(SUM_WORDS).enumerate() {
        let spikes: u32 = words.iter().map(|word| word.count_ones()).sum();
        if spikes > 1 {
            weights.add(&inputs, total);
            inputs.clear();
        }
        for (word, &bits) in words.iter().enumerate() {
            let mut left = bits;
            while left != 0 {
                inputs.push(32 * (SUM_WORDS * segment + word) as u32 + left.trailing_zeros());
                left &= left - 1;
            }
        }
        // A block sum of one spike is what it adds, and waits for the next.
        if spikes > 1 {
            weights.add(&inputs, block);
            inputs.clear();
            for (total, block) in total.iter_mut().zip(&mut *block) {
                *total += std::mem::take(block);
            }
        }
    }
    weights.add(&inputs, total);
}
