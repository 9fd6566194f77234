//! Where the results of a run go: scores and predictions. Each file appears under its name when it is whole.

use std::path::Path;

use saltatory::io::output::{AtomicFile, NpyWriter};
use saltatory::tensor::arg_max;
use saltatory::{Error, Result};

/// One sample's results.
pub struct Row<'a> {
    /// The sample's name.
    pub name: &'a str,
    /// Its class, where known.
    pub label: Option<u32>,
    /// Steps that it ran; `None` where it was bad.
    pub steps: Option<usize>,
    /// Its scores; NaN where it was bad.
    pub scores: &'a [f32],
    /// What was predicted; `None` where it was bad.
    pub prediction: Option<usize>,
}

/// The predictions: a CSV of name, prediction, label where there are any, steps where they differ, and scores.
pub struct Predictions {
    csv: csv::Writer<AtomicFile>,
    columns: Columns,
}

/// Which columns there are that not every run has.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    pub labels: bool,
    pub steps: bool,
}

impl Predictions {
    /// Begins the file with its header; `classes` may be fewer than there are scores.
    pub fn create(path: &Path, classes: &[String], scores: usize, columns: Columns) -> Result<Self> {
        let mut csv = csv::Writer::from_writer(AtomicFile::kept(path)?);
        let mut header = vec!["name".to_string(), "prediction".into()];
        if columns.labels {
            header.push("label".into());
        }
        if columns.steps {
            header.push("steps".into());
        }
        header.extend((0..scores).map(|i| classes.get(i).cloned().unwrap_or_else(|| format!("score_{i}"))));
        csv.write_record(&header).map_err(|e| Error::file(path, e.to_string()))?;
        Ok(Predictions { csv, columns })
    }

    /// Goes on after the first `length` bytes.
    pub fn reopen(path: &Path, length: u64, columns: Columns) -> Result<Self> {
        Ok(Predictions { csv: csv::Writer::from_writer(AtomicFile::reopen(path, length)?), columns })
    }

    /// Waits until the disk has every row; the length in bytes.
    pub fn sync(&mut self) -> Result<u64> {
        let synced = self.csv.flush().and_then(|()| self.csv.get_ref().sync());
        synced.map_err(|e| Error::io(self.csv.get_ref().target(), e))
    }

    /// Removes the file.
    pub fn discard(self) {
        let kept = AtomicFile::kept_name(self.csv.get_ref().target());
        // Closed first, as it may still be written to, and some systems do not remove open files.
        drop(self.csv);
        if let Ok(kept) = kept {
            std::fs::remove_file(kept).ok();
        }
    }

    /// Writes a row.
    pub fn write(&mut self, row: &Row<'_>) -> Result<()> {
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

    /// Ends the file and gives it its name.
    pub fn commit(mut self) -> Result<()> {
        let target = self.csv.get_ref().target().to_owned();
        self.csv.flush().map_err(|e| Error::io(&target, e))?;
        let file = self.csv.into_inner().map_err(|e| Error::file(&target, e.to_string()))?;
        file.commit()
    }
}

/// The scores: an array `[samples, ...]`.
pub struct Scores(NpyWriter);

impl Scores {
    /// Begins the file; `shape` is that of one row.
    pub fn create(path: &Path, shape: &[usize]) -> Result<Self> {
        Ok(Scores(NpyWriter::kept(path, shape)?))
    }

    /// Goes on after the first `rows` rows.
    pub fn reopen(path: &Path, shape: &[usize], rows: usize) -> Result<Self> {
        Ok(Scores(NpyWriter::reopen(path, shape, rows as u64)?))
    }

    /// Waits until the disk has every row.
    pub fn sync(&mut self) -> Result<()> {
        self.0.sync().map(drop)
    }

    /// Removes the file.
    pub fn discard(self) {
        self.0.discard();
    }

    /// Writes a row.
    pub fn write(&mut self, row: &Row<'_>) -> Result<()> {
        self.0.write_row(row.scores)
    }

    /// Ends the file and gives it its name.
    pub fn commit(self) -> Result<()> {
        self.0.commit()
    }
}

/// The class with the largest score; over a trace, with the largest sum.
pub fn predict(scores: &[f32], classes: usize) -> Option<usize> {
    if scores.len() == classes {
        return arg_max(scores);
    }
    let mut sums = vec![0.0; classes];
    // A sample that ended has no scores behind its end.
    for step in scores.chunks(classes).filter(|step| !step.iter().any(|x| x.is_nan())) {
        sums.iter_mut().zip(step).for_each(|(sum, x)| *sum += x);
    }
    arg_max(&sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_summed_over_time() {
        assert_eq!(predict(&[0.0, 1.0, 0.0, 5.0, 1.0, 0.0], 3), Some(0));
        assert_eq!(predict(&[0.0, 1.0, 0.5], 3), Some(1));
    }
}
