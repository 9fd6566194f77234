//! The samples of an array, one after the other.

use std::path::Path;

use crate::error::Result;
use crate::io::array::{Array, Axes, Kind, fit};
use crate::io::preprocess::Preprocess;
use crate::network::InputSpec;

/// An array whose outer axes are samples and, maybe, time.
pub(crate) struct Samples {
    array: Array,
    axes: Axes,
    process: Preprocess,
    /// Steps of each sample, where they are not those of the array.
    lengths: Option<Vec<u32>>,
}

impl Samples {
    /// Takes `array` as samples of `spec`.
    pub fn new(mut array: Array, spec: &InputSpec, time_first: bool, single: bool) -> Result<Self> {
        let process = Preprocess::new(spec, spec.channels, array.header.element.kind == Kind::U8)?;
        let axes = fit(&array.header.shape, spec, time_first, single).map_err(|message| array.error(message))?;
        if axes.time_first && axes.samples > 1 {
            array.read_anywhere();
        }
        Ok(Self { array, axes, process, lengths: None })
    }

    /// Says how many steps each sample has; what comes behind them in the array is not looked at.
    ///
    /// # Errors
    /// Samples without time, as many lengths as there are not samples, a length of none or of more than there are.
    pub fn with_lengths(self, lengths: Vec<u32>) -> Result<Self> {
        let Axes { samples, steps, .. } = self.axes;
        let Some(steps) = steps else { return Err(self.array.error("has lengths, but no axis of time")) };
        if lengths.len() != samples {
            let got = lengths.len();
            return Err(self.array.error(format!("expected {samples} lengths, one per sample, got {got}")));
        }
        match lengths.iter().position(|&length| length == 0 || length as usize > steps) {
            Some(at) => {
                let got = lengths[at];
                Err(self.array.error(format!("sample {at}: expected a length from 1 to {steps} steps, got {got}")))
            }
            None => Ok(Self { lengths: Some(lengths), ..self }),
        }
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.axes.samples
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.array.path
    }

    /// Steps per sample, the most; `None`: samples without time.
    pub fn steps(&self) -> Option<usize> {
        self.axes.steps
    }

    /// Whether samples may have fewer steps than the most.
    pub fn is_ragged(&self) -> bool {
        self.lengths.is_some()
    }

    /// The name of a sample: `file.npy[12]`.
    pub fn name(&self, sample: usize) -> String {
        let file = self.array.path.file_name().unwrap_or(self.array.path.as_os_str());
        format!("{}[{sample}]", file.to_string_lossy())
    }

    /// The values of a sample, preprocessed and channels first. Closes the file after the last one.
    pub fn read(&mut self, sample: usize) -> Result<Vec<f32>> {
        let values = self.values(sample);
        if sample + 1 == self.axes.samples {
            self.array.finish()?;
        }
        values
    }

    fn values(&mut self, sample: usize) -> Result<Vec<f32>> {
        let step = self.process.step();
        let whole = self.axes.steps.unwrap_or(1) * step;
        let steps = self.lengths.as_ref().map_or(self.axes.steps.unwrap_or(1), |lengths| lengths[sample] as usize);
        let count = steps * step;
        // Where the length is only claimed, memory grows with what is really there.
        let mut values = Vec::with_capacity(if self.array.is_checked() { count } else { count.min(FIRST_CAPACITY) });
        let mut fault = None;
        let process = &self.process;
        let mut each = |x| {
            let value = process.value(values.len(), x);
            if fault.is_none() {
                fault = process.fault(values.len(), value);
            }
            values.push(value);
        };
        if self.axes.time_first {
            for t in 0..steps {
                self.array.read((t * self.axes.samples + sample) * step, step, &mut each)?;
            }
        } else {
            self.array.read(sample * whole, count, &mut each)?;
        }
        match fault {
            Some(fault) => Err(self.array.error(format!("sample {sample}: {fault}"))),
            None => Ok(self.process.channels_first(values)),
        }
    }
}

const FIRST_CAPACITY: usize = 1 << 18;
