//! Fully connected layer and the neurons behind it, over all steps. Currents of a constant input are computed once.
//! Twin of `shaders/linear_spike.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::population::{Frame, Memory, WIDE};
use super::shader::{AFFINE_NEURON, LINEAR_SUM, NEURONS, OWN_CURRENT, POPULATION, SPLIT_CURRENT, SUM, Shader};
use super::{Bindings, Edge, Element, Population, SlotInfo, Window, linear};
use crate::neuron::affine::State;
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Input.
    pub input: Edge,
    /// The neurons: one cell.
    pub population: Population,
    /// 1: there are biases behind the weights.
    pub bias: u32,
    /// As in [`linear::Params`].
    pub most_events: u32,
}

/// Those of every spiking kernel, but for the spikes before pooling, which are the output: there is no pool. In their
/// place are lists of the inputs that fired, as [`super::compact`] makes them.
pub const SLOTS: &[SlotInfo] = &[
    read("input", Element::Words),
    read("weights", Element::Real),
    read("coefficients", Element::Coefficients),
    write("state", Element::Real),
    write("output", Element::Words),
    write("tally", Element::Words),
    read("events", Element::Words),
    write("traces", Element::Real),
];

shared!(Params as "Params" { input: Edge, population: Population, bias: u32, most_events: u32 });

const SPIKES: &str = include_str!("../../shaders/linear_spike.wgsl");
const OWN: &[&str] = &[SPIKES, SUM, LINEAR_SUM, NEURONS, AFFINE_NEURON, POPULATION, OWN_CURRENT];
const SPLIT: &[&str] = &[SPIKES, SUM, LINEAR_SUM, NEURONS, AFFINE_NEURON, POPULATION, SPLIT_CURRENT];

/// The shader.
pub fn shader(p: &Params) -> Shader {
    Shader { pieces: if frame(p).wide > 1 { SPLIT } else { OWN }, reads: &[] }
}

/// How its workgroups compute.
pub(super) fn frame(p: &Params) -> Frame {
    Frame::new(&p.population, &p.population.output, p.input.series == 1 && p.population.count.is_multiple_of(WIDE))
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    frame(p).groups(&p.population, &p.population.output)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, weights) = (slots.words(0), slots.values::<f32>(1));
    let output = slots.words_mut(4);
    let memory = &mut Memory::take(slots, 2);
    let (outputs, own) = (p.population.count as usize, p.population.own_words());
    let (mut currents, mut block) = (vec![0.0; outputs], vec![0.0; outputs]);
    let mut states = vec![State::default(); outputs];
    for sample in 0..window.batch {
        p.population.start(memory, window, sample, 0, &mut states);
        for t in 0..window.steps {
            if t == 0 || p.input.series == 1 {
                let step = p.input.step(input, window, t, sample);
                linear::currents(&p.input, step, weights, &mut currents, &mut block);
            }
            let out = &mut p.population.output.step_mut(output, window, t, sample)[own.clone()];
            out.fill(0);
            p.population.step(memory, window, (t, sample, 0), &currents, &mut states, out);
        }
        p.population.finish(memory, sample, 0, &states);
    }
}
