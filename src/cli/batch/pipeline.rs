//! Batches through a device, while samples are read ahead of it and results are written behind it.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use indicatif::ProgressBar;
use saltatory::io::ahead::Ahead;
use saltatory::io::dataset::{Dataset, Sample};
use saltatory::run::{Output, State};
use saltatory::{Error, Result};

use super::fallback::{Begun, Engine, Fallback};
use super::results::{Batch, Results};
use crate::cli::job::stop::Stop;
use crate::cli::job::trace::Trace;

/// Batches that may wait to be written.
const WAITING: usize = 2;
/// Values of samples that may be read ahead, whatever the size of a batch: 256 MiB.
const VALUES_AHEAD: usize = 64 << 20;

/// How samples go through.
pub struct Pipeline<E> {
    pub fallback: Fallback<E>,
    /// Samples computed together.
    pub batch: usize,
    /// Samples are parts of one recording: state goes from each to the next.
    pub keep_state: bool,
    /// Batches on the device while another is begun.
    pub in_flight: usize,
    /// Threads that decode images.
    pub decoders: usize,
    /// Values of a sample.
    pub values: usize,
    pub stop: Stop,
    pub bar: ProgressBar,
    pub trace: Trace,
}

impl<E: Engine> Pipeline<E> {
    /// Runs samples through; false where it was stopped before the last. The results come back whatever happens.
    pub fn run(mut self, samples: Dataset, results: Results) -> (Results, Result<bool>) {
        let (to_write, computed) = sync_channel(WAITING);
        let bar = self.bar.clone();
        thread::scope(|scope| {
            let writer = scope.spawn(move || write(results, &computed, &bar));
            let sent = self.compute(samples, &to_write);
            drop(to_write);
            match writer.join() {
                // Where writing failed, computing has ended for want of a reader.
                Ok((results, written)) => (results, written.and(sent)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn compute(&mut self, samples: Dataset, to_write: &SyncSender<Batch>) -> Result<bool> {
        let sequence = samples.steps();
        // Enough for the batch that is collected and the next; fewer where samples are large.
        let ahead = (2 * self.batch).min(VALUES_AHEAD / self.values.max(1)).max(1);
        let mut samples = Ahead::watched(samples, self.decoders, ahead, self.trace.watch())?;
        let mut under_way = VecDeque::new();
        let mut idle_since = Instant::now();
        loop {
            let stopped = self.stop.asked();
            let batch = if stopped { Vec::new() } else { self.collect(&mut samples) };
            let ends = batch.is_empty() || self.stop.asked();
            if !batch.is_empty() {
                under_way.push_back(self.begin(batch, sequence));
            }
            while under_way.len() > if ends { 0 } else { self.in_flight } {
                let Some(batch) = under_way.pop_front() else { break };
                if to_write.send(self.end(batch, sequence, &mut idle_since)?).is_err() {
                    return Ok(false);
                }
            }
            if ends {
                return Ok(!self.stop.asked() || samples.next().is_none());
            }
        }
    }

    fn collect(&self, samples: &mut Ahead) -> Vec<Sample> {
        self.trace.span("collect", self.batch, || samples.take(self.batch).collect())
    }

    fn begin(&mut self, samples: Vec<Sample>, sequence: Option<usize>) -> UnderWay<E::Ticket> {
        let mut batch = UnderWay { samples, ticket: None, part: None, begun: Instant::now() };
        let good = batch.good();
        if !good.is_empty() {
            let trace = self.trace.clone();
            (batch.ticket, batch.part) = trace.span("submit", good.len(), || match self.keep_state {
                true => (None, Some(self.fallback.advance(&good, sequence))),
                false => (self.fallback.submit(&good, sequence), None),
            });
        }
        batch
    }

    fn end(
        &mut self,
        mut batch: UnderWay<E::Ticket>,
        sequence: Option<usize>,
        idle_since: &mut Instant,
    ) -> Result<Batch> {
        let (ticket, part, good) = (batch.ticket.take(), batch.part.take(), batch.good());
        let finish = || self.trace.span("finish", good.len(), || self.fallback.finish(ticket, &good, sequence));
        let output = match part {
            _ if good.is_empty() => None,
            Some(part) => Some(part),
            None => Some(finish().map(|output| (output, None))),
        };
        let notes = self.fallback.notes();
        notes.iter().for_each(|note| self.bar.suspend(|| crate::cli::note(&format!("warning: {note}\n"))));
        let (output, state) = output.transpose()?.unzip();
        let now = Instant::now();
        let busy_from = batch.begun.max(*idle_since);
        *idle_since = now;
        let samples = batch.samples.into_iter().map(|s| (s.name, s.label, s.values.err().map(|e| e.to_string())));
        Ok(Batch {
            samples: samples.collect(),
            output,
            state: state.flatten(),
            notes,
            seconds: (now - batch.begun).as_secs_f64(),
            busy: (now - busy_from).as_secs_f64(),
        })
    }
}

/// A batch on the device.
struct UnderWay<T> {
    samples: Vec<Sample>,
    /// What computes the good ones; `None` where there are none, or too many at once.
    ticket: Option<Begun<T>>,
    /// What they have given already, as parts of a recording.
    part: Option<Result<(Output, Option<State>)>>,
    begun: Instant,
}

impl<T> UnderWay<T> {
    fn good(&self) -> Vec<&[f32]> {
        self.samples.iter().filter_map(|s| s.values.as_deref().ok()).collect()
    }
}

/// Writes batches as they come; ends at the first that cannot be written.
fn write(mut results: Results, computed: &Receiver<Batch>, bar: &ProgressBar) -> (Results, Result<()>) {
    for batch in computed {
        let trace = results.trace.clone();
        let wrote = trace.span("write", batch.samples.len(), || results.write(&batch));
        bar.inc(batch.samples.len() as u64);
        if wrote.is_err() {
            return (results, wrote);
        }
    }
    (results, Ok(()))
}

/// What an error or a signal leaves: how many samples are saved, and how to go on.
pub fn saved_text(saved: usize, all: usize) -> String {
    match saved {
        0 => "no sample was done, nothing is left behind".into(),
        _ => format!("{saved} of {all} samples are saved: go on with the same command and `--resume`"),
    }
}

/// An error with what it leaves.
pub fn with_saved(error: Error, saved: usize, all: usize) -> Error {
    if saved == 0 { error } else { Error::Request(format!("{error}\n{}", saved_text(saved, all))) }
}
