//! Results on their way to the disk: rows, counts, and the journal that says how far both are safe.

use std::time::{Duration, Instant};

use saltatory::run::{Output, State};
use saltatory::{Error, Result};

use super::journal::{Journal, Past, Progress};
use super::kept_state::KeptState;
use super::outputs::{Form, Outputs, Paths};
use crate::cli::job::trace::Trace;
use crate::cli::job::{DEVICE, Job, Start, difference, moved};
use crate::cli::sinks::{self, Row};
use crate::cli::tally::Tally;

/// A computed batch.
pub struct Batch {
    /// Name, label, and what was wrong with it.
    pub samples: Vec<(String, Option<u32>, Option<String>)>,
    /// Of the good ones; `None` where there are none.
    pub output: Option<Output>,
    /// The state after it, where samples are parts of one recording.
    pub state: Option<State>,
    /// What became of the device meanwhile.
    pub notes: Vec<String>,
    /// Seconds that it took.
    pub seconds: f64,
    /// Seconds of these in which no other batch was on the device.
    pub busy: f64,
}

/// The results of a run.
pub struct Results {
    outputs: Outputs,
    /// `None` where nothing is written.
    journal: Option<Journal>,
    form: Form,
    classes: usize,
    /// The state of a recording, and where it is kept.
    state: Option<State>,
    kept: Option<KeptState>,
    /// What was counted up to the last line of the journal, and since.
    safe: Tally,
    fresh: Tally,
    /// Since when seconds are counted.
    clock: Instant,
    last: Instant,
    every: Duration,
    /// A batch is written in part: what is in the files cannot be made safe.
    torn: bool,
    pub trace: Trace,
}

impl Results {
    /// Looks for what an interrupted run has left, and opens the files.
    pub fn open(
        paths: &Paths,
        form: Form,
        classes: usize,
        job: &Job,
        start: Start,
        every: Duration,
    ) -> Result<Results> {
        let now = Instant::now();
        let (safe, fresh) = (Tally::default(), Tally::default());
        let outputs = Outputs::default();
        let mut results = Results {
            outputs,
            journal: None,
            form,
            classes,
            state: None,
            kept: None,
            safe,
            fresh,
            clock: now,
            last: now,
            every,
            torn: false,
            trace: Trace::default(),
        };
        let Some((_, first)) = paths.given().next() else {
            let message = "--resume: expected --output, --predictions, --report or --record, which hold what is done";
            return if start == Start::Resume { Err(Error::Request(message.into())) } else { Ok(results) };
        };
        let path = Journal::name(first)?;
        let (mut journal, past) = Journal::open(path.clone())?;
        let past = past.filter(|_| start != Start::Anew);
        if let Some(past) = past {
            let done = past.progress.tally.samples;
            check(&past, job, start).map_err(|message| Error::file(&path, format!("{done} samples of {message}")))?;
            if let Some((then, now)) = moved(&past.job, job) {
                results.fresh.fallbacks.push(format!("after {done} samples: resumed on {now}, begun on {then}"));
            }
            results.outputs.open(paths, &results.form, Some(&past.progress))?;
            let kept = KeptState::new(&path, past.progress.state);
            results.state = kept.load()?;
            results.kept = Some(kept);
            results.safe = past.progress.tally;
            results.journal = Some(journal);
            return Ok(results);
        }
        if let Some(leftover) = paths.leftover().filter(|_| start == Start::Careful && journal.is_new()) {
            let message = "left by an interrupted run with other outputs: go on with that one (`--resume` and its own \
                           options), or begin anew with `--restart`";
            return Err(Error::file(leftover, message));
        }
        journal.begin(job)?;
        results.journal = Some(journal);
        KeptState::new(&path, None).discard();
        results.kept = Some(KeptState::new(&path, None));
        match results.outputs.open(paths, &results.form, None) {
            Ok(()) => Ok(results),
            Err(error) => {
                results.outputs.discard();
                Err(error)
            }
        }
    }

    /// Samples that are done.
    pub fn done(&self) -> usize {
        self.safe.samples + self.fresh.samples
    }

    /// The state that the samples done have left, where they are parts of one recording.
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Whether anything is written.
    pub fn is_written(&self) -> bool {
        self.journal.is_some()
    }

