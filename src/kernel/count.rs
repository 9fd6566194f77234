//! Number of spikes of every neuron over all steps, as bit planes: what a read-out that commutes with time needs.
//! Twin of `shaders/count.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::shader::Shader;
use super::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Input: bits, a series.
    pub input: Edge,
    /// Output: counts, one for all steps. Adds up over windows.
    pub output: Edge,
}

/// Input, output.
pub const SLOTS: &[SlotInfo] = &[read("input", Element::Words), write("output", Element::Words)];

shared!(Params as "Params" { input: Edge, output: Edge });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/count.wgsl")], reads: &[] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    (p.input.step_words() as u64).div_ceil(64)
}

/// The plain twin: a ripple-carry adder over the planes, 32 channels at a time.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let input = slots.words(0);
    let output = slots.words_mut(1);
    for sample in 0..window.batch {
        let counts = p.output.step_mut(output, window, 0, sample);
        if window.at == 0 {
            counts.fill(0);
        }
        for t in 0..window.steps {
            let bits = p.input.step(input, window, t, sample);
            for (&bits, planes) in bits.iter().zip(counts.chunks_exact_mut(p.output.planes as usize)) {
                let mut carry = bits;
                for plane in planes {
                    (*plane, carry) = (*plane ^ carry, *plane & carry);
                }
            }
        }
    }
}
