//! The machine of plain twins: every plan step runs on the CPU, samples in parallel over threads.

use std::sync::Mutex;

use rayon::prelude::*;

use super::metrics::Metrics;
use super::record::{self, Recording};
use crate::error::Result;
use crate::kernel::{Access, Bindings, Edge, Window};
use crate::plan::{Holds, Plan, Slot, Stage, Step};

/// The working memory of one sample.
#[derive(Debug, Default)]
pub struct Workspace {
    slots: Vec<Vec<u32>>,
    clock: u64,
}

/// What one sample gave.
#[derive(Debug)]
pub(super) struct SampleResult {
    pub scores: Vec<f32>,
    pub metrics: Metrics,
    pub recording: Vec<Recording>,
}

impl Workspace {
    /// Memory for one sample of a plan.
    pub fn new(plan: &Plan) -> Self {
        Workspace { slots: plan.slots.iter().map(|&words| vec![0; words]).collect(), clock: 0 }
    }

    /// Forgets every state: the next step is the first.
    pub fn reset(&mut self) {
        self.clock = 0;
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

    fn buffer_mut(&mut self, plan: &Plan, buffer: usize) -> &mut [u32] {
        let buffer = &plan.buffers[buffer];
        &mut self.slots[buffer.slot][..buffer.holds.words(plan.window_steps(), 1)]
    }

    /// Runs one window of a sample: `input` is `[channels, ...]`, or `[time, channels, ...]` where the plan's input is a
    /// series. What it leaves is in the buffers.
    pub fn run(&mut self, plan: &Plan, input: &[f32]) {
        for (index, buffer) in plan.buffers.iter().enumerate() {
            if matches!(buffer.holds, Holds::Tally | Holds::Meter) {
                self.buffer_mut(plan, index).fill(0);
            }
        }
        if let Holds::Edge(edge) = plan.buffers[plan.input].holds {
            pack(&edge, input, self.buffer_mut(plan, plan.input));
        }
        let steps = plan.window_steps();
        let whole = Window { batch: 1, start: 0, steps, clock: self.clock };
        for stage in &plan.stages {
            match stage {
                Stage::Window(step) => self.step(plan, step, whole),
                Stage::Loop(loop_steps) => {
                    for t in 0..steps {
                        let window = Window { start: t, steps: 1, clock: self.clock + t as u64, ..whole };
                        loop_steps.iter().for_each(|step| self.step(plan, step, window));
                    }
                }
            }
        }
        self.clock += steps as u64;
    }

    /// Runs one plan step: written buffers are taken out of their slots, so that the others can be read meanwhile.
    fn step(&mut self, plan: &Plan, step: &Step, window: Window) {
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
        step.kernel.run(window, &mut bindings);
        for (slot, memory) in written {
            self.slots[slot] = memory;
        }
    }

    /// What the last window gave.
    pub(super) fn result(&self, plan: &Plan) -> Result<SampleResult> {
        let scores: &[f32] = bytemuck::cast_slice(self.buffer(plan, plan.scores));
        Ok(SampleResult {
            scores: scores.to_vec(),
            metrics: Metrics::read(plan, |buffer| self.buffer(plan, buffer))?,
            recording: record::read(plan, |buffer| self.buffer(plan, buffer)),
        })
    }
}

/// Runs a batch: one sample per task. Results come in order, and do not depend on the number of threads.
pub(super) fn run_batch(plan: &Plan, samples: &[&[f32]], pool: &Mutex<Vec<Workspace>>) -> Result<Vec<SampleResult>> {
    let take = || pool.lock().ok().and_then(|mut pool| pool.pop()).unwrap_or_else(|| Workspace::new(plan));
    samples
        .par_iter()
        .map(|input| {
            let mut workspace = take();
            workspace.reset();
            workspace.run(plan, input);
            let result = workspace.result(plan);
            if let Ok(mut pool) = pool.lock() {
                pool.push(workspace);
            }
            result
        })
        .collect()
}

/// People's order, channels first, to the layout of an edge; one step after another.
fn pack(edge: &Edge, input: &[f32], words: &mut [u32]) {
    let (cells, channels) = (edge.cells as usize, edge.channels as usize);
    for (from, to) in input.chunks_exact(cells * channels).zip(words.chunks_exact_mut(edge.step_words())) {
        if !edge.is_real() {
            to.fill(0);
        }
        for (cell, to) in to.chunks_exact_mut(edge.cell_words()).enumerate() {
            for channel in 0..channels {
                edge.set(to, channel, from[channel * cells + cell]);
            }
        }
    }
}
