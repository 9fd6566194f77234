//! The neurons alone, over all steps: currents in; spikes, counts or potentials out. Spikes may be pooled.
//! Twin of `shaders/membrane.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::population::{Frame, Memory};
use super::shader::{AFFINE_NEURON, NEURONS, OWN_CURRENT, POPULATION, Shader};
use super::{Bindings, Edge, Element, Population, SlotInfo, Window};
use crate::neuron::affine::State;
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Input: reals, bits or counts, of the population's cells and channels.
    pub input: Edge,
    /// The neurons.
    pub population: Population,
    /// Width of the population.
    pub width: u32,
    /// Height and width of the pooling window; 1 by 1: no pooling. They divide the population's.
    pub pool: [u32; 2],
    /// Output, pooled.
    pub output: Edge,
}

/// Currents, then those of every spiking kernel.
pub const SLOTS: &[SlotInfo] = &[
    read("input", Element::Words),
    read("coefficients", Element::Coefficients),
    write("state", Element::Real),
    write("output", Element::Words),
    write("tally", Element::Words),
    write("spikes", Element::Words),
    write("traces", Element::Real),
];

shared!(Params as "Params" { input: Edge, population: Population, width: u32, pool: [u32; 2], output: Edge });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader {
        pieces: &[include_str!("../../shaders/membrane.wgsl"), NEURONS, AFFINE_NEURON, POPULATION, OWN_CURRENT],
        reads: &["input"],
    }
}

/// How its workgroups compute.
pub(super) fn frame(p: &Params) -> Frame {
    Frame::new(&p.population, &p.output, false)
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    frame(p).groups(&p.population, &p.output)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let input = slots.words(0);
    let output = slots.words_mut(3);
    let memory = &mut Memory::take(slots, 1);
    let channels = p.input.channels as usize;
    let (width, pool_h, pool_w) = (p.width as usize, p.pool[0] as usize, p.pool[1] as usize);
    let mut currents = vec![0.0; channels];
    let mut states = vec![State::default(); channels];
    let own = p.population.own_words();
    let mut spikes = vec![0; own.len()];
    for sample in 0..window.batch {
        for t in 0..window.steps {
            p.output.step_mut(output, window, t, sample).fill(0);
        }
        for cell in 0..p.population.output.cells as usize {
            let (y, x) = (cell / width, cell % width);
            let pooled = y / pool_h * (width / pool_w) + x / pool_w;
            p.population.start(memory, window, sample, cell, &mut states);
            for t in 0..window.steps {
                let values = p.input.cell(p.input.step(input, window, t, sample), cell);
                currents.iter_mut().enumerate().for_each(|(c, x)| *x = p.input.value(values, c));
                spikes.fill(0);
                p.population.step(memory, window, (t, sample, cell), &currents, &mut states, &mut spikes);
                let out = p.output.step_mut(output, window, t, sample);
                let out = &mut out[pooled * spikes.len()..(pooled + 1) * spikes.len()];
                out.iter_mut().zip(&spikes).for_each(|(out, spikes)| *out |= spikes);
            }
            p.population.finish(memory, sample, cell, &states);
        }
    }
}
