//! Convolution and neurons, a block of 32 output channels after another: the weights of a block stay in the first cache.

use super::neuron::{Counted, Neurons};
use super::rows::{Rows, Sum};
use super::{BLOCK, Run};
use crate::kernel::conv::Geometry;
use crate::kernel::{Bindings, Edge, TALLY_WORDS, Window, conv_spike, words_of};

/// A fused convolution with its weights.
#[derive(Debug)]
pub(super) struct FastConv {
    p: conv_spike::Params,
    rows: Rows,
    neurons: Neurons,
}

impl FastConv {
    pub fn new(p: &conv_spike::Params, weights: &[u32], coefficients: &[u32]) -> Option<FastConv> {
        let g = &p.geometry;
        if g.groups != 1 {
            return None;
        }
        let neurons = Neurons::new(&p.population, coefficients)?;
        let inputs = (g.kernel[0] * g.kernel[1] * g.input.channels) as usize;
        let rows = Rows::new(weights, inputs, g.out_channels as usize, g.bias == 1);
        Some(FastConv { p: *p, rows, neurons })
    }
}

impl Run for FastConv {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let (p, g) = (&self.p, &self.p.geometry);
        let input = slots.words(0);
        let (state, output, tally) = (slots.reals_mut(3), slots.words_mut(4), slots.words_mut(5));
        let (width, pool_h, pool_w) = (g.out_size[1] as usize, p.pool[0] as usize, p.pool[1] as usize);
        let columns = width / pool_w;
        let mut any = vec![0u32; window.steps];
        for sample in 0..window.batch {
            let mut counted = Counted::default();
            for block in 0..self.neurons.blocks() {
                let rows = self.rows.block(block);
                for pooled in 0..p.output.cells as usize {
                    any.fill(0);
                    for i in 0..pool_h * pool_w {
                        let y = pooled / columns * pool_h + i / pool_w;
                        let x = pooled % columns * pool_w + i % pool_w;
                        let taps = Taps::new(g, y, x);
                        let cell = y * width + x;
                        let mut v = self.neurons.start(window, state, sample, cell, block);
                        let mut currents = [0.0; BLOCK];
                        for t in 0..window.steps {
                            if t == 0 || g.input.series == 1 {
                                let step = g.input.step(input, window, t, sample);
                                currents = self.rows.with_bias(block, taps.sum(g, step, rows));
                            }
                            any[t] |= self.neurons.step(block, &mut v, &currents, &mut counted);
                        }
                        self.neurons.finish(state, sample, cell, block, &v);
                    }
                    let at = pooled * p.output.cell_words() + self.neurons.word(block);
                    for t in 0..window.steps {
                        output[p.output.offset(window, t, sample) + at] = any[t];
                    }
                }
            }
            counted.add_to(&mut tally[sample * TALLY_WORDS..]);
        }
    }
}

/// The taps that lie on the input at an output cell.
struct Taps {
    /// Taps along height and width, from first to one past the last.
    y: (usize, usize),
    x: (usize, usize),
    /// The input cell under tap (0, 0) if there were no padding; it may lie outside.
    origin: (isize, isize),
}

impl Taps {
    #[inline(always)]
    fn new(g: &Geometry, y: usize, x: usize) -> Taps {
        let axis = |axis: usize, out: usize| {
            let (dilation, size) = (g.dilation[axis] as isize, g.in_size[axis] as isize);
            let origin = (out * g.stride[axis] as usize) as isize - g.pad[axis] as isize;
            // The first tap at or behind 0, and the first at or behind the end.
            let ceil = |distance: isize| (distance.max(0) + dilation - 1) / dilation;
            let taps = g.kernel[axis] as isize;
            ((ceil(-origin).min(taps) as usize, ceil(size - origin).min(taps) as usize), origin)
        };
        let ((y, top), (x, left)) = (axis(0, y), axis(1, x));
        Taps { y, x, origin: (top, left) }
    }

    /// The currents of a block of outputs, without bias.
    #[inline(always)]
    fn sum(&self, g: &Geometry, step: &[u32], rows: &[[f32; BLOCK]]) -> [f32; BLOCK] {
        let edge = &g.input;
        let (channels, cell_words) = (edge.channels as usize, edge.cell_words());
        let words = words_of(channels);
        let mut sum = Sum::new();
        for tap_y in self.y.0..self.y.1 {
            let y = (self.origin.0 + (tap_y * g.dilation[0] as usize) as isize) as usize;
            for tap_x in self.x.0..self.x.1 {
                let x = (self.origin.1 + (tap_x * g.dilation[1] as usize) as isize) as usize;
                let tap = tap_y * g.kernel[1] as usize + tap_x;
                let cell = (y * g.in_size[1] as usize + x) * cell_words;
                let cell = &step[cell..cell + cell_words];
                add_cell(&mut sum, edge, cell, tap * words, &rows[tap * channels..(tap + 1) * channels]);
            }
        }
        sum.total()
    }
}

/// Adds the terms of a cell. `word` counts words of 32 inputs over all taps so far.
#[inline(always)]
pub(super) fn add_cell(sum: &mut Sum, edge: &Edge, cell: &[u32], word: usize, rows: &[[f32; BLOCK]]) {
    if edge.planes == 1 {
        for (w, (&bits, rows)) in cell.iter().zip(rows.chunks(32)).enumerate() {
            sum.enter(word + w);
            let mut bits = bits;
            while bits != 0 {
                sum.add(&rows[bits.trailing_zeros() as usize]);
                bits &= bits - 1;
            }
        }
    } else if edge.is_real() {
        for (w, (values, rows)) in cell.chunks(32).zip(rows.chunks(32)).enumerate() {
            sum.enter(word + w);
            for (x, row) in values.iter().zip(rows) {
                let x = f32::from_bits(*x);
                if x != 0.0 {
                    sum.add_times(row, x);
                }
            }
        }
    } else {
        for (w, (planes, rows)) in cell.chunks(edge.planes as usize).zip(rows.chunks(32)).enumerate() {
            sum.enter(word + w);
            for (plane, &bits) in planes.iter().enumerate() {
                let mut bits = bits;
                let factor = (1u32 << plane) as f32;
                while bits != 0 {
                    sum.add_times(&rows[bits.trailing_zeros() as usize], factor);
                    bits &= bits - 1;
                }
            }
        }
    }
}
