//! How long each step of a plan takes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use crate::plan::{Plan, Step};

/// How long each step of a plan took, over all that was run since it was asked last.
///
/// A CPU's steps are timed on their threads, so that their sum may exceed the time that passed; a GPU's by its own clock, as
/// timestamps before and after each dispatch, which then runs alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// The steps, as the plan numbers them.
    pub steps: Vec<StepProfile>,
    /// When each step ran, as far as there was room.
    pub spans: Vec<Span>,
    /// Spans there was no room for.
    pub left_out: u64,
}

/// What a step of a plan took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepProfile {
    /// Its layer.
    pub layer: String,
    /// Its kernel.
    pub kernel: &'static str,
    /// How often it ran: once for each window of time and each part of a batch.
    pub runs: u64,
    /// How long, in all.
    pub time: Duration,
}

/// One run of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The step.
    pub step: usize,
    /// The thread of a CPU, counted from 0 on, or the queue of a GPU, which is 0.
    pub lane: usize,
    /// Since the profiler was made. A GPU's clock is set by the host's when its first dispatch is submitted.
    pub start: Duration,
    /// Since the profiler was made.
    pub end: Duration,
}

impl Profile {
    /// The time of all steps.
    pub fn time(&self) -> Duration {
        self.steps.iter().map(|step| step.time).sum()
    }
}

/// Spans that are kept: some 10 MB.
const MOST_SPANS: usize = 200_000;

/// Times every step of the plans of sessions that are given it ([`crate::run::Options::profile`]), on all their threads.
/// Clones share what is noted. Not for the web, which has no such clock.
///
/// ```
/// # use saltatory::{Network, Session, Tensor, neuron::Lif, run::{Options, Profiler}};
/// # let mut network = Network::new([8]).linear(4).spiking(Lif::tau(2.0)).steps(2).build()?;
/// # network.init(7)?;
/// let profiler = Profiler::new();
/// let mut session = Session::new(network, Options { profile: Some(profiler.clone()), ..Options::default() })?;
/// session.run(&Tensor::filled([1, 8], 0.5))?;
/// for step in profiler.take().steps {
///     println!("{} {}: {:?}", step.kernel, step.layer, step.time);
/// }
/// # Ok::<(), saltatory::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Profiler(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    begun: Instant,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    profile: Profile,
    lanes: HashMap<ThreadId, usize>,
}

impl Default for Profiler {
    fn default() -> Self {
        Self::new()
    }
}

impl Profiler {
    /// Nothing noted yet.
    pub fn new() -> Profiler {
        Profiler(Arc::new(Inner { begun: Instant::now(), taken: Mutex::default() }))
    }

    /// When it was made: spans count from then.
    pub fn begun(&self) -> Instant {
        self.0.begun
    }

    /// What was noted since this was asked last.
    pub fn take(&self) -> Profile {
        self.0.taken.lock().map(|mut taken| std::mem::take(&mut taken.profile)).unwrap_or_default()
    }

    /// Time since it was made.
    pub(super) fn now(&self) -> Duration {
        self.0.begun.elapsed()
    }

    /// Notes a run of a step on this thread, which began at `start` and ends now, where there is a profile.
    pub(super) fn note(profile: Option<&Profiler>, plan: &Plan, step: usize, start: Option<Duration>) {
        if let (Some(profile), Some(start)) = (profile, start) {
            profile.on_this_thread(plan, step, start);
        }
    }

    fn on_this_thread(&self, plan: &Plan, step: usize, start: Duration) {
        let end = self.now();
        if let Ok(mut taken) = self.0.taken.lock() {
            let next = taken.lanes.len();
            let lane = *taken.lanes.entry(std::thread::current().id()).or_insert(next);
            taken.profile.add(plan, Span { step, lane, start, end });
        }
    }

    /// Notes runs of steps.
    #[cfg(feature = "gpu")]
    pub(super) fn add(&self, plan: &Plan, spans: impl Iterator<Item = Span>) {
        if let Ok(mut taken) = self.0.taken.lock() {
            spans.for_each(|span| taken.profile.add(plan, span));
        }
    }
}

impl Profile {
    fn add(&mut self, plan: &Plan, span: Span) {
        let Some(step) = self.step_of(plan, span.step) else { return };
        let timed = &mut self.steps[step];
        timed.runs += 1;
        timed.time += span.end.saturating_sub(span.start);
        if self.spans.len() < MOST_SPANS {
            self.spans.push(Span { step, ..span });
        } else {
            self.left_out += 1;
        }
    }

    /// Where a step of a plan is noted: under its number, but where another plan has another step there.
    fn step_of(&mut self, plan: &Plan, number: usize) -> Option<usize> {
        let named = |step: &Step| StepProfile {
            layer: step.layer.clone(),
            kernel: step.kernel.name(),
            ..StepProfile::default()
        };
        if self.steps.is_empty() {
            self.steps = plan.steps().map(named).collect();
        }
        let step = plan.steps().nth(number)?;
        let is = |noted: &StepProfile| noted.layer == step.layer && noted.kernel == step.kernel.name();
        if self.steps.get(number).is_some_and(is) {
            return Some(number);
        }
        Some(self.steps.iter().position(is).unwrap_or_else(|| {
            self.steps.push(named(step));
            self.steps.len() - 1
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::network::{Network, compile};
    use crate::neuron::Lif;
    use crate::plan::Request;

    #[test]
    fn steps_of_other_plans_are_noted_apart() {
        let plan = |layers: usize| {
            let first = Network::new([4]).linear(4).spiking(Lif::tau(2.0));
            let all = (1..layers).fold(first, |builder, _| builder.linear(4).spiking(Lif::tau(2.0)));
            let mut network = all.build().unwrap();
            network.init(1).unwrap();
            compile(&network, &Request::default()).unwrap()
        };
        let (one, two) = (plan(1), plan(2));
        let profiler = Profiler::new();
        let steps = [one.steps().count(), two.steps().count()];
        for (plan, steps) in [(&one, steps[0]), (&two, steps[1])] {
            (0..steps).for_each(|step| profiler.on_this_thread(plan, step, profiler.now()));
        }
        let profile = profiler.take();
        assert_eq!(profile.steps.iter().map(|s| s.runs).sum::<u64>() as usize, steps[0] + steps[1]);
        assert!(two.steps().all(|s| profile.steps.iter().any(|n| n.layer == s.layer && n.kernel == s.kernel.name())));
        assert_eq!(profiler.take(), Profile::default());
    }
}
