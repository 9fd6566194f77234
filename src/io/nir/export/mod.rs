//! Writing networks as NIR.
//!
//! NIR holds a graph of neurons in continuous time and none of the choices in which frameworks differ. So a file says
//! what a network computes only together with a dialect, a time step, and whatever rules differ from that dialect's:
//! [`Written::reading`]. What NIR has no word for is put in other words where that changes no bit (batch norm and powers
//! of two become part of weights, a max pool of spikes a sum pool and a threshold, a sparse linear layer a dense one), else refused.
//!
//! `fold` and `links` turn a network into one of NIR's primitives alone, `neurons` finds the parameters that bind to
//! the same coefficients when they are read back, `file` writes HDF5, `readers` knows where a framework's own reader
//! goes another way, and `same` reads the bytes back before any file is written: nothing is changed silently.

mod file;
mod fold;
mod keys;
mod links;
mod neurons;
mod readers;
mod same;

use std::path::Path;

use super::{Options, hdf5, network};
use crate::error::{Error, Result};
use crate::io::output::AtomicFile;
use crate::network::{DialectChoice, Network};

/// A sparse linear layer of more weights than this, with its zeros, is not written (256 MiB).
const MOST_WEIGHTS: usize = 1 << 26;

/// How a network is to be written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WriteOptions {
    /// Seconds per step that time constants are written for; `None`: [`crate::neuron::Dialect::nir_dt`].
    pub dt: Option<f64>,
    /// Rules that NIR cannot hold and a reader would not assume are fine, because [`Written::reading`] goes with the
    /// file. Otherwise a network that has any is refused.
    pub rules_apart: bool,
}

/// What was written, and how it is to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// What a reader must assume: the dialect, the time step, and every rule that differs from the dialect's.
    pub reading: DialectChoice,
    /// What the file does not hold, and what the dialect's own framework would read otherwise; for people.
    pub notes: Vec<String>,
    /// How many nodes the file has.
    pub nodes: usize,
    /// How many edges the file has.
    pub edges: usize,
}

/// Writes a network whose weights are loaded; the file appears when it is complete.
///
/// Read back with the dialect, time step and rules of [`Written::reading`], the file gives a network with the same
/// spikes, to the bit. What only training or reading samples needs is not in it: `detach_reset`, how inputs are
/// scaled, steps and read-out.
///
/// # Errors
/// [`Error::Layer`] naming a layer that NIR cannot express, and the way out; [`Error::Request`] for a time step that is
/// none; [`Error::Io`] where the file cannot be written.
///
/// ```no_run
/// use saltatory::io::nir::{WriteOptions, write};
/// use saltatory::network::{OpenOptions, open};
/// let network = open("net.safetensors", &OpenOptions::default())?;
/// let written = write(&network, "net.nir".as_ref(), &WriteOptions::default())?;
/// println!("read it as {}", written.reading.to_toml()?);
/// # Ok::<(), saltatory::Error>(())
/// ```
pub fn write(original: &Network, path: &Path, options: &WriteOptions) -> Result<Written> {
    let dt = options.dt.unwrap_or_else(|| original.dialect.nir_dt());
    if !(dt > 0.0 && dt.is_finite()) {
        return Err(Error::Request(format!("dt must be above zero, got {dt}")));
    }
    original.check()?;
    let original = &original.densified("NIR", MOST_WEIGHTS)?;
    let mut plain = links::plain(&fold::folded(original)?)?;
    let reading = neurons::said(original, &mut plain, dt, options.rules_apart)?;
    let (bytes, edges) = file::bytes(&plain)?;
    let read =
        Options { dialect: plain.dialect, dt: reading.dt, rules: reading.rules, node_rules: reading.nodes.clone() };
    let back = network(path, hdf5::parse(path, bytes.clone())?, &read)?;
    let reordered = same::check(&plain, &back)?;
    AtomicFile::create(path)?.write_whole(&bytes)?;
    let mut notes = readers::left_out(original);
    notes.extend(reordered);
    notes.extend(readers::notes(&plain));
    let nodes = plain.nodes.len() + usize::from(file::output_name(&plain).is_some());
    Ok(Written { reading, notes, nodes, edges })
}
