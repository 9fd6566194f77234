//! A network from a file of any kind.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{DialectChoice, Network, checkpoint, file};
use crate::error::{Error, Result};
use crate::train::Recipe;

/// What a user may say about a network beside its file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenOptions {
    /// The weights of a `.toml` network, in safetensors.
    pub weights: Option<PathBuf>,
    /// Other rules than the file's.
    pub dialect: Option<DialectChoice>,
    /// Another time step than the file's, and than that of `dialect`.
    pub dt: Option<f64>,
}

/// The kinds of files that hold a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Toml,
    Safetensors,
    Nir,
}

/// Reads a network from a `.toml` (with or without weights), `.safetensors` or `.nir` file.
///
/// A network from TOML without `weights` has none: load some, or call [`Network::init`].
///
/// # Errors
/// Where the file is of another kind or damaged, or the options do not fit it.
pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Network> {
    open_with_recipe(path, options).map(|(network, _)| network)
}

/// The same, and how the network is to be trained, where its file says so.
///
/// # Errors
/// As [`open`].
pub fn open_with_recipe(path: impl AsRef<Path>, options: &OpenOptions) -> Result<(Network, Option<Recipe>)> {
    let path = path.as_ref();
    let kind = kind(path)?;
    if let (Some(weights), Kind::Safetensors | Kind::Nir) = (&options.weights, kind) {
        let message = format!("carries its own weights; those of {} are for a `.toml` network", weights.display());
        return Err(Error::file(path, message));
    }
    let (mut network, recipe) = match (kind, &options.weights) {
        (Kind::Toml, weights) => {
            let mut file = file::read(path)?;
            let recipe = file.train.take();
            let network = match weights {
                Some(weights) => checkpoint::load_weights(file, weights)?.network,
                None => file.without_weights()?,
            };
            (network, recipe)
        }
        (Kind::Safetensors, _) => checkpoint::read_with_recipe(path)?,
        (Kind::Nir, _) => return nir(path, options).map(|network| (network, None)),
    };
    if let Some(choice) = &options.dialect {
        choice.apply(&mut network)?;
    }
    network.dt = options.dt.unwrap_or(network.dt);
    if !(network.dt.is_finite() && network.dt > 0.0) {
        return Err(Error::Request(format!("dt must be above zero, got {}", network.dt)));
    }
    network.check()?;
    Ok((network, recipe))
}

#[cfg(feature = "nir")]
fn nir(path: &Path, options: &OpenOptions) -> Result<Network> {
    let choice = options.dialect.clone().unwrap_or_default();
    let options = crate::io::nir::Options {
        dialect: choice.dialect.unwrap_or(crate::neuron::Dialect::Nir),
        dt: options.dt.or(choice.dt),
        rules: choice.rules,
        node_rules: choice.nodes,
    };
    crate::io::nir::read(path, &options)
}

#[cfg(not(feature = "nir"))]
fn nir(path: &Path, _: &OpenOptions) -> Result<Network> {
    Err(Error::Unsupported(format!("{}: this build reads no NIR files (feature `nir`)", path.display())))
}

/// The kind of a file: by its first bytes where they tell, else by its extension.
fn kind(path: &Path) -> Result<Kind> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    file.take(9).read_to_end(&mut start).map_err(|e| Error::io(path, e))?;
    if start.starts_with(b"\x89HDF\r\n\x1a\n") {
        return Ok(Kind::Nir);
    }
    // A safetensors file begins with eight bytes of length, below 2^32, and then a brace.
    if start.len() == 9 && start[4..8] == [0; 4] && start[8] == b'{' {
        return Ok(Kind::Safetensors);
    }
    match path.extension().and_then(|e| e.to_str()) {
        Some("toml") => Ok(Kind::Toml),
        Some("safetensors") => Ok(Kind::Safetensors),
        // The reader says what it is instead of HDF5.
        Some("nir") => Ok(Kind::Nir),
        _ => Err(Error::file(path, "expected a network: a `.toml`, `.safetensors` or `.nir` file")),
    }
}
