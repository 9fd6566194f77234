//! `saltatory merge`: what the shards of a run have written becomes what one run writes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use saltatory::io::output::{AtomicFile, NpyWriter};
use saltatory::{Error, Result};

use super::batch::job::difference;
use super::batch::shard::Shard;
use super::report::Report;
use super::tally::Tally;
use super::written::{Checked, Written};
use super::{Outcome, print};

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
    /// Join the predictions.
    #[arg(long, value_name = "FILE.csv")]
    predictions: Option<PathBuf>,
    /// Join the reports.
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
}

/// Joins shards.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let shards = read(&arguments.reports)?;
    let scores = arguments.output.as_ref().map(|path| scores(path, &shards)).transpose()?;
    let predictions = arguments.predictions.as_ref().map(|path| predictions(path, &shards)).transpose()?;
    let report_file = arguments.report.as_ref().map(AtomicFile::create).transpose()?;
    // Everything is read and found good by now.
    scores.map_or(Ok(()), NpyWriter::commit)?;
    predictions.map_or(Ok(()), AtomicFile::commit)?;
    let mut whole = join(&shards)?;
    for (name, path) in [("output", &arguments.output), ("predictions", &arguments.predictions)] {
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
        eprint!("{}", whole.bad_inputs())
    } else {
        print(&whole.text())?
    }
    Ok(if whole.tally.bad.is_empty() { Outcome::Good } else { Outcome::SomeBad })
}

/// Missing shards that are named.
const MOST_NAMED: usize = 20;

/// A report and where it is.
struct Part {
    path: PathBuf,
    report: Report,
}

/// The reports of all shards in order; refused where they are not those of one job, or not all, or one twice.
fn read(paths: &[PathBuf]) -> Result<Vec<Part>> {
    let mut parts: BTreeMap<usize, Part> = BTreeMap::new();
    let mut first: Option<(&PathBuf, Shard, super::batch::job::Job)> = None;
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
fn join(parts: &[Part]) -> Result<Report> {
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

/// A file of a shard, found and opened.
fn open<'a>(part: &'a Part, name: &str) -> Result<(Checked, &'a Written)> {
    let Some(written) = part.report.facts.files.get(name) else {
        return Err(Error::file(&part.path, format!("expected a run with --{name}, got one without")));
    };
    // The one beside the report first: it is there that files are copied to together.
    let beside = part.path.with_file_name(written.path.file_name().unwrap_or_default());
    let path: &Path = if beside.exists() { &beside } else { &written.path };
    let checked = Checked::open(path)?;
    checked.check_length(written)?;
    Ok((checked, written))
}

/// The scores of all shards, checked.
fn scores(target: &Path, parts: &[Part]) -> Result<NpyWriter> {
    let row = parts.first().map_or_else(Vec::new, |part| part.report.facts.row.clone());
    let mut whole = NpyWriter::create(target, &row)?;
    let width = 4 * row.iter().product::<usize>();
    let mut bytes = Vec::new();
    for part in parts {
        let (checked, written) = open(part, "output")?;
        let data = width as u128 * part.report.tally.samples as u128;
        let path = written.path.clone();
        let fault = |e: std::io::Error| Error::io(&path, e);
        let head = u64::try_from(data).ok().and_then(|data| written.bytes.checked_sub(data)).ok_or_else(|| {
            Error::file(&part.path, format!("expected at least {data} bytes of scores, got {}", written.bytes))
        })?;
        // The file is as long as the report says by now, so there is a row of that width unless there is none.
        bytes.resize(if part.report.tally.samples > 0 { width } else { 0 }, 0);
        let mut reader = BufReader::with_capacity(1 << 16, checked);
        std::io::copy(&mut reader.by_ref().take(head), &mut std::io::sink()).map_err(fault)?;
        for _ in 0..part.report.tally.samples {
            reader.read_exact(&mut bytes).map_err(fault)?;
            let values: Vec<f32> = bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
            whole.write_row(&values)?;
        }
        std::io::copy(&mut reader, &mut std::io::sink()).map_err(fault)?;
        reader.get_ref().check(written)?;
    }
    Ok(whole)
}

/// The predictions of all shards under one header, checked.
fn predictions(target: &Path, parts: &[Part]) -> Result<AtomicFile> {
    let mut whole = AtomicFile::create(target)?;
    for (i, part) in parts.iter().enumerate() {
        let (checked, written) = open(part, "predictions")?;
        let mut reader = BufReader::with_capacity(1 << 16, checked);
        let fault = |e: std::io::Error| Error::io(&written.path, e);
        let header = header(&mut reader).map_err(fault)?;
        if i == 0 {
            whole.write_all(&header).map_err(|e| Error::io(target, e))?;
        }
        std::io::copy(&mut reader, &mut whole).map_err(fault)?;
        reader.get_ref().check(written)?;
    }
    Ok(whole)
}

/// The first line of a CSV; the name of a class may hold a line break, in quotes.
fn header(reader: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let (mut header, mut quoted) = (Vec::new(), false);
    for byte in reader.bytes() {
        let byte = byte?;
        quoted ^= byte == b'"';
        header.push(byte);
        if byte == b'\n' && !quoted {
            break;
        }
    }
    Ok(header)
}
