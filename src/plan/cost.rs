//! What a plan costs at least: dispatches, bytes moved once, operations.

use super::{Plan, Slot, Stage, Step, When};
use crate::kernel::Access;

/// The cost of a run, if every dispatch moved each byte that it touches once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Dispatches of a batch.
    pub dispatches: u64,
    /// Bytes read from working memory, a sample.
    pub read: u64,
    /// Bytes written to working memory, a sample.
    pub written: u64,
    /// Bytes of weights, coefficients and tables that dispatches read, a batch.
    pub constants: u64,
    /// Multiplications and additions of a sample if nothing were zero.
    pub dense: u64,
}

impl Plan {
    /// The cost of a run of all steps.
    pub fn cost(&self) -> Cost {
        let most = self.window_steps();
        let windows = self.request.steps.div_ceil(most) as u64;
        let mut cost = Cost::default();
        for stage in &self.stages {
            match stage {
                Stage::Window(step) => self.add(&mut cost, step, most, windows),
                Stage::Loop(steps) | Stage::Back(steps) => {
                    let times = self.request.steps as u64;
                    steps.iter().for_each(|step| self.add(&mut cost, step, 1, times));
                }
            }
        }
        cost
    }

    fn add(&self, cost: &mut Cost, step: &Step, steps: usize, windows: u64) {
        let times = if matches!(step.when, When::Always | When::Back) { windows } else { 1 };
        cost.dispatches += times;
        cost.dense += times * step.kernel.work(steps);
        for (slot, info) in step.bind.iter().zip(step.kernel.slots()) {
            match *slot {
                Slot::Empty => {}
                Slot::Constant(constant) => cost.constants += times * 4 * self.constants[constant].words.len() as u64,
                Slot::Buffer(buffer) => {
                    let bytes = times * 4 * self.buffers[buffer].holds.words(steps, 1) as u64;
                    match info.access {
                        Access::Read => cost.read += bytes,
                        Access::Write => cost.written += bytes,
                    }
                }
            }
        }
    }
}
