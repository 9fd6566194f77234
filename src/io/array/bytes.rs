//! The bytes of an array file: read in order where they are compressed, anywhere where they are not.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Bytes that know how far they have been read.
pub(crate) struct Bytes {
    reader: Reader,
    at: u64,
}

enum Reader {
    File(BufReader<File>),
    Stream(Box<dyn Read + Send>),
}

impl Bytes {
    /// The bytes of a file, from its beginning.
    pub fn file(file: File) -> Self {
        Self { reader: Reader::File(BufReader::with_capacity(CHUNK, file)), at: 0 }
    }

    /// Bytes that can only be read in order.
    pub fn stream(reader: impl Read + Send + 'static) -> Self {
        Self { reader: Reader::Stream(Box::new(reader)), at: 0 }
    }

    /// Fills `buffer` from `offset` on. A stream skips forward, and cannot go back.
    pub fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.go_to(offset)?;
        match &mut self.reader {
            Reader::File(file) => file.read_exact(buffer)?,
            Reader::Stream(stream) => stream.read_exact(buffer)?,
        }
        self.at += buffer.len() as u64;
        Ok(())
    }

    /// Whether nothing follows `offset`. Checksums are checked on the way.
    pub fn ends_at(&mut self, offset: u64) -> io::Result<bool> {
        self.go_to(offset)?;
        let rest = match &mut self.reader {
            Reader::File(file) => file.read(&mut [0])?,
            Reader::Stream(stream) => stream.read(&mut [0])?,
        };
        self.at += rest as u64;
        Ok(rest == 0)
    }

    fn go_to(&mut self, offset: u64) -> io::Result<()> {
        if offset != self.at {
            let skipped = self.skip(offset)?;
            self.at = skipped;
        }
        if self.at == offset { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn skip(&mut self, offset: u64) -> io::Result<u64> {
        match &mut self.reader {
            Reader::File(file) => match i64::try_from(i128::from(offset) - i128::from(self.at)) {
                Ok(distance) => file.seek_relative(distance).map(|()| offset),
                Err(_) => file.seek(SeekFrom::Start(offset)),
            },
            Reader::Stream(stream) => {
                let forward = offset.checked_sub(self.at).ok_or(io::ErrorKind::NotSeekable)?;
                Ok(self.at + io::copy(&mut stream.take(forward), &mut io::sink())?)
            }
        }
    }
}

/// Bytes read at a time.
pub(crate) const CHUNK: usize = 1 << 16;

/// No deflate stream is more than this many times smaller than what it holds.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// Whether `compressed` bytes of deflate can hold `expanded` bytes.
pub(crate) fn can_hold(compressed: u64, expanded: u64) -> bool {
    expanded <= compressed.saturating_mul(MAX_DEFLATE_RATIO)
}

/// Copies at most `limit` bytes of a stream into a nameless file that can be read anywhere.
pub(crate) fn spill(stream: impl Read, limit: u64) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut stream.take(limit), &mut file)?;
    file.rewind()?;
    Ok(file)
}

/// Passes bytes on, and fails at their end where they do not add up to a CRC-32.
pub(crate) struct Checked<R> {
    inner: R,
    crc: flate2::Crc,
    expected: u32,
}

impl<R: Read> Checked<R> {
    /// Checks what `inner` gives against `expected`.
    pub fn new(inner: R, expected: u32) -> Self {
        Self { inner, crc: flate2::Crc::new(), expected }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.crc.update(&buffer[..n]);
        if n == 0 && !buffer.is_empty() && self.crc.sum() != self.expected {
            let message = format!("expected checksum {:08x}, got {:08x}", self.expected, self.crc.sum());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stream_skips_forward_and_never_back() {
        let mut bytes = Bytes::stream(&[0u8, 1, 2, 3, 4][..]);
        let mut two = [0; 2];
        bytes.read_exact_at(2, &mut two).unwrap();
        assert_eq!(two, [2, 3]);
        assert!(bytes.read_exact_at(0, &mut two).is_err());
        assert!(!bytes.ends_at(4).unwrap());
        assert!(bytes.ends_at(5).unwrap());
        assert!(bytes.read_exact_at(90, &mut two).is_err());
    }

    #[test]
    fn a_spilled_stream_can_be_read_anywhere() {
        let mut bytes = Bytes::file(spill(&[0u8, 1, 2, 3][..], 10).unwrap());
        let mut one = [9];
        bytes.read_exact_at(3, &mut one).unwrap();
        assert_eq!(one, [3]);
        bytes.read_exact_at(1, &mut one).unwrap();
        assert_eq!(one, [1]);
        assert!(bytes.read_exact_at(4, &mut one).is_err());
    }

    #[test]
    fn a_wrong_checksum_shows_at_the_end() {
        let mut crc = flate2::Crc::new();
        crc.update(b"spike");
        let sum = crc.sum();
        assert!(Checked::new(&b"spike"[..], sum).read_to_end(&mut Vec::new()).is_ok());
        assert!(Checked::new(&b"spikes"[..], sum).read_to_end(&mut Vec::new()).is_err());
    }
}
