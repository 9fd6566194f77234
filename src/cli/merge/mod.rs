//! `saltatory merge`: what the shards of a run have written becomes what one run writes.

mod parts;
mod predictions;
mod scores;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use saltatory::io::output::{AtomicFile, NpyWriter, NpzWriter, join_npz};
use saltatory::{Error, Result};

use self::parts::Part;
use self::predictions::Table;
use super::written::Written;
use super::{Outcome, note, print};

/// The options of `merge`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  saltatory merge report-*.json --output scores.npy --predictions predictions.csv --report report.json

The results of a shard are looked for beside its report, then where the run has written them. All must be of one job: the
same network, samples and choices. Counts are added, rates computed anew; seconds are those of all shards together.

Exit codes: 0 all good, 2 some inputs were bad, 1 failed.")]
pub struct Arguments {
    /// The reports of all shards, in any order.
    #[arg(value_name = "REPORT.json", required = true)]
    reports: Vec<PathBuf>,
    /// Join the scores.
    #[arg(long, value_name = "FILE.npy")]
    output: Option<PathBuf>,
    /// Join the predictions: as CSV, or as .parquet or .arrow where those of the shards are one of these.
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Join the recordings.
    #[arg(long, value_name = "FILE.npz")]
    record: Option<PathBuf>,
    /// Join the reports.
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
}

/// Joins shards.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let shards = parts::read(&arguments.reports)?;
    let scores = arguments.output.as_ref().map(|path| scores::scores(path, &shards)).transpose()?;
    let predictions = arguments.predictions.as_ref().map(|path| predictions::predictions(path, &shards)).transpose()?;
    let record = arguments.record.as_ref().map(|path| recordings(path, &shards)).transpose()?;
    let report_file = arguments.report.as_ref().map(AtomicFile::create).transpose()?;
    // Everything is read and found good by now.
    scores.map_or(Ok(()), NpyWriter::commit)?;
    predictions.map_or(Ok(()), Table::commit)?;
    record.map_or(Ok(()), NpzWriter::commit)?;
    let mut whole = parts::join(&shards)?;
    let Arguments { output, predictions, record, .. } = arguments;
    for (name, path) in [("output", output), ("predictions", predictions), ("record", record)] {
        if let Some(path) = path {
            whole.facts.files.insert(name.into(), Written::of(path)?);
        }
    }
    if let Some(mut file) = report_file {
        let wrote = file.write_all(whole.json_text()?.as_bytes());
        wrote.map_err(|e| Error::io(file.target(), e))?;
        file.commit()?;
    }
    if arguments.quiet {
        note(&whole.bad_inputs())
    } else {
        print(&whole.text())?
    }
    Ok(if whole.tally.bad.is_empty() { Outcome::Good } else { Outcome::SomeBad })
}

/// The recordings of all shards, checked.
fn recordings(target: &Path, parts: &[Part]) -> Result<NpzWriter> {
    let files: Result<Vec<_>> =
        parts.iter().map(|part| Ok((part.checked("record")?, part.report.tally.samples as u64))).collect();
    join_npz(target, &files?)
}
