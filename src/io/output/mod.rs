//! Files that are written whole or not at all, and NumPy arrays among them.

#[cfg(feature = "formats")]
mod npy;
#[cfg(feature = "formats")]
mod npz;

#[cfg(feature = "formats")]
pub use npy::{NpyType, NpyWriter, Row};
#[cfg(feature = "formats")]
pub use npz::NpzWriter;

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file that appears under its name when it is complete.
///
/// Until [`AtomicFile::commit`] it is `.<name>.partial-<process id>` in the same folder, and dropping it removes that.
///
/// ```
/// use std::io::Write;
/// use saltatory::io::output::AtomicFile;
/// # let folder = std::env::temp_dir().join(format!("saltatory-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// let path = folder.join("scores.csv");
/// let mut file = AtomicFile::create(&path)?;
/// writeln!(file, "name,class").unwrap();
/// assert!(!path.exists());
/// file.commit()?;
/// assert!(path.exists());
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), saltatory::Error>(())
/// ```
pub struct AtomicFile {
    target: PathBuf,
    partial: PathBuf,
    /// `None` once it is closed.
    file: Option<BufWriter<File>>,
}

impl AtomicFile {
    /// Begins a file that is to be `target`; one that is there stays until [`AtomicFile::commit`].
    ///
    /// # Errors
    /// [`Error::Io`] where the folder does not exist or cannot be written to.
    pub fn create(target: impl AsRef<Path>) -> Result<Self> {
        Self::with_suffix(target.as_ref(), "")
    }

    /// As [`AtomicFile::create`], with a name of its own until it is committed.
    pub(crate) fn with_suffix(target: &Path, suffix: &str) -> Result<Self> {
        let name = target.file_name().ok_or_else(|| Error::file(target, "expected the name of a file"))?;
        if target.is_dir() {
            return Err(Error::file(target, "expected the name of a file, got a folder"));
        }
        let name = format!(".{}{suffix}.partial-{}", name.to_string_lossy(), std::process::id());
        let partial = target.with_file_name(name);
        // Readable again, as an archive is packed from such files.
        let options = File::options().read(true).write(true).create(true).truncate(true).open(&partial);
        let file = options.map_err(|e| Error::io(target, e))?;
        Ok(Self { target: target.to_owned(), partial, file: Some(BufWriter::new(file)) })
    }

    /// The name it is to have.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Writes what is buffered, waits until the disk has it, and gives the file its name.
    ///
    /// # Errors
    /// [`Error::Io`]; the file that was there before is then untouched.
    pub fn commit(mut self) -> Result<()> {
        let target = self.target.clone();
        self.finish().map_err(|e| Error::io(target, e))
    }

    fn finish(&mut self) -> io::Result<()> {
        let file = self.file.take().ok_or_else(closed)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&self.partial, &self.target)?;
        // The name is on the disk once its folder is; not every system can do this.
        let folder = self.target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).ok();
        self.partial.clear();
        Ok(())
    }

    /// The file, to be read from its beginning.
    #[cfg(feature = "formats")]
    pub(crate) fn rewound(&mut self) -> io::Result<&mut File> {
        let file = self.file.as_mut().ok_or_else(closed)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file.get_mut())
    }
}

fn closed() -> io::Error {
    io::Error::other("the file is closed")
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().ok_or_else(closed)?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().ok_or_else(closed)?.flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.as_mut().ok_or_else(closed)?.seek(to)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.partial.as_os_str().is_empty() {
            // Closed first: some systems do not remove open files. What is buffered need not be written.
            drop(self.file.take().map(BufWriter::into_parts));
            fs::remove_file(&self.partial).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "before").unwrap();
        let mut dropped = AtomicFile::create(&path).unwrap();
        dropped.write_all(b"half").unwrap();
        let partial = folder.path().join(format!(".a.txt.partial-{}", std::process::id()));
        assert!(partial.exists());
        drop(dropped);
        assert!(!partial.exists());
        assert_eq!(fs::read(&path).unwrap(), b"before");

        let mut committed = AtomicFile::create(&path).unwrap();
        committed.write_all(b"after").unwrap();
        committed.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_or_name_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(AtomicFile::create(folder.path().join("none").join("a.txt")).is_err());
        assert!(AtomicFile::create(folder.path()).is_err());
        assert!(AtomicFile::create("/").is_err());
    }
}
