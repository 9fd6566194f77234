//! Plans on the CPU: every step as its plain twin, or in its fast form; samples in parallel over threads.

use std::sync::Mutex;

use rayon::prelude::*;

use super::collect::SampleResult;
use super::confident::Confident;
use super::fast::Fast;
use super::machine::How;
use super::pack::pack;
use super::state::StateWords;
use crate::error::Result;
use crate::kernel::{Access, Bindings, Window};
use crate::plan::{Holds, Part, Plan, Slot, Step};

/// The working memory of one sample.
#[derive(Debug, Default)]
pub struct Workspace {
    slots: Vec<Vec<u32>>,
    clock: u64,
}

impl Workspace {
    /// Memory for one sample of a plan.
    pub fn new(plan: &Plan) -> Self {
        Workspace { slots: plan.slots.iter().map(|&words| vec![0; words]).collect(), clock: 0 }
    }

    /// Whether there is no memory yet.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Forgets every state: the next step is the first.
    pub fn reset(&mut self) {
        self.clock = 0;
    }

    /// The state that the steps so far have left; `None` where there were none.
    pub(super) fn state(&self, plan: &Plan) -> Option<StateWords> {
        let words = |buffer: usize| (buffer, self.buffer(plan, buffer).to_vec());
        let words = || plan.states.iter().map(|info| words(info.buffer)).collect();
        (self.clock > 0).then(|| StateWords { words: words(), clock: self.clock })
    }

    /// What comes next goes on from a state.
    pub(super) fn set_state(&mut self, plan: &Plan, state: &StateWords) {
        for (buffer, words) in &state.words {
            self.buffer_mut(plan, *buffer).copy_from_slice(words);
        }
        self.clock = state.clock;
    }

    /// Fills all memory with a value that shows up in results if it is ever read before it is written.
    pub fn poison(&mut self, word: u32) {
        self.slots.iter_mut().for_each(|slot| slot.fill(word));
    }

    /// A buffer's words.
    pub fn buffer(&self, plan: &Plan, buffer: usize) -> &[u32] {
        let buffer = &plan.buffers[buffer];
        &self.slots[buffer.slot][..buffer.holds.words(plan.window_steps(), 1)]
    }

    pub(super) fn buffer_mut(&mut self, plan: &Plan, buffer: usize) -> &mut [u32] {
        let buffer = &plan.buffers[buffer];
        &mut self.slots[buffer.slot][..buffer.holds.words(plan.window_steps(), 1)]
    }

    /// Runs all windows of a sample, from the state there is: `input` is `[channels, ...]`, or `[time, channels, ...]`
    /// where the plan's input is a series, of as many steps as the plan's or fewer. A sample that is certain before stops.
    ///
    /// # Errors
    /// [`crate::Error::Layer`] where a neuron fired more often in a step than its bit planes hold.
    pub(super) fn run(
        &mut self,
        plan: &Plan,
        fast: Option<&Fast>,
        input: &[f32],
        confident: Option<Confident>,
    ) -> Result<SampleResult> {
        let steps = plan.steps_of(input);
        let mut result = SampleResult::default();
        for window in plan.windows(1, steps, self.clock) {
            self.take_in(plan, window, input);
            self.part(plan, fast, window, Part::Steps);
            result.window(plan, window.steps, |buffer| self.buffer(plan, buffer));
            let last = window.end() == steps;
            if last || confident.is_some() {
                self.part(plan, fast, window, Part::Scores);
            }
            let scores = || bytemuck::cast_slice(self.buffer(plan, plan.scores));
            if last || confident.is_some_and(|confident| confident.is_certain(scores())) {
                self.part(plan, fast, window, Part::End);
                result.finish(plan, window.end(), |buffer| self.buffer(plan, buffer))?;
                break;
            }
        }
        Ok(result)
    }

    /// Counters start at zero.
    fn clear_counters(&mut self, plan: &Plan) {
        for (index, buffer) in plan.buffers.iter().enumerate() {
            if matches!(buffer.holds, Holds::Tally | Holds::Meter) {
                self.buffer_mut(plan, index).fill(0);
            }
        }
    }

    /// Runs one window of a sample on the plain twins, as if the sample ended with it. What it leaves is in the buffers.
    pub fn window(&mut self, plan: &Plan, window: Window, input: &[f32]) {
        self.take_in(plan, window, input);
        Part::ALL.into_iter().for_each(|part| self.part(plan, None, window, part));
    }

    /// The input of a window, out of that of a sample; with the first, counters start.
    pub(super) fn take_in(&mut self, plan: &Plan, window: Window, input: &[f32]) {
        if window.at == 0 {
            self.clear_counters(plan);
        }
        if let Holds::Edge(edge) = plan.buffers[plan.input].holds {
            let before = if edge.series == 1 { window.at * edge.elements() } else { 0 };
            pack(&edge, &input[before..], self.buffer_mut(plan, plan.input));
        }
        self.clock = window.clock + window.steps as u64;
    }

    fn part(&mut self, plan: &Plan, fast: Option<&Fast>, window: Window, part: Part) {
        for (number, step, window) in plan.walk(window, part) {
            self.dispatch(plan, step, fast.map(|fast| (fast, number)), window);
        }
    }

    /// Runs one plan step: written buffers are taken out of their slots, so that the others can be read meanwhile.
    pub(super) fn dispatch(&mut self, plan: &Plan, step: &Step, fast: Option<(&Fast, usize)>, window: Window) {
        let words = |buffer: usize| plan.buffers[buffer].holds.words(plan.window_steps(), 1);
        let slots = || step.bind.iter().zip(step.kernel.slots());
        let mut written: Vec<(usize, Vec<u32>)> = slots()
            .filter_map(|(slot, info)| match slot {
                Slot::Buffer(b) if info.access == Access::Write => Some(plan.buffers[*b].slot),
                _ => None,
            })
            .map(|slot| (slot, std::mem::take(&mut self.slots[slot])))
            .collect();
        let mut bindings = Bindings::default();
        let mut next = written.iter_mut();
        for (slot, info) in slots() {
            match *slot {
                Slot::Empty => bindings.push_read(&[]),
                Slot::Constant(constant) => bindings.push_read(&plan.constants[constant].words),
                Slot::Buffer(b) if info.access == Access::Write => {
                    if let Some((_, memory)) = next.next() {
                        bindings.push_write(&mut memory[..words(b)]);
                    }
                }
                Slot::Buffer(b) => bindings.push_read(&self.slots[plan.buffers[b].slot][..words(b)]),
            }
        }
        if !fast.is_some_and(|(fast, number)| fast.run(number, window, &mut bindings)) {
            step.kernel.run(window, &mut bindings);
        }
        for (slot, memory) in written {
            self.slots[slot] = memory;
        }
    }
}

/// Runs a batch: one sample per task. Results come in order, and do not depend on the number of threads.
pub(super) fn run_batch(
    plan: &Plan,
    fast: Option<&Fast>,
    samples: &[&[f32]],
    how: &How,
    pool: &Mutex<Vec<Workspace>>,
) -> Result<Vec<SampleResult>> {
    let take = || pool.lock().ok().and_then(|mut pool| pool.pop()).unwrap_or_else(|| Workspace::new(plan));
    samples
        .par_iter()
        .map(|input| {
            let mut workspace = take();
            match &how.initial {
                Some(initial) => workspace.set_state(plan, initial),
                None => workspace.reset(),
            }
            let result = workspace.run(plan, fast, input, how.confident);
            if let Ok(mut pool) = pool.lock() {
                pool.push(workspace);
            }
            result
        })
        .collect()
}
