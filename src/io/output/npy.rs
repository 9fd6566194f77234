//! NumPy `.npy` files, written row by row.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::{Error, Result};
use crate::io::array::{Element, Kind};
use crate::io::output::AtomicFile;
use crate::tensor::{Shape, element_count};

/// The type of the numbers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NpyType {
    /// 32-bit floating point.
    F32,
    /// 8-bit unsigned.
    U8,
    /// 16-bit unsigned.
    U16,
    /// 32-bit unsigned.
    U32,
    /// 64-bit floating point.
    F64,
}

impl NpyType {
    /// Bytes per number.
    pub(crate) fn size(self) -> usize {
        match self {
            NpyType::F32 => 4,
            NpyType::U8 => 1,
            NpyType::U16 => 2,
            NpyType::U32 => 4,
            NpyType::F64 => 8,
        }
    }

    /// The type of numbers in a file of scores or recordings of samples, if it is one of theirs.
    pub(crate) fn of(element: Element) -> Option<NpyType> {
        match (element.kind, element.big_endian) {
            (Kind::F32, false) => Some(NpyType::F32),
            (Kind::U8, _) => Some(NpyType::U8),
            (Kind::U16, false) => Some(NpyType::U16),
            _ => None,
        }
    }

    fn descr(self) -> &'static str {
        match self {
            NpyType::F32 => "<f4",
            NpyType::U8 => "|u1",
            NpyType::U16 => "<u2",
            NpyType::U32 => "<u4",
            NpyType::F64 => "<f8",
        }
    }
}

/// One row of numbers.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Row<'a> {
    F32(&'a [f32]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    F64(&'a [f64]),
}

impl<'a> From<&'a [f32]> for Row<'a> {
    fn from(values: &'a [f32]) -> Self {
        Row::F32(values)
    }
}

impl<'a> From<&'a [u8]> for Row<'a> {
    fn from(values: &'a [u8]) -> Self {
        Row::U8(values)
    }
}

impl<'a> From<&'a [u16]> for Row<'a> {
    fn from(values: &'a [u16]) -> Self {
        Row::U16(values)
    }
}

impl<'a> From<&'a [u32]> for Row<'a> {
    fn from(values: &'a [u32]) -> Self {
        Row::U32(values)
    }
}

impl<'a> From<&'a [f64]> for Row<'a> {
    fn from(values: &'a [f64]) -> Self {
        Row::F64(values)
    }
}

impl Row<'_> {
    fn kind(&self) -> (NpyType, usize) {
        match self {
            Row::F32(values) => (NpyType::F32, values.len()),
            Row::U8(values) => (NpyType::U8, values.len()),
            Row::U16(values) => (NpyType::U16, values.len()),
            Row::U32(values) => (NpyType::U32, values.len()),
            Row::F64(values) => (NpyType::F64, values.len()),
        }
    }

    fn write(&self, file: &mut impl Write) -> io::Result<()> {
        match self {
            Row::F32(values) => values.iter().try_for_each(|x| file.write_all(&x.to_le_bytes())),
            Row::U8(values) => file.write_all(values),
            Row::U16(values) => values.iter().try_for_each(|x| file.write_all(&x.to_le_bytes())),
            Row::U32(values) => values.iter().try_for_each(|x| file.write_all(&x.to_le_bytes())),
            Row::F64(values) => values.iter().try_for_each(|x| file.write_all(&x.to_le_bytes())),
        }
    }
}

/// Rows of one array on their way to a file.
pub(crate) struct Rows {
    pub file: AtomicFile,
    pub count: u64,
    kind: NpyType,
    shape: Shape,
}

impl Rows {
    /// Rows of `shape` each, written to `file`.
    pub fn new(file: AtomicFile, kind: NpyType, shape: &[usize]) -> Result<Self> {
        if element_count(shape).is_none() {
            return Err(Error::file(file.target(), format!("rows of shape {shape:?} have too many elements")));
        }
        Ok(Self { file, count: 0, kind, shape: shape.to_vec() })
    }

