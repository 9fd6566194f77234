//! Which dispatches a window of a batch takes, and what each of them is told.

use std::ops::Range;

use super::budget::Budget;
use crate::kernel::{Kernel, MOST_STEPS, Scope, Window, WindowWords};
use crate::plan::{Part, Plan, Step};

/// One dispatch: a plan step on a part of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dispatch {
    /// The plan step, counted through stages and loops.
    pub step: usize,
    /// Its entry in [`Schedule::entries`].
    pub entry: usize,
    pub grid: [u32; 3],
    /// Whether a submission ends before it.
    pub breaks: bool,
}

/// The dispatches of a window.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schedule {
    pub dispatches: Vec<Dispatch>,
    pub entries: Vec<WindowWords>,
    budget: Budget,
    /// Loop rounds of an invocation, where one sums over samples.
    rounds: u64,
    /// Dense operations since the last break.
    work: u64,
}

impl Schedule {
    /// No dispatches yet.
    pub fn new(budget: Budget) -> Schedule {
        Schedule { dispatches: Vec::new(), entries: Vec::new(), budget, rounds: u64::MAX, work: 0 }
    }

    /// With so many loop rounds in an invocation at most.
    pub fn with_rounds(self, rounds: u64) -> Schedule {
        Schedule { rounds, ..self }
    }

    /// All dispatches of a window of a plan, with which all samples end.
    pub fn whole(plan: &Plan, window: Window, budget: Budget) -> Schedule {
        let mut schedule = Schedule::new(budget);
        Part::ALL
            .into_iter()
            .for_each(|part| schedule.part(plan, window, part, std::slice::from_ref(&(0..window.batch))));
        schedule
    }

    /// Adds the dispatches of a part of a window, for some samples: each plan step for all of them before the next, as
    /// buffers share memory.
    pub fn part(&mut self, plan: &Plan, window: Window, part: Part, samples: &[Range<usize>]) {
        for (number, step, window) in plan.walk(window, part) {
            for window in slices(&step.kernel, window) {
                samples.iter().for_each(|samples| self.step(step, number, window, samples.clone()));
            }
        }
    }

    /// Adds the dispatches of one plan step.
    pub fn step(&mut self, step: &Step, number: usize, window: Window, samples: Range<usize>) {
        let kernel = &step.kernel;
        let groups = kernel.groups(window.steps);
        let work = kernel.work(window.steps).max(1);
        let (most, axis) = (self.budget.dispatch.max(1), u64::from(self.budget.axis));
        // A sample that is too much for one dispatch is split by workgroups.
        let pieces = work.div_ceil(most);
        let (begin, beyond) = (samples.start as u64, samples.end as u64);
        let fitting = (most / work).max(1).min(window.batch as u64);
        if kernel.scope() == Scope::Once {
            self.pieces(number, groups, (pieces, work), 1, |group, end| window.words(0, group, end));
            return;
        }
        let together = kernel.scope() == Scope::Batch;
        let samples = if together { self.summed(kernel, window, fitting) } else { fitting.min(axis) };
        for first in (begin..beyond).step_by(samples as usize) {
            let samples = samples.min(beyond - first);
            let words = |group, end| {
                let words = window.words(first as u32, group, end);
                if together { WindowWords { samples: samples as u32, ..words } } else { words }
            };
            self.pieces(number, groups, (pieces, work * samples), if together { 1 } else { samples }, words);
        }
    }

    /// Samples that a dispatch sums over, where so many are not too much work.
    fn summed(&self, kernel: &Kernel, window: Window, fitting: u64) -> u64 {
        let rounds = self.rounds / kernel.rounds(window.steps).max(1);
        fitting.min(rounds).max(1)
    }

    /// Adds a dispatch of so many workgroups, in pieces.
    fn pieces(
        &mut self,
        step: usize,
        groups: u64,
        (pieces, work): (u64, u64),
        samples: u64,
        words: impl Fn(u32, u32) -> WindowWords,
    ) {
        let axis = u64::from(self.budget.axis);
        let piece = groups.div_ceil(pieces).clamp(1, axis * axis);
        for group in (0..groups).step_by(piece as usize) {
            let end = (group + piece).min(groups);
            let x = (end - group).min(axis);
            let z = (end - group).div_ceil(x);
            let breaks = self.work + work / pieces > self.budget.submission && self.work > 0;
            self.work = work / pieces + if breaks { 0 } else { self.work };
            let entry = self.entry(words(group as u32, end as u32));
            self.dispatches.push(Dispatch { step, entry, grid: [x as u32, samples as u32, z as u32], breaks });
        }
    }

    /// The entry of these words; equal ones that follow each other share one.
    fn entry(&mut self, words: WindowWords) -> usize {
        if self.entries.last() != Some(&words) {
            self.entries.push(words);
        }
        self.entries.len() - 1
    }
}

/// The windows that a kernel takes one after the other: those with neurons keep a bit for each step.
fn slices(kernel: &Kernel, window: Window) -> impl Iterator<Item = Window> + use<> {
    let most = if kernel.population().is_some() { MOST_STEPS } else { window.steps.max(1) };
    (0..window.steps).step_by(most).map(move |at| Window {
        start: window.start + at,
        steps: most.min(window.steps - at),
        at: window.at + at,
        clock: window.clock + at as u64,
        ..window
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Network, compile};
    use crate::neuron::Lif;
    use crate::plan::Request;

    #[test]
    fn pieces_cover_everything_once_and_stay_below_the_limits() {
        let mut network =
            Network::new([64, 128, 128]).conv2d(512, 5).padding(2).spiking(Lif::tau(2.0)).build().unwrap();
        network.init(1).unwrap();
        let request = Request { steps: 8, constant_input: false, meter: false, ..Default::default() };
        let plan = compile(&network, &request).unwrap();
        let window = plan.windows(3, 8, 0).next().unwrap();
        let budget = Budget::default();
        let schedule = Schedule::whole(&plan, window, budget);
        for (number, step) in plan.steps().enumerate() {
            let own: Vec<_> = schedule.dispatches.iter().filter(|d| d.step == number).collect();
            let covered: u64 = own
                .iter()
                .map(|d| {
                    let e = schedule.entries[d.entry];
                    assert!(u64::from(d.grid[0]) * u64::from(d.grid[2]) >= u64::from(e.groups - e.group));
                    u64::from(e.groups - e.group) * u64::from(d.grid[1])
                })
                .sum();
            assert_eq!(covered, 3 * step.kernel.groups(window.steps));
            if step.kernel.work(window.steps) > budget.dispatch {
                assert!(own.len() > 3 && own.iter().all(|d| d.grid[1] == 1));
            }
        }
        assert!(schedule.dispatches.iter().any(|d| d.breaks));
    }
}
