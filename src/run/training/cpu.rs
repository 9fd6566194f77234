//! Plans of training on the CPU: samples in groups that are computed side by side, what sums over them in their order.

use std::sync::Arc;

use rayon::prelude::*;

use super::lent::{OfHost, lends_gradient, lends_samples};
use super::{Batch, BatchResult};
use crate::error::{Error, Result};
use crate::kernel::grad::loss::{FACTS, RESULTS};
use crate::kernel::{Access, Bindings, Kernel, Scope, TALLY_WORDS, Window};
use crate::plan::{Holds, LossMemory, Part, Plan, Slot, Step, TrainingPlan};
use crate::run::bound::run_step;
use crate::run::fast::{Fast, back};
use crate::run::pack::{pack, pack_batch, unpack_batch};
use crate::run::profile::Profiler;
use crate::run::training::Order;

/// The most samples of a group: what is kept of them shares the second cache, and weights are read once for all.
const MOST_OF_A_GROUP: usize = 8;

/// A plan of training with its memory.
#[derive(Debug)]
pub(crate) struct CpuTraining {
    training: Arc<TrainingPlan>,
    /// The memory that all samples share: parameters, gradients, statistics.
    shared: Vec<Vec<u32>>,
    groups: Vec<Group>,
    threads: Option<Arc<rayon::ThreadPool>>,
    /// The fast forms of the steps; `None`: the plain twins alone.
    fast: Option<Fast>,
    profile: Option<Profiler>,
    /// Whether samples are read where the host has them, each in a group of its own: nothing but neurons would be in them.
    pub lends_samples: bool,
    /// Whether the gradient of the output is.
    pub lends_gradient: bool,
}

/// The memory of some samples.
#[derive(Debug)]
struct Group {
    batch: usize,
    slots: Vec<Vec<u32>>,
}

impl CpuTraining {
    /// With the constants of the plan as they are.
    pub fn new(
        training: Arc<TrainingPlan>,
        threads: Option<Arc<rayon::ThreadPool>>,
        fast: bool,
        profile: Option<Profiler>,
    ) -> CpuTraining {
        let shared = training.plan.constants.iter().map(|constant| constant.words.clone()).collect();
        let fast = fast.then(|| Fast::empty(training.plan.steps().count()));
        let (lends_samples, lends_gradient) = (lends_samples(&training.plan), lends_gradient(&training));
        CpuTraining { training, shared, groups: Vec::new(), threads, fast, profile, lends_samples, lends_gradient }
    }

    /// The words of a constant.
    pub fn shared(&self, constant: usize) -> &[u32] {
        &self.shared[constant]
    }

    /// Those, to be changed.
    pub fn shared_mut(&mut self, constant: usize) -> &mut [u32] {
        &mut self.shared[constant]
    }

    /// A batch forward, and back where the loss is in the plan.
    pub fn steps(&mut self, batch: &Batch<'_>) -> Result<BatchResult> {
        self.on_threads(|this| this.steps_here(batch))
    }

    /// The last batch back from the gradient of its output; `samples` are its own, where they stayed.
    pub fn back(&mut self, gradient: &[f32], samples: &[&[f32]]) -> Result<()> {
        self.on_threads(|this| this.back_here(OfHost { samples, gradient }))
    }

    /// A step of the optimiser.
    pub fn optimise(&mut self) -> Result<()> {
        let training = self.training.clone();
        self.on_threads(|this| this.part(&training, Part::End, OfHost::default()))
    }

    /// What an edge holds of the last batch.
    pub fn values(&self, buffer: usize, order: Order) -> Vec<f32> {
        let plan = &self.training.plan;
        let Holds::Edge(edge) = plan.buffers[buffer].holds else { return Vec::new() };
        let (batch, size) = self.sizes();
        let words = |t: usize, sample: usize| {
            let group = &self.groups[sample / size];
            let at = (t * group.batch + sample % size) * edge.step_words();
            &group.buffer(plan, buffer)[at..][..edge.step_words()]
        };
        unpack_batch(&edge, plan.request.steps, batch, order, words)
    }

