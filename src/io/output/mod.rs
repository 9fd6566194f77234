//! Files that are written whole or not at all, and NumPy arrays among them.

#[cfg(feature = "formats")]
mod joined;
#[cfg(feature = "formats")]
mod npy;
#[cfg(feature = "formats")]
mod npz;

#[cfg(feature = "formats")]
pub use joined::join_npz;
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
/// Until [`AtomicFile::commit`] it is `.<name>.partial-<process id>` in the same folder, and dropping it removes that. One
/// that is [`AtomicFile::kept`] is `.<name>.partial`, stays when it is dropped, and can be gone on with.
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
    keep: bool,
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
        Self::open(target, partial(target, &format!("{suffix}.partial-{}", std::process::id()))?, 0, false)
    }

    /// As [`AtomicFile::create`], but dropping it leaves what was written, for [`AtomicFile::reopen`].
    ///
    /// # Errors
    /// As [`AtomicFile::create`].
    pub fn kept(target: impl AsRef<Path>) -> Result<Self> {
        Self::reopen(target, 0)
    }

    /// Goes on with a file that was [`AtomicFile::kept`] after its first `length` bytes; what follows them is cut off.
    ///
    /// # Errors
    /// [`Error::File`] where there are fewer bytes.
    pub fn reopen(target: impl AsRef<Path>, length: u64) -> Result<Self> {
        Self::reopen_suffix(target.as_ref(), "", length)
    }

    pub(crate) fn reopen_suffix(target: &Path, suffix: &str, length: u64) -> Result<Self> {
        Self::open(target, partial(target, &format!("{suffix}.partial"))?, length, true)
    }

    /// As [`AtomicFile::create`], but `.<name><suffix>.partial` until then: what a process that was killed has left, the
    /// next overwrites.
    ///
    /// # Errors
    /// As [`AtomicFile::create`].
    pub fn named(target: impl AsRef<Path>, suffix: &str) -> Result<Self> {
        let target = target.as_ref();
        Self::open(target, partial(target, &format!("{suffix}.partial"))?, 0, false)
    }

    /// The name under which a file is [`AtomicFile::kept`].
    ///
    /// # Errors
    /// [`Error::File`] where `target` is no name of a file.
    pub fn kept_name(target: impl AsRef<Path>) -> Result<PathBuf> {
        partial(target.as_ref(), ".partial")
    }

    fn open(target: &Path, partial: PathBuf, length: u64, keep: bool) -> Result<Self> {
        // A name that stands for a device or a pipe would be replaced, not written to.
        match fs::metadata(target) {
            Ok(there) if there.is_dir() => {
                return Err(Error::file(target, "expected the name of a file, got a folder"));
            }
            Ok(there) if !there.is_file() => {
                return Err(Error::file(target, "expected the name of a file, got a device or pipe"));
            }
            _ => {}
        }
        // Readable again, as an archive is packed from such files.
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&partial);
        let mut file = file.map_err(|e| Error::io(target, e))?;
        let cut = |file: &mut File| -> io::Result<u64> {
            let there = file.metadata()?.len();
            if there >= length {
                file.set_len(length)?;
                file.seek(SeekFrom::End(0))?;
            }
            Ok(there)
        };
        let there = cut(&mut file).map_err(|e| Error::io(&partial, e))?;
        if there < length {
            return Err(Error::file(&partial, format!("expected at least {length} bytes, got {there}")));
        }
        Ok(Self { target: target.to_owned(), partial, file: Some(BufWriter::new(file)), keep })
    }

    /// Waits until the disk has what was flushed; the length of the file.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn sync(&self) -> io::Result<u64> {
        let file = self.file.as_ref().ok_or_else(closed)?.get_ref();
        file.sync_data()?;
        Ok(file.metadata()?.len())
    }

    /// Removes the file, even one that is kept.
    pub fn discard(mut self) {
        self.keep = false;
    }

    /// The name it is to have.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Writes a file whole, and gives it its name.
    ///
    /// # Errors
    /// As [`AtomicFile::commit`].
    pub fn write_whole(mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|e| Error::io(&self.target, e))?;
        self.commit()
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
        self.partial = PathBuf::new();
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

/// The hidden name beside `target` that ends with `suffix`.
fn partial(target: &Path, suffix: &str) -> Result<PathBuf> {
    let name = target.file_name().ok_or_else(|| Error::file(target, "expected the name of a file"))?;
    Ok(target.with_file_name(format!(".{}{suffix}", name.to_string_lossy())))
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
            if !self.keep {
                fs::remove_file(&self.partial).ok();
            }
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
    fn what_is_kept_can_be_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let mut file = AtomicFile::kept(&path).unwrap();
        file.write_all(b"one two").unwrap();
        file.flush().unwrap();
        assert_eq!(file.sync().unwrap(), 7);
        drop(file);
        assert_eq!(fs::read(AtomicFile::kept_name(&path).unwrap()).unwrap(), b"one two");
        assert!(AtomicFile::reopen(&path, 8).is_err());
        let mut file = AtomicFile::reopen(&path, 4).unwrap();
        file.write_all(b"three").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one three");
        AtomicFile::kept(&path).unwrap().discard();
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
