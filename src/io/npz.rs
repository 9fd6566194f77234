//! The entries of a NumPy `.npz` file: a zip of `.npy` files, stored or deflated.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive};

use crate::error::{Error, Result};
use crate::io::array::{Array, CHUNK, Checked, Header, Origin, can_hold};
use crate::io::npy;

/// Under these names samples are looked for.
const SAMPLES: [&str; 4] = ["x", "inputs", "data", "images"];
/// Under this name the steps of each sample are looked for.
const LENGTHS: &str = "lengths";
/// Under these names labels are looked for.
const LABELS: [&str; 4] = ["y", "labels", "label", "targets"];

/// The array of samples: the only one that is neither labels nor lengths, else the one named as samples are.
pub(crate) fn samples(path: &Path) -> Result<Array> {
    let names = names(path)?;
    let rest: Vec<usize> =
        (0..names.len()).filter(|&i| !LABELS.contains(&names[i].as_str()) && names[i] != LENGTHS).collect();
    match (&names[..], &rest[..]) {
        ([_], _) => open(path, 0),
        (_, [only]) => open(path, *only),
        _ => match named(&names, &SAMPLES) {
            Some(index) => open(path, index),
            None => Err(Error::file(path, format!("expected one array, or one of {SAMPLES:?}, got {names:?}"))),
        },
    }
}

/// The array of labels beside the samples, if there is one.
pub(crate) fn labels(path: &Path) -> Result<Option<Array>> {
    let names = names(path)?;
    match named(&names, &LABELS) {
        Some(index) if names.len() > 1 => open(path, index).map(Some),
        _ => Ok(None),
    }
}

/// The array of the samples' steps beside them, if there is one.
pub(crate) fn lengths(path: &Path) -> Result<Option<Array>> {
    let names = names(path)?;
    match named(&names, &[LENGTHS]) {
        Some(index) if names.len() > 1 => open(path, index).map(Some),
        _ => Ok(None),
    }
}

/// The bytes of an entry, with its checksum checked at the end.
pub(crate) fn stream(path: &Path, index: usize) -> io::Result<Box<dyn Read + Send>> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    let entry = archive.by_index(index)?;
    let start = entry.data_start().ok_or(io::ErrorKind::InvalidData)?;
    let (packed, crc, method) = (entry.compressed_size(), entry.crc32(), entry.compression());
    drop(entry);
    let mut file = archive.into_inner();
    file.seek(SeekFrom::Start(start))?;
    let packed = BufReader::with_capacity(CHUNK, file.take(packed));
    Ok(match method {
        CompressionMethod::Stored => Box::new(Checked::new(packed, crc)),
        _ => Box::new(Checked::new(DeflateDecoder::new(packed), crc)),
    })
}

/// An array in the file.
pub(crate) struct Entry {
    /// Its name, without `.npy`.
    pub name: String,
    /// Its number, for [`stream`].
    pub index: usize,
    /// What its head says.
    pub header: Header,
}

/// All arrays; there may be none.
pub(crate) fn entries(path: &Path) -> Result<Vec<Entry>> {
    if archive(path)?.is_empty() {
        return Ok(Vec::new());
    }
    let entry = |(index, name)| Ok(Entry { name, index, header: open(path, index)?.header });
    names(path)?.into_iter().enumerate().map(entry).collect()
}

/// The names of all arrays, without `.npy`, in the order of the entries.
fn names(path: &Path) -> Result<Vec<String>> {
    let archive = archive(path)?;
    let names: Vec<String> = archive
        .file_names_raw()
        .map(|name| String::from_utf8_lossy(name.strip_suffix(b".npy").unwrap_or(name)).into_owned())
        .collect();
    if names.is_empty() { Err(Error::file(path, "expected an array, got an empty .npz file")) } else { Ok(names) }
}

fn named(names: &[String], wanted: &[&str]) -> Option<usize> {
    wanted.iter().find_map(|&want| names.iter().position(|name| name == want))
}

fn open(path: &Path, index: usize) -> Result<Array> {
    let fault = |e: zip::result::ZipError| Error::file(path, format!("array {index}: {e}"));
    let length = std::fs::metadata(path).map_err(|e| Error::io(path, e))?.len();
    let mut archive = archive(path)?;
    let mut entry = archive.by_index(index).map_err(fault)?;
    let (size, packed, start) = (entry.size(), entry.compressed_size(), entry.data_start().unwrap_or(u64::MAX));
    let holds = match entry.compression() {
        CompressionMethod::Stored => size == packed,
        CompressionMethod::Deflated => can_hold(packed, size),
        other => return Err(Error::Unsupported(format!("{}: entries packed with {other}", path.display()))),
    };
    if !holds || start.checked_add(packed).is_none_or(|end| end > length) {
        let message = format!("array {index}: expected {size} bytes in {packed} packed ones from byte {start}");
        return Err(Error::file(path, format!("{message}, got a file of {length}")));
    }
    let mut magic = [0; 4];
    entry.read_exact(&mut magic).map_err(|e| Error::file(path, format!("array {index}: {e}")))?;
    let array = Array::new(path, npy::header(magic, &mut entry, path)?, Origin::Zip(index))?;
    array.check_length(size)?;
    Ok(array)
}

fn archive(path: &Path) -> Result<ZipArchive<BufReader<File>>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    ZipArchive::new(BufReader::new(file)).map_err(|e| Error::file(path, format!("cannot read its .npz directory: {e}")))
}
