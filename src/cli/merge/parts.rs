//! The shards of a run: their reports, which must be those of one job, and the files that these name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use saltatory::{Error, Result};

use crate::cli::batch::shard::Shard;
use crate::cli::job::{Job, difference};
use crate::cli::report::Report;
use crate::cli::tally::Tally;
use crate::cli::written::{Checked, Written};

/// Missing shards that are named.
const MOST_NAMED: usize = 20;

/// A report and where it is.
pub struct Part {
    pub path: PathBuf,
    pub report: Report,
}

/// The reports of all shards in order; refused where they are not those of one job, or not all, or one twice.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Part>> {
    let mut parts: BTreeMap<usize, Part> = BTreeMap::new();
    let mut first: Option<(&PathBuf, Shard, Job)> = None;
    for path in paths {
        let report = Report::read(path)?;
        let Some(shard) = report.facts.shard else {
            return Err(Error::file(
                path,
                "expected the report of a shard (`run --shard I/N`), got that of a whole run",
            ));
        };
        let (one, of, job) = first.get_or_insert_with(|| (path, shard, report.facts.job.clone()));
        if let Some(difference) = difference(job, &report.facts.job, &[]) {
            let message = format!("expected the same job as in {}; these differ:{difference}", one.display());
            return Err(Error::file(path, message));
        }
        if shard.of != of.of {
            let message = format!("expected one of {} shards as in {}, got shard {shard}", of.of, one.display());
            return Err(Error::file(path, message));
        }
        if let Some(other) = parts.get(&shard.index) {
            let message = format!("expected every shard once, got shard {shard} here and in {}", other.path.display());
            return Err(Error::file(path, message));
        }
        let all = job.get("samples").and_then(|samples| samples.parse().ok()).unwrap_or(0);
        let (expected, got) = (shard.part(all).len(), report.tally.samples);
        if expected != got {
            return Err(Error::file(path, format!("expected {expected} samples in shard {shard} of {all}, got {got}")));
        }
        parts.insert(shard.index, Part { path: path.clone(), report });
    }
    let of = first.map_or(0, |(_, shard, _)| shard.of);
    if parts.len() < of {
        let missing = (1..=of).filter(|i| !parts.contains_key(i)).map(|i| format!("{i}/{of}"));
        let named: Vec<String> = missing.take(MOST_NAMED).collect();
        let more = match of - parts.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!("expected the reports of all {of} shards, these are missing: {}{more}", named.join(", "));
        return Err(Error::Request(message));
    }
    Ok(parts.into_values().collect())
}

/// The report of the whole run.
pub fn join(parts: &[Part]) -> Result<Report> {
    let mut devices: Vec<&str> = Vec::new();
    let mut tally = Tally::default();
    for Part { report, .. } in parts {
        tally.add(&report.tally);
        if !devices.contains(&report.facts.device.as_str()) {
            devices.push(&report.facts.device);
        }
    }
    let first = parts.first().ok_or_else(|| Error::Request("expected at least one report".into()))?;
    let mut facts = first.report.facts.clone();
    facts.device = devices.join(" + ");
    facts.shard = None;
    facts.files.clear();
    Ok(Report { facts, tally })
}

impl Part {
    /// The file of results that an option has asked for, and where it is now.
    pub fn file(&self, name: &str) -> Result<(PathBuf, &Written)> {
        let Some(written) = self.report.facts.files.get(name) else {
            return Err(Error::file(&self.path, format!("expected a run with --{name}, got one without")));
        };
        // The one beside the report first: it is there that files are copied to together.
        let beside = self.path.with_file_name(written.path.file_name().unwrap_or_default());
        Ok((if beside.exists() { beside } else { written.path.clone() }, written))
    }

    /// That file, to be checked while it is read.
    pub fn open(&self, name: &str) -> Result<(Checked, &Written)> {
        let (path, written) = self.file(name)?;
        let checked = Checked::open(&path)?;
        checked.check_length(written)?;
        Ok((checked, written))
    }

    /// That file, read through and found to be the one that was written.
    pub fn checked(&self, name: &str) -> Result<PathBuf> {
        let path = self.file(name)?.0;
        let (mut file, written) = self.open(name)?;
        std::io::copy(&mut file, &mut std::io::sink()).map_err(|e| Error::io(&path, e))?;
        file.check(written)?;
        Ok(path)
    }
}
