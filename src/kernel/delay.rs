//! Each element comes later by its own number of steps; before there is one, it is zero.
//! Reads what [`super::delay_push`] kept in a ring over windows. Twin of `shaders/delay.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::shader::Shader;
use super::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Input; the output is laid out the same.
    pub edge: Edge,
    /// Slots of the ring: the longest delay.
    pub ring: u32,
    /// Delays: 0 one for all, 2 per element `[cell, channel]`.
    pub grain: u32,
}

/// Input, delays, ring `[slot, batch, cell, channel]`, output.
pub const SLOTS: &[SlotInfo] = &[
    read("input", Element::Words),
    read("delays", Element::Words),
    read("ring", Element::Words),
    write("output", Element::Words),
];

shared!(Params as "Params" { edge: Edge, ring: u32, grain: u32 });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/delay.wgsl")], reads: &[] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    (p.edge.step_words() as u64 * steps as u64).div_ceil(64)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, delays, ring) = (slots.words(0), slots.words(1), slots.words(2));
    let output = slots.words_mut(3);
    for t in 0..window.steps {
        for sample in 0..window.batch {
            let to = p.edge.step_mut(output, window, t, sample);
            to.fill(0);
            if p.grain == 0 {
                if let Some(from) = past(p, window, input, ring, (t, sample), delays[0]) {
                    to.copy_from_slice(from);
                }
                continue;
            }
            let channels = p.edge.channels as usize;
            for (cell, to) in to.chunks_exact_mut(p.edge.cell_words()).enumerate() {
                for channel in 0..channels {
                    let delay = delays[cell * channels + channel];
                    if let Some(from) = past(p, window, input, ring, (t, sample), delay) {
                        p.edge.set(to, channel, p.edge.value(p.edge.cell(from, cell), channel));
                    }
                }
            }
        }
    }
}

/// The input `delay` steps before step `t` of the window: from this window, from the ring, or none yet.
fn past<'a>(
    p: &Params,
    window: Window,
    input: &'a [u32],
    ring: &'a [u32],
    (t, sample): (usize, usize),
    delay: u32,
) -> Option<&'a [u32]> {
    if delay as usize <= t {
        return Some(p.edge.step(input, window, t - delay as usize, sample));
    }
    let step = (window.clock + t as u64).checked_sub(u64::from(delay))?;
    let slot = (step % u64::from(p.ring)) as usize;
    let words = p.edge.step_words();
    Some(&ring[(slot * window.batch + sample) * words..][..words])
}
