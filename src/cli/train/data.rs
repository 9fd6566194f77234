//! Samples and their classes in memory, where every epoch finds them in another order.

use indicatif::ProgressBar;
use saltatory::io::ahead::Ahead;
use saltatory::io::dataset::Dataset;
use saltatory::{Error, Result};

/// Samples that take more bytes than this are refused before any is read.
const MOST_BYTES: u64 = 16 << 30;
/// Samples that are read ahead.
const WAITING: usize = 64;

/// Samples with their classes.
#[derive(Debug)]
pub struct Data {
    values: Vec<f32>,
    labels: Vec<u32>,
    /// Values of a sample.
    size: usize,
    /// Frames of a sample; `None`: one, which holds for all steps.
    pub steps: Option<usize>,
}

impl Data {
    /// Reads all samples: frames of so many values, of so many classes.
    ///
    /// # Errors
    /// Samples without classes, of other classes, that differ in steps, are broken, or too many.
    pub fn read(samples: Dataset, frame: usize, classes: usize, threads: usize, bar: &ProgressBar) -> Result<Data> {
        let (count, steps) = (samples.len(), samples.steps());
        if !samples.has_labels() {
            let message = "training needs the class of every sample: name a file of them with --labels (or \
                           --validation-labels)";
            return Err(Error::Request(message.into()));
        }
        if samples.is_ragged() {
            return Err(Error::Unsupported("training on samples that differ in steps".into()));
        }
        let size = frame * steps.unwrap_or(1);
        let bytes = (count as u64).saturating_mul(size as u64).saturating_mul(4);
        if bytes > MOST_BYTES {
            return Err(Error::Request(format!(
                "{count} samples of {size} values take {} GiB of memory, more than the {} GiB that are allowed: read fewer \
                 (--limit)",
                gib(bytes),
                gib(MOST_BYTES)
            )));
        }
        let (mut values, mut labels) = (Vec::new(), Vec::with_capacity(count));
        values.try_reserve_exact(count * size).map_err(|e| {
            Error::Request(format!("{count} samples of {size} values take {} GiB of memory: {e}", gib(bytes)))
        })?;
        for sample in Ahead::new(samples, threads, WAITING)? {
            let label = sample.label.unwrap_or(u32::MAX);
            if label as usize >= classes {
                let message = format!("{}: its label is {label}, the network has {classes} outputs", sample.name);
                return Err(Error::Request(message));
            }
            values.extend(sample.values?);
            labels.push(label);
            bar.inc(1);
        }
        Ok(Data { values, labels, size, steps })
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The values of a sample.
    pub fn sample(&self, number: usize) -> &[f32] {
        &self.values[number * self.size..][..self.size]
    }

    /// The class of a sample.
    pub fn label(&self, number: usize) -> u32 {
        self.labels[number]
    }
}

fn gib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / (1u64 << 30) as f64)
}
