//! `.npz` files of the same arrays, such as the recordings of a run in parts, joined: their rows one after the other.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::io::npz::{self, Entry};
use crate::io::output::{NpyType, NpzWriter};

/// Writes the arrays of all `parts`, files and their numbers of rows, into `target`; memory does not grow with them.
///
/// A part without arrays, which is one whose samples were all bad, has rows in which nothing happened: zeros where
/// numbers are whole, else NaN.
///
/// # Errors
/// [`Error::File`] where a part has other arrays than the one before, or other numbers of rows; [`Error::Io`].
pub fn join_npz(target: impl AsRef<Path>, parts: &[(PathBuf, u64)]) -> Result<NpzWriter> {
    let mut whole = NpzWriter::create(target)?;
    let parts: Vec<Part> = parts.iter().map(|(path, rows)| Part::open(path, *rows)).collect::<Result<_>>()?;
    let Some(first) = parts.iter().find(|part| !part.arrays.is_empty()) else { return Ok(whole) };
    for other in parts.iter().filter(|part| !part.arrays.is_empty()) {
        if other.forms() != first.forms() {
            let message = format!("expected the arrays {:?} as in {}", first.forms(), first.path.display());
            return Err(Error::file(other.path, format!("{message}, got {:?}", other.forms())));
        }
    }
    for (i, array) in first.arrays.iter().enumerate() {
        let number = whole.array(&array.entry.name, array.kind, array.row_shape())?;
        for part in &parts {
            match part.arrays.get(i) {
                Some(array) => {
                    let mut rows = array.rows(part.path)?;
                    whole.copy_rows(number, &mut rows, part.rows)?;
                    // At the end of an array its checksum is checked.
                    std::io::copy(&mut rows, &mut std::io::sink()).map_err(|e| Error::io(part.path, e))?;
                }
                None => whole.copy_rows(number, &mut blank(array.kind), part.rows)?,
            }
        }
    }
    Ok(whole)
}

/// A file and what is in it.
struct Part<'a> {
    path: &'a Path,
    rows: u64,
    arrays: Vec<Array>,
}

impl Part<'_> {
    fn open(path: &Path, rows: u64) -> Result<Part<'_>> {
        let arrays: Vec<Array> = npz::entries(path)?.into_iter().map(|e| Array::of(e, path)).collect::<Result<_>>()?;
        match arrays.iter().find(|array| array.entry.header.shape.first().map(|&n| n as u64) != Some(rows)) {
            Some(array) => {
                let (name, shape) = (&array.entry.name, &array.entry.header.shape);
                Err(Error::file(path, format!("array `{name}`: expected {rows} rows, got the shape {shape:?}")))
            }
            None => Ok(Part { path, rows, arrays }),
        }
    }

    /// What parts that are joined have in common: name, type and shape of a row of every array.
    fn forms(&self) -> Vec<(&str, NpyType, &[usize])> {
        self.arrays.iter().map(|array| (array.entry.name.as_str(), array.kind, array.row_shape())).collect()
    }
}

struct Array {
    entry: Entry,
    kind: NpyType,
}

impl Array {
    fn of(entry: Entry, path: &Path) -> Result<Array> {
        match NpyType::of(entry.header.element) {
            Some(kind) => Ok(Array { entry, kind }),
            None => {
                let (name, element) = (&entry.name, entry.header.element);
                let message = format!("array `{name}`: expected little-endian f32, u8 or u16, got {element:?}");
                Err(Error::file(path, message))
            }
        }
    }

    fn row_shape(&self) -> &[usize] {
        self.entry.header.shape.get(1..).unwrap_or_default()
    }

    /// The bytes of its rows.
    fn rows(&self, path: &Path) -> Result<Box<dyn Read + Send>> {
        let fault = |e| Error::io(path, e);
        let mut bytes = npz::stream(path, self.entry.index).map_err(fault)?;
        std::io::copy(&mut bytes.by_ref().take(self.entry.header.start), &mut std::io::sink()).map_err(fault)?;
        Ok(bytes)
    }
}

/// Numbers that say that nothing happened, without end.
fn blank(kind: NpyType) -> Box<dyn Read> {
    match kind {
        NpyType::F32 => Box::new(Nan(0)),
        NpyType::U8 | NpyType::U16 | NpyType::U32 | NpyType::F64 => Box::new(std::io::repeat(0)),
    }
}

/// The bytes of NaN again and again; how many have been read.
struct Nan(usize);

impl Read for Nan {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = f32::NAN.to_le_bytes();
        for byte in buffer.iter_mut() {
            *byte = bytes[self.0 % 4];
            self.0 += 1;
        }
        Ok(buffer.len())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn write(path: &Path, rows: &[[f32; 2]], counts: &[u16]) {
        let mut npz = NpzWriter::create(path).unwrap();
        if !rows.is_empty() {
            let (x, n) = (npz.array("a.v", NpyType::F32, &[2]).unwrap(), npz.array("a.n", NpyType::U16, &[]).unwrap());
            rows.iter().for_each(|row| npz.write_row(x, &row[..]).unwrap());
            counts.iter().for_each(|&count| npz.write_row(n, &[count][..]).unwrap());
        }
        npz.commit().unwrap();
    }

    #[test]
    fn parts_join_into_what_is_written_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write(&path("1.npz"), &[], &[]);
        write(&path("2.npz"), &[[1.0, f32::NAN], [3.0, -0.0]], &[7, 8]);
        write(&path("3.npz"), &[[5.0, 6.0]], &[9]);
        let nan = [f32::NAN; 2];
        write(&path("all.npz"), &[nan, nan, [1.0, f32::NAN], [3.0, -0.0], [5.0, 6.0]], &[0, 0, 7, 8, 9]);
        let parts = [(path("1.npz"), 2), (path("2.npz"), 2), (path("3.npz"), 1)];
        join_npz(path("joined.npz"), &parts).unwrap().commit().unwrap();
        assert!(std::fs::read(path("joined.npz")).unwrap() == std::fs::read(path("all.npz")).unwrap());
        assert!(join_npz(path("x.npz"), &[(path("2.npz"), 3)]).err().unwrap().to_string().contains("3 rows"));
        let mut other = NpzWriter::create(path("4.npz")).unwrap();
        other.array("b", NpyType::U8, &[1]).unwrap();
        other.commit().unwrap();
        let message = join_npz(path("x.npz"), &[(path("2.npz"), 2), (path("4.npz"), 0)]).err().unwrap().to_string();
        assert!(message.contains("4.npz") && message.contains("a.n"), "{message}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 6);
    }
}