    /// Does something on the threads of this machine.
    fn on_threads<T: Send>(&mut self, work: impl FnOnce(&mut Self) -> T + Send) -> T {
        match self.threads.clone() {
            Some(threads) => threads.install(|| work(self)),
            None => work(self),
        }
    }

    fn steps_here(&mut self, batch: &Batch<'_>) -> Result<BatchResult> {
        let training = self.training.clone();
        let plan = &training.plan;
        for &constant in &training.cleared_constants {
            self.shared[constant].fill(0);
        }
        let size = if self.lends_samples { 1 } else { group_size(batch.samples.len()) };
        self.allocate(plan, batch.samples.len(), size);
        let stay = self.lends_samples && batch.stay;
        self.groups.par_iter_mut().enumerate().for_each(|(at, group)| {
            let own = at * size..at * size + group.batch;
            let samples = if stay { &[][..] } else { &batch.samples[own.clone()] };
            group.take_in(&training, samples, &batch.labels[own.clone()], &batch.seeds[own]);
        });
        let samples = if stay { batch.samples } else { &[] };
        self.part(&training, Part::Steps, OfHost { samples, gradient: &[] })?;
        Ok(self.results(&training))
    }

    fn back_here(&mut self, host: OfHost<'_>) -> Result<()> {
        let training = self.training.clone();
        let plan = &training.plan;
        let Some((buffer, edge)) = training.own_gradient() else {
            return Err(Error::Request("the plan has its loss: it takes no gradient".into()));
        };
        if self.lends_gradient {
            return self.part(&training, Part::Back, host);
        }
        let (batch, size) = self.sizes();
        self.groups.par_iter_mut().enumerate().for_each(|(at, group)| {
            let (frame, own) = (edge.elements(), group.batch);
            let words = group.buffer_mut(plan, buffer).chunks_exact_mut(own * edge.step_words());
            for (t, words) in words.enumerate() {
                pack(&edge, &host.gradient[(t * batch + at * size) * frame..][..own * frame], words);
            }
        });
        self.part(&training, Part::Back, OfHost { gradient: &[], ..host })
    }

    /// Memory for so many samples; that of the last batch where it will do.
    fn allocate(&mut self, plan: &Plan, batch: usize, size: usize) {
        let fits = |group: &Group, at: usize| group.batch == size.min(batch - at * size);
        let count = batch.div_ceil(size);
        if self.groups.len() == count && self.groups.iter().enumerate().all(|(at, group)| fits(group, at)) {
            return;
        }
        let group = |at: usize| {
            let batch = size.min(batch - at * size);
            Group { batch, slots: plan.slots.iter().map(|words| vec![0; words * batch]).collect() }
        };
        self.groups = (0..count).map(group).collect();
    }

    /// Runs a part of the plan. Steps that compute each sample for itself run on for a group, one after the other.
    ///
    /// # Errors
    /// What is the host's has values that are refused: no memory that samples share has changed.
    fn part(&mut self, training: &TrainingPlan, part: Part, host: OfHost<'_>) -> Result<()> {
        let plan = &training.plan;
        let window = window(plan, 1);
        let all: Vec<(usize, &Step, Window)> = plan.walk(window, part).collect();
        let mut fresh = true;
        for steps in all.chunk_by(|a, b| a.1.kernel.scope() == Scope::Samples && b.1.kernel.scope() == Scope::Samples) {
            if steps[0].1.kernel.scope() == Scope::Samples {
                self.for_each_group(training, steps, host, fresh)?;
                fresh = false;
                continue;
            }
            for (number, step, window) in steps {
                let start = self.profile.as_ref().map(Profiler::now);
                self.run_shared(plan, step, *window);
                Profiler::note(self.profile.as_ref(), plan, *number, start);
            }
        }
        Ok(())
    }

