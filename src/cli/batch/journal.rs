//! The journal of a run: how far its results are on the disk. A line each time they are, with its checksum in front.
//!
//! The first line is the job. Every other tells the state of the files and what was counted since the line before. A
//! line that was cut off, as by `kill -9` or a full disk, ends the journal before it.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use saltatory::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::cli::job::Job;
use crate::cli::recordings::Layout;
use crate::cli::tally::Tally;

/// How far a run has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// What was counted; in a line: since the line before.
    pub tally: Tally,
    /// Bytes of the predictions.
    pub predictions: u64,
    /// What is recorded, once that is known.
    pub record: Option<Vec<Layout>>,
    /// Which file has the state, where samples are parts of one recording.
    #[serde(default)]
    pub state: Option<usize>,
    /// All samples are done: files may have their names already.
    pub complete: bool,
}

/// A run that was interrupted.
#[derive(Debug)]
pub struct Past {
    pub job: Job,
    pub progress: Progress,
}

/// The journal, locked against other runs; it goes when it is dropped, unless it is kept.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// `None` once it is closed.
    file: Option<File>,
    keep: bool,
    new: bool,
}

impl Journal {
    /// Its name beside an output.
    pub fn name(output: &Path) -> Result<PathBuf> {
        let name = output.file_name().ok_or_else(|| Error::file(output, "expected the name of a file"))?;
        Ok(output.with_file_name(format!(".{}.journal", name.to_string_lossy())))
    }

    /// Opens the journal at `path`; the run that it is of, where that left something.
    pub fn open(path: PathBuf) -> Result<(Journal, Option<Past>)> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(|e| Error::io(&path, e))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let message = "another run is writing these outputs: wait until it ends, or name others";
                return Err(Error::file(&path, message));
            }
            // Where a file system has no locks, runs are trusted.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        let (past, length) = read(&mut file, &path)?;
        let new = past.is_none();
        let keep = past.as_ref().is_some_and(|past| past.progress.tally.samples > 0);
        let mut journal = Journal { path, file: Some(file), keep, new };
        if keep {
            journal.cut(length)?;
        }
        Ok((journal, past.filter(|_| keep)))
    }

    /// Forgets the run before, and begins that of `job`.
    pub fn begin(&mut self, job: &Job) -> Result<()> {
        self.keep = false;
        self.cut(0)?;
        self.line(&serde_json::to_string(job).map_err(|e| Error::file(&self.path, e.to_string()))?)
    }

    /// Adds a line. The journal is kept from now on.
    pub fn append(&mut self, progress: &Progress) -> Result<()> {
        self.line(&serde_json::to_string(progress).map_err(|e| Error::file(&self.path, e.to_string()))?)?;
        self.keep = true;
        Ok(())
    }

    /// Removes the journal.
    pub fn remove(mut self) {
        self.keep = false;
    }

    /// Whether there was none before.
    pub fn is_new(&self) -> bool {
        self.new
    }

    /// Whether there is something to go on with.
    pub fn is_kept(&self) -> bool {
        self.keep
    }

    fn line(&mut self, text: &str) -> Result<()> {
        let line = format!("{:08x} {text}\n", checksum(text.as_bytes()));
        let wrote = self.with(|file| file.write_all(line.as_bytes()).and_then(|()| file.sync_data()));
        wrote.map_err(|e| Error::io(&self.path, e))
    }

    fn cut(&mut self, length: u64) -> Result<()> {
        let cut = self.with(|file| file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length))));
        cut.map(drop).map_err(|e| Error::io(&self.path, e))
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut File) -> std::io::Result<T>) -> std::io::Result<T> {
        self.file.as_mut().map_or_else(|| Err(std::io::Error::other("the journal is closed")), act)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        drop(self.file.take());
        if !self.keep {
            fs::remove_file(&self.path).ok();
        }
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The run in a journal, and the length of the lines that are whole.
fn read(file: &mut File, path: &Path) -> Result<(Option<Past>, u64)> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|e| Error::io(path, e))?;
    let mut length = 0;
    let mut past: Option<Past> = None;
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        let Some(text) = whole(line) else { break };
        let foreign = |e: serde_json::Error| {
            let message = format!("expected a journal of this version, got {e}: remove it to begin anew");
            Error::file_at(path, length, message)
        };
        match &mut past {
            None => {
                past = Some(Past { job: serde_json::from_slice(text).map_err(foreign)?, progress: Progress::default() })
            }
            Some(past) => {
                let next: Progress = serde_json::from_slice(text).map_err(foreign)?;
                let mut tally = std::mem::take(&mut past.progress.tally);
                tally.add(&next.tally);
                past.progress = Progress { tally, ..next };
            }
        }
        length += line.len() as u64;
    }
    Ok((past, length))
}

/// The text of a line, if it is whole.
fn whole(line: &[u8]) -> Option<&[u8]> {
    let (sum, text) = line.strip_suffix(b"\n")?.split_at_checked(9)?;
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?.trim_end(), 16).ok()?;
    (sum == checksum(text)).then_some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn progress(samples: usize) -> Progress {
        Progress { tally: Tally { samples, ..Tally::default() }, predictions: 9, ..Progress::default() }
    }

    #[test]
    fn a_journal_ends_before_a_line_that_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let job = Job::from([("steps".into(), "4".into())]);
        let (mut journal, past) = Journal::open(path.clone()).unwrap();
        assert!(past.is_none());
        journal.begin(&job).unwrap();
        journal.append(&progress(3)).unwrap();
        let two = fs::metadata(&path).unwrap().len();
        journal.append(&progress(4)).unwrap();
        assert!(Journal::open(path.clone()).unwrap_err().to_string().contains("another run"));
        drop(journal);
        let whole = fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let (journal, past) = Journal::open(path.clone()).unwrap();
            let samples = past.as_ref().map_or(0, |past| past.progress.tally.samples);
            let expected = if length == whole.len() { 7 } else { 3 * usize::from(length as u64 >= two) };
            assert_eq!(samples, expected, "{length}");
            assert!(past.is_none_or(|past| past.job == job));
            drop(journal);
            assert_eq!(path.exists(), expected > 0);
        }
    }
}