    /// Waits until the disk has every row; their number.
    pub fn sync(&mut self) -> Result<u64> {
        let synced = self.file.flush().and_then(|()| self.file.sync());
        synced.map(|_| self.count).map_err(|e| Error::io(self.file.target(), e))
    }

    /// The length of `rows` rows.
    pub fn length(kind: NpyType, shape: &[usize], rows: u64) -> u64 {
        rows.saturating_mul((shape.iter().product::<usize>() * kind.size()) as u64)
    }

    /// Appends a row.
    pub fn write(&mut self, row: Row<'_>) -> Result<()> {
        let expected = (self.kind, self.row_len());
        if row.kind() != expected {
            let message = format!("row {}: expected (type, length) {expected:?}, got {:?}", self.count, row.kind());
            return Err(Error::file(self.file.target(), message));
        }
        row.write(&mut self.file).map_err(|e| Error::io(self.file.target(), e))?;
        self.count += 1;
        Ok(())
    }

    /// Appends as many rows as there are.
    pub fn write_all(&mut self, rows: Row<'_>) -> Result<()> {
        let (kind, length) = rows.kind();
        let row = self.row_len().max(1);
        if kind != self.kind || !length.is_multiple_of(row) {
            let message = format!("row {}: expected rows of {row} {:?}, got {length} {kind:?}", self.count, self.kind);
            return Err(Error::file(self.file.target(), message));
        }
        rows.write(&mut self.file).map_err(|e| Error::io(self.file.target(), e))?;
        self.count += (length / row) as u64;
        Ok(())
    }

    /// Appends rows as they are in another file.
    pub fn copy(&mut self, from: &mut dyn Read, rows: u64) -> Result<()> {
        let bytes = Self::length(self.kind, &self.shape, rows);
        let got = io::copy(&mut from.take(bytes), &mut self.file).map_err(|e| Error::io(self.file.target(), e))?;
        if got != bytes {
            return Err(Error::file(self.file.target(), format!("expected {bytes} bytes of {rows} rows, got {got}")));
        }
        self.count += rows;
        Ok(())
    }

    /// The head of the file: always as long, however many rows there are.
    pub fn header(&self) -> Vec<u8> {
        header(self.kind, &self.shape, self.count)
    }

    /// The length of the data.
    pub fn bytes(&self) -> u64 {
        Self::length(self.kind, &self.shape, self.count)
    }

    fn row_len(&self) -> usize {
        self.shape.iter().product()
    }
}

fn header(kind: NpyType, row_shape: &[usize], rows: u64) -> Vec<u8> {
    let dictionary = |rows: u64| {
        let shape: String = row_shape.iter().map(|d| format!(" {d},")).collect();
        format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({rows},{shape}), }}", kind.descr())
    };
    let length = (PREFIX + dictionary(u64::MAX).len() + 1).next_multiple_of(64);
    let mut header = b"\x93NUMPY\x02\x00".to_vec();
    header.extend(((length - PREFIX) as u32).to_le_bytes());
    header.extend(dictionary(rows).as_bytes());
    header.resize(length - 1, b' ');
    header.push(b'\n');
    header
}

/// Magic, version 2 and the length of the dictionary.
const PREFIX: usize = 12;

/// An `.npy` file of f32, `[rows, *row shape]`, written row by row; it appears with [`NpyWriter::commit`].
///
/// ```
/// use saltatory::io::output::NpyWriter;
/// # let path = std::env::temp_dir().join(format!("saltatory-doc-{}.npy", std::process::id()));
/// let mut scores = NpyWriter::create(&path, &[10])?;
/// scores.write_row(&[0.5; 10])?;
/// scores.commit()?;
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), saltatory::Error>(())
/// ```
pub struct NpyWriter {
    rows: Rows,
}

