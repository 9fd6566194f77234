//! Spikes become an ordered list of the cells that fired: what is propagated follows their number.
//! Twin of `shaders/compact.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::shader::Shader;
use super::{Bindings, Edge, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// Bits of one cell.
    pub input: Edge,
}

shared!(Params as "Params" { input: Edge });

/// Spikes; the list: how many, then the channels that fired, ascending.
pub const SLOTS: &[SlotInfo] = &[read("input", Element::Words), write("events", Element::Words)];

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/compact.wgsl")], reads: &[] }
}

/// Workgroups of a sample: one has them all, in order.
pub fn groups(_: &Params, _steps: usize) -> u64 {
    1
}

/// Words of the list of one sample.
pub fn list_words(channels: usize) -> usize {
    1 + channels
}

/// The plain twin: of the first step of the window.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let input = slots.words(0);
    let events = slots.words_mut(1);
    for sample in 0..window.batch {
        let spikes = p.input.step(input, window, 0, sample);
        let list =
            &mut events[sample * list_words(p.input.channels as usize)..][..list_words(p.input.channels as usize)];
        let mut count = 0;
        for (word, &bits) in spikes.iter().enumerate() {
            let mut left = bits;
            while left != 0 {
                count += 1;
                list[count] = 32 * word as u32 + left.trailing_zeros();
                left &= left - 1;
            }
        }
        list[0] = count as u32;
    }
}
