//! A safetensors file as bytes: read with its lengths checked first, written whole or not at all.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use half::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata, TensorView};

use crate::error::{Error, Result};
use crate::io::output::AtomicFile;

/// A file larger than this is taken for a mistake.
const MAX_BYTES: u64 = 1 << 34;

/// A header longer than this is not one (the format's own limit).
const MAX_HEADER: u64 = 100_000_000;

/// The tensors and metadata of a file.
pub(crate) struct Archive<'a> {
    /// The file, for messages.
    pub path: &'a Path,
    tensors: SafeTensors<'a>,
    metadata: Metadata,
}

/// One tensor as it stands in the file.
pub(crate) struct Entry<'a>(TensorView<'a>);

/// The bytes of a file, once the length it claims for its header fits in it.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    let io = |e| Error::io(path, e);
    let mut file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut bytes = Vec::new();
    Read::by_ref(&mut file).take(8).read_to_end(&mut bytes).map_err(io)?;
    let Ok(claim) = <[u8; 8]>::try_from(bytes.as_slice()).map(u64::from_le_bytes) else {
        return Err(Error::file(path, format!("expected safetensors, got a file of {} bytes", bytes.len())));
    };
    if claim > MAX_HEADER || claim > length.saturating_sub(8) {
        let message = format!("expected safetensors: the header is to have {claim} bytes, the file has {length}");
        return Err(Error::file_at(path, 0, message));
    }
    if length > MAX_BYTES {
        return Err(Error::file(path, format!("expected at most {MAX_BYTES} bytes, got {length}")));
    }
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Writes a file beside `path` and renames it, so that no half-written one is ever there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    // Threads may write the same one.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    AtomicFile::with_suffix(path, &format!(".{}", COUNT.fetch_add(1, Ordering::Relaxed)))?.write_whole(bytes)
}

impl<'a> Archive<'a> {
    /// Reads the header and checks it against the length of the file.
    pub fn new(path: &'a Path, bytes: &'a [u8]) -> Result<Self> {
        let failed = |e: safetensors::SafeTensorError| Error::file(path, format!("expected safetensors: {e}"));
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(failed)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(failed)?;
        Ok(Archive { path, tensors, metadata })
    }

    /// The names of all tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().map(|(name, _)| name)
    }

    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<Entry<'a>> {
        self.tensors.tensor(name).ok().map(Entry)
    }

    /// A value of the metadata.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.metadata().as_ref()?.get(key).map(String::as_str)
    }
}

impl Entry<'_> {
    /// The extent of each axis.
    pub fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    /// The values of a weight.
    pub fn floats(&self) -> Result<Vec<f32>, String> {
        let bytes = self.0.data();
        match self.0.dtype() {
            Dtype::F32 => Ok(decode(bytes, f32::from_le_bytes)),
            Dtype::F64 => Ok(decode(bytes, |b| f64::from_le_bytes(b) as f32)),
            Dtype::F16 => Ok(decode(bytes, |b| f16::from_le_bytes(b).to_f32())),
            Dtype::BF16 => Ok(decode(bytes, |b| bf16::from_le_bytes(b).to_f32())),
            other => Err(format!("expected values of type F32, F64, F16 or BF16, got {other}")),
        }
    }

    /// Whole numbers that count or number something.
    pub fn indices(&self) -> Result<Vec<u32>, String> {
        let bytes = self.0.data();
        let numbers: Vec<i64> = match self.0.dtype() {
            Dtype::U32 => return Ok(decode(bytes, u32::from_le_bytes)),
            Dtype::I64 => decode(bytes, i64::from_le_bytes),
            Dtype::I32 => decode(bytes, |b| i32::from_le_bytes(b).into()),
            other => return Err(format!("expected whole numbers of type U32, I32 or I64, got {other}")),
        };
        let number = |(at, &n): (usize, &i64)| {
            u32::try_from(n).map_err(|_| format!("expected numbers from 0 to {}, got {n} at element {at}", u32::MAX))
        };
        numbers.iter().enumerate().map(number).collect()
    }

    /// The values of a neuron's parameter, which may be whole numbers.
    pub fn numbers(&self) -> Result<Vec<f64>, String> {
        let bytes = self.0.data();
        Ok(match self.0.dtype() {
            Dtype::F64 => decode(bytes, f64::from_le_bytes),
            Dtype::I64 => decode(bytes, |b| i64::from_le_bytes(b) as f64),
            Dtype::I32 => decode(bytes, |b| f64::from(i32::from_le_bytes(b))),
            Dtype::I16 => decode(bytes, |b| f64::from(i16::from_le_bytes(b))),
            Dtype::I8 => decode(bytes, |b| f64::from(i8::from_le_bytes(b))),
            Dtype::U8 => decode(bytes, |[b]| f64::from(b)),
            _ => self.floats()?.into_iter().map(f64::from).collect(),
        })
    }
}

fn decode<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|&chunk| value(chunk)).collect()
}
