//! What is seen of a training while it runs: a line that changes, on a terminal; a line for each epoch; the log.

use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar};
use saltatory::Result;
use saltatory::train::schedule::Length;
use saltatory::train::{Epoch, Progress, StepReport, Sums};
use serde_json::json;

use super::log::Log;
use crate::cli::{print, progress};

/// What is seen of a training.
pub struct Live {
    bar: ProgressBar,
    pub log: Log,
    /// Whether epochs are printed.
    prints: bool,
    length: Length,
    /// Since when rates are measured, and of how many samples.
    interval: (Instant, u64),
    epoch: (Instant, u64),
    all: (Instant, u64),
}

impl Live {
    /// Begins with what `progress` has seen. `samples`: those of an epoch.
    pub fn new(log: Log, length: Length, samples: usize, batch: usize, progress: &Progress, silent: bool) -> Live {
        let bar = progress::training((samples * length.epochs) as u64, silent);
        bar.set_position((samples * progress.epoch + (batch * progress.position).min(samples)) as u64);
        let now = (Instant::now(), 0);
        Live { bar, log, prints: !silent, length, interval: now, epoch: now, all: now }
    }

    /// Shows a step.
    pub fn step(&mut self, progress: &Progress, step: &StepReport) {
        let samples = step.samples as u64;
        for (_, sum) in [&mut self.interval, &mut self.epoch, &mut self.all] {
            *sum += samples;
        }
        let Length { epochs, steps } = self.length;
        self.bar.set_prefix(format!("epoch {}/{epochs} step {}/{steps}", progress.epoch + 1, progress.position));
        self.bar.inc(samples);
        // Those of the bar itself leap, where steps take seconds.
        let rate = self.all.1 as f64 / self.all.0.elapsed().as_secs_f64().max(f64::MIN_POSITIVE);
        let rest = self.bar.length().unwrap_or_default().saturating_sub(self.bar.position());
        let left = HumanDuration(Duration::from_secs((rest as f64 / rate) as u64));
        self.bar.set_message(format!("{}  {rate:.0} samples/s  {left:#} left", means(&progress.sums)));
    }

    /// Logs the means of some steps, the last of which was `step`.
    pub fn interval(&mut self, progress: &Progress, step: &StepReport, at: u64, rate: f64) -> Result<()> {
        let sums = &progress.interval;
        self.log.line(&json!({
            "kind": "steps",
            "epoch": progress.epoch + 1,
            "step": at,
            "loss": sums.mean_loss(),
            "accuracy": sums.accuracy(),
            "learning_rate": rate,
            "gradient_norm": step.gradient_norm,
            "firing_rates": sums.firing_rates(),
            "samples_per_second": per_second(&mut self.interval),
        }))
    }

    /// Prints and logs an epoch, counted from 1.
    pub fn epoch(&mut self, number: usize, epoch: &Epoch, is_best: bool) -> Result<()> {
        let seconds = self.epoch.0.elapsed().as_secs_f64();
        let rate = per_second(&mut self.epoch);
        self.interval = self.epoch;
        self.log.line(&json!({
            "kind": "epoch",
            "epoch": number,
            "loss": epoch.loss,
            "accuracy": epoch.accuracy,
            "validation_accuracy": epoch.validation,
            "validation_loss": epoch.validation_loss,
            "best": is_best,
            "learning_rate": epoch.learning_rate,
            "firing_rates": epoch.firing_rates,
            "samples_per_second": rate,
            "seconds": seconds,
        }))?;
        if !self.prints {
            return Ok(());
        }
        let Length { epochs, .. } = self.length;
        let mut text = format!("epoch {number}/{epochs}  loss {:.4}  accuracy {}", epoch.loss, percent(epoch.accuracy));
        if let Some(validation) = epoch.validation {
            text += &format!("  validation {}{}", percent(validation), validation_loss(epoch));
            text += if is_best { " (best)" } else { "" };
        }
        text += &format!("{}  {rate:.0} samples/s  {seconds:.1} s\n", firing(epoch.firing_rates.values()));
        self.bar.suspend(|| print(&text))
    }

    /// Takes the line away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// Samples a second since a time, which begins anew.
fn per_second(since: &mut (Instant, u64)) -> f64 {
    let (start, samples) = std::mem::replace(since, (Instant::now(), 0));
    samples as f64 / start.elapsed().as_secs_f64().max(f64::MIN_POSITIVE)
}

fn means(sums: &Sums) -> String {
    let rates = firing(sums.firing_rates().values());
    format!("loss {:.4}  accuracy {}{rates}", sums.mean_loss(), percent(sums.accuracy()))
}

/// The mean over the layers.
fn firing<'a>(rates: impl ExactSizeIterator<Item = &'a f64>) -> String {
    match rates.len() {
        0 => String::new(),
        layers => format!("  firing {:.3}", rates.sum::<f64>() / layers as f64),
    }
}

/// The loss of validation, behind its accuracy.
pub fn validation_loss(epoch: &Epoch) -> String {
    epoch.validation_loss.map_or(String::new(), |loss| format!(", loss {loss:.4}"))
}

/// A part of one.
pub fn percent(part: f64) -> String {
    format!("{:.2} %", 100.0 * part)
}
