//! Max pools of spikes back, whose windows do not overlap: a word of channels at a time.

use crate::kernel::grad::pool_input::Params;
use crate::kernel::{Bindings, Edge, Window};
use crate::run::fast::steps::Steps;
use crate::run::fast::{BLOCK, Run};

/// A pool.
#[derive(Debug)]
pub(in crate::run::fast) struct FastPoolInput {
    p: Params,
}

impl FastPoolInput {
    pub fn new(p: &Params) -> Option<FastPoolInput> {
        let pool = &p.pool;
        let apart = pool.kernel == pool.stride && pool.pad == [0, 0] && pool.max == 1 && pool.input.planes == 1;
        // Cells that no window covers get nothing: that is the twin's to do.
        let whole = (0..2).all(|axis| pool.out_size[axis] * pool.kernel[axis] == pool.in_size[axis]);
        (apart && whole).then_some(FastPoolInput { p: *p })
    }
}

impl Steps for FastPoolInput {
    fn edges(&self) -> Vec<Option<Edge>> {
        vec![Some(self.p.pool.input), Some(self.p.gradient), Some(self.p.to)]
    }
}

impl Run for FastPoolInput {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        let (p, pool) = (&self.p, &self.p.pool);
        let (input, gradient) = (slots.words(0), slots.values::<f32>(1));
        let output = slots.reals_mut(2);
        let channels = p.to.channels as usize;
        let words = pool.input.cell_words();
        let [in_width, out_width] = [pool.in_size[1], pool.out_size[1]].map(|width| width as usize);
        let [kernel_h, kernel_w] = pool.kernel.map(|extent| extent as usize);
        let steps = if p.to.series == 1 { window.steps } else { 1 };
        for t in 0..steps {
            for sample in 0..window.batch {
                let step = pool.input.step(input, window, t, sample);
                let from = &gradient[p.gradient.offset(window, t, sample)..][..p.gradient.elements()];
                let to = &mut output[p.to.offset(window, t, sample)..][..p.to.elements()];
                for (cell, from) in from.chunks_exact(channels).enumerate() {
                    let corner = (cell / out_width * kernel_h) * in_width + cell % out_width * kernel_w;
                    for word in 0..words {
                        let width = (channels - word * BLOCK).min(BLOCK);
                        let from = &from[word * BLOCK..][..width];
                        let at = |tap: usize| corner + tap / kernel_w * in_width + tap % kernel_w;
                        let any = (0..kernel_h * kernel_w).fold(0, |any, tap| any | step[at(tap) * words + word]);
                        // Where none fires all are as large, and the first gets it.
                        let mut taken = 0;
                        for tap in 0..kernel_h * kernel_w {
                            let first = if tap == 0 { !any } else { 0 };
                            let own = (step[at(tap) * words + word] | first) & !taken;
                            taken |= own;
                            let to = &mut to[at(tap) * channels + word * BLOCK..][..width];
                            for i in 0..width {
                                to[i] = if own >> i & 1 == 1 { from[i] } else { 0.0 };
                            }
                        }
                    }
                }
            }
        }
    }
}
