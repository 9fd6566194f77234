//! Neurons backwards, over all steps: from the gradients of their spikes (or potentials) to those of their currents.
//! The potentials are computed again, not stored. Twin of `shaders/grad/membrane_input.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::edge::elementwise_groups;
use crate::kernel::shader::{AFFINE_NEURON, NEURON_BACK, NEURONS, Shader};
use crate::kernel::{Bindings, Edge, Element, Population, SlotInfo, TRACE_VALUES, Window};
use crate::neuron::affine::{Coefficients, State, flag};
use crate::neuron::backward::{Back, COEFFICIENT_GRADIENTS, Passing};
use crate::neuron::surrogate::SurrogateKind;
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// The currents that the neurons had.
    pub input: Edge,
    /// The neurons; `records`: their potentials were stored in every step, and steps are computed one by one, the last
    /// first.
    pub population: Population,
    /// The gradients of what they put out, reals.
    pub gradient: Edge,
    /// Those of the currents, reals; where these hold for all steps, their sum over them, the last step first.
    pub output: Edge,
    /// The surrogate, by the number of its kind.
    pub surrogate: u32,
    /// Its parameter.
    pub alpha: f32,
    /// 1: resets pass no gradients on.
    pub detach: u32,
    /// 1: the gradients of the coefficients are wanted, too.
    pub learns: u32,
    /// Steps of a window, at most: shaders keep what stretches of them begin with.
    pub steps: u32,
}

/// Currents, coefficients, gradients of the output, stored potentials, gradients of the state, those of the currents, those
/// of the coefficients for each neuron.
pub const SLOTS: &[SlotInfo] = &[
    read("input", Element::Words),
    read("coefficients", Element::Coefficients),
    read("gradient", Element::Real),
    read("traces", Element::Real),
    write("carry", Element::Real),
    write("output", Element::Real),
    write("learned", Element::Real),
];

shared!(Params as "Params" {
    input: Edge, population: Population, gradient: Edge, output: Edge, surrogate: u32, alpha: f32, detach: u32, learns: u32,
    steps: u32,
});

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader {
        pieces: &[include_str!("../../../shaders/grad/membrane_input.wgsl"), NEURONS, AFFINE_NEURON, NEURON_BACK],
        reads: &["input"],
    }
}

/// Workgroups of a sample: an invocation for every neuron.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    elementwise_groups(&Edge { series: 0, planes: 0, ..p.population.output }, 1)
}

impl Params {
    /// The surrogate's kind.
    pub(crate) fn kind(&self) -> SurrogateKind {
        SurrogateKind::ALL[self.surrogate as usize % SurrogateKind::ALL.len()]
    }

    /// How a spike at potential `h` passes gradients on.
    #[inline(always)]
    pub(crate) fn passing(&self, kind: SurrogateKind, h: f32, threshold: f32) -> Passing {
        let fires = self.population.flags & flag::FIRES != 0;
        let surrogate = if fires { kind.derivative(self.alpha, h - threshold) } else { 0.0 };
        Passing { surrogate, detach: self.detach == 1 }
    }
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, coefficients) = (slots.words(0), slots.values::<Coefficients>(1));
    let traces = slots.values::<f32>(3);
    let (carry, output, learned) = (slots.reals_mut(4), slots.reals_mut(5), slots.reals_mut(6));
    let edge = p.population.output;
    let (cells, channels) = (edge.cells as usize, edge.channels as usize);
    let (flags, kind) = (p.population.flags, p.kind());
    let stored = p.population.records == 1;
    let mut before = vec![State::default(); window.steps];
    for sample in 0..window.batch {
        for cell in 0..cells {
            for channel in 0..channels {
                let neuron = cell * channels + channel;
                let c = &coefficients[[0, channel, neuron][p.population.grain as usize]];
                let x = |t: usize| p.input.value(p.input.cell(p.input.step(input, window, t, sample), cell), channel);
                let at = |edge: &Edge, t: usize| edge.offset(window, t, sample) + neuron;
                // The states before the steps.
                let mut state = c.initial();
                if stored && window.start > 0 {
                    let step = (window.start - 1) * window.batch + sample;
                    let kept = &traces[TRACE_VALUES * (step * cells * channels + neuron)..];
                    state = State { v: kept[1], i: kept[2] };
                }
                for (t, before) in before.iter_mut().enumerate() {
                    *before = state;
                    c.step(flags, &mut state, x(t));
                }
                let mut back = Back::default();
                let own = &mut carry[2 * (sample * cells * channels + neuron) * usize::from(stored)..];
                if stored {
                    back.state = State { v: own[0], i: own[1] };
                }
                let (mut sum, mut of_coefficients) = (0.0, [0.0; COEFFICIENT_GRADIENTS]);
                for t in (0..window.steps).rev() {
                    let stepped = c.step(flags, &mut before[t].clone(), x(t));
                    let passing = p.passing(kind, stepped.h, c.threshold);
                    let of_output = f32::from_bits(slots.step(2, &p.gradient, window, t, sample)[neuron]);
                    let of = c.step_back(flags, before[t], x(t), stepped, passing, of_output, &mut back);
                    of_coefficients.iter_mut().zip(of).for_each(|(sum, of)| *sum += of);
                    sum += back.x;
                    if p.output.series == 1 {
                        output[at(&p.output, t)] = back.x;
                    }
                }
                if p.output.series == 0 {
                    output[at(&p.output, 0)] = sum;
                }
                if stored {
                    own[..2].copy_from_slice(&[back.state.v, back.state.i]);
                }
                if p.learns == 1 {
                    let first = COEFFICIENT_GRADIENTS * (sample * cells * channels + neuron);
                    let own = &mut learned[first..first + COEFFICIENT_GRADIENTS];
                    // Step by step they add up; the memory is zero before.
                    own.iter_mut()
                        .zip(of_coefficients)
                        .for_each(|(own, of)| *own = if stored { *own + of } else { of });
                }
            }
        }
    }
}
