//! The predictions of all shards in one table.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use saltatory::io::output::AtomicFile;
use saltatory::{Error, Result};

use super::parts::Part;
use crate::cli::predictions::Format;
#[cfg(feature = "arrow")]
use crate::cli::predictions::{Batches, Joined};

/// A table that waits for its name.
pub enum Table {
    Csv(AtomicFile),
    #[cfg(feature = "arrow")]
    Arrow(Joined),
}

impl Table {
    /// Gives the file its name.
    pub fn commit(self) -> Result<()> {
        match self {
            Table::Csv(file) => file.commit(),
            #[cfg(feature = "arrow")]
            Table::Arrow(joined) => joined.commit(),
        }
    }
}

/// The predictions of all shards, checked.
pub fn predictions(target: &Path, parts: &[Part]) -> Result<Table> {
    let format = Format::of(target);
    format.check(target)?;
    for part in parts {
        let (path, _) = part.file("predictions")?;
        let of = Format::of(&path);
        of.check(&path)?;
        // A CSV does not say why a sample was bad.
        if (of == Format::Csv) != (format == Format::Csv) {
            let message = format!("expected {} to join as {}, got {}", format.name(), target.display(), of.name());
            return Err(Error::file(path, message));
        }
    }
    match format {
        #[cfg(feature = "arrow")]
        Format::Arrow | Format::Parquet => arrow(target, format, parts).map(Table::Arrow),
        _ => csv(target, parts).map(Table::Csv),
    }
}

/// Those in Arrow or Parquet.
#[cfg(feature = "arrow")]
fn arrow(target: &Path, format: Format, parts: &[Part]) -> Result<Joined> {
    let batches = |part: &Part| {
        let path = part.checked("predictions")?;
        Batches::open(&path, Format::of(&path))
    };
    let (first, rest) = parts.split_first().ok_or_else(|| Error::Request("expected at least one report".into()))?;
    let mut joined = Joined::create(AtomicFile::create(target)?, format, batches(first)?)?;
    rest.iter().try_for_each(|part| joined.add(batches(part)?))?;
    Ok(joined)
}

/// Those in CSV, under one header.
fn csv(target: &Path, parts: &[Part]) -> Result<AtomicFile> {
    let mut whole = AtomicFile::create(target)?;
    for (i, part) in parts.iter().enumerate() {
        let (checked, written) = part.open("predictions")?;
        let mut reader = BufReader::with_capacity(1 << 16, checked);
        let fault = |e: std::io::Error| Error::io(&written.path, e);
        let header = header(&mut reader).map_err(fault)?;
        if i == 0 {
            whole.write_all(&header).map_err(|e| Error::io(target, e))?;
        }
        std::io::copy(&mut reader, &mut whole).map_err(fault)?;
        reader.get_ref().check(written)?;
    }
    Ok(whole)
}

/// The first line of a CSV; the name of a class may hold a line break, in quotes.
fn header(reader: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let (mut header, mut quoted) = (Vec::new(), false);
    for byte in reader.bytes() {
        let byte = byte?;
        quoted ^= byte == b'"';
        header.push(byte);
        if byte == b'\n' && !quoted {
            break;
        }
    }
    Ok(header)
}
