//! A network from any file there is a reader for.

use std::path::{Path, PathBuf};

use super::dialect_file::DialectChoice;
use super::{Network, checkpoint, file};
use crate::error::{Error, Result};

/// What is needed beside the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenOptions {
    /// The weights of a `.toml` network file.
    pub weights: Option<PathBuf>,
    /// Rules that go before those of the file.
    pub dialect: Option<DialectChoice>,
    /// The time step, before that of the file and of the rules.
    pub dt: Option<f64>,
}

/// Reads a network: `.nir`, `.safetensors` with its network inside, or `.toml`, whose weights may be missing.
///
/// # Errors
/// A file that is none of these, that is broken, or that does not fit its weights.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Network> {
    let extension = path.extension().map_or_else(String::new, |e| e.to_string_lossy().to_lowercase());
    if options.weights.is_some() && extension != "toml" {
        return Err(Error::Request(format!("{}: `--weights` is for `.toml` network files", path.display())));
    }
    let network = match extension.as_str() {
        "toml" => {
            let file = file::read(path)?;
            match &options.weights {
                Some(weights) => checkpoint::load_weights(file, weights)?,
                None => file.network,
            }
        }
        "safetensors" => checkpoint::read(path)?,
        "nir" | "h5" | "hdf5" => return nir(path, options),
        _ => {
            std::fs::metadata(path).map_err(|e| Error::io(path, e))?;
            return Err(Error::file(path, "expected a network in a `.nir`, `.safetensors` or `.toml` file"));
        }
    };
    let mut network = network;
    let choice = options.dialect.clone().unwrap_or_default();
    choice.apply(&mut network).map_err(|e| Error::file(path, e.to_string()))?;
    network.dt = options.dt.unwrap_or(network.dt);
    network.check().map_err(|e| Error::file(path, e.to_string()))?;
    Ok(network)
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
