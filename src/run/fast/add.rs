//! Sums of two edges: bits and counts a word of 32 channels at a time, carrying from plane to plane.

use super::Run;
use crate::kernel::{Bindings, Window, add};

/// A sum of two edges that are both real, or both not.
#[derive(Debug)]
pub(super) struct FastAdd {
    p: add::Params,
}

impl FastAdd {
    pub fn new(p: &add::Params) -> Option<FastAdd> {
        let real = p.output.is_real();
        (p.left.is_real() == real && p.right.is_real() == real).then_some(FastAdd { p: *p })
    }
}

impl Run for FastAdd {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.p;
        let (left, right) = (slots.words(0), slots.words(1));
        let output = slots.words_mut(2);
        let steps = if p.output.series == 1 { window.steps } else { 1 };
        for t in 0..steps {
            for sample in 0..window.batch {
                let left = p.left.step(left, window, t, sample);
                let right = p.right.step(right, window, t, sample);
                let out = p.output.step_mut(output, window, t, sample);
                if p.output.is_real() {
                    for ((out, &left), &right) in out.iter_mut().zip(left).zip(right) {
                        *out = (f32::from_bits(left) + f32::from_bits(right)).to_bits();
                    }
                    continue;
                }
                let [left_planes, right_planes, planes] = [p.left, p.right, p.output].map(|edge| edge.planes as usize);
                let words = left.chunks_exact(left_planes).zip(right.chunks_exact(right_planes));
                for (out, (left, right)) in out.chunks_exact_mut(planes).zip(words) {
                    out.fill(0);
                    add_counts(out, left);
                    add_counts(out, right);
                }
            }
        }
    }
}

/// Adds the counts of 32 channels, plane by plane; too large a sum keeps its low bits.
#[inline(always)]
pub(super) fn add_counts(sums: &mut [u32], counts: &[u32]) {
    let mut carry = 0;
    for (plane, sum) in sums.iter_mut().enumerate() {
        let count = counts.get(plane).copied().unwrap_or(0);
        let half = *sum ^ count;
        (*sum, carry) = (half ^ carry, *sum & count | half & carry);
    }
}