    /// Runs steps that compute each sample for itself: group by group, one step after the other. `fresh`: what the host
    /// lends has not been looked at.
    ///
    /// # Errors
    /// As [`CpuTraining::part`].
    fn for_each_group(
        &mut self,
        training: &TrainingPlan,
        steps: &[(usize, &Step, Window)],
        host: OfHost<'_>,
        fresh: bool,
    ) -> Result<()> {
        let plan = &training.plan;
        let shared = &self.shared;
        if let Some(fast) = &mut self.fast {
            // In a loop a step comes once for every step of time, with the same weights.
            let last = steps.last().map_or(0, |(_, _, window)| window.start);
            for (number, step, _) in steps.iter().filter(|(_, _, window)| window.start == last) {
                fast.refresh(*number, step, |constant| &shared[constant]);
            }
        }
        let (fast, profile) = (self.fast.as_ref(), self.profile.as_ref());
        let (all, size) = self.sizes();
        let each = self.groups.par_iter_mut().enumerate().map(|(at, group)| {
            if fresh {
                host.check(training, at * size, group.batch, all)?;
            }
            let lent = host.lent(training, at * size, all);
            for (number, step, window) in steps {
                let fast = fast.map(|fast| (fast, *number));
                let window = Window { batch: group.batch, ..*window };
                let constants = |constant: usize| shared[constant].as_slice();
                let start = profile.map(Profiler::now);
                run_step(plan, step, fast, window, &mut group.slots, constants, &lent);
                Profiler::note(profile, plan, *number, start);
            }
            Ok(())
        });
        // All of them, and then the first fault.
        let each: Vec<Result<()>> = each.collect();
        each.into_iter().collect()
    }

    /// Samples in all, and those of a group; of the last there may be fewer.
    fn sizes(&self) -> (usize, usize) {
        let size = self.groups.first().map_or(1, |group| group.batch);
        (self.groups.iter().map(|group| group.batch).sum(), size)
    }

    /// Runs a step that writes to shared memory: over all groups in their order, or once.
    fn run_shared(&mut self, plan: &Plan, step: &Step, window: Window) {
        let mut written = Vec::new();
        for (slot, info) in step.bind.iter().zip(step.kernel.slots()) {
            if let (Slot::Constant(constant), Access::Write) = (slot, info.access) {
                written.push(std::mem::take(&mut self.shared[*constant]));
            }
        }
        if self.fast.is_none() || !self.run_fast(plan, step, window, &mut written) {
            let groups = if step.kernel.scope() == Scope::Once { &[] } else { self.groups.as_slice() };
            let run = |group: Option<&Group>, written: &mut Vec<Vec<u32>>| {
                let (mut bindings, batch) = (Bindings::default(), group.map_or(0, |group| group.batch));
                let mut next = written.iter_mut();
                for (slot, info) in step.bind.iter().zip(step.kernel.slots()) {
                    match (slot, info.access) {
                        (Slot::Constant(_), Access::Write) => bindings.push_write(next.next().map_or(&mut [], |m| m)),
                        _ => bindings.push_read(self.read(plan, *slot, group)),
                    }
                }
                step.kernel.run(Window { batch, ..window }, &mut bindings);
            };
            if groups.is_empty() {
                run(None, &mut written);
            }
            groups.iter().for_each(|group| run(Some(group), &mut written));
        }
        let mut written = written.into_iter();
        for (slot, info) in step.bind.iter().zip(step.kernel.slots()) {
            if let (Slot::Constant(constant), Access::Write) = (slot, info.access)
                && let Some(memory) = written.next()
            {
                self.shared[*constant] = memory;
            }
        }
    }

    /// What is read from a slot.
    fn read<'a>(&'a self, plan: &Plan, slot: Slot, group: Option<&'a Group>) -> &'a [u32] {
        match (slot, group) {
            (Slot::Constant(constant), _) => &self.shared[constant],
            (Slot::Buffer(buffer), Some(group)) => group.buffer(plan, buffer),
            _ => &[],
        }
    }

