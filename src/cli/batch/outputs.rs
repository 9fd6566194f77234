//! The files of a run: hidden working files that stay when the run is interrupted, until they get their names.

use std::path::{Path, PathBuf};

use saltatory::io::output::AtomicFile;
use saltatory::run::Recording;
use saltatory::{Error, Result};

use super::journal::Progress;
use crate::cli::predictions::{self, Format, Predictions};
use crate::cli::recordings::Record;
use crate::cli::sinks::{Columns, Row, Scores};

/// Where results go; what is `None` is not asked for.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    pub output: Option<PathBuf>,
    pub predictions: Option<PathBuf>,
    pub report: Option<PathBuf>,
    pub record: Option<PathBuf>,
}

impl Paths {
    /// Those given, with the options that name them.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let all = [
            ("--output", &self.output),
            ("--predictions", &self.predictions),
            ("--report", &self.report),
            ("--record", &self.record),
        ];
        all.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)))
    }

    /// Refuses to write two results into one file, and tables that this build cannot write.
    pub fn check(&self) -> Result<()> {
        self.predictions.as_ref().map_or(Ok(()), |path| Format::of(path).check(path))?;
        let given: Vec<_> = self.given().map(|(_, path)| path).collect();
        match given.iter().enumerate().find(|(i, path)| given[..*i].contains(path)) {
            Some((_, path)) => Err(Error::Request(format!(
                "{}: expected a file of its own for each of --output, --predictions, --report and --record",
                path.display()
            ))),
            None => Ok(()),
        }
    }

    /// The first working file that is there already.
    pub fn leftover(&self) -> Option<PathBuf> {
        self.given().filter_map(|(_, path)| AtomicFile::kept_name(path).ok()).find(|kept| kept.exists())
    }
}

/// What a row of results is like.
#[derive(Clone, Debug)]
pub struct Form {
    /// Shape of a row of scores.
    pub row: Vec<usize>,
    /// Names of classes; maybe fewer than scores.
    pub names: Vec<String>,
    /// Columns of the predictions.
    pub columns: Columns,
    /// Steps of a recording, the most.
    pub steps: usize,
}

/// The open files. Dropping them leaves them.
#[derive(Default)]
pub struct Outputs {
    scores: Option<Scores>,
    predictions: Option<Box<dyn Predictions>>,
    record: Option<Record>,
    report: Option<AtomicFile>,
}

impl Outputs {
    /// Opens every file, after what a run before has left in it. Those opened so far are there where one fails.
    pub fn open(&mut self, paths: &Paths, form: &Form, past: Option<&Progress>) -> Result<()> {
        let row = &form.row;
        let rows = past.map_or(0, |past| past.tally.samples);
        // A run that was interrupted at its very end has named some of its files.
        let open = |path: &PathBuf| {
            let named = past.is_some_and(|past| past.complete) && path.exists();
            !(named && AtomicFile::kept_name(path).is_ok_and(|kept| !kept.exists()))
        };
        if let Some(path) = paths.output.as_ref().filter(|path| open(path)) {
            let scores = past.map_or_else(|| Scores::create(path, row), |_| Scores::reopen(path, row, rows));
            self.scores = Some(scores?);
        }
        if let Some(path) = paths.predictions.as_ref().filter(|path| open(path)) {
            self.predictions = Some(predictions::open(path, form, past.map(|past| past.predictions))?);
        }
        let layout = past.and_then(|past| past.record.as_deref());
        match &paths.record {
            Some(path) if open(path) => self.record = Some(Record::reopen(path, form.steps, layout, rows)?),
            Some(path) => Record::remove_rest(path, layout.unwrap_or_default()),
            None => {}
        }
        self.report = paths.report.as_ref().map(AtomicFile::kept).transpose()?;
        Ok(())
    }

    /// Writes the results of a sample.
    pub fn write(&mut self, row: &Row<'_>, recording: Option<&[Recording]>) -> Result<()> {
        if let Some(scores) = &mut self.scores {
            scores.write(row)?;
        }
        if let Some(predictions) = &mut self.predictions {
            predictions.write(row)?;
        }
        if let Some(record) = &mut self.record {
            record.write(recording)?;
        }
        Ok(())
    }

    /// Waits until the disk has everything, and says so in `progress`.
    pub fn sync(&mut self, progress: &mut Progress) -> Result<()> {
        if let Some(scores) = &mut self.scores {
            scores.sync()?;
        }
        if let Some(predictions) = &mut self.predictions {
            progress.predictions = predictions.sync()?;
        }
        if let Some(record) = &mut self.record {
            record.sync()?;
            progress.record = record.layout();
        }
        Ok(())
    }

    /// Gives every file but the report its name.
    pub fn commit(&mut self) -> Result<()> {
        self.scores.take().map_or(Ok(()), Scores::commit)?;
        self.predictions.take().map_or(Ok(()), |predictions| predictions.commit())?;
        self.record.take().map_or(Ok(()), Record::commit)
    }

    /// Writes the report.
    pub fn commit_report(&mut self, text: &str) -> Result<()> {
        self.report.take().map_or(Ok(()), |file| file.write_whole(text.as_bytes()))
    }

    /// Removes every file that has no name yet.
    pub fn discard(self) {
        self.scores.into_iter().for_each(Scores::discard);
        self.predictions.into_iter().for_each(|predictions| predictions.discard());
        self.record.into_iter().for_each(Record::discard);
        self.report.into_iter().for_each(AtomicFile::discard);
    }
}
