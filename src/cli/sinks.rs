//! One sample's results, and the file of all scores. It appears under its name when it is whole.

use std::path::Path;

use saltatory::Result;
use saltatory::io::output::NpyWriter;
use saltatory::tensor::arg_max;

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
    /// Why it was bad. A CSV has no place for it.
    #[cfg_attr(not(feature = "arrow"), expect(dead_code))]
    pub error: Option<&'a str>,
}

/// Which columns there are that not every run has.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    pub labels: bool,
    pub steps: bool,
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
