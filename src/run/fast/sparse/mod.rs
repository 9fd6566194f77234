//! Linear layer of few synapses, in two forms with the same sums. By source: a spike adds its row to the sums of a step, and
//! cost follows the spikes. By target: a synapse is read once for up to 32 steps, all of them side by side, and cost follows
//! the synapses. Which is quicker follows from the spikes that there are, so every window is computed by the better one.

mod by_source;
mod by_target;

use std::sync::OnceLock;

use super::tasks_of_values;
use crate::kernel::sparse::{Packed, Params};
use crate::kernel::{Bindings, Window};
use by_source::Sources;
use by_target::Targets;

/// The time that a synapse takes by target, for 8 and for 32 steps side by side, where one of a spike takes 1 by source.
const OF_8_STEPS: f64 = 0.5;
const OF_32_STEPS: f64 = 1.2;
/// Synapses read whose work is that of reading one value, of [`tasks_of_values`].
const OF_A_VALUE: usize = 4;

/// The kernel in its fast form. Either layout is made when it is first of use.
#[derive(Debug)]
pub(super) struct FastSparse {
    p: Params,
    synapses: usize,
    sources: OnceLock<Sources>,
    targets: OnceLock<Targets>,
}

impl FastSparse {
    /// Of spikes; `None`: what else there is has the twin.
    pub fn new(p: &Params, packed: &[u32]) -> Option<FastSparse> {
        let packed = Packed::new(p, packed);
        let synapses = || (0..p.count as usize).map(|target| packed.of(target).filter(is_there).count()).sum();
        (p.input.planes == 1).then(|| FastSparse {
            p: *p,
            synapses: synapses(),
            sources: OnceLock::new(),
            targets: OnceLock::new(),
        })
    }

    /// Runs it: a sample that is alone over the threads there are, where it is worth them.
    pub fn run(&self, arch: pulp::Arch, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.p;
        let (input, packed) = (slots.words(0), Packed::new(p, slots.words(1)));
        let output = slots.reals_mut(2);
        let steps = if p.output.series == 1 { window.steps } else { 1 };
        for sample in 0..window.batch {
            let own = |t: usize| p.input.step(input, window, t, sample);
            let trains: Vec<&[u32]> = (0..steps).map(own).collect();
            let first = p.output.offset(window, 0, sample);
            let all = output[first..].chunks_mut(p.output.elements()).step_by(window.batch).take(steps);
            let sums: Vec<&mut [f32]> = all.map(|step| &mut step[p.first as usize..][..p.count as usize]).collect();
            let spikes: usize = trains.iter().flat_map(|step| step.iter()).map(|word| word.count_ones() as usize).sum();
            let added = spikes as f64 * self.synapses as f64 / p.input.elements() as f64;
            let chunks = |of: usize| steps.div_ceil(of) as f64 * self.synapses as f64;
            let (eights, all) = (OF_8_STEPS * chunks(8), OF_32_STEPS * chunks(32));
            let work = added.min(eights).min(all) as usize / OF_A_VALUE;
            let tasks = if window.batch == 1 { tasks_of_values(work) } else { 1 };
            if added < eights.min(all) {
                let sources = self.sources.get_or_init(|| Sources::new(p, &packed));
                sources.run(arch, &trains, packed.bias, sums, tasks);
            } else {
                let targets = self.targets.get_or_init(|| Targets::new(p, &packed));
                let at_once = if eights < all { 8 } else { 32 };
                targets.run(arch, &trains, packed.bias, sums, at_once);
            }
        }
    }
}

/// Whether a synapse is none of those that fill up, whose weights are zero, so that they change no sum.
fn is_there(synapse: &(u32, f32)) -> bool {
    synapse.1 != 0.0
}
