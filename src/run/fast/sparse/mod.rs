//! Linear layer of few synapses, in two forms with the same sums. By source: a spike adds its row to the sums of a step, and
//! cost follows the spikes. By target: a synapse is read once for up to 32 steps, all of them side by side, and cost follows
//! the synapses. Which is quicker follows from the spikes that there are, so every window is computed by the better one.

mod by_source;
mod by_target;

use std::sync::OnceLock;

use crate::kernel::sparse::{Packed, Params};
use crate::kernel::{Bindings, Window};
use by_source::Sources;
use by_target::Targets;

/// The time that a synapse takes by target, for 8 and for 32 steps side by side, where one of a spike takes 1 by source.
const OF_8_STEPS: f64 = 0.5;
const OF_32_STEPS: f64 = 1.2;

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

    /// Runs it, tiles of targets over the threads there are.
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
            if added < eights.min(all) {
                let sources = self.sources.get_or_init(|| Sources::new(p, &packed));
                sources.run(arch, &trains, packed.bias, sums);
            } else {
                let targets = self.targets.get_or_init(|| Targets::new(p, &packed));
                let at_once = if eights < all { 8 } else { 32 };
                targets.run(arch, &trains, packed.bias, sums, at_once);
            }
        }
    }
}

/// The sums of every step, taken apart: for each tile of so many targets its own, step by step.
fn in_tiles(sums: Vec<&mut [f32]>, targets: usize) -> Vec<Vec<&mut [f32]>> {
    let count = sums.first().map_or(0, |step| step.len().div_ceil(targets));
    let mut tiles: Vec<Vec<&mut [f32]>> = (0..count).map(|_| Vec::with_capacity(sums.len())).collect();
    for step in sums {
        tiles.iter_mut().zip(step.chunks_mut(targets)).for_each(|(tile, sums)| tile.push(sums));
    }
    tiles
}

/// Whether a synapse is none of those that fill up, whose weights are zero, so that they change no sum.
fn is_there(synapse: &(u32, f32)) -> bool {
    synapse.1 != 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::sparse::{pack, position, run};
    use crate::kernel::{Edge, words_of};

    /// Cells whose channels straddle words, more targets than a tile of either form, more steps than are taken at once.
    const INPUT: Edge = Edge { cells: 7, channels: 90, planes: 1, series: 1 };
    const TARGETS: usize = 4200;
    const STEPS: usize = 45;

    fn noise(i: usize) -> u32 {
        (i as u32).wrapping_mul(2654435761) >> 7 & 1023
    }

    #[test]
    fn both_forms_give_the_sums_of_the_twin() {
        let window = Window { batch: 1, start: 0, steps: STEPS, at: 0, clock: 0 };
        let output = Edge { cells: 1, channels: TARGETS as u32, planes: 0, series: 1 };
        let synapses = |target: usize| -> Vec<(u32, f32)> {
            let all = (0..INPUT.cells).flat_map(|cell| (0..INPUT.channels).map(move |channel| (cell, channel)));
            let own = all.enumerate().filter(|(i, _)| noise(target * 631 + i) < 60 && target != 9);
            let weight = |i: usize| noise(i * 7 + target) as f32 / 900.0 - 0.5;
            own.map(|(i, (cell, channel))| (position(&INPUT, cell, channel), weight(i))).collect()
        };
        let own: Vec<_> = (0..TARGETS).map(synapses).collect();
        let mut input = vec![0u32; STEPS * INPUT.step_words()];
        for (i, word) in input.iter_mut().enumerate() {
            let channels = (INPUT.channels as usize - 32 * (i % words_of(INPUT.channels as usize))).min(32);
            // Steps in which nothing fires, in which little does, and in which many do.
            let rate = [0, 2, 20, 400][i / INPUT.step_words() % 4];
            *word = (0..channels).map(|bit| u32::from(noise(i * 32 + bit) < rate) << bit).sum();
        }
        for bias in [vec![], (0..TARGETS).map(|i| noise(i) as f32 / 77.0).collect()] {
            let most = own.iter().map(Vec::len).max().unwrap_or(0) as u32;
            let (has_bias, count) = (u32::from(!bias.is_empty()), TARGETS as u32);
            let p = Params { input: INPUT, output, bias: has_bias, first: 0, count, most };
            let packed = pack(&own, &bias);
            let mut expected = vec![0u32; STEPS * TARGETS];
            let mut slots = Bindings::default();
            slots.push_read(&input);
            slots.push_read(&packed);
            slots.push_write(&mut expected);
            run(&p, window, &mut slots);
            let packed = Packed::new(&p, &packed);
            let (arch, trains) = (pulp::Arch::new(), input.chunks(INPUT.step_words()).collect::<Vec<_>>());
            for form in ["by source", "8 steps at once", "32 steps at once"] {
                let mut all = vec![f32::NAN; STEPS * TARGETS];
                let sums = all.chunks_mut(TARGETS).collect();
                match form {
                    "by source" => Sources::new(&p, &packed).run(arch, &trains, packed.bias, sums),
                    _ => {
                        let at_once = if form == "8 steps at once" { 8 } else { 32 };
                        Targets::new(&p, &packed).run(arch, &trains, packed.bias, sums, at_once);
                    }
                }
                let differ = all.iter().zip(&expected).position(|(sum, expected)| sum.to_bits() != *expected);
                assert_eq!(differ, None, "{form}");
            }
        }
    }
}
