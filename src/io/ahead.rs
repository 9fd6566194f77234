//! Reading ahead: samples are read and decoded by threads of their own while others are computed.
//!
//! One thread goes through the files in order; images, which do not depend on each other, are decoded by several. Samples
//! come out in order, and no more of them wait than was asked for, so memory does not grow with their number. A file that
//! is slow holds up those behind it only when all that may wait are read; one that is broken, or breaks its decoder, is a
//! bad sample.
//!
//! ```no_run
//! use saltatory::io::ahead::Ahead;
//! use saltatory::io::dataset::{Dataset, Options};
//! # let network = saltatory::Network::new([1, 28, 28]).flatten().linear(10).build()?;
//! let images = Dataset::open(&["photos".into()], &Options::of(&network.input))?;
//! for sample in Ahead::new(images, 4, 256)? {
//!     println!("{}: {} values", sample.name, sample.values?.len());
//! }
//! # Ok::<(), saltatory::Error>(())
//! ```

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use crate::error::{Error, Result};
use crate::io::dataset::{Dataset, Planned, Sample, Values};

/// Samples in order, read by other threads; an iterator. Threads end when it is dropped or done.
pub struct Ahead {
    samples: Receiver<Coming>,
}

/// Is told what a thread has done to a sample, and from when to when: `read` of an array, `decode` of an image.
pub type Watch = Arc<dyn Fn(&'static str, Instant, Instant) + Send + Sync>;

/// A sample that is read, or about to be.
struct Coming {
    name: String,
    label: Option<u32>,
    values: Receiver<Result<Vec<f32>>>,
}

/// An image to be decoded, and where its values go.
type Task = (Values, SyncSender<Result<Vec<f32>>>);

impl Ahead {
    /// Begins to read: at most `waiting` samples ahead, images by `threads` at once.
    ///
    /// # Errors
    /// [`Error::Request`] where no thread can be started.
    pub fn new(samples: Dataset, threads: usize, waiting: usize) -> Result<Ahead> {
        Self::watched(samples, threads, waiting, None)
    }

    /// As [`Ahead::new`]; `watch` is told of every sample, by the thread that has read it.
    ///
    /// # Errors
    /// As [`Ahead::new`].
    pub fn watched(samples: Dataset, threads: usize, waiting: usize, watch: Option<Watch>) -> Result<Ahead> {
        let (coming, received) = sync_channel(waiting.max(1));
        let (tasks, to_do) = sync_channel(waiting.max(1));
        let to_do = Arc::new(Mutex::new(to_do));
        for _ in 0..threads.max(1) {
            let (to_do, watch) = (to_do.clone(), watch.clone());
            spawn("decode", move || decode(&to_do, watch.as_ref()))?;
        }
        spawn("read", move || read(samples, &coming, &tasks, watch.as_ref()))?;
        Ok(Ahead { samples: received })
    }
}

impl Iterator for Ahead {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        let Coming { name, label, values } = self.samples.recv().ok()?;
        // A decoder that panics drops the other end.
        let values = values.recv().unwrap_or_else(|_| Err(Error::file(&name, "its decoder broke down: see above")));
        Some(Sample { name, label, values })
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let started = thread::Builder::new().name(name.into()).spawn(work);
    started.map(drop).map_err(|e| Error::Request(format!("a thread to {name} samples cannot be started: {e}")))
}

/// Goes through the files; ends when nobody takes the samples any more.
fn read(mut samples: Dataset, coming: &SyncSender<Coming>, tasks: &SyncSender<Task>, watch: Option<&Watch>) {
    loop {
        let start = watch.map(|_| Instant::now());
        let Some(Planned { name, label, values }) = samples.plan_next() else { return };
        if let (Values::Read(_), Some(watch), Some(start)) = (&values, watch, start) {
            watch("read", start, Instant::now());
        }
        let (to, from) = sync_channel(1);
        if coming.send(Coming { name, label, values: from }).is_err() {
            return;
        }
        match values {
            Values::Read(values) => drop(to.send(values)),
            image => {
                if tasks.send((image, to)).is_err() {
                    return;
                }
            }
        }
    }
}

fn decode(to_do: &Mutex<Receiver<Task>>, watch: Option<&Watch>) {
    loop {
        // The lock is held while waiting: the others wait for the lock instead.
        let task = to_do.lock().map(|tasks| tasks.recv());
        let Ok(Ok((image, to))) = task else { return };
        let start = watch.map(|_| Instant::now());
        // A decoder's panic is that image's fault, and not the end of this thread.
        let values = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| image.read()));
        if let (Some(watch), Some(start)) = (watch, start) {
            watch("decode", start, Instant::now());
        }
        if let Ok(values) = values {
            to.send(values).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::io::dataset::Options;
    use crate::network::InputSpec;
    use ::image::GrayImage;
    use std::fs;

    fn open(folder: &std::path::Path) -> Dataset {
        let spec = InputSpec { shape: vec![1, 1, 2], scale: Some(1.0), ..InputSpec::default() };
        Dataset::open(&[folder.to_owned()], &Options::of(&spec)).unwrap()
    }

    #[test]
    fn order_is_kept_and_broken_images_are_bad_samples() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..50u8 {
            GrayImage::from_raw(2, 1, vec![i, 7]).unwrap().save(folder.path().join(format!("{i:02}.png"))).unwrap();
        }
        fs::write(folder.path().join("20.png"), "broken").unwrap();
        for (threads, waiting) in [(1, 1), (3, 2), (8, 100)] {
            let samples: Vec<Sample> = Ahead::new(open(folder.path()), threads, waiting).unwrap().collect();
            assert_eq!(samples.len(), 50);
            for (i, sample) in samples.iter().enumerate() {
                assert_eq!(sample.name, format!("{i:02}.png"));
                match &sample.values {
                    Ok(values) => assert_eq!(values, &[i as f32, 7.0]),
                    Err(_) => assert_eq!(i, 20),
                }
            }
            assert!(samples[20].values.is_err());
        }
    }

    #[test]
    fn a_part_of_the_samples() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..9u8 {
            GrayImage::from_raw(2, 1, vec![i, 7]).unwrap().save(folder.path().join(format!("{i}.png"))).unwrap();
        }
        let names = |parts: &[(usize, usize)]| -> Vec<String> {
            let mut samples = open(folder.path());
            parts.iter().for_each(|&(start, end)| samples.narrow(start..end));
            samples.map(|sample| sample.name).collect()
        };
        assert_eq!(names(&[(3, 5)]), ["3.png", "4.png"]);
        assert_eq!(names(&[(2, 8), (1, 3)]), ["3.png", "4.png"]);
        assert_eq!(names(&[(7, 90)]), ["7.png", "8.png"]);
        assert_eq!(names(&[(9, 9)]), [""; 0]);
    }

    #[test]
    fn dropped_early_it_ends_its_threads() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..9 {
            GrayImage::new(2, 1).save(folder.path().join(format!("{i}.png"))).unwrap();
        }
        let mut ahead = Ahead::new(open(folder.path()), 2, 1).unwrap();
        assert_eq!(ahead.next().unwrap().name, "0.png");
    }
}
