//! The file as the HDF5 reader sees it, and how much of everything it may take.
//!
//! The reader follows addresses and sizes that the file states, so a hostile file chooses its work: two nodes of an
//! index that share their children cost time without end from a few bytes. Every step of such a walk reads
//! something, so reads are metered; what a dataset decodes to is checked against [`Budget`] before it is read.

use std::sync::atomic::{AtomicU64, Ordering};

use hdf5_pure::{FormatError, Source};

const MIB: u64 = 1 << 20;
/// What each read costs besides its bytes, so that empty ones end too.
const PER_READ: u64 = 64;

/// A whole file in memory; each read is paid for.
pub(super) struct Metered {
    bytes: Vec<u8>,
    metadata: AtomicU64,
    payload: AtomicU64,
}

impl Metered {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let length = bytes.len() as u64;
        // Parsed index entries are a few times the size of their bytes, so metadata gets less. A network of a
        // thousand nodes reads about a MiB of it.
        let metadata = AtomicU64::new(24 * MIB + 8 * length);
        let payload = AtomicU64::new(64 * MIB + 16 * length);
        Metered { bytes, metadata, payload }
    }

    fn read(&self, purse: &AtomicU64, offset: u64, length: usize) -> Result<&[u8], FormatError> {
        let cost = PER_READ + length as u64;
        purse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(cost)).map_err(|_| {
            FormatError::Source("its parts refer to each other more often than a sound file's do".into())
        })?;
        let start = usize::try_from(offset).ok().filter(|&s| s <= self.bytes.len());
        start
            .and_then(|s| self.bytes[s..].get(..length))
            .ok_or(FormatError::UnexpectedEof { expected: length, available: self.bytes.len() })
    }
}

impl Source for Metered {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FormatError> {
        buffer.copy_from_slice(self.read(&self.payload, offset, buffer.len())?);
        Ok(())
    }

    fn read_metadata_at(&self, offset: u64, length: usize) -> Result<Vec<u8>, FormatError> {
        self.read(&self.metadata, offset, length).map(<[u8]>::to_vec)
    }
}

/// What decoding may still cost: a file's arrays may be much larger than the file, since constant ones compress a
/// thousandfold, but not without end. Together with the file itself: at most 100 MiB and ten times the file.
pub(super) struct Budget {
    file: u64,
    kept: u64,
    decoded: u64,
}

impl Budget {
    pub(super) fn new(file: u64) -> Self {
        Budget { file, kept: 32 * MIB + 3 * file, decoded: 1024 * MIB + 64 * file }
    }

    /// Pays for decoding one dataset of `bytes`, stored in chunks of `chunk` bytes.
    pub(super) fn decode(&mut self, bytes: u64, chunk: u64) -> Result<(), String> {
        let (most, most_chunk) = (28 * MIB + 3 * self.file, 8 * MIB + self.file);
        if bytes > most || chunk > most_chunk {
            return Err(format!(
                "unpacks to {bytes} bytes (in chunks of {chunk}), more than {most} ({most_chunk}) cannot be sound in a file of {}",
                self.file
            ));
        }
        self.decoded = self.decoded.checked_sub(bytes + chunk).ok_or_else(|| self.too_much())?;
        Ok(())
    }

    /// Pays for keeping `bytes`.
    pub(super) fn keep(&mut self, bytes: u64) -> Result<(), String> {
        self.kept = self.kept.checked_sub(bytes).ok_or_else(|| self.too_much())?;
        Ok(())
    }

    /// The most values that one array of differing numbers may have: each becomes a row of coefficients.
    pub(super) fn most_numbers(&self) -> u64 {
        (3 << 17) + self.file / 4
    }

    fn too_much(&self) -> String {
        format!("is one array too many: together they unpack to more than is sound in a file of {} bytes", self.file)
    }
}
