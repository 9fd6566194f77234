//! Which samples, and how they are read.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use saltatory::io::dataset::{Dataset, Options};
use saltatory::network::{ChannelOrder, InputSpec};
use saltatory::{Error, Result};

/// The samples.
#[derive(Args, Debug)]
pub struct Input {
    /// `.npy`, `.npz`, IDX (also `.gz`), images, or folders of images (a subfolder per class); several are read in order.
    /// `-`: a list of them from standard input, one a line.
    #[arg(value_name = "INPUT", required_unless_present = "list")]
    paths: Vec<PathBuf>,
    /// Read the inputs that are named in a file, one a line. An image in it that is missing is a bad input.
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    list: Option<PathBuf>,
    /// Classes of the samples: IDX, `.npy` or CSV.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Steps of each sample, where an array is longer than its samples: IDX, `.npy` or CSV. (In an `.npz`: `lengths`.)
    #[arg(long, value_name = "FILE", conflicts_with = "one_sequence")]
    lengths: Option<PathBuf>,
    /// Read only the first N samples.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Arrays are [time, samples, ...] instead of [samples, time, ...].
    #[arg(long)]
    time_first: bool,
    /// Each array is one sample, [time, ...]; they may differ in steps.
    #[arg(long, conflicts_with = "time_first")]
    one_sequence: bool,
    /// Factor on each value (default: 1/255 for 8-bit data, else 1).
    #[arg(long, value_name = "FACTOR")]
    scale: Option<f64>,
    /// Subtracted after scaling: one value, or one per channel.
    #[arg(long, value_name = "VALUES", value_delimiter = ',', allow_negative_numbers = true)]
    mean: Vec<f64>,
    /// Divided by after that: one value, or one per channel.
    #[arg(long, value_name = "VALUES", value_delimiter = ',')]
    std: Vec<f64>,
    /// Resize images to the network's input.
    #[arg(long)]
    resize: bool,
    /// Order of the axes of an array's samples.
    #[arg(long, value_enum)]
    channels: Option<ChannelsArgument>,
}

/// [`ChannelOrder`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ChannelsArgument {
    /// [channels, height, width].
    First,
    /// [height, width, channels].
    Last,
}

impl Input {
    /// The inputs, and whether they come from a list.
    fn paths(&self) -> Result<(Vec<PathBuf>, bool)> {
        let standard = self.paths == [Path::new("-")];
        let (text, name) = match &self.list {
            Some(list) => (std::fs::read_to_string(list).map_err(|e| Error::io(list, e))?, list.as_path()),
            None if standard => {
                let name = "standard input";
                (std::io::read_to_string(std::io::stdin()).map_err(|e| Error::io(name, e))?, Path::new(name))
            }
            None => return Ok((self.paths.clone(), false)),
        };
        let paths: Vec<PathBuf> = text.lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect();
        if paths.is_empty() {
            Err(Error::file(name, "expected paths, one a line, got none"))
        } else {
            Ok((paths, true))
        }
    }

    /// The files beside the samples, with what they hold.
    pub fn others(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let all = [("labels", &self.labels), ("lengths", &self.lengths)];
        all.into_iter().filter_map(|(name, path)| Some((name, path.as_deref()?)))
    }

    /// Opens the samples for a network whose file says `spec`; options given here go before it.
    pub fn open(&self, spec: &InputSpec) -> Result<Dataset> {
        let (paths, listed) = self.paths()?;
        let spec = self.spec(spec);
        let options = Options {
            spec,
            time_first: self.time_first,
            single_sequence: self.one_sequence,
            labels: self.labels.clone(),
            lengths: self.lengths.clone(),
            limit: self.limit,
            listed,
        };
        Dataset::open(&paths, &options)
    }

    /// Opens other samples, which are read alike: for a network whose file says `spec`.
    pub fn open_others(&self, paths: &[PathBuf], labels: Option<PathBuf>, spec: &InputSpec) -> Result<Dataset> {
        let spec = self.spec(spec);
        let (time_first, single_sequence) = (self.time_first, self.one_sequence);
        Dataset::open(paths, &Options { spec, time_first, single_sequence, labels, ..Options::default() })
    }

    /// How samples are read, as text in which every choice shows.
    pub fn choices(&self, spec: &InputSpec) -> String {
        let spec = self.spec(spec);
        format!(
            "scale {:?}, mean {:?}, std {:?}, resize {}, channels {:?}, kind {:?}, time first {}, one sequence {}",
            spec.scale, spec.mean, spec.std, spec.resize, spec.channels, spec.kind, self.time_first, self.one_sequence
        )
    }

    /// What the network's file says, and what options say instead.
    pub fn spec(&self, spec: &InputSpec) -> InputSpec {
        let mut spec = spec.clone();
        spec.scale = self.scale.or(spec.scale);
        if !self.mean.is_empty() {
            spec.mean.clone_from(&self.mean);
        }
        if !self.std.is_empty() {
            spec.std.clone_from(&self.std);
        }
        spec.resize |= self.resize;
        match self.channels {
            Some(ChannelsArgument::First) => spec.channels = ChannelOrder::First,
            Some(ChannelsArgument::Last) => spec.channels = ChannelOrder::Last,
            None => {}
        }
        spec
    }
}
