//! Keeps what some cells of a circuit remember after a step. Twin of `shaders/probe.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::cells::STATE_WORDS;
use super::shader::Shader;
use super::{Bindings, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Cells of the circuit.
    pub cells: u32,
    /// Cells that are looked at.
    pub probes: u32,
}

shared!(Params as "Params" { cells: u32, probes: u32 });

/// Values kept of a cell in a step: potential, adaptation, excitatory and inhibitory synapse.
pub const PROBE_VALUES: usize = 4;

/// Which cells; what all cells remember; what is kept of a window `[step, probe, value]`.
pub const SLOTS: &[SlotInfo] =
    &[read("probes", Element::Words), read("state", Element::Words), write("traces", Element::Words)];

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/probe.wgsl")], reads: &[] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    u64::from(p.probes).div_ceil(64)
}

/// The plain twin: of the first step of the window.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (probes, state) = (slots.words(0), slots.words(1));
    let traces = slots.words_mut(2);
    let cells = p.cells as usize;
    for sample in 0..window.batch {
        let state = &state[sample * STATE_WORDS * cells..][..STATE_WORDS * cells];
        let row = (window.start * window.batch + sample) * PROBE_VALUES * p.probes as usize;
        for (probe, &cell) in probes.iter().enumerate() {
            for value in 0..PROBE_VALUES {
                traces[row + PROBE_VALUES * probe + value] = state[value * cells + cell as usize];
            }
        }
    }
}
