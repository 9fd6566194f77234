//! NumPy `.npz` files of several arrays, each written row by row.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::error::{Error, Result};
use crate::io::output::npy::Rows;
use crate::io::output::{AtomicFile, NpyType, Row};

/// An `.npz` file whose arrays grow side by side; it appears with [`NpzWriter::commit`]. It is not compressed, unless
/// [`NpzWriter::deflated`].
///
/// Until then each array is a file of its own, hidden beside the target.
///
/// ```
/// use saltatory::io::output::{NpyType, NpzWriter};
/// # let path = std::env::temp_dir().join(format!("saltatory-doc-{}.npz", std::process::id()));
/// let mut out = NpzWriter::create(&path)?;
/// let scores = out.array("scores", NpyType::F32, &[10])?;
/// let classes = out.array("classes", NpyType::U16, &[])?;
/// out.write_row(scores, &[0.5f32; 10][..])?;
/// out.write_row(classes, &[7u16][..])?;
/// out.commit()?;
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), saltatory::Error>(())
/// ```
pub struct NpzWriter {
    path: PathBuf,
    archive: AtomicFile,
    arrays: Vec<(String, Rows)>,
    method: CompressionMethod,
    keep: bool,
}

impl NpzWriter {
    /// Begins a file without arrays.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be created.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::begin(path.as_ref(), AtomicFile::create(&path)?, false))
    }

    /// As [`NpzWriter::create`], but what is not committed stays: the same arrays, each with [`NpzWriter::reopen_array`],
    /// go on with it.
    ///
    /// # Errors
    /// As [`NpzWriter::create`].
    pub fn kept(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::begin(path.as_ref(), AtomicFile::kept(&path)?, true))
    }

    fn begin(path: &Path, archive: AtomicFile, keep: bool) -> Self {
        Self { archive, path: path.to_owned(), arrays: Vec::new(), method: CompressionMethod::Stored, keep }
    }

    /// Makes the file small: for sparse arrays to be kept, at the price of time.
    pub fn deflated(self) -> Self {
        Self { method: CompressionMethod::Deflated, ..self }
    }

    /// Adds an array of rows of `row_shape` each (`&[]`: of single numbers) and returns its number for
    /// [`NpzWriter::write_row`].
    ///
    /// # Errors
    /// [`Error::File`] where the name is taken or no name, [`Error::Io`] where its rows cannot be kept.
    pub fn array(&mut self, name: &str, kind: NpyType, row_shape: &[usize]) -> Result<usize> {
        self.reopen_array(name, kind, row_shape, 0)
    }

    /// As [`NpzWriter::array`], going on after the first `rows` rows of a file that was [`NpzWriter::kept`].
    ///
    /// # Errors
    /// As [`NpzWriter::array`]; [`Error::File`] where there are fewer rows.
    pub fn reopen_array(&mut self, name: &str, kind: NpyType, row_shape: &[usize], rows: u64) -> Result<usize> {
        let number = self.arrays.len();
        if name.is_empty() || name.contains(['/', '\\', '\0']) || self.arrays.iter().any(|(taken, _)| taken == name) {
            return Err(Error::file(&self.path, format!("expected a new name of an array, got `{name}`")));
        }
        let suffix = format!(".{number}");
        let file = if self.keep {
            AtomicFile::reopen_suffix(&self.path, &suffix, Rows::length(kind, row_shape, rows))?
        } else {
            AtomicFile::with_suffix(&self.path, &suffix)?
        };
        let mut all = Rows::new(file, kind, row_shape)?;
        all.count = rows;
        self.arrays.push((name.to_owned(), all));
        Ok(number)
    }

    /// Waits until the disk has every row of every array.
    ///
    /// # Errors
    /// [`Error::Io`] where they cannot be written.
    pub fn sync(&mut self) -> Result<()> {
        self.arrays.iter_mut().try_for_each(|(_, rows)| rows.sync().map(drop))
    }

    /// Removes every file.
    pub fn discard(self) {
        self.archive.discard();
        self.arrays.into_iter().for_each(|(_, rows)| rows.file.discard());
    }

    /// Removes what the first `arrays` arrays have left of a file that was [`NpzWriter::kept`] and has its name: a process
    /// that was killed at once after that leaves some.
    pub fn remove_rest(path: impl AsRef<Path>, arrays: usize) {
        for number in 0..arrays {
            AtomicFile::reopen_suffix(path.as_ref(), &format!(".{number}"), 0).map(AtomicFile::discard).ok();
        }
    }

    /// Appends a row to an array.
    ///
    /// # Errors
    /// [`Error::File`] where type or length are not those of the array, [`Error::Io`] where it cannot be written.
    pub fn write_row<'a>(&mut self, array: usize, row: impl Into<Row<'a>>) -> Result<()> {
        match self.arrays.get_mut(array) {
            Some((_, rows)) => rows.write(row.into()),
            None => Err(Error::file(&self.path, format!("expected one of {} arrays, got {array}", self.arrays.len()))),
        }
    }

    /// Appends whole rows to an array, one behind the other.
    ///
    /// # Errors
    /// [`Error::File`] where the type is not that of the array or the last row is not whole, [`Error::Io`] where they cannot
    /// be written.
    pub fn write_rows<'a>(&mut self, array: usize, all: impl Into<Row<'a>>) -> Result<()> {
        match self.arrays.get_mut(array) {
            Some((_, rows)) => rows.write_all(all.into()),
            None => Err(Error::file(&self.path, format!("expected one of {} arrays, got {array}", self.arrays.len()))),
        }
    }

    /// Appends `rows` rows to an array, as bytes.
    pub(crate) fn copy_rows(&mut self, array: usize, from: &mut dyn Read, rows: u64) -> Result<()> {
        match self.arrays.get_mut(array) {
            Some((_, all)) => all.copy(from, rows),
            None => Err(Error::file(&self.path, format!("expected one of {} arrays, got {array}", self.arrays.len()))),
        }
    }

    /// Packs all arrays, and gives the file its name.
    ///
    /// # Errors
    /// [`Error::Io`]; the file that was there before is then untouched.
    pub fn commit(self) -> Result<()> {
        let Self { path, mut archive, mut arrays, method, .. } = self;
        pack(&mut archive, &mut arrays, method).map_err(|e| Error::io(&path, e))?;
        archive.commit()?;
        arrays.into_iter().for_each(|(_, rows)| rows.file.discard());
        Ok(())
    }
}

