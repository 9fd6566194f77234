//! A file as a report names it: its length and checksum, by which `merge` knows it again.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use saltatory::{Error, Result};
use serde::{Deserialize, Serialize};

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Its path, as it was given.
    pub path: PathBuf,
    pub bytes: u64,
    /// CRC-32 of all bytes, in hexadecimal.
    pub crc32: String,
}

impl Written {
    /// Reads a file through.
    pub fn of(path: &Path) -> Result<Written> {
        let mut reader = Checked::open(path)?;
        std::io::copy(&mut reader, &mut std::io::sink()).map_err(|e| Error::io(path, e))?;
        Ok(reader.written())
    }
}

/// A file that is checked while it is read.
pub struct Checked {
    path: PathBuf,
    file: File,
    crc: flate2::Crc,
    bytes: u64,
}

impl Checked {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Checked> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        Ok(Checked { path: path.to_owned(), file, crc: flate2::Crc::new(), bytes: 0 })
    }

    /// Refuses what is not a file of that length before any of it is read.
    pub fn check_length(&self, expected: &Written) -> Result<()> {
        let data = self.file.metadata().map_err(|e| Error::io(&self.path, e))?;
        if data.is_file() && data.len() == expected.bytes {
            return Ok(());
        }
        let message = format!("expected the file that its report names, {} bytes, got {}", expected.bytes, data.len());
        Err(Error::file(&self.path, message))
    }

    /// What has been read.
    pub fn written(&self) -> Written {
        Written { path: self.path.clone(), bytes: self.bytes, crc32: format!("{:08x}", self.crc.sum()) }
    }

    /// Refuses a file that is not the one that was written.
    pub fn check(&self, expected: &Written) -> Result<()> {
        let got = self.written();
        if (got.bytes, &got.crc32) == (expected.bytes, &expected.crc32) {
            return Ok(());
        }
        let text = |w: &Written| format!("{} bytes with checksum {}", w.bytes, w.crc32);
        let message = format!("expected the file that its report names, {}, got {}", text(expected), text(&got));
        Err(Error::file(&self.path, message))
    }
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.crc.update(&buffer[..n]);
        self.bytes += n as u64;
        Ok(n)
    }
}
