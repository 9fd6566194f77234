//! Which network, and under which rules: the options that `run`, `train`, `inspect` and `export` share.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use saltatory::network::{self, DialectChoice, InputKind, OpenOptions, Readout};
use saltatory::train::Recipe;
use saltatory::{Network, Result};

/// The network's files, and the rules it follows.
#[derive(Args, Debug)]
pub struct Source {
    /// A `.nir` file, a `.safetensors` checkpoint with its network inside, or a `.toml` network file.
    #[arg(value_name = "MODEL")]
    path: PathBuf,
    /// Weights for a `.toml` network file (safetensors, e.g. a PyTorch state_dict).
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Rules of the neurons: spikingjelly, snntorch, norse, sinabs, nir, or a TOML file that sets single keys, for the
    /// whole network and for nodes by name. A `.nir` file holds none of them.
    #[arg(long, value_name = "NAME|FILE.toml")]
    dialect: Option<String>,
    /// Time step, in the unit of the network's time constants.
    #[arg(long, value_name = "SECONDS")]
    dt: Option<f64>,
}

/// The network, and how it is run.
#[derive(Args, Debug)]
pub struct Model {
    #[command(flatten)]
    source: Source,
    /// Steps per sample.
    #[arg(long, value_name = "T")]
    pub steps: Option<usize>,
    /// How the output is reduced over time.
    #[arg(long, value_enum)]
    pub readout: Option<ReadoutArgument>,
    /// In which numbers the first layer sees its input.
    #[arg(long, value_enum)]
    input_kind: Option<KindArgument>,
}

/// [`Readout`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ReadoutArgument {
    /// Mean over the steps.
    Mean,
    /// Sum over the steps.
    Sum,
    /// Number of spikes.
    Count,
    /// The last step.
    Last,
    /// The largest value of any step.
    Max,
    /// Every step.
    Trace,
}

/// [`InputKind`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindArgument {
    Real,
    Counts,
    Bits,
}

impl From<ReadoutArgument> for Readout {
    fn from(argument: ReadoutArgument) -> Readout {
        match argument {
            ReadoutArgument::Mean => Readout::Mean,
            ReadoutArgument::Sum => Readout::Sum,
            ReadoutArgument::Count => Readout::Count,
            ReadoutArgument::Last => Readout::Last,
            ReadoutArgument::Max => Readout::Max,
            ReadoutArgument::Trace => Readout::Trace,
        }
    }
}

impl Source {
    /// Reads the network.
    pub fn open(&self) -> Result<Network> {
        self.open_with_recipe().map(|(network, _)| network)
    }

    /// The same, and how the network is to be trained, where its file says so.
    fn open_with_recipe(&self) -> Result<(Network, Option<Recipe>)> {
        let dialect = self.dialect.as_deref().map(DialectChoice::parse).transpose()?;
        let options = OpenOptions { weights: self.weights.clone(), dialect, dt: self.dt };
        network::open_with_recipe(&self.path, &options)
    }
}

impl Model {
    /// Reads the network.
    pub fn open(&self) -> Result<Network> {
        self.open_with_recipe().map(|(network, _)| network)
    }

    /// The same, and how the network is to be trained, where its file says so.
    pub fn open_with_recipe(&self) -> Result<(Network, Option<Recipe>)> {
        let (mut network, recipe) = self.source.open_with_recipe()?;
        if let Some(kind) = self.input_kind {
            network.input.kind = match kind {
                KindArgument::Real => InputKind::Real,
                KindArgument::Counts => InputKind::Counts,
                KindArgument::Bits => InputKind::Bits,
            };
        }
        Ok((network, recipe))
    }

    /// The files it is read from, with what they hold.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        [("model", Some(self.source.path.as_path())), ("weights", self.source.weights.as_deref())]
            .into_iter()
            .filter_map(|(name, path)| Some((name, path?)))
    }

    /// The model's path, as it was given.
    pub fn name(&self) -> String {
        self.source.path.display().to_string()
    }
}
