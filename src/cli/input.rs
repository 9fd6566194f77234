//! Which samples, and how they are read.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use saltatory::Result;
use saltatory::io::dataset::{Dataset, Options};
use saltatory::network::{ChannelOrder, InputSpec};

/// The samples.
#[derive(Args, Debug)]
pub struct Input {
    /// `.npy`, `.npz`, IDX (also `.gz`), images, or folders of images (a subfolder per class); several are read in order.
    #[arg(value_name = "INPUT", required = true)]
    paths: Vec<PathBuf>,
    /// Classes of the samples: IDX, `.npy` or CSV.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Read only the first N samples.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Arrays are [time, samples, ...] instead of [samples, time, ...].
    #[arg(long)]
    time_first: bool,
    /// Each array is one sample, [time, ...].
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
    /// Opens the samples for a network whose file says `spec`; options given here go before it.
    pub fn open(&self, spec: &InputSpec) -> Result<Dataset> {
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
        let options = Options {
            spec,
            time_first: self.time_first,
            single_sequence: self.one_sequence,
            labels: self.labels.clone(),
            limit: self.limit,
        };
        Dataset::open(&self.paths, &options)
    }
}
