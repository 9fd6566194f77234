//! The state of a recording at a line of the journal: in one of two hidden files beside the first output, in turn, so that
//! the one of the last line stays until the next line is on the disk.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use saltatory::run::State;
use saltatory::{Error, Result};

/// The states kept beside a journal.
#[derive(Debug)]
pub struct KeptState {
    files: [PathBuf; 2],
    /// The file that goes with the last line.
    last: Option<usize>,
}

impl KeptState {
    /// Beside a journal, whose last line goes with the file of this number.
    pub fn new(journal: &Path, last: Option<usize>) -> KeptState {
        let name = journal.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = name.trim_end_matches("journal");
        KeptState { files: [0, 1].map(|number| journal.with_file_name(format!("{stem}state-{number}"))), last }
    }

    /// The state that goes with the last line; `None` where none does.
    pub fn load(&self) -> Result<Option<State>> {
        let file = self.last.and_then(|number| self.files.get(number));
        let Some(path) = file else { return Ok(None) };
        let lost = |e| Error::Request(format!("{e}\nthis run cannot be gone on with: begin anew with `--restart`"));
        State::load(path).map(Some).map_err(lost)
    }

    /// Writes the state that goes with the next line; the number of its file.
    pub fn save(&mut self, state: &State) -> Result<usize> {
        let next = if self.last == Some(0) { 1 } else { 0 };
        let (path, bytes) = (&self.files[next], state.to_bytes()?);
        let written = File::create(path).and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()));
        written.map(|()| next).map_err(|e| Error::io(path, e))
    }

    /// The line that tells this number is on the disk.
    pub fn is_told(&mut self, number: usize) {
        self.last = Some(number);
    }

    /// Removes what is kept.
    pub fn discard(self) {
        self.files.iter().for_each(|file| drop(std::fs::remove_file(file)));
    }
}
