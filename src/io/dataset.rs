//! Samples from files, one after the other, in a memory that does not grow with their number.
//!
//! | file | samples |
//! |---|---|
//! | `.npy`, `.npz` | along the first axis; the axes of `[N, *shape]`, `[N, T, *shape]` and their kin are told in [`Options`] |
//! | IDX (the format of MNIST) | likewise |
//! | PNG, JPEG, BMP | one each, gray for one channel (Rec. 709), RGB for three |
//! | a folder of images | by name; its folders, if any, are the classes |
//!
//! Kinds are told by what files begin with, not by their names; `.npy` and IDX may be packed with gzip. An `.npz` with
//! several arrays is searched for `x`, `inputs`, `data` or `images`, for the labels `y`, `labels`, `label` or `targets`, and
//! for `lengths`, the steps of each sample where the others are only there to fill the array. Arrays of one sequence each
//! may differ in steps.
//! A folder's label is its place among the folders by name, or in [`InputSpec::classes`] where that names all of them.
//!
//! ```no_run
//! use saltatory::io::dataset::{Dataset, Options};
//! # let network = saltatory::Network::new([1, 28, 28]).flatten().linear(10).build()?;
//! for sample in Dataset::open(&["t10k-images-idx3-ubyte.gz".into()], &Options::of(&network.input))? {
//!     println!("{}: {} values", sample.name, sample.values?.len());
//! }
//! # Ok::<(), saltatory::Error>(())
//! ```

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::io::array::{Array, Samples, first_bytes};
use crate::io::image::{Images, is_image, is_named_image};
use crate::io::{idx, labels, npz};
use crate::network::InputSpec;

/// How files become samples.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The shape of one step and its preprocessing.
    pub spec: InputSpec,
    /// Arrays are `[T, N, *shape]`, not `[N, T, *shape]`.
    pub time_first: bool,
    /// Each array is one sample, `[T, *shape]`. Without this its first axis is samples, as `[N, *shape]` looks the same;
    /// only `[T]` for an input of shape `[1]`, the drive of a single neuron, is always one sequence.
    pub single_sequence: bool,
    /// Steps of all samples, in their order, in one array `[N, T, *shape]`; these go before any that come with it.
    pub lengths: Option<PathBuf>,
    /// Labels of all samples, in their order; these go before any that come with the samples.
    pub labels: Option<PathBuf>,
    /// Read only that many samples.
    pub limit: Option<usize>,
    /// Paths come from a list: an image, by its name, that is missing is a bad sample and not the end of everything.
    pub listed: bool,
}

impl Options {
    /// All samples of `spec`, sample axis first.
    pub fn of(spec: &InputSpec) -> Self {
        Self { spec: spec.clone(), ..Self::default() }
    }
}

/// One sample.
#[derive(Debug)]
pub struct Sample {
    /// Where it comes from: `file.npy[12]`, or the path of an image in its folder.
    pub name: String,
    /// Its class, where it is known.
    pub label: Option<u32>,
    /// Preprocessed, channels first, row-major: `[channels, height, width]`, or `[time, channels, height, width]`.
    /// A sample that cannot be read does not keep those after it from being read.
    pub values: Result<Vec<f32>>,
}

/// Samples in order; an iterator over [`Sample`]s.
pub struct Dataset {
    parts: Vec<Part>,
    /// Labels of all samples, from a file of their own.
    labels: Option<Vec<u32>>,
    steps: Option<usize>,
    /// The samples still to come, among all.
    rest: Range<usize>,
    /// The next sample, by its part and its place in that.
    at: (usize, usize),
}