    /// Writes the rows of a batch, in order; bad samples are named, and their rows are NaN.
    pub fn write(&mut self, batch: &Batch) -> Result<()> {
        self.torn = true;
        let done = self.done();
        self.fresh.fallbacks.extend(batch.notes.iter().map(|note| format!("after {done} samples: {note}")));
        if let Some(output) = &batch.output {
            self.fresh.latencies.push(batch.seconds);
            self.fresh.busy += batch.busy;
            self.fresh.metrics.add(&output.metrics);
        }
        if batch.state.is_some() {
            self.state.clone_from(&batch.state);
        }
        let width: usize = self.form.row.iter().product();
        let nan = vec![f32::NAN; width];
        let mut results = 0;
        for (name, label, fault) in &batch.samples {
            self.fresh.samples += 1;
            let row = |steps, scores, prediction, error| Row { name, label: *label, steps, scores, prediction, error };
            match (fault, &batch.output) {
                (None, Some(output)) => {
                    let scores = &output.scores.data()[results * width..(results + 1) * width];
                    let recording = output.recordings.get(results).map(Vec::as_slice);
                    let steps = output.steps[results];
                    *self.fresh.steps.entry(steps).or_default() += 1;
                    results += 1;
                    let prediction = sinks::predict(scores, self.classes);
                    self.confuse(name, *label, prediction)?;
                    self.outputs.write(&row(Some(steps), scores, prediction, None), recording)?;
                }
                (fault, _) => {
                    let fault = fault.clone().unwrap_or_else(|| "it was not computed".into());
                    self.outputs.write(&row(None, &nan, None, Some(&fault)), None)?;
                    self.fresh.bad.push((name.clone(), fault));
                }
            }
        }
        self.torn = false;
        if self.last.elapsed() >= self.every {
            self.save(false)?;
        }
        Ok(())
    }

    fn confuse(&mut self, name: &str, label: Option<u32>, prediction: Option<usize>) -> Result<()> {
        if let (true, Some(label), Some(prediction)) = (self.form.columns.labels, label, prediction) {
            let (label, classes) = (label as usize, self.classes);
            if label >= classes {
                return Err(Error::Request(format!("{name}: its label is {label}, the network has {classes} outputs")));
            }
            self.fresh.confuse(label, prediction, 1);
        }
        Ok(())
    }

    /// Waits until the disk has every row so far, and writes that into the journal.
    pub fn save(&mut self, complete: bool) -> Result<()> {
        if self.torn {
            return Ok(());
        }
        self.fresh.seconds += std::mem::replace(&mut self.clock, Instant::now()).elapsed().as_secs_f64();
        let tally = std::mem::take(&mut self.fresh);
        let mut progress = Progress { tally, complete, ..Progress::default() };
        let samples = progress.tally.samples;
        let trace = self.trace.clone();
        if let Err(error) = trace.span("save", samples, || self.make_safe(&mut progress)) {
            self.fresh = progress.tally;
            return Err(error);
        }
        self.safe.add(&progress.tally);
        self.last = Instant::now();
        Ok(())
    }

    /// Everything that a line of the journal tells is on the disk, then the line.
    fn make_safe(&mut self, progress: &mut Progress) -> Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        self.outputs.sync(progress)?;
        let (Some(state), Some(kept)) = (&self.state, &mut self.kept) else { return journal.append(progress) };
        let number = kept.save(state)?;
        progress.state = Some(number);
        journal.append(progress)?;
        kept.is_told(number);
        Ok(())
    }

    /// Gives every file its name; the report is made of what was counted. An error comes with the samples saved.
    pub fn finish<R>(mut self, report: impl FnOnce(Tally) -> Result<(R, String)>) -> Result<R, (Error, usize)> {
        if let Err(error) = self.save(true) {
            return Err((error, self.abandon()));
        }
        let saved = self.safe.samples;
        self.commit(report).map_err(|error| (error, saved))
    }

    fn commit<R>(mut self, report: impl FnOnce(Tally) -> Result<(R, String)>) -> Result<R> {
        self.outputs.commit()?;
        let (report, text) = report(self.safe)?;
        self.outputs.commit_report(&text)?;
        if let Some(journal) = self.journal {
            journal.remove();
        }
        self.kept.into_iter().for_each(KeptState::discard);
        Ok(report)
    }

    /// Ends a run that did not come to its end: with everything in order saved, or where there is nothing, gone.
    pub fn abandon(mut self) -> usize {
        if self.fresh.samples > 0 && self.journal.is_some() {
            // The fault that ends the run may be the disk's: then the last line stands.
            self.save(false).ok();
        }
        if !self.journal.as_ref().is_some_and(Journal::is_kept) {
            self.outputs.discard();
        }
        self.safe.samples
    }
}

/// Whether a run may go on with what is there.
fn check(past: &Past, job: &Job, start: Start) -> Result<(), String> {
    if start != Start::Resume {
        return Err("an interrupted run are there: go on with `--resume`, or begin anew with `--restart`".into());
    }
    // Results are the same on every device that `saltatory devices --verify` finds exact.
    match difference(&past.job, job, &[DEVICE]) {
        Some(difference) => Err(format!(
            "another run are there, `--resume` cannot go on with them (undo the difference, or begin anew with \
             `--restart`):{difference}"
        )),
        None => Ok(()),
    }
}