    /// Runs a step in its form over all groups, if it has one.
    fn run_fast(&self, plan: &Plan, step: &Step, window: Window, written: &mut [Vec<u32>]) -> bool {
        if let (Kernel::Optimise(p), [parameters, gradients, moments]) = (&step.kernel, &mut *written) {
            let settings = bytemuck::cast_slice(self.read(plan, step.bind[0], None));
            let [parameters, gradients, moments] =
                [parameters, gradients, moments].map(|words| bytemuck::cast_slice_mut(words));
            back::run_optimise(p, settings, parameters, gradients, moments);
            return true;
        }
        if let (Kernel::Transpose(p), [transposed]) = (&step.kernel, &mut *written) {
            let weights = bytemuck::cast_slice(self.read(plan, step.bind[0], None));
            back::run_transpose(p, weights, bytemuck::cast_slice_mut(transposed));
            return true;
        }
        let [sums] = written else { return false };
        let part = |group| {
            let mut slots = Bindings::default();
            step.bind.iter().for_each(|slot| slots.push_read(self.read(plan, *slot, Some(group))));
            back::Part { window: Window { batch: group.batch, ..window }, slots }
        };
        let parts: Vec<back::Part<'_>> = self.groups.iter().map(part).collect();
        back::run_batch(&step.kernel, &parts, bytemuck::cast_slice_mut(sums))
    }

    fn results(&self, training: &TrainingPlan) -> BatchResult {
        let plan = &training.plan;
        let mut result = BatchResult {
            spikes: vec![0; plan.populations.len()],
            most_spikes: vec![0; plan.populations.len()],
            ..Default::default()
        };
        for group in &self.groups {
            if let LossMemory::Computed { results } = training.loss {
                let values: &[f32] = bytemuck::cast_slice(group.buffer(plan, results));
                for value in values.chunks_exact(RESULTS) {
                    result.losses.push(value[0]);
                    result.correct += usize::from(value[1] == 1.0);
                }
            }
            for (at, population) in plan.populations.iter().enumerate() {
                for tally in group.buffer(plan, population.tally).chunks_exact(TALLY_WORDS) {
                    result.spikes[at] += u64::from(tally[0]);
                    result.most_spikes[at] = result.most_spikes[at].max(tally[3]);
                }
            }
        }
        result
    }
}

/// Samples of a group: every thread gets some groups. Results do not depend on it.
fn group_size(batch: usize) -> usize {
    batch.div_ceil(2 * rayon::current_num_threads()).clamp(1, MOST_OF_A_GROUP)
}

/// All steps of so many samples.
pub(super) fn window(plan: &Plan, batch: usize) -> Window {
    Window { batch, start: 0, steps: plan.request.steps, at: 0, clock: 0 }
}

impl Group {
    /// The input of its samples, unless these stay where they are; counters and what adds up start at zero.
    fn take_in(&mut self, training: &TrainingPlan, samples: &[&[f32]], labels: &[u32], seeds: &[u32]) {
        let plan = &training.plan;
        for (index, buffer) in plan.buffers.iter().enumerate() {
            if matches!(buffer.holds, Holds::Tally) || training.cleared.contains(&index) {
                self.buffer_mut(plan, index).fill(0);
            }
        }
        if let Holds::Edge(edge) = plan.buffers[plan.input].holds {
            let window = window(plan, self.batch);
            if !samples.is_empty() {
                pack_batch(&edge, window, samples, self.buffer_mut(plan, plan.input));
            }
        }
        let facts = self.buffer_mut(plan, training.facts);
        for (to, (label, seed)) in facts.chunks_exact_mut(FACTS).zip(labels.iter().zip(seeds)) {
            to.copy_from_slice(&[*label, *seed]);
        }
    }

    fn buffer(&self, plan: &Plan, buffer: usize) -> &[u32] {
        let buffer = &plan.buffers[buffer];
        &self.slots[buffer.slot][..buffer.holds.words(plan.request.steps, self.batch)]
    }

    fn buffer_mut(&mut self, plan: &Plan, buffer: usize) -> &mut [u32] {
        let buffer = &plan.buffers[buffer];
        &mut self.slots[buffer.slot][..buffer.holds.words(plan.request.steps, self.batch)]
    }
}