impl Dataset {
    /// Opens files and folders, whose samples follow each other in this order.
    ///
    /// # Errors
    /// A file that cannot be opened or is broken as a whole, arrays whose shape does not fit, paths of which some have
    /// steps and some have not, labels whose number differs from that of the samples, no samples at all.
    pub fn open(paths: &[PathBuf], options: &Options) -> Result<Self> {
        if options.lengths.is_some() && paths.len() != 1 {
            let message = format!("lengths: expected one array of samples, got {} paths", paths.len());
            return Err(Error::Request(message));
        }
        let parts = paths.iter().map(|path| Part::open(path, options)).collect::<Result<Vec<_>>>()?;
        let steps = most_steps(paths, &parts)?;
        let total: usize = parts.iter().map(Part::len).sum();
        let labels = options.labels.as_ref().map(|path| labels_for(path, total)).transpose()?;
        let len = options.limit.map_or(total, |limit| limit.min(total));
        if len == 0 {
            return Err(Error::Request("input: expected at least one sample, got none".into()));
        }
        Ok(Self { parts, labels, steps, rest: 0..len, at: (0, 0) })
    }

    /// The number of samples still to come: of all, before the first is read.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether no sample is to come; never before the first is read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Calls `each` with every file that samples are read from, in order.
    pub fn files(&self, mut each: impl FnMut(&Path)) {
        for part in &self.parts {
            match part {
                Part::Array(samples, _) => each(samples.path()),
                Part::Images(images) => (0..images.len()).for_each(|image| each(&images.path(image))),
            }
        }
    }

    /// Leaves out the samples before and after `part` of those to come. Names and labels stay as they were.
    pub fn narrow(&mut self, part: Range<usize>) {
        let start = self.rest.start.saturating_add(part.start).min(self.rest.end);
        let end = self.rest.start.saturating_add(part.end).clamp(start, self.rest.end);
        let mut skip = start - self.rest.start;
        while let Some(left) = self.parts.get(self.at.0).map(|part| part.len() - self.at.1)
            && skip >= left
        {
            skip -= left;
            self.at = (self.at.0 + 1, 0);
        }
        self.at.1 += skip;
        self.rest = start..end;
    }

    /// Steps per sample, the most that any has; `None` where samples have no time.
    pub fn steps(&self) -> Option<usize> {
        self.steps
    }

    /// Whether samples may differ in steps.
    pub fn is_ragged(&self) -> bool {
        self.parts.iter().any(|part| part.steps() != self.steps || part.is_ragged())
    }

    /// Whether every sample has a label.
    pub fn has_labels(&self) -> bool {
        self.labels.is_some() || self.parts.iter().all(|part| part.labels().is_some())
    }
}

