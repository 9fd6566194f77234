//! What a training says at its end: for people as text, for machines as JSON.

use std::collections::BTreeMap;

use saltatory::train::{Best, Epoch};
use saltatory::{Error, Result};
use serde::Serialize;

use super::files::Paths;
use super::live::{percent, validation_loss};
use super::setup::Setup;
use super::training::Training;
use crate::cli::job::Job;
use crate::cli::written::Written;

/// Everything a training measured.
#[derive(Debug, Serialize)]
pub struct Report {
    model: String,
    device: String,
    samples: usize,
    validation_samples: usize,
    /// Steps of the optimiser.
    steps: u64,
    best: Option<Best>,
    epochs: Vec<Epoch>,
    /// What the trained network depends on.
    job: Job,
    /// The files of results, by the option that asked for them.
    files: BTreeMap<&'static str, Written>,
}

impl Report {
    /// Looks at what was written.
    pub fn new(setup: &Setup, training: &Training<'_>, paths: &Paths) -> Result<Report> {
        let mut files = BTreeMap::from([("out", Written::of(&paths.out)?)]);
        for (option, path) in [("best", &paths.best), ("log", &paths.log)] {
            if let Some(path) = path {
                files.insert(option, Written::of(path)?);
            }
        }
        Ok(Report {
            model: setup.model.clone(),
            device: setup.options.device.name(),
            samples: setup.learnt.len(),
            validation_samples: setup.validation.as_ref().map_or(0, |validation| validation.len()),
            steps: setup.length.all(),
            best: training.progress.best,
            epochs: training.progress.epochs.clone(),
            job: setup.job.clone(),
            files,
        })
    }

    /// For machines.
    pub fn json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").map_err(|e| Error::Request(format!("the report cannot be written: {e}")))
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if let Some(last) = self.epochs.last() {
            text += &format!("loss {:.4}, accuracy {} while learning", last.loss, percent(last.accuracy));
            if let Some(validation) = last.validation {
                let (right, loss) = (percent(validation), validation_loss(last));
                text += &format!("; {right} of {} validation samples{loss}", self.validation_samples);
            }
            text += "\n";
        }
        if let Some(best) = self.best {
            text += &format!("best validation {} after epoch {}\n", percent(best.accuracy), best.epoch);
        }
        for (option, file) in &self.files {
            text += &format!("{option:<5} {} ({} bytes)\n", file.path.display(), file.bytes);
        }
        text
    }
}
