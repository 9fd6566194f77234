//! How long each step of a plan takes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use crate::plan::Plan;

/// How long each step of a plan took, over all that a session has run since it was asked last.
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
    /// Since the session was made. A GPU's clock is set by the host's when its first dispatch is submitted.
    pub start: Duration,
    /// Since the session was made.
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

/// Takes times from every thread. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Recorder(Arc<Inner>);

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

impl Recorder {
    pub fn new() -> Recorder {
        Recorder(Arc::new(Inner { begun: Instant::now(), taken: Mutex::default() }))
    }

    /// Time since the session was made.
    pub fn now(&self) -> Duration {
        self.0.begun.elapsed()
    }

    /// Notes a run of a step on this thread, which began at `start` and ends now.
    pub fn on_this_thread(&self, plan: &Plan, step: usize, start: Duration) {
        let end = self.now();
        if let Ok(mut taken) = self.0.taken.lock() {
            let next = taken.lanes.len();
            let lane = *taken.lanes.entry(std::thread::current().id()).or_insert(next);
            taken.profile.add(plan, Span { step, lane, start, end });
        }
    }

    /// Notes runs of steps.
    #[cfg(feature = "gpu")]
    pub fn add(&self, plan: &Plan, spans: impl Iterator<Item = Span>) {
        if let Ok(mut taken) = self.0.taken.lock() {
            spans.for_each(|span| taken.profile.add(plan, span));
        }
    }

    /// What was noted, once.
    pub fn take(&self) -> Profile {
        self.0.taken.lock().map(|mut taken| std::mem::take(&mut taken.profile)).unwrap_or_default()
    }
}

impl Profile {
    fn add(&mut self, plan: &Plan, span: Span) {
        if self.steps.is_empty() {
            let steps = plan.steps().map(|step| StepProfile {
                layer: step.layer.clone(),
                kernel: step.kernel.name(),
                ..StepProfile::default()
            });
            self.steps.extend(steps);
        }
        // A plan made anew, with more bit planes say, has the same steps; another one's are not mixed in.
        let Some(step) = self.steps.get_mut(span.step) else { return };
        step.runs += 1;
        step.time += span.end.saturating_sub(span.start);
        if self.spans.len() < MOST_SPANS {
            self.spans.push(span);
        } else {
            self.left_out += 1;
        }
    }
}
