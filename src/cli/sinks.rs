//! Where the results of a run go: scores, predictions, recordings. Each file appears under its name when it is whole.

use std::path::Path;

use saltatory::io::output::{self, AtomicFile, NpyType, NpyWriter, NpzWriter};
use saltatory::run::Recording;
use saltatory::tensor::arg_max;
use saltatory::{Error, Result};

/// One sample's results.
pub struct Row<'a> {
    /// The sample's name.
    pub name: &'a str,
    /// Its class, where known.
    pub label: Option<u32>,
    /// Its scores; NaN where it was bad.
    pub scores: &'a [f32],
    /// What was predicted; `None` where it was bad.
    pub prediction: Option<usize>,
}

/// The predictions: a CSV of name, prediction, label where there are any, and scores.
pub struct Predictions {
    csv: csv::Writer<AtomicFile>,
    has_labels: bool,
}

impl Predictions {
    /// Begins the file with its header; `classes` may be fewer than there are scores.
    pub fn create(path: &Path, classes: &[String], scores: usize, has_labels: bool) -> Result<Self> {
        let mut csv = csv::Writer::from_writer(AtomicFile::create(path)?);
        let mut header = vec!["name".to_string(), "prediction".into()];
        if has_labels {
            header.push("label".into());
        }
        header.extend((0..scores).map(|i| classes.get(i).cloned().unwrap_or_else(|| format!("score_{i}"))));
        csv.write_record(&header).map_err(|e| Error::file(path, e.to_string()))?;
        Ok(Predictions { csv, has_labels })
    }

    /// Writes a row.
    pub fn write(&mut self, row: &Row<'_>) -> Result<()> {
        let mut cells = vec![row.name.to_string(), row.prediction.map_or_else(String::new, |p| p.to_string())];
        if self.has_labels {
            cells.push(row.label.map_or_else(String::new, |label| label.to_string()));
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
        Ok(Scores(NpyWriter::create(path, shape)?))
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

/// The recordings: for each population `L` the arrays `L.spikes`, `L.h`, `L.v` and `L.i`, `[samples, time, ...]`.
///
/// Spikes of at most one per step are bits: `[samples, time, bytes]`, to be unpacked with
/// `numpy.unpackbits(a, axis=-1, count=neurons, bitorder="little")`; others are 16-bit counts.
pub struct Record {
    npz: NpzWriter,
    arrays: Vec<Arrays>,
    /// What stands for a bad sample: no spikes, NaN.
    blank: Vec<Recording>,
    /// Bad samples before the first good one.
    waiting: usize,
}

/// Takes the values of one array from a recording.
type Field = fn(&Recording) -> &[f32];

/// The arrays of one population, by index.
struct Arrays {
    spikes: Option<usize>,
    reals: Vec<(usize, Field)>,
    neurons: usize,
}

impl Record {
    /// Begins the file.
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Record { npz: NpzWriter::create(path)?, arrays: Vec::new(), blank: Vec::new(), waiting: 0 })
    }

    /// Writes the recording of a sample, `None` of a bad one.
    pub fn write(&mut self, recording: Option<&[Recording]>) -> Result<()> {
        match recording {
            Some(recording) => {
                if self.arrays.is_empty() {
                    self.arrays = recording.iter().map(|r| Self::declare(&mut self.npz, r)).collect::<Result<_>>()?;
                    self.blank = recording.iter().map(blank).collect();
                    for _ in 0..std::mem::take(&mut self.waiting) {
                        self.write(None)?;
                    }
                }
                self.row(recording)
            }
            None if self.arrays.is_empty() => {
                self.waiting += 1;
                Ok(())
            }
            None => {
                let blank = std::mem::take(&mut self.blank);
                let written = self.row(&blank);
                self.blank = blank;
                written
            }
        }
    }

    fn row(&mut self, recording: &[Recording]) -> Result<()> {
        for (arrays, r) in self.arrays.iter().zip(recording) {
            if let Some(array) = arrays.spikes {
                if r.single {
                    let packed: Vec<u8> = r.spikes.chunks(arrays.neurons).flat_map(pack).collect();
                    self.npz.write_row(array, output::Row::U8(&packed))?;
                } else {
                    let counts: Vec<u16> = r.spikes.iter().map(|&n| u16::try_from(n).unwrap_or(u16::MAX)).collect();
                    self.npz.write_row(array, output::Row::U16(&counts))?;
                }
            }
            for (array, field) in &arrays.reals {
                self.npz.write_row(*array, output::Row::F32(field(r)))?;
            }
        }
        Ok(())
    }

    fn declare(npz: &mut NpzWriter, r: &Recording) -> Result<Arrays> {
        let neurons: usize = r.shape.iter().product();
        let bytes = neurons.div_ceil(8);
        let full = [&[r.steps], &r.shape[..]].concat();
        let name = |what: &str| format!("{}.{what}", r.layer);
        let spikes = match (r.spikes.is_empty(), r.single) {
            (true, _) => None,
            (false, true) => Some(npz.array(&name("spikes"), NpyType::U8, &[r.steps, bytes])?),
            (false, false) => Some(npz.array(&name("spikes"), NpyType::U16, &full)?),
        };
        let mut reals: Vec<(usize, Field)> = vec![
            (npz.array(&name("h"), NpyType::F32, &full)?, |r| &r.h),
            (npz.array(&name("v"), NpyType::F32, &full)?, |r| &r.v),
        ];
        if !r.i.is_empty() {
            reals.push((npz.array(&name("i"), NpyType::F32, &full)?, |r| &r.i));
        }
        Ok(Arrays { spikes, reals, neurons })
    }

    /// Ends the file and gives it its name.
    pub fn commit(self) -> Result<()> {
        self.npz.commit()
    }
}

/// A recording of the same form in which nothing happened.
fn blank(r: &Recording) -> Recording {
    let nan = |values: &[f32]| vec![f32::NAN; values.len()];
    Recording { spikes: vec![0; r.spikes.len()], h: nan(&r.h), v: nan(&r.v), i: nan(&r.i), ..r.clone() }
}

/// Eight neurons to a byte, the first in the lowest bit.
fn pack(step: &[u32]) -> Vec<u8> {
    let byte = |bits: &[u32]| bits.iter().rev().fold(0u8, |byte, &bit| byte << 1 | u8::from(bit != 0));
    step.chunks(8).map(byte).collect()
}

/// The class with the largest score; over a trace, with the largest sum.
pub fn predict(scores: &[f32], classes: usize) -> Option<usize> {
    if scores.len() == classes {
        return arg_max(scores);
    }
    let mut sums = vec![0.0; classes];
    for step in scores.chunks(classes) {
        sums.iter_mut().zip(step).for_each(|(sum, x)| *sum += x);
    }
    arg_max(&sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spikes_are_packed_lowest_bit_first() {
        assert_eq!(pack(&[1, 0, 0, 0, 0, 0, 0, 1, 0, 1]), [0x81, 0x02]);
    }

    #[test]
    fn a_trace_is_summed_over_time() {
        assert_eq!(predict(&[0.0, 1.0, 0.0, 5.0, 1.0, 0.0], 3), Some(0));
        assert_eq!(predict(&[0.0, 1.0, 0.5], 3), Some(1));
    }
}
