//! Convolution and the neurons behind it, over all steps: the currents never reach memory. Those of a constant input are
//! computed once.
//! Spikes may be pooled (a bit is set where any in the window is). Twin of `shaders/conv_spike.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::conv::Geometry;
use super::population::{Frame, Memory, WIDE};
use super::shader::{AFFINE_NEURON, CONV_SUM, GEOMETRY, NEURONS, OWN_CURRENT, POPULATION, SHARED_CURRENT, SUM, Shader};
use super::{Bindings, Edge, Element, Population, SlotInfo, Window};
use crate::neuron::affine::State;
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// The convolution.
    pub geometry: Geometry,
    /// The neurons.
    pub population: Population,
    /// Height and width of the pooling window; 1 by 1: no pooling. They divide the population's.
    pub pool: [u32; 2],
    /// Output, pooled.
    pub output: Edge,
}

/// Input, weights with biases behind, then those of every spiking kernel.
pub const SLOTS: &[SlotInfo] = &[
    read("input", Element::Words),
    read("weights", Element::Real),
    read("coefficients", Element::Coefficients),
    write("state", Element::Real),
    write("output", Element::Words),
    write("tally", Element::Words),
    write("spikes", Element::Words),
    write("traces", Element::Real),
];

shared!(Params as "Params" { geometry: Geometry, population: Population, pool: [u32; 2], output: Edge });

const SPIKES: &str = include_str!("../../shaders/conv_spike.wgsl");
const OWN: &[&str] = &[SPIKES, SUM, GEOMETRY, CONV_SUM, NEURONS, AFFINE_NEURON, POPULATION, OWN_CURRENT];
const SHARED: &[&str] = &[SPIKES, SUM, GEOMETRY, CONV_SUM, NEURONS, AFFINE_NEURON, POPULATION, SHARED_CURRENT];

/// The shader.
pub fn shader(p: &Params) -> Shader {
    Shader { pieces: if frame(p).wide > 1 { SHARED } else { OWN }, reads: &[] }
}

/// How its workgroups compute: those of a constant input sum once, each invocation for itself.
pub(super) fn frame(p: &Params) -> Frame {
    let g = &p.geometry;
    let fits = (g.out_channels / g.groups).is_multiple_of(WIDE) && p.population.count.is_multiple_of(WIDE);
    Frame::new(&p.population, &p.output, g.input.series == 1 && fits)
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    frame(p).groups(&p.population, &p.output)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let g = &p.geometry;
    let (input, weights) = (slots.words(0), slots.values::<f32>(1));
    let output = slots.words_mut(4);
    let memory = &mut Memory::take(slots, 2);
    let channels = g.out_channels as usize;
    let (width, pool_h, pool_w) = (g.out_size[1] as usize, p.pool[0] as usize, p.pool[1] as usize);
    let (mut currents, mut block) = (vec![0.0; channels], vec![0.0; channels]);
    let mut states = vec![State::default(); channels];
    let own = p.population.own_words();
    let mut spikes = vec![0; own.len()];
    for sample in 0..window.batch {
        for pooled in 0..p.output.cells as usize {
            let (top, left) = (pooled / (width / pool_w) * pool_h, pooled % (width / pool_w) * pool_w);
            let at = |t: usize| p.output.offset(window, t, sample) + pooled * p.output.cell_words();
            for t in 0..window.steps {
                output[at(t)..][own.clone()].fill(0);
            }
            for (y, x) in (0..pool_h * pool_w).map(|i| (top + i / pool_w, left + i % pool_w)) {
                let cell = y * width + x;
                p.population.start(memory, window, sample, cell, &mut states);
                for t in 0..window.steps {
                    if t == 0 || g.input.series == 1 {
                        let step = g.input.step(input, window, t, sample);
                        g.currents(step, weights, (y, x), &mut currents, &mut block);
                    }
                    spikes.fill(0);
                    p.population.step(memory, window, (t, sample, cell), &currents, &mut states, &mut spikes);
                    output[at(t)..][own.clone()].iter_mut().zip(&spikes).for_each(|(out, spikes)| *out |= spikes);
                }
                p.population.finish(memory, sample, cell, &states);
            }
        }
    }
}
