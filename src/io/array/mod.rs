//! An array in a file, its numbers read in pieces: `.npy`, an entry of `.npz`, or IDX, plain or compressed.

mod axes;
mod bytes;
mod element;
mod samples;

pub(crate) use axes::{Axes, fit};
pub(crate) use bytes::{Bytes, CHUNK, Checked, can_hold, spill};
pub(crate) use element::{Element, Kind};
pub(crate) use samples::Samples;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};
use crate::io::{idx, npy, npz};
use crate::tensor::{Shape, element_count};

/// What the head of an array file says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    /// The type of the numbers.
    pub element: Element,
    /// The extents, outermost first.
    pub shape: Shape,
    /// Where the numbers begin.
    pub start: u64,
}

/// Where an array's bytes are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Origin {
    /// In the file as they are.
    Plain,
    /// In the file, packed with gzip.
    Gzip,
    /// In an entry of a zip, by index.
    Zip(usize),
}

/// An array of which nothing is held but its shape. The file is opened at the first number that is asked for.
pub(crate) struct Array {
    /// The file.
    pub path: PathBuf,
    /// What its head says.
    pub header: Header,
    origin: Origin,
    /// Whether numbers are asked for out of order.
    random: bool,
    bytes: Option<Bytes>,
    broken: Option<String>,
}

impl Array {
    /// Opens an `.npy` or IDX file, plain or packed with gzip, by what it begins with.
    pub fn open(path: &Path) -> Result<Self> {
        let mut head = File::open(path).map_err(|e| Error::io(path, e))?;
        let length = head.metadata().map_err(|e| Error::io(path, e))?.len();
        if !is_gzip(path)? {
            let array = Self::new(path, header(&mut head, path)?, Origin::Plain)?;
            array.check_length(length)?;
            return Ok(array);
        }
        let array = Self::new(path, header(&mut gzip(head), path)?, Origin::Gzip)?;
        match can_hold(length, array.end()?) {
            true => Ok(array),
            false => {
                Err(array.error(format!("expected {} bytes, which {length} packed bytes cannot hold", array.end()?)))
            }
        }
    }

    /// An array whose head has been read.
    pub fn new(path: &Path, header: Header, origin: Origin) -> Result<Self> {
        let array = Self { path: path.to_owned(), header, origin, random: false, bytes: None, broken: None };
        array.end().map(|_| array)
    }

    /// Fails where the file, or the entry, is not as long as its head says.
    pub fn check_length(&self, length: u64) -> Result<()> {
        let expected = self.end()?;
        if length == expected {
            return Ok(());
        }
        let shape = &self.header.shape;
        Err(Error::file_at(
            &self.path,
            length.min(expected),
            format!("shape {shape:?} takes {expected} bytes with its header, got {length}"),
        ))
    }

    /// Says that numbers will be asked for out of order.
    pub fn read_anywhere(&mut self) {
        self.random = true;
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        element_count(&self.header.shape).unwrap_or(0)
    }

    /// Whether the length of the data has been checked, so that it can be trusted.
    pub fn is_checked(&self) -> bool {
        self.origin == Origin::Plain
    }

    /// Gives `each` the `count` numbers from element `from` on. After a failure every further call fails for its reason.
    pub fn read(&mut self, from: usize, count: usize, each: &mut impl FnMut(f64)) -> Result<()> {
        let element = self.header.element;
        let size = element.kind.size();
        let mut buffer = vec![0; (count.saturating_mul(size)).min(CHUNK)];
        let mut at = self.header.start + from as u64 * size as u64;
        let mut rest = count * size;
        while rest > 0 {
            let piece = rest.min(CHUNK);
            self.with_bytes(at, |bytes| bytes.read_exact_at(at, &mut buffer[..piece]))?;
            element.decode(&buffer[..piece], each);
            at += piece as u64;
            rest -= piece;
        }
        Ok(())
    }

    /// Fails where something follows the last number, or a checksum is wrong; closes the file.
    pub fn finish(&mut self) -> Result<()> {
        let end = self.end()?;
        let ends = self.with_bytes(end, |bytes| bytes.ends_at(end))?;
        self.bytes = None;
        if ends { Ok(()) } else { Err(Error::file_at(&self.path, end, "expected the end of the data, got more")) }
    }

    /// An error that names the file.
    pub fn error(&self, message: impl Into<String>) -> Error {
        Error::file(&self.path, message)
    }

    fn with_bytes<T>(&mut self, at: u64, read: impl FnOnce(&mut Bytes) -> std::io::Result<T>) -> Result<T> {
        if let Some(reason) = &self.broken {
            return Err(self.error(reason));
        }
        let end = self.end()?;
        let result = match &mut self.bytes {
            Some(bytes) => read(bytes),
            closed => connect(&self.path, self.origin, self.random, end).and_then(|bytes| read(closed.insert(bytes))),
        };
        result.map_err(|e| {
            let reason = format!("expected {end} bytes, got to byte {at}: {e}");
            self.bytes = None;
            self.broken = Some(reason.clone());
            self.error(reason)
        })
    }

    /// Where the numbers end.
    fn end(&self) -> Result<u64> {
        let size = self.header.element.kind.size();
        element_count(&self.header.shape)
            .and_then(|n| n.checked_mul(size))
            .and_then(|n| self.header.start.checked_add(n as u64))
            .ok_or_else(|| self.error(format!("shape {:?} has more elements than can be addressed", self.header.shape)))
    }
}

fn connect(path: &Path, origin: Origin, random: bool, end: u64) -> std::io::Result<Bytes> {
    // One byte more than is needed, so that data which goes on is seen.
    match origin {
        Origin::Plain => Ok(Bytes::file(File::open(path)?)),
        Origin::Gzip if random => spill(gzip(File::open(path)?), end.saturating_add(1)).map(Bytes::file),
        Origin::Gzip => Ok(Bytes::stream(gzip(File::open(path)?))),
        Origin::Zip(index) if random => spill(npz::stream(path, index)?, end.saturating_add(1)).map(Bytes::file),
        Origin::Zip(index) => npz::stream(path, index).map(Bytes::stream),
    }
}

fn header(reader: &mut impl Read, path: &Path) -> Result<Header> {
    let mut magic = [0; 4];
    reader.read_exact(&mut magic).map_err(|e| Error::file(path, format!("cannot read its header: {e}")))?;
    match magic {
        [0x93, b'N', b'U', b'M'] => npy::header(magic, reader, path),
        [0, 0, _, _] => idx::header(magic, reader, path),
        _ => Err(Error::file(path, format!("expected an .npy or IDX file, got one that begins with {magic:02x?}"))),
    }
}

fn is_gzip(path: &Path) -> Result<bool> {
    Ok(first_bytes(path)?.starts_with(&[0x1f, 0x8b]))
}

/// The first eight bytes of a file, or fewer.
pub(crate) fn first_bytes(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let mut bytes = Vec::with_capacity(8);
    file.take(8).read_to_end(&mut bytes).map_err(|e| Error::io(path, e))?;
    Ok(bytes)
}

fn gzip(file: File) -> MultiGzDecoder<BufReader<File>> {
    MultiGzDecoder::new(BufReader::with_capacity(CHUNK, file))
}
