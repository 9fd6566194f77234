//! Keeps the last steps of a window for [`super::delay`]. Twin of `shaders/delay_push.wgsl`.

use super::bindings::{read, write};
use super::shader::Shader;
use super::{Bindings, Element, SlotInfo, Window, delay};

/// Those of [`delay`].
pub type Params = delay::Params;

/// Input, ring.
pub const SLOTS: &[SlotInfo] = &[read("input", Element::Words), write("ring", Element::Words)];

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/delay_push.wgsl")], reads: &[] }
}

/// Workgroups of a sample for so many steps.
pub fn groups(p: &Params, steps: usize) -> u64 {
    (p.edge.step_words() as u64 * steps.min(p.ring as usize) as u64).div_ceil(64)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let input = slots.words(0);
    let ring = slots.words_mut(1);
    let words = p.edge.step_words();
    for t in window.steps.saturating_sub(p.ring as usize)..window.steps {
        let slot = ((window.clock + t as u64) % u64::from(p.ring)) as usize;
        for sample in 0..window.batch {
            let to = &mut ring[(slot * window.batch + sample) * words..][..words];
            to.copy_from_slice(p.edge.step(input, window, t, sample));
        }
    }
}