impl NpyWriter {
    /// Begins a file of rows of `row_shape` each; `&[]`: of single numbers.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be created.
    pub fn create(path: impl AsRef<Path>, row_shape: &[usize]) -> Result<Self> {
        Self::begin(AtomicFile::create(path)?, row_shape)
    }

    /// As [`NpyWriter::create`], but what is not committed stays, for [`NpyWriter::reopen`].
    ///
    /// # Errors
    /// As [`NpyWriter::create`].
    pub fn kept(path: impl AsRef<Path>, row_shape: &[usize]) -> Result<Self> {
        Self::begin(AtomicFile::kept(path)?, row_shape)
    }

    fn begin(file: AtomicFile, row_shape: &[usize]) -> Result<Self> {
        let mut rows = Rows::new(file, NpyType::F32, row_shape)?;
        let header = rows.header();
        rows.file.write_all(&header).map_err(|e| Error::io(rows.file.target(), e))?;
        Ok(Self { rows })
    }

    /// Goes on with a file that was [`NpyWriter::kept`], after its first `rows` rows.
    ///
    /// # Errors
    /// [`Error::File`] where there are fewer.
    pub fn reopen(path: impl AsRef<Path>, row_shape: &[usize], rows: u64) -> Result<Self> {
        let header = header(NpyType::F32, row_shape, rows).len() as u64;
        let length = header.saturating_add(Rows::length(NpyType::F32, row_shape, rows));
        let mut all = Rows::new(AtomicFile::reopen(path, length)?, NpyType::F32, row_shape)?;
        all.count = rows;
        Ok(Self { rows: all })
    }

    /// Waits until the disk has every row; their number.
    ///
    /// # Errors
    /// [`Error::Io`] where they cannot be written.
    pub fn sync(&mut self) -> Result<u64> {
        self.rows.sync()
    }

    /// Removes the file.
    pub fn discard(self) {
        self.rows.file.discard();
    }

    /// Appends a row.
    ///
    /// # Errors
    /// [`Error::File`] where its length is not that of the row shape, [`Error::Io`] where it cannot be written.
    pub fn write_row(&mut self, row: &[f32]) -> Result<()> {
        self.rows.write(row.into())
    }

    /// Writes the number of rows into the header, and gives the file its name.
    ///
    /// # Errors
    /// [`Error::Io`]; the file that was there before is then untouched.
    pub fn commit(self) -> Result<()> {
        let header = self.rows.header();
        let mut file = self.rows.file;
        let patched = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&header));
        patched.map_err(|e| Error::io(file.target(), e))?;
        file.commit()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::io::dataset::{Dataset, Options};
    use crate::network::InputSpec;

    #[test]
    fn what_is_written_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.npy");
        let mut writer = NpyWriter::create(&path, &[2, 3]).unwrap();
        for row in 0..12 {
            writer.write_row(&[row as f32; 6]).unwrap();
        }
        assert!(writer.write_row(&[0.0; 5]).is_err());
        writer.commit().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len() % 64, 12 * 24 % 64);
        let spec = InputSpec { shape: vec![2, 3], ..InputSpec::default() };
        let read: Vec<_> = Dataset::open(&[path], &Options::of(&spec)).unwrap().map(|s| s.values.unwrap()).collect();
        assert_eq!(read.len(), 12);
        assert_eq!(read[11], [11.0; 6]);
    }

    #[test]
    fn the_header_is_as_long_for_any_number_of_rows() {
        let folder = tempfile::tempdir().unwrap();
        let file = AtomicFile::create(folder.path().join("a")).unwrap();
        let mut rows = Rows::new(file, NpyType::U16, &[]).unwrap();
        let empty = rows.header();
        rows.count = u64::MAX;
        assert_eq!(rows.header().len(), empty.len());
        assert!(String::from_utf8_lossy(&empty).contains("{'descr': '<u2', 'fortran_order': False, 'shape': (0,), }"));
    }
}