impl Iterator for Dataset {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        let Planned { name, label, values } = self.plan_next()?;
        Some(Sample { name, label, values: values.read() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl Dataset {
    /// The next sample; one that does not depend on those before it is not read yet.
    pub(super) fn plan_next(&mut self) -> Option<Planned> {
        if self.rest.is_empty() {
            return None;
        }
        while self.at.1 == self.parts.get(self.at.0)?.len() {
            self.at = (self.at.0 + 1, 0);
        }
        let number = self.rest.next()?;
        let (part, sample) = self.at;
        let part = &mut self.parts[part];
        let label = match &self.labels {
            Some(labels) => labels.get(number),
            None => part.labels().and_then(|labels| labels.get(sample)),
        };
        let label = label.copied();
        self.at.1 += 1;
        Some(Planned { name: part.name(sample), label, values: part.plan(sample) })
    }
}

/// A sample before it is read.
pub(super) struct Planned {
    pub name: String,
    pub label: Option<u32>,
    pub values: Values,
}

/// The values of a sample, or what it takes to get them.
pub(super) enum Values {
    /// Read already, as arrays are read in order.
    Read(Result<Vec<f32>>),
    /// An image, which any thread can decode at any time.
    Image(Arc<Images>, usize),
}

impl Values {
    /// The values.
    pub fn read(self) -> Result<Vec<f32>> {
        match self {
            Values::Read(values) => values,
            Values::Image(images, sample) => images.read(sample),
        }
    }
}

/// The samples of one path.
enum Part {
    Array(Box<Samples>, Option<Vec<u32>>),
    Images(Arc<Images>),
}

impl Part {
    fn open(path: &Path, options: &Options) -> Result<Self> {
        let spec = &options.spec;
        if path.is_dir() {
            return Images::folder(path, spec).map(|images| Part::Images(Arc::new(images)));
        }
        if options.listed && is_named_image(path) {
            return Images::file(path, spec).map(|images| Part::Images(Arc::new(images)));
        }
        let first = first_bytes(path)?;
        let is_zip = first.starts_with(b"PK\x03\x04") || first.starts_with(b"PK\x05\x06");
        let (array, labels) = if is_zip {
            let labels = if options.labels.is_none() { npz::labels(path)? } else { None };
            (npz::samples(path)?, labels)
        } else if first.starts_with(b"\x93NUMPY") || first.starts_with(&[0x1f, 0x8b]) || idx::is_magic(&first) {
            (Array::open(path)?, None)
        } else if is_image(path, &first) {
            return Images::file(path, spec).map(|images| Part::Images(Arc::new(images)));
        } else {
            let expected = "expected .npy, .npz, IDX, PNG, JPEG, BMP or a folder of images";
            return Err(Error::file(path, format!("{expected}, got a file that begins with {first:02x?}")));
        };
        let lengths = match &options.lengths {
            Some(path) => Some(labels::read(path)?),
            None if is_zip => npz::lengths(path)?.map(labels::of_array).transpose()?,
            None => None,
        };
        let samples = Samples::new(array, spec, options.time_first, options.single_sequence)?;
        let samples = match lengths {
            Some(lengths) => samples.with_lengths(lengths)?,
            None => samples,
        };
        let labels = labels.map(labels::of_array).transpose()?;
        match &labels {
            Some(labels) if labels.len() != samples.len() => Err(count_error(path, samples.len(), labels.len())),
            _ => Ok(Part::Array(Box::new(samples), labels)),
        }
    }

    fn len(&self) -> usize {
        match self {
            Part::Array(samples, _) => samples.len(),
            Part::Images(images) => images.len(),
        }
    }

    fn steps(&self) -> Option<usize> {
        match self {
            Part::Array(samples, _) => samples.steps(),
            Part::Images(_) => None,
        }
    }

    fn is_ragged(&self) -> bool {
        matches!(self, Part::Array(samples, _) if samples.is_ragged())
    }

    fn labels(&self) -> Option<&[u32]> {
        match self {
            Part::Array(_, labels) => labels.as_deref(),
            Part::Images(images) => images.labels(),
        }
    }

    fn name(&self, sample: usize) -> String {
        match self {
            Part::Array(samples, _) => samples.name(sample),
            Part::Images(images) => images.name(sample),
        }
    }

    fn plan(&mut self, sample: usize) -> Values {
        match self {
            Part::Array(samples, _) => Values::Read(samples.read(sample)),
            Part::Images(images) => Values::Image(images.clone(), sample),
        }
    }
}

/// The most steps; all samples have time, or none.
fn most_steps(paths: &[PathBuf], parts: &[Part]) -> Result<Option<usize>> {
    let timed = |part: &Part| part.steps().is_some();
    let first = parts.first().is_some_and(timed);
    let text = |steps: Option<usize>| steps.map_or("samples without time".into(), |t| format!("{t} steps"));
    match paths.iter().zip(parts).find(|(_, part)| timed(part) != first) {
        Some((path, part)) => {
            let expected = if first { "sequences" } else { "samples without time" };
            let message = format!("expected {expected} as in {}, got {}", paths[0].display(), text(part.steps()));
            Err(Error::file(path, message))
        }
        None => Ok(parts.iter().filter_map(Part::steps).max()),
    }
}

fn labels_for(path: &Path, samples: usize) -> Result<Vec<u32>> {
    let labels = labels::read(path)?;
    if labels.len() == samples { Ok(labels) } else { Err(count_error(path, samples, labels.len())) }
}

fn count_error(path: &Path, samples: usize, labels: usize) -> Error {
    Error::file(path, format!("expected {samples} labels, one per sample, got {labels}"))
}
