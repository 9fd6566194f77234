//! Predictions as CSV: name, prediction, label where there are any, steps where they differ, and a column for each score.

use std::path::Path;

use saltatory::io::output::AtomicFile;
use saltatory::{Error, Result};

use super::Predictions;
use crate::cli::batch::outputs::Form;
use crate::cli::sinks::{Columns, Row};

/// The file.
pub struct Csv {
    csv: csv::Writer<AtomicFile>,
    columns: Columns,
}

impl Csv {
    /// Begins the file with its header, or goes on after the first `length` bytes.
    pub fn open(path: &Path, form: &Form, length: Option<u64>) -> Result<Csv> {
        let columns = form.columns;
        if let Some(length) = length {
            return Ok(Csv { csv: csv::Writer::from_writer(AtomicFile::reopen(path, length)?), columns });
        }
        let mut csv = csv::Writer::from_writer(AtomicFile::kept(path)?);
        let mut header = vec!["name".to_string(), "prediction".into()];
        if columns.labels {
            header.push("label".into());
        }
        if columns.steps {
            header.push("steps".into());
        }
        let scores = form.row.iter().product::<usize>();
        header.extend((0..scores).map(|i| form.names.get(i).cloned().unwrap_or_else(|| format!("score_{i}"))));
        csv.write_record(&header).map_err(|e| Error::file(path, e.to_string()))?;
        Ok(Csv { csv, columns })
    }
}

impl Predictions for Csv {
    fn write(&mut self, row: &Row<'_>) -> Result<()> {
        let known = |number: Option<usize>| number.map_or_else(String::new, |number| number.to_string());
        let mut cells = vec![row.name.to_string(), known(row.prediction)];
        if self.columns.labels {
            cells.push(known(row.label.map(|label| label as usize)));
        }
        if self.columns.steps {
            cells.push(known(row.steps));
        }
        cells.extend(row.scores.iter().map(ToString::to_string));
        self.csv.write_record(&cells).map_err(|e| Error::file(self.csv.get_ref().target(), e.to_string()))
    }

    fn sync(&mut self) -> Result<u64> {
        let synced = self.csv.flush().and_then(|()| self.csv.get_ref().sync());
        synced.map_err(|e| Error::io(self.csv.get_ref().target(), e))
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        let target = self.csv.get_ref().target().to_owned();
        self.csv.flush().map_err(|e| Error::io(&target, e))?;
        let file = self.csv.into_inner().map_err(|e| Error::file(&target, e.to_string()))?;
        file.commit()
    }

    fn discard(self: Box<Self>) {
        let kept = AtomicFile::kept_name(self.csv.get_ref().target());
        // Closed first, as it may still be written to, and some systems do not remove open files.
        drop(self.csv);
        if let Ok(kept) = kept {
            std::fs::remove_file(kept).ok();
        }
    }
}
