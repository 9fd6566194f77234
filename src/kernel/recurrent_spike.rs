//! A recurrent layer of spiking neurons over all steps: each step adds what the spikes of the last one drive to the
//! currents that come in. Twin of `shaders/recurrent_spike.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::population::{Frame, Memory};
use super::shader::{AFFINE_NEURON, NEURONS, SUM, Shader};
use super::{Bindings, Edge, Element, Population, SlotInfo, Window, linear};
use crate::neuron::affine::State;
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Currents from outside: one cell of reals.
    pub input: Edge,
    /// The neurons: one cell, one spike a step at most.
    pub population: Population,
    /// 1: there are biases behind the recurrent weights.
    pub bias: u32,
}

/// Currents, recurrent weights `[from, to]` with biases behind, then those of every spiking kernel, but for the spikes
/// before pooling, which are the output; and the spikes of the last step, kept between windows.
pub const SLOTS: &[SlotInfo] = &[
    read("input", Element::Words),
    read("weights", Element::Real),
    read("coefficients", Element::Coefficients),
    write("state", Element::Real),
    write("output", Element::Words),
    write("tally", Element::Words),
    write("last", Element::Words),
    write("traces", Element::Real),
];

shared!(Params as "Params" { input: Edge, population: Population, bias: u32 });

/// The most neurons: their potentials and currents are kept in the memory of a workgroup.
pub const MOST_NEURONS: u32 = 1024;

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/recurrent_spike.wgsl"), SUM, NEURONS, AFFINE_NEURON], reads: &[] }
}

/// How the workgroup that computes a sample does it.
pub(super) fn frame(p: &Params) -> Frame {
    let size = p.population.output.channels.next_power_of_two().clamp(64, 256);
    Frame { size, lanes: size, wide: 1 }
}

/// Workgroups of a sample: one, with the time loop inside.
pub fn groups(_: &Params, _: usize) -> u64 {
    1
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, weights) = (slots.words(0), slots.values::<f32>(1));
    let output = slots.words_mut(4);
    let last = slots.words_mut(6);
    let mut memory = Memory {
        coefficients: slots.values(2),
        state: slots.reals_mut(3),
        tally: slots.words_mut(5),
        spikes: &mut [],
        traces: slots.reals_mut(7),
    };
    let edge = p.population.output;
    let neurons = edge.channels as usize;
    let (mut currents, mut block) = (vec![0.0; neurons], vec![0.0; neurons]);
    let mut states = vec![State::default(); neurons];
    for sample in 0..window.batch {
        p.population.start(&memory, window, sample, 0, &mut states);
        let last = &mut last[sample * edge.step_words()..][..edge.step_words()];
        if window.clock == 0 {
            last.fill(0);
        }
        for t in 0..window.steps {
            linear::currents(&edge, last, weights, &mut currents, &mut block);
            let outside = p.input.step(input, window, t, sample);
            currents.iter_mut().zip(outside).for_each(|(current, x)| *current += f32::from_bits(*x));
            let out = edge.step_mut(output, window, t, sample);
            out.fill(0);
            p.population.step(&mut memory, window, (t, sample, 0), &currents, &mut states, out);
            last.copy_from_slice(out);
        }
        p.population.finish(&mut memory, sample, 0, &states);
    }
}
