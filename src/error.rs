//! The one error type. Every message says the place, what was expected and what came.

use std::path::{Path, PathBuf};

/// What went wrong, where, and what was expected there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be opened, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file whose content is not what it should be.
    #[error("{}{}: {message}", path.display(), at(*offset))]
    File {
        /// The file.
        path: PathBuf,
        /// Byte offset of the fault, where it is known.
        offset: Option<u64>,
        /// Expected and got.
        message: String,
    },
    /// A layer whose shape, parameters or weights do not fit.
    #[error("layer `{layer}`: {message}")]
    Layer {
        /// The layer's name in the network.
        layer: String,
        /// Expected and got.
        message: String,
    },
    /// A network that is not well formed as a whole (unknown names, cycles without delay, no output).
    #[error("network: {0}")]
    Network(String),
    /// A request that cannot be met: an option out of range, a conflict, a device that is not there.
    #[error("{0}")]
    Request(String),
    /// A GPU that refuses, fails or is lost.
    #[error("GPU `{device}`: {message}")]
    Gpu {
        /// The adapter's name.
        device: String,
        /// What was asked of it, and what it said.
        message: String,
    },
    /// A GPU whose memory does not suffice.
    #[error("GPU `{device}` is out of memory: {message}")]
    OutOfMemory {
        /// The adapter's name.
        device: String,
        /// What was needed, and for what.
        message: String,
    },
    /// Work that goes beyond what a GPU's driver does right: a smaller part of it may not.
    #[error("GPU `{device}`: {message}")]
    DriverLimit {
        /// The adapter's name.
        device: String,
        /// What was needed, and what the driver does.
        message: String,
    },
    /// Something that has a meaning but cannot be run by this version.
    #[error("not supported: {0}")]
    Unsupported(String),
}

fn at(offset: Option<u64>) -> String {
    offset.map_or_else(String::new, |o| format!(" at byte {o}"))
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An [`Error::File`] without a byte offset.
    pub fn file(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Error::File { path: path.as_ref().to_owned(), offset: None, message: message.into() }
    }

    /// An [`Error::File`] at a byte offset.
    pub fn file_at(path: impl AsRef<Path>, offset: u64, message: impl Into<String>) -> Self {
        Error::File { path: path.as_ref().to_owned(), offset: Some(offset), message: message.into() }
    }

    /// An [`Error::Io`].
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Error::Io { path: path.as_ref().to_owned(), source }
    }

    /// An [`Error::Gpu`].
    pub fn gpu(device: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Gpu { device: device.into(), message: message.into() }
    }

    /// Whether less at once may do: the memory does not suffice, or the driver.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Error::OutOfMemory { .. } | Error::DriverLimit { .. })
    }

    /// An [`Error::Layer`].
    pub fn layer(layer: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Layer { layer: layer.into(), message: message.into() }
    }
}
