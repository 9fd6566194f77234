//! Networks in the Neuromorphic Intermediate Representation (NIR), read from HDF5 and written to it.
//!
//! A `.nir` file holds a graph of continuous-time primitives in SI units. It holds no time step, no reset kind and
//! no fire rule: the framework that wrote it decides them, so they are [`Options`] here. `hdf5` reads the file
//! into plain arrays, `convert` turns each node into a [`crate::layer::Layer`], `graph` flattens nested graphs,
//! `cycle` puts delays on recurrent edges, `settle` gives every layer its input shape. `export` goes the other way.
//!
//! # How to add a primitive
//!
//! An arm in `convert`'s `item`, and its name in `PRIMITIVES` there; an arm in `export::file`; tests in `tests/nir.rs` and
//! `tests/nir_export.rs`.

mod convert;
mod cycle;
mod export;
mod graph;
mod hdf5;
mod params;
mod settle;
mod sniff;
mod source;

pub use export::{WriteOptions, Written, write};

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::network::Network;
use crate::neuron::{Dialect, RuleChanges};

/// What a `.nir` file does not say.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Whose rules the neurons follow (NIR's own).
    pub dialect: Dialect,
    /// Seconds per step; `None`: [`Dialect::nir_dt`].
    pub dt: Option<f64>,
    /// Changes to the dialect for all neurons.
    pub rules: RuleChanges,
    /// Changes for single neuron nodes, by name; `outer.inner` inside a nested graph.
    pub node_rules: BTreeMap<String, RuleChanges>,
}

impl Default for Options {
    fn default() -> Self {
        Options { dialect: Dialect::Nir, dt: None, rules: RuleChanges::default(), node_rules: BTreeMap::new() }
    }
}

/// Reads and checks a network.
///
/// Nested graphs are flattened to names `outer.inner`. A cycle without delay gets one of one step on the edge that
/// leaves its last spiking neuron.
///
/// # Errors
/// [`Error::Io`] or [`Error::File`] for a file that is not NIR, [`Error::Unsupported`] for primitives without a
/// meaning here, [`Error::Layer`] naming the node whose parameters do not fit.
///
/// ```no_run
/// use saltatory::io::nir::{Options, read};
/// use saltatory::neuron::Dialect;
/// let options = Options { dialect: Dialect::Sinabs, ..Default::default() };
/// let network = read("cnn_sinabs.nir".as_ref(), &options)?;
/// # Ok::<(), saltatory::Error>(())
/// ```
pub fn read(path: &Path, options: &Options) -> Result<Network> {
    network(path, hdf5::read(path)?, options)
}

/// The network of a file's graph; `path` names it.
fn network(path: &Path, graph: hdf5::Graph, options: &Options) -> Result<Network> {
    let dt = options.dt.unwrap_or_else(|| options.dialect.nir_dt());
    if !(dt > 0.0 && dt.is_finite()) {
        return Err(Error::Request(format!("dt must be above zero, got {dt}")));
    }
    let flat = graph::flatten(path, graph, dt)?;
    let settled = settle::settle(flat)?;
    let mut network = Network {
        name: path.file_stem().map_or_else(|| "network".into(), |s| s.to_string_lossy().into_owned()),
        input: settled.input,
        nodes: settled.nodes,
        edges: settled.edges,
        output: settled.output,
        dialect: options.dialect,
        rules: options.rules,
        dt,
        steps: None,
        readout: None,
    };
    for (name, changes) in &options.node_rules {
        set_rules(&mut network, name, changes)?;
    }
    network.check()?;
    Ok(network)
}

fn set_rules(network: &mut Network, name: &str, changes: &RuleChanges) -> Result<()> {
    if let Some(node) = network.nodes.iter_mut().find(|n| n.name == name)
        && let Layer::Neuron(neuron) = &mut node.layer
    {
        neuron.rules = *changes;
        return Ok(());
    }
    let neurons: Vec<&str> =
        network.nodes.iter().filter(|n| matches!(n.layer, Layer::Neuron(_))).map(|n| n.name.as_str()).collect();
    Err(Error::layer(
        name,
        format!("rules are set for it, but it is not a neuron of this network; those are `{}`", neurons.join("`, `")),
    ))
}
