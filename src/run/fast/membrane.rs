//! The neurons alone, a block of 32 channels after another.

use super::neuron::{Counted, Neurons};
use super::{BLOCK, Run};
use crate::kernel::{Bindings, TALLY_WORDS, Window, membrane};

/// A population.
#[derive(Debug)]
pub(super) struct FastMembrane {
    p: membrane::Params,
    neurons: Neurons,
}

impl FastMembrane {
    pub fn new(p: &membrane::Params, coefficients: &[u32]) -> Option<FastMembrane> {
        // Few channels fill no vector.
        if !p.input.is_real() || p.input.channels < BLOCK as u32 / 2 {
            return None;
        }
        Some(FastMembrane { p: *p, neurons: Neurons::new(&p.population, coefficients)? })
    }
}

impl Run for FastMembrane {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.p;
        let input = slots.words(0);
        let (state, output, tally) = (slots.reals_mut(2), slots.words_mut(3), slots.words_mut(4));
        let (width, pool_h, pool_w) = (p.width as usize, p.pool[0] as usize, p.pool[1] as usize);
        let (columns, channels) = (width / pool_w, p.input.channels as usize);
        let mut any = vec![0u32; window.steps];
        for sample in 0..window.batch {
            let mut counted = Counted::default();
            for block in 0..self.neurons.blocks() {
                let width_here = (channels - block * BLOCK).min(BLOCK);
                for pooled in 0..p.output.cells as usize {
                    any.fill(0);
                    for i in 0..pool_h * pool_w {
                        let y = pooled / columns * pool_h + i / pool_w;
                        let cell = y * width + pooled % columns * pool_w + i % pool_w;
                        let mut v = self.neurons.start(window, state, sample, cell, block);
                        for t in 0..window.steps {
                            let at = p.input.offset(window, t, sample) + cell * channels + block * BLOCK;
                            let mut currents = [0.0; BLOCK];
                            for (x, word) in currents.iter_mut().zip(&input[at..at + width_here]) {
                                *x = f32::from_bits(*word);
                            }
                            any[t] |= self.neurons.step(block, &mut v, &currents, &mut counted);
                        }
                        self.neurons.finish(state, sample, cell, block, &v);
                    }
                    let at = pooled * p.output.cell_words() + block;
                    for t in 0..window.steps {
                        output[p.output.offset(window, t, sample) + at] = any[t];
                    }
                }
            }
            counted.add_to(&mut tally[sample * TALLY_WORDS..]);
        }
    }
}
