//! Recorded spikes and potentials on their way to an `.npz`.

use std::path::Path;

use saltatory::Result;
use saltatory::io::output::{self, NpyType, NpzWriter};
use saltatory::run::Recording;
use serde::{Deserialize, Serialize};

/// The recordings: for each population `L` the arrays `L.spikes`, `L.h`, `L.v` and `L.i`, `[samples, time, ...]`.
///
/// Spikes of at most one per step are bits: `[samples, time, bytes]`, to be unpacked with
/// `numpy.unpackbits(a, axis=-1, count=neurons, bitorder="little")`; others are 16-bit counts. Behind the end of a shorter
/// sample there are no spikes, and NaN.
pub struct Record {
    npz: NpzWriter,
    /// Steps of a row; a shorter sample is followed by no spikes and NaN.
    steps: usize,
    arrays: Vec<Arrays>,
    /// What stands for a bad sample: no spikes, NaN.
    blank: Vec<Recording>,
    /// Bad samples before the first good one.
    waiting: usize,
}

/// The form of a population's recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    layer: String,
    shape: Vec<usize>,
    steps: usize,
    single: bool,
    fires: bool,
    has_current: bool,
}

impl Layout {
    fn of(r: &Recording, steps: usize) -> Layout {
        let (layer, shape) = (r.layer.clone(), r.shape.clone());
        let (fires, has_current) = (!r.spikes.is_empty(), !r.i.is_empty());
        Layout { layer, shape, steps, single: r.single, fires, has_current }
    }

    /// The number of its arrays.
    fn arrays(&self) -> usize {
        2 + usize::from(self.fires) + usize::from(self.has_current)
    }

    /// A recording of this form in which nothing happened.
    fn blank(&self) -> Recording {
        let all = self.steps * self.shape.iter().product::<usize>();
        let nan = vec![f32::NAN; all];
        Recording {
            layer: self.layer.clone(),
            shape: self.shape.clone(),
            steps: self.steps,
            single: self.single,
            spikes: vec![0; if self.fires { all } else { 0 }],
            i: if self.has_current { nan.clone() } else { Vec::new() },
            h: nan.clone(),
            v: nan,
        }
    }
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
    pub fn create(path: &Path, steps: usize) -> Result<Self> {
        Ok(Record { npz: NpzWriter::kept(path)?, steps, arrays: Vec::new(), blank: Vec::new(), waiting: 0 })
    }

    /// Goes on after the first `rows` samples, whose form is that of `layout` where one of them was good.
    pub fn reopen(path: &Path, steps: usize, layout: Option<&[Layout]>, rows: usize) -> Result<Self> {
        let mut record = Record::create(path, steps)?;
        match layout {
            Some(layout) => {
                record.blank = layout.iter().map(Layout::blank).collect();
                let Record { npz, blank, arrays, .. } = &mut record;
                *arrays = blank.iter().map(|r| Self::declare(npz, r, rows as u64)).collect::<Result<_>>()?;
            }
            None => record.waiting = rows,
        }
        Ok(record)
    }

    /// Removes what a run that was killed after it had named its recordings has left.
    pub fn remove_rest(path: &Path, layout: &[Layout]) {
        NpzWriter::remove_rest(path, layout.iter().map(Layout::arrays).sum());
    }

    /// The form of the recordings, once one of them is there.
    pub fn layout(&self) -> Option<Vec<Layout>> {
        (!self.arrays.is_empty()).then(|| self.blank.iter().map(|r| Layout::of(r, self.steps)).collect())
    }

    /// Waits until the disk has every row.
    pub fn sync(&mut self) -> Result<()> {
        self.npz.sync()
    }

    /// Removes every file.
    pub fn discard(self) {
        self.npz.discard();
    }

    /// Writes the recording of a sample, `None` of a bad one.
    pub fn write(&mut self, recording: Option<&[Recording]>) -> Result<()> {
        match recording {
            Some(recording) => {
                if self.arrays.is_empty() {
                    let npz = &mut self.npz;
                    self.blank = recording.iter().map(|r| Layout::of(r, self.steps).blank()).collect();
                    self.arrays = self.blank.iter().map(|r| Self::declare(npz, r, 0)).collect::<Result<_>>()?;
                    for _ in 0..std::mem::take(&mut self.waiting) {
                        self.write(None)?;
                    }
                }
                if recording.iter().all(|r| r.steps == self.steps) {
                    return self.row(recording);
                }
                let filled: Vec<Recording> =
                    recording.iter().zip(&self.blank).map(|(r, blank)| filled(r, blank)).collect();
                self.row(&filled)
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

    fn declare(npz: &mut NpzWriter, r: &Recording, rows: u64) -> Result<Arrays> {
        let neurons: usize = r.shape.iter().product();
        let bytes = neurons.div_ceil(8);
        let full = [&[r.steps], &r.shape[..]].concat();
        let name = |what: &str| format!("{}.{what}", r.layer);
        let spikes = match (r.spikes.is_empty(), r.single) {
            (true, _) => None,
            (false, true) => Some(npz.reopen_array(&name("spikes"), NpyType::U8, &[r.steps, bytes], rows)?),
            (false, false) => Some(npz.reopen_array(&name("spikes"), NpyType::U16, &full, rows)?),
        };
        let mut reals: Vec<(usize, Field)> = vec![
            (npz.reopen_array(&name("h"), NpyType::F32, &full, rows)?, |r| &r.h),
            (npz.reopen_array(&name("v"), NpyType::F32, &full, rows)?, |r| &r.v),
        ];
        if !r.i.is_empty() {
            reals.push((npz.reopen_array(&name("i"), NpyType::F32, &full, rows)?, |r| &r.i));
        }
        Ok(Arrays { spikes, reals, neurons })
    }

    /// Ends the file and gives it its name.
    pub fn commit(self) -> Result<()> {
        self.npz.commit()
    }
}

/// A recording with nothing behind its end.
fn filled(r: &Recording, blank: &Recording) -> Recording {
    let mut whole = blank.clone();
    whole.spikes[..r.spikes.len()].copy_from_slice(&r.spikes);
    for (whole, part) in [(&mut whole.h, &r.h), (&mut whole.v, &r.v), (&mut whole.i, &r.i)] {
        whole[..part.len()].copy_from_slice(part);
    }
    whole
}

/// Eight neurons to a byte, the first in the lowest bit.
fn pack(step: &[u32]) -> Vec<u8> {
    let byte = |bits: &[u32]| bits.iter().rev().fold(0u8, |byte, &bit| byte << 1 | u8::from(bit != 0));
    step.chunks(8).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spikes_are_packed_lowest_bit_first() {
        assert_eq!(pack(&[1, 0, 0, 0, 0, 0, 0, 1, 0, 1]), [0x81, 0x02]);
    }
}
