//! Plans on the CPU: every step as its plain twin, or in its fast form; samples in parallel over threads.

use std::sync::Mutex;

use rayon::prelude::*;

use super::bound::{Lent, run_step};
use super::collect::SampleResult;
use super::confident::Confident;
use super::fast::Fast;
use super::machine::How;
use super::pack::{as_packed, pack_batch};
use super::profile::Profiler;
use super::state::StateWords;
use crate::error::Result;
use crate::kernel::Window;
use crate::network::Readout;
use crate::plan::{Holds, Part, Plan, Step};

/// The working memory of one sample, or of some that are computed together.
#[derive(Debug, Default)]
pub struct Workspace {
    slots: Vec<Vec<u32>>,
    clock: u64,
    batch: usize,
    /// What times the steps, where that was asked for.
    profile: Option<Profiler>,
}

/// A window of samples on its way through a workspace.
struct Course<'a> {
    plan: &'a Plan,
    fast: Option<&'a Fast>,
    window: Window,
    /// The input where it is read from the caller's memory.
    input: Option<&'a [u32]>,
}

impl Workspace {
    /// Memory for one sample of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self::for_batch(plan, 1)
    }

    /// Memory for so many samples of a plan.
    fn for_batch(plan: &Plan, batch: usize) -> Self {
        let slots = plan.slots.iter().map(|&words| vec![0; words * batch]).collect();
        Workspace { slots, clock: 0, batch, profile: None }
    }

    /// No memory yet, and what times the steps, where that was asked for.
    pub(super) fn timed(profile: Option<Profiler>) -> Self {
        Workspace { profile, ..Self::default() }
    }

    /// Gets memory for one sample of a plan.
    pub(super) fn allocate(&mut self, plan: &Plan) {
        *self = Workspace { profile: self.profile.take(), ..Self::new(plan) };
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
        &self.slots[buffer.slot][..buffer.holds.words(plan.window_steps(), self.batch)]
    }

    pub(super) fn buffer_mut(&mut self, plan: &Plan, buffer: usize) -> &mut [u32] {
        let buffer = &plan.buffers[buffer];
        &mut self.slots[buffer.slot][..buffer.holds.words(plan.window_steps(), self.batch)]
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
            let course = Course { plan, fast, window, input: self.take_in_or_lend(plan, window, input) };
            self.part(&course, Part::Steps);
            result.window(plan, window.steps, |buffer| self.buffer(plan, buffer));
            let last = window.end() == steps;
            if last || confident.is_some() {
                self.part(&course, Part::Scores);
            }
            let scores = || bytemuck::cast_slice(self.buffer(plan, plan.scores));
            if last || confident.is_some_and(|confident| confident.is_certain(scores())) {
                self.part(&course, Part::End);
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
        let course = Course { plan, fast: None, window, input: self.take_in_or_lend(plan, window, input) };
        Part::ALL.into_iter().for_each(|part| self.part(&course, part));
    }

    /// Runs samples of the same number of steps together, from the state there is: weights are read once for all.
    ///
    /// # Errors
    /// As [`Workspace::run`].
    fn run_together(&mut self, plan: &Plan, fast: Option<&Fast>, samples: &[&[f32]]) -> Result<Vec<SampleResult>> {
        let steps = samples.first().map_or(0, |sample| plan.steps_of(sample));
        let mut results: Vec<SampleResult> = samples.iter().map(|_| SampleResult::default()).collect();
        for window in plan.windows(samples.len(), steps, self.clock) {
            self.take_in(plan, window, samples);
            let course = Course { plan, fast, window, input: None };
            self.part(&course, Part::Steps);
            if window.end() == steps {
                self.part(&course, Part::Scores);
                self.part(&course, Part::End);
            }
        }
        for (sample, result) in results.iter_mut().enumerate() {
            let wanted = plan.results().map(|buffer| {
                let words = self.buffer(plan, buffer);
                (buffer, plan.buffers[buffer].holds.of_sample(words, plan.window_steps(), samples.len(), sample))
            });
            let own: Vec<(usize, Vec<u32>)> = wanted.collect();
            let words = |wanted: usize| own.iter().find(|(buffer, _)| *buffer == wanted);
            result.finish(plan, steps, |buffer| words(buffer).map_or(&[], |(_, words)| words))?;
        }
        Ok(results)
    }

    /// The input of a window, out of that of its samples; with the first, counters start.
    pub(super) fn take_in(&mut self, plan: &Plan, window: Window, samples: &[&[f32]]) {
        self.begin(plan, window);
        if let Holds::Edge(edge) = plan.buffers[plan.input].holds {
            pack_batch(&edge, window, samples, self.buffer_mut(plan, plan.input));
        }
    }

    /// As [`Workspace::take_in`]. Returned is what lies in memory as the plan has it: it is not copied.
    fn take_in_or_lend<'a>(&mut self, plan: &Plan, window: Window, sample: &'a [f32]) -> Option<&'a [u32]> {
        if let Holds::Edge(edge) = plan.buffers[plan.input].holds
            && let Some(words) = as_packed(&edge, window, sample)
        {
            self.begin(plan, window);
            return Some(words);
        }
        self.take_in(plan, window, &[sample]);
        None
    }

    /// With the first window, counters start.
    fn begin(&mut self, plan: &Plan, window: Window) {
        if window.at == 0 {
            self.clear_counters(plan);
        }
        self.clock = window.clock + window.steps as u64;
    }

    fn part(&mut self, course: &Course<'_>, part: Part) {
        for (number, step, window) in course.plan.walk(course.window, part) {
            let fast = course.fast.map(|fast| (fast, number));
            let start = self.profile.as_ref().map(Profiler::now);
            self.dispatch(course.plan, step, fast, window, course.input);
            Profiler::note(self.profile.as_ref(), course.plan, number, start);
        }
    }

    /// Runs one plan step. `input`: that of the plan, where it was not taken in.
    pub(super) fn dispatch(
        &mut self,
        plan: &Plan,
        step: &Step,
        fast: Option<(&Fast, usize)>,
        window: Window,
        input: Option<&[u32]>,
    ) {
        let constants = |constant: usize| plan.constants[constant].words.as_slice();
        let lent = input.map(|words| Lent { buffer: plan.input, words, apart: None });
        run_step(plan, step, fast, Window { batch: self.batch, ..window }, &mut self.slots, constants, lent.as_slice());
    }
}

