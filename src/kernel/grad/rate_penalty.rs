//! What is added to the gradients of spikes where a population is to fire at some rate: of every sample
//! `weight (rate - target)^2`. Twin of `shaders/grad/rate_penalty.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::edge::elementwise_groups;
use crate::kernel::grad::optimise::INVERSE_BATCH;
use crate::kernel::shader::{ELEMENTWISE, Shader};
use crate::kernel::{Bindings, Edge, Element, SlotInfo, TALLY_WORDS, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// The gradients of the spikes, reals.
    pub gradient: Edge,
    /// Those with the penalty.
    pub output: Edge,
    /// 1 over the neurons and steps of a sample.
    pub share: f32,
    /// The rate that is wanted.
    pub wanted: f32,
    /// How much it counts.
    pub weight: f32,
}

/// Gradients, counters of the population, settings of the step, gradients with the penalty.
pub const SLOTS: &[SlotInfo] = &[
    read("gradient", Element::Real),
    read("tally", Element::Words),
    read("settings", Element::Real),
    write("output", Element::Real),
];

shared!(Params as "Params" { gradient: Edge, output: Edge, share: f32, wanted: f32, weight: f32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/rate_penalty.wgsl"), ELEMENTWISE], reads: &[] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&p.output, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (gradient, tally, settings) = (slots.values::<f32>(0), slots.words(1), slots.values::<f32>(2));
    let output = slots.reals_mut(3);
    let steps = if p.output.series == 1 { window.steps } else { 1 };
    for sample in 0..window.batch {
        let rate = tally[sample * TALLY_WORDS] as f32 * p.share;
        let more = 2.0 * p.weight * (rate - p.wanted) * p.share * settings[INVERSE_BATCH];
        for t in 0..steps {
            let from = &gradient[p.gradient.offset(window, t, sample)..][..p.gradient.elements()];
            let to = &mut output[p.output.offset(window, t, sample)..][..p.output.elements()];
            to.iter_mut().zip(from).for_each(|(to, from)| *to = from + more);
        }
    }
}
