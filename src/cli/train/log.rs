//! The log of a training: an object a line, of every few steps and of every epoch.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use saltatory::{Error, Result};
use serde_json::Value;

/// A log, or none.
#[derive(Debug, Default)]
pub struct Log(Option<(PathBuf, File)>);

impl Log {
    /// Goes on with a log after its first `bytes`; what follows them tells of steps that are done again.
    ///
    /// # Errors
    /// [`Error::Io`], and a log with fewer bytes: it is not the one of this training.
    pub fn open(path: Option<&Path>, bytes: u64) -> Result<Log> {
        let Some(path) = path else { return Ok(Log::default()) };
        let io = |e| Error::io(path, e);
        let mut file = File::options().write(true).create(true).truncate(false).open(path).map_err(io)?;
        let there = file.metadata().map_err(io)?.len();
        if there < bytes {
            return Err(Error::file(path, format!("expected the log that was begun, {bytes} bytes, got {there}")));
        }
        file.set_len(bytes).and_then(|()| file.seek(SeekFrom::End(0))).map_err(io)?;
        Ok(Log(Some((path.into(), file))))
    }

    /// Writes a line.
    pub fn line(&mut self, value: &Value) -> Result<()> {
        let Some((path, file)) = &mut self.0 else { return Ok(()) };
        file.write_all(format!("{value}\n").as_bytes()).map_err(|e| Error::io(path, e))
    }

    /// Waits until the disk has all lines; their bytes.
    pub fn sync(&mut self) -> Result<u64> {
        let Some((path, file)) = &mut self.0 else { return Ok(0) };
        file.sync_data().and_then(|()| file.stream_position()).map_err(|e| Error::io(path, e))
    }
}