/// Runs a batch: one sample per task, or a few that read weights together. Results come in order, and depend on neither the
/// number of threads nor on which samples are together.
pub(super) fn run_batch(
    plan: &Plan,
    fast: Option<&Fast>,
    samples: &[&[f32]],
    how: &How,
    pool: &Mutex<Vec<Workspace>>,
) -> Result<Vec<SampleResult>> {
    let together = together(plan, samples, how);
    let take = |batch: usize| {
        let taken = pool.lock().ok().and_then(|mut pool| {
            let at = pool.iter().position(|workspace| workspace.batch == batch)?;
            Some(pool.swap_remove(at))
        });
        taken.unwrap_or_else(|| Workspace::for_batch(plan, batch))
    };
    let run = |samples: &[&[f32]]| {
        let mut workspace = take(samples.len());
        workspace.profile.clone_from(&how.profile);
        match &how.initial {
            Some(initial) => workspace.set_state(plan, initial),
            None => workspace.reset(),
        }
        let results = match samples {
            [sample] => workspace.run(plan, fast, sample, how.confident).map(|result| vec![result]),
            samples => workspace.run_together(plan, fast, samples),
        };
        if let Ok(mut pool) = pool.lock() {
            pool.push(workspace);
        }
        results
    };
    // What one thread does begins where it is, not where another wakes up.
    if (1..=together).contains(&samples.len()) {
        return run(samples);
    }
    let results: Result<Vec<Vec<SampleResult>>> = samples.par_chunks(together).map(run).collect();
    Ok(results?.into_iter().flatten().collect())
}

/// The most samples that are computed together, and the bytes that they may take: they share the second cache.
const MOST_TOGETHER: usize = 8;
const BYTES_TOGETHER: usize = 1 << 20;

/// How many samples are computed together: such as end together, and leave nothing between.
fn together(plan: &Plan, samples: &[&[f32]], how: &How) -> usize {
    let same = samples.iter().all(|sample| sample.len() == samples[0].len());
    let plain = how.initial.is_none() && how.confident.is_none() && !plan.request.record;
    if !same || !plain || plan.request.readout == Readout::Trace {
        return 1;
    }
    let fit = BYTES_TOGETHER / plan.sample_bytes().max(1);
    // Every thread gets some.
    fit.min(samples.len() / (2 * rayon::current_num_threads())).clamp(1, MOST_TOGETHER)
}
