//! A step of a plan on memory slots of the CPU.

use super::fast::Fast;
use crate::kernel::{Access, Bindings, Window};
use crate::plan::{Plan, Slot, Step};

/// Memory of somebody else that is read in place of a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lent<'a> {
    pub buffer: usize,
    pub words: &'a [u32],
    /// Words from a step to the next, where there are others between them.
    pub apart: Option<usize>,
}

/// Runs a step: written buffers are taken out of their `slots`, so that the others can be read meanwhile. `constants` gives
/// the memory that all samples share; what is `lent` was not taken in.
pub(super) fn run_step<'a>(
    plan: &Plan,
    step: &Step,
    fast: Option<(&Fast, usize)>,
    window: Window,
    slots: &mut [Vec<u32>],
    constants: impl Fn(usize) -> &'a [u32],
    lent: &[Lent<'_>],
) {
    let words = |buffer: usize| plan.buffers[buffer].holds.words(plan.window_steps(), window.batch);
    let bound = || step.bind.iter().zip(step.kernel.slots());
    let mut written: Vec<(usize, Vec<u32>)> = bound()
        .filter_map(|(slot, info)| match slot {
            Slot::Buffer(b) if info.access == Access::Write => Some(plan.buffers[*b].slot),
            _ => None,
        })
        .map(|slot| (slot, std::mem::take(&mut slots[slot])))
        .collect();
    let mut bindings = Bindings::default();
    let mut next = written.iter_mut();
    for (slot, info) in bound() {
        match *slot {
            Slot::Empty => bindings.push_read(&[]),
            Slot::Constant(constant) => bindings.push_read(constants(constant)),
            Slot::Buffer(b) if info.access == Access::Write => {
                if let Some((_, memory)) = next.next() {
                    bindings.push_write(&mut memory[..words(b)]);
                }
            }
            Slot::Buffer(b) => match lent.iter().find(|lent| lent.buffer == b) {
                Some(Lent { words, apart: Some(apart), .. }) => bindings.push_apart(words, *apart),
                Some(Lent { words, .. }) => bindings.push_read(words),
                None => bindings.push_read(&slots[plan.buffers[b].slot][..words(b)]),
            },
        }
    }
    if !fast.is_some_and(|(fast, number)| fast.run(number, window, &mut bindings)) {
        step.kernel.run(window, &mut bindings);
    }
    for (slot, memory) in written {
        slots[slot] = memory;
    }
}
