//! Batch norm in training, cell after cell: channels side by side.

use crate::kernel::grad::{norm_input, norm_moments, norm_sums};
use crate::kernel::{Bindings, Edge, Window, affine};
use crate::run::fast::steps::Steps;
use crate::run::fast::{BLOCK, Run};

/// Moments.
#[derive(Debug)]
pub(in crate::run::fast) struct FastMoments(pub norm_moments::Params);

impl Steps for FastMoments {
    fn edges(&self) -> Vec<Option<Edge>> {
        vec![Some(self.0.input), Some(self.0.output)]
    }
}

impl Run for FastMoments {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.0;
        let input = slots.values::<f32>(0);
        let output = slots.reals_mut(1);
        let channels = p.input.channels as usize;
        let share = 1.0 / p.input.cells as f32;
        let steps = if p.input.series == 1 { window.steps } else { 1 };
        let (mut means, mut squares) = (vec![0.0; channels], vec![0.0; channels]);
        for t in 0..steps {
            for sample in 0..window.batch {
                let from = &input[p.input.offset(window, t, sample)..][..p.input.elements()];
                // As sums of iterators begin.
                means.fill(-0.0);
                squares.fill(0.0);
                for cell in from.chunks_exact(channels) {
                    means.iter_mut().zip(cell).for_each(|(sum, x)| *sum += x);
                }
                means.iter_mut().for_each(|sum| *sum *= share);
                for cell in from.chunks_exact(channels) {
                    for ((sum, mean), x) in squares.iter_mut().zip(&means).zip(cell) {
                        *sum += (x - mean) * (x - mean);
                    }
                }
                let to = &mut output[p.output.offset(window, t, sample)..][..2 * channels];
                for ((to, mean), square) in to.as_chunks_mut::<2>().0.iter_mut().zip(&means).zip(&squares) {
                    *to = [*mean, *square];
                }
            }
        }
    }
}

/// Does something with each pair of values of a block.
#[inline(always)]
fn of_pairs((left, right): (&[f32], &[f32]), mut each: impl FnMut(usize, f32, f32)) {
    match (left.first_chunk::<BLOCK>(), right.first_chunk::<BLOCK>()) {
        (Some(left), Some(right)) => (0..BLOCK).for_each(|i| each(i, left[i], right[i])),
        _ => left.iter().zip(right).enumerate().for_each(|(i, (left, right))| each(i, *left, *right)),
    }
}

/// Factor and offset of every channel, of reals.
#[derive(Debug)]
pub(in crate::run::fast) struct FastAffine(pub affine::Params);

impl Steps for FastAffine {
    fn edges(&self) -> Vec<Option<Edge>> {
        vec![Some(self.0.input), None, Some(self.0.output)]
    }
}

impl Run for FastAffine {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.0;
        let (input, factors) = (slots.values::<f32>(0), slots.values::<[f32; 2]>(1));
        let output = slots.reals_mut(2);
        let channels = p.output.channels as usize;
        let factor: Vec<f32> = (0..channels).map(|c| factors[c * p.grain as usize][0]).collect();
        let offset: Vec<f32> = (0..channels).map(|c| factors[c * p.grain as usize][1]).collect();
        let steps = if p.output.series == 1 { window.steps } else { 1 };
        for t in 0..steps {
            for sample in 0..window.batch {
                let from = &input[p.input.offset(window, t, sample)..][..p.input.elements()];
                let to = &mut output[p.output.offset(window, t, sample)..][..p.output.elements()];
                for (to, from) in to.chunks_exact_mut(channels).zip(from.chunks_exact(channels)) {
                    for i in 0..channels {
                        to[i] = from[i] * factor[i] + offset[i];
                    }
                }
            }
        }
    }
}

/// Means and inverse deviations, apart.
fn apart(scales: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let pairs = scales.as_chunks::<2>().0[..channels].iter();
    (pairs.clone().map(|pair| pair[0]).collect(), pairs.map(|pair| pair[1]).collect())
}

/// Sums for the way back.
#[derive(Debug)]
pub(in crate::run::fast) struct FastNormSums(pub norm_sums::Params);

impl Steps for FastNormSums {
    fn edges(&self) -> Vec<Option<Edge>> {
        vec![Some(self.0.input), Some(self.0.gradient), None, Some(self.0.output)]
    }
}

impl Run for FastNormSums {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.0;
        let (input, gradient) = (slots.values::<f32>(0), slots.values::<f32>(1));
        let channels = p.input.channels as usize;
        let (means, inverses) = apart(slots.values::<f32>(2), channels);
        let output = slots.reals_mut(3);
        let steps = if p.input.series == 1 { window.steps } else { 1 };
        for t in 0..steps {
            for sample in 0..window.batch {
                let x = &input[p.input.offset(window, t, sample)..][..p.input.elements()];
                let of = &gradient[p.gradient.offset(window, t, sample)..][..p.input.elements()];
                let to = &mut output[p.output.offset(window, t, sample)..][..2 * channels];
                for first in (0..channels).step_by(BLOCK) {
                    let (mut sums, mut products) = ([0.0; BLOCK], [0.0; BLOCK]);
                    let (mut mean, mut inverse) = ([0.0; BLOCK], [0.0; BLOCK]);
                    of_pairs((&means[first..], &inverses[first..]), |i, m, s| (mean[i], inverse[i]) = (m, s));
                    for (x, of) in x.chunks_exact(channels).zip(of.chunks_exact(channels)) {
                        of_pairs((&x[first..], &of[first..]), |i, x, of| {
                            sums[i] += of;
                            products[i] += of * ((x - mean[i]) * inverse[i]);
                        });
                    }
                    let to = to[2 * first..].as_chunks_mut::<2>().0.iter_mut();
                    for ((to, sum), product) in to.zip(&sums).zip(&products) {
                        *to = [*sum, *product];
                    }
                }
            }
        }
    }
}

/// The way back.
#[derive(Debug)]
pub(in crate::run::fast) struct FastNormInput(pub norm_input::Params);

impl Steps for FastNormInput {
    fn edges(&self) -> Vec<Option<Edge>> {
        vec![Some(self.0.input), Some(self.0.gradient), None, None, None, Some(self.0.output)]
    }
}

impl Run for FastNormInput {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.0;
        let (input, gradient, scales) = (slots.values::<f32>(0), slots.values::<f32>(1), slots.values::<f32>(2));
        let channels = p.input.channels as usize;
        let share = scales[2 * channels];
        let (means, inverses) = apart(scales, channels);
        let (factors, _) = apart(slots.values::<f32>(3), channels);
        let (sums, products) = apart(slots.values::<f32>(4), channels);
        let output = slots.reals_mut(5);
        let steps = if p.output.series == 1 { window.steps } else { 1 };
        for t in 0..steps {
            for sample in 0..window.batch {
                let x = &input[p.input.offset(window, t, sample)..][..p.input.elements()];
                let of = &gradient[p.gradient.offset(window, t, sample)..][..p.input.elements()];
                let to = &mut output[p.output.offset(window, t, sample)..][..p.input.elements()];
                let cells = to.chunks_exact_mut(channels).zip(x.chunks_exact(channels)).zip(of.chunks_exact(channels));
                for ((to, x), of) in cells {
                    for i in 0..channels {
                        let normal = (x[i] - means[i]) * inverses[i];
                        to[i] = factors[i] * (of[i] - (sums[i] + normal * products[i]) * share);
                    }
                }
            }
        }
    }
}