fn pack(archive: &mut AtomicFile, arrays: &mut [(String, Rows)], method: CompressionMethod) -> io::Result<()> {
    let mut zip = ZipWriter::new(archive);
    for (name, rows) in arrays {
        let header = rows.header();
        let length = rows.bytes().saturating_add(header.len() as u64);
        let large = length >= u64::from(u32::MAX);
        let options = SimpleFileOptions::default().compression_method(method).large_file(large);
        zip.start_file(format!("{name}.npy"), options)?;
        zip.write_all(&header)?;
        io::copy(rows.file.rewound()?, &mut zip)?;
    }
    zip.finish()?.flush()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::io::dataset::{Dataset, Options};
    use crate::network::InputSpec;

    #[test]
    fn arrays_grow_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.npz");
        let mut writer = NpzWriter::create(&path).unwrap();
        let x = writer.array("x", NpyType::F32, &[2]).unwrap();
        let y = writer.array("y", NpyType::U16, &[]).unwrap();
        let spikes = writer.array("spikes", NpyType::U8, &[3]).unwrap();
        for i in 0..9u16 {
            writer.write_row(x, &[f32::from(i), 0.5][..]).unwrap();
            writer.write_row(y, &[i * 100][..]).unwrap();
        }
        assert!(writer.write_row(spikes, &[1u8][..]).is_err());
        assert!(writer.write_row(spikes, &[1.0f32; 3][..]).is_err());
        assert!(writer.write_row(3, &[1u8][..]).is_err());
        assert!(writer.array("x", NpyType::U8, &[]).is_err());
        writer.commit().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

        let spec = InputSpec { shape: vec![2], ..InputSpec::default() };
        let samples: Vec<_> = Dataset::open(&[path], &Options::of(&spec)).unwrap().collect();
        assert_eq!(samples.len(), 9);
        assert_eq!(samples[7].label, Some(700));
        assert_eq!(samples[7].values.as_ref().unwrap(), &[7.0, 0.5]);
    }

    #[test]
    fn what_is_not_committed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = NpzWriter::create(folder.path().join("out.npz")).unwrap();
        writer.array("x", NpyType::F32, &[2]).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        drop(writer);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
