//! The classes of samples, one whole number each.
//!
//! Read from IDX or `.npy`, plain or packed with gzip; from `.npz` with an array named `y`, `labels`, `label` or `targets`;
//! else from CSV: one column, or one named `label`, `class`, `target` or `y`, or of two columns without such a name the
//! second. Labels belong to samples by their order alone: file names in a CSV are not looked at.

use std::fs::File;
use std::path::Path;

use csv::StringRecord;

use crate::error::{Error, Result};
use crate::io::array::{Array, first_bytes};
use crate::io::{idx, npz};

/// Reads all labels of a file.
///
/// # Errors
/// A file that cannot be read, has no labels, or has one that is not a whole number from 0, naming its row.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u32>> {
    let path = path.as_ref();
    let first = first_bytes(path)?;
    if first.starts_with(b"PK\x03\x04") {
        let array = npz::labels(path)?.map_or_else(|| npz::samples(path), Ok)?;
        of_array(array)
    } else if first.starts_with(b"\x93NUMPY") || first.starts_with(&[0x1f, 0x8b]) || idx::is_magic(&first) {
        of_array(Array::open(path)?)
    } else {
        of_csv(path)
    }
}

/// Reads labels from an array of one axis.
pub(crate) fn of_array(mut array: Array) -> Result<Vec<u32>> {
    let shape = &array.header.shape;
    if shape.iter().filter(|&&d| d != 1).count() > 1 || array.len() == 0 {
        return Err(array.error(format!("expected labels of shape [N], got {shape:?}")));
    }
    if !array.is_checked() && array.len() > MOST_PACKED {
        let message = format!("expected at most {MOST_PACKED} labels in a packed file, got {}: unpack it", array.len());
        return Err(array.error(message));
    }
    let mut labels = Vec::with_capacity(array.len());
    let mut fault = None;
    array.read(0, array.len(), &mut |x| match label(x) {
        Some(label) => labels.push(label),
        None if fault.is_none() => fault = Some((labels.len(), x)),
        None => {}
    })?;
    array.finish()?;
    match fault {
        Some((row, x)) => Err(array.error(format!("label {row}: {EXPECTED}, got {x}"))),
        None => Ok(labels),
    }
}

/// More labels than this are not unpacked: a small file could otherwise take gigabytes.
const MOST_PACKED: usize = 1 << 24;

const EXPECTED: &str = "expected a whole number from 0";

fn label(x: f64) -> Option<u32> {
    (x.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&x)).then_some(x as u32)
}

fn of_csv(path: &Path) -> Result<Vec<u32>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let mut records =
        csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(file).into_records();
    let fault = |e: csv::Error| Error::file(path, format!("cannot read CSV: {e}"));
    let Some(first) = records.next().transpose().map_err(fault)? else {
        return Err(Error::file(path, "expected labels, got none"));
    };
    let (column, has_head) = column(&first).map_err(|message| Error::file(path, message))?;
    let mut labels = Vec::new();
    if !has_head {
        labels.push(of_record(&first, column, path)?);
    }
    for record in records {
        labels.push(of_record(&record.map_err(fault)?, column, path)?);
    }
    if labels.is_empty() { Err(Error::file(path, "expected labels, got a header only")) } else { Ok(labels) }
}

/// The column of labels, and whether the first row is a header.
fn column(first: &StringRecord) -> Result<(usize, bool), String> {
    let is_name = |field: &str| ["label", "class", "target", "y"].contains(&field.to_lowercase().as_str());
    if let Some(column) = first.iter().position(is_name) {
        return Ok((column, true));
    }
    let column = match first.len() {
        1 => 0,
        2 => 1,
        n => return Err(format!("expected one column, two, or one named label, class, target or y, got {n} columns")),
    };
    Ok((column, first[column].parse::<f64>().is_err()))
}

fn of_record(record: &StringRecord, column: usize, path: &Path) -> Result<u32> {
    let text = record.get(column).unwrap_or_default();
    text.parse().ok().and_then(label).ok_or_else(|| {
        let row = record.position().map_or(0, csv::Position::line);
        Error::file(path, format!("row {row}: {EXPECTED}, got `{}`", text.chars().take(40).collect::<String>()))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(content: &[u8]) -> Result<Vec<u32>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels");
        std::fs::write(&path, content).unwrap();
        read(path)
    }

    #[test]
    fn csv_with_and_without_header() {
        assert_eq!(of(b"3\n1\n\n2\n").unwrap(), [3, 1, 2]);
        assert_eq!(of(b"\xef\xbb\xbflabel\r\n3\r\n1").unwrap(), [3, 1]);
        assert_eq!(of(b"class id\n3\n1").unwrap(), [3, 1]);
        assert_eq!(of(b"a.png,3\nb.png, 1.0\n").unwrap(), [3, 1]);
        assert_eq!(of(b"name,number\na.png,3\n").unwrap(), [3]);
        assert_eq!(of(b"Y,a,b\n3,x,y\n4,x,y\n").unwrap(), [3, 4]);
    }

    #[test]
    fn csv_faults_name_the_row() {
        for (content, part) in [
            (&b"1\n-1\n"[..], "row 2: expected a whole number from 0, got `-1`"),
            (b"label\n1\n0.5\n", "row 3"),
            (b"-4\n", "row 1"),
            (b"1\nnan\n", "row 2"),
            (b"1\n4294967296\n", "row 2"),
            (b"1\ncat\n", "row 2"),
            (b"1,2,3\n", "got 3 columns"),
            (b"1,2\n3\n", "cannot read CSV"),
            (b"label\n", "header only"),
            (b"", "got none"),
        ] {
            let message = of(content).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn idx_plain_and_packed() {
        let idx = [0, 0, 8, 1, 0, 0, 0, 3, 9, 0, 5];
        assert_eq!(of(&idx).unwrap(), [9, 0, 5]);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packed, &idx).unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(of(&packed).unwrap(), [9, 0, 5]);
        assert!(of(&packed[..packed.len() - 1]).is_err());
        assert!(of(&idx[..10]).is_err());
        assert!(of(&[0, 0, 9, 1, 0, 0, 0, 2, 0, 0xff]).unwrap_err().to_string().contains("label 1"));
    }
}
