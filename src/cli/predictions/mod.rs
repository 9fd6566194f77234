//! The predictions of a run as a table, a row for each sample: CSV, Arrow or Parquet by the name of the file.

#[cfg(feature = "arrow")]
mod columns;
mod csv;
#[cfg(feature = "arrow")]
mod joined;
#[cfg(feature = "arrow")]
mod table;

#[cfg(feature = "arrow")]
pub use joined::{Batches, Joined};

use std::path::Path;

use saltatory::{Error, Result};

use super::batch::outputs::Form;
use super::sinks::Row;

/// The format of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    /// Arrow IPC, the file format.
    Arrow,
    Parquet,
}

impl Format {
    /// That which the extension names: CSV if none is known.
    pub fn of(path: &Path) -> Format {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "arrow" | "feather" | "ipc" => Format::Arrow,
            "parquet" => Format::Parquet,
            _ => Format::Csv,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "CSV",
            Format::Arrow => "Arrow",
            Format::Parquet => "Parquet",
        }
    }

    /// Refuses what this build cannot write.
    pub fn check(self, path: &Path) -> Result<()> {
        if self == Format::Csv || cfg!(feature = "arrow") {
            return Ok(());
        }
        let message = format!(
            "expected the name of a .csv file, as this build writes no {}: `cargo build --release --features arrow` makes \
             one that does",
            self.name()
        );
        Err(Error::file(path, message))
    }
}

/// A table that grows row by row, kept until it gets its name.
pub trait Predictions: Send {
    /// Writes a row.
    fn write(&mut self, row: &Row<'_>) -> Result<()>;
    /// Waits until the disk has every row; the length in bytes, after which [`open`] goes on.
    fn sync(&mut self) -> Result<u64>;
    /// Ends the file and gives it its name.
    fn commit(self: Box<Self>) -> Result<()>;
    /// Removes the file.
    fn discard(self: Box<Self>);
}

/// Begins a table, or goes on after the first `length` bytes.
pub fn open(path: &Path, form: &Form, length: Option<u64>) -> Result<Box<dyn Predictions>> {
    let format = Format::of(path);
    format.check(path)?;
    match format {
        #[cfg(feature = "arrow")]
        Format::Arrow | Format::Parquet => Ok(Box::new(table::Table::open(path, format, form, length)?)),
        _ => Ok(Box::new(csv::Csv::open(path, form, length)?)),
    }
}
