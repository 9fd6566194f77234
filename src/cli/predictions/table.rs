//! Predictions as Arrow or Parquet. Both end with a footer, so neither can be cut and gone on with after a crash.
//!
//! While a run goes on, its rows are an Arrow stream, whose batches can: `.NAME.partial`. When all are there it is read
//! through once, and written as what was asked for. That file gets its name before the stream goes: what kills the run in
//! between leaves the stream, of which the same file is made again.

use std::io::Write;
use std::path::{Path, PathBuf};

use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use saltatory::io::output::AtomicFile;
use saltatory::{Error, Result};

use super::columns::{Builder, schema, width};
use super::joined::{Batches, Joined, fault};
use super::{Format, Predictions};
use crate::cli::batch::outputs::Form;
use crate::cli::sinks::Row;

/// The table on its way.
pub struct Table {
    format: Format,
    target: PathBuf,
    columns: Builder,
    /// What is not in the file yet.
    stream: StreamWriter<Vec<u8>>,
    file: AtomicFile,
}

impl Table {
    /// Begins the table, or goes on after the first `length` bytes of its stream.
    pub fn open(path: &Path, format: Format, form: &Form, length: Option<u64>) -> Result<Table> {
        let Some(schema) = schema(form) else {
            let message = format!("expected rows of at most {} scores, got the shape {:?}", i32::MAX, form.row);
            return Err(Error::file(path, message));
        };
        let scores = width(&schema).unwrap_or(0);
        let mut stream = StreamWriter::try_new(Vec::new(), &schema).map_err(|e| fault(path, e))?;
        if length.is_some() {
            // The schema is there already.
            stream.get_mut().clear();
        }
        let file = AtomicFile::reopen(path, length.unwrap_or(0))?;
        Ok(Table { format, target: path.to_owned(), columns: Builder::new(schema.into(), scores), stream, file })
    }

    /// Hands the rows so far to the file.
    fn flush(&mut self) -> Result<()> {
        let Table { columns, stream, file, target, .. } = self;
        let mut write = || -> Result<(), ArrowError> {
            if let Some(batch) = columns.take()? {
                stream.write(&batch)?;
            }
            file.write_all(stream.get_ref())?;
            stream.get_mut().clear();
            Ok(())
        };
        write().map_err(|e| fault(target, e))
    }
}

impl Predictions for Table {
    fn write(&mut self, row: &Row<'_>) -> Result<()> {
        self.columns.push(row);
        if self.columns.is_full() { self.flush() } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<u64> {
        self.flush()?;
        let synced = self.file.flush().and_then(|()| self.file.sync());
        synced.map_err(|e| Error::io(&self.target, e))
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        self.sync()?;
        let rows = AtomicFile::kept_name(&self.target)?;
        let whole = AtomicFile::named(&self.target, ".whole")?;
        Joined::create(whole, self.format, Batches::stream(&rows)?)?.commit()?;
        self.file.discard();
        Ok(())
    }

    fn discard(self: Box<Self>) {
        self.file.discard();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cli::sinks::Columns;

    const ROWS: usize = 9000;
    const COLUMNS: Columns = Columns { labels: true, steps: true };

    fn row(table: &mut Table, i: usize) {
        let scores = [i as f32, f32::from_bits(0x7fc0_0000 | i as u32)];
        let error = (i % 7 == 3).then_some("it is broken");
        let (label, prediction) = ((i % 5 != 1).then_some(i as u32), error.is_none().then_some(i % 2));
        table
            .write(&Row { name: &i.to_string(), label, steps: Some(i % 4), scores: &scores, prediction, error })
            .unwrap();
    }

    #[test]
    fn the_same_bytes_wherever_it_was_saved_cut_and_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let form = Form { row: vec![2], names: vec!["a".into()], columns: COLUMNS, steps: 4 };
        for format in [Format::Arrow, Format::Parquet] {
            let path = |name: &str| folder.path().join(name);
            let open = |name: &str, length| Table::open(&path(name), format, &form, length).unwrap();
            let mut whole = open("whole", None);
            (0..ROWS).for_each(|i| row(&mut whole, i));
            Box::new(whole).commit().unwrap();
            let mut length = None;
            for cuts in [0..1, 1..4095, 4095..4096, 4096..5000, 5000..ROWS] {
                let mut part = open("parts", length);
                cuts.for_each(|i| row(&mut part, i));
                length = Some(part.sync().unwrap());
                // What is behind the last save is cut off.
                row(&mut part, 0);
                part.flush().unwrap();
                drop(part);
            }
            Box::new(open("parts", length)).commit().unwrap();
            assert!(std::fs::read(path("parts")).unwrap() == std::fs::read(path("whole")).unwrap());
            let rows = Batches::open(&path("whole"), format).unwrap().rows_of_each();
            assert_eq!(rows, [4096, 4096, ROWS - 8192]);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        }
    }

    #[test]
    fn a_row_of_too_many_scores_is_refused() {
        let form = Form { row: vec![1 << 20, 1 << 20], names: Vec::new(), columns: COLUMNS, steps: 4 };
        let refused = Table::open(Path::new("a.arrow"), Format::Arrow, &form, None).err().unwrap().to_string();
        assert!(refused.contains("a.arrow") && refused.contains("2147483647"), "{refused}");
    }
}
