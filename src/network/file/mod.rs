//! Network files in TOML: the layers by name, and which tensors of a weights file they take.
//!
//! ```toml
//! name = "spiking_cnn"
//! dialect = "spikingjelly"      # the rules neurons follow, and with them the step dt
//! steps = 4
//! [input]
//! shape = [1, 28, 28]
//! [[layer]]
//! type = "conv2d"               # each layer takes the output of the one before, or `from = "name"`
//! out_channels = 32
//! kernel = 3
//! padding = 1
//! weights = "net.0"             # takes the tensors `net.0.weight` and `net.0.bias`
//! [[layer]]
//! type = "lif"
//! tau = 2.0
//! reset = "hard"                # any rule may be changed for one layer
//! ```

mod layer;
mod neuron;
mod table;
mod write;

use std::path::Path;

pub(crate) use table::nearest;
pub use write::to_toml;

use super::{Edge, InputSpec, Network, Node, Readout};
use crate::error::{Error, Result};
use crate::layer::{Layer, Linear};
use crate::neuron::{Dialect, RuleChanges};
use table::Keys;

/// More layers than this are taken for a mistake.
const MAX_LAYERS: usize = 10_000;

/// A network without its weights, and where they are to be found.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkFile {
    /// The network.
    pub network: Network,
    /// What each layer takes from a weights file.
    pub bindings: Vec<Binding>,
}

/// A tensor that a layer takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The layer, by index.
    pub node: usize,
    /// Its parameter: `weight`, `bias`, `running_mean`, `threshold`...
    pub parameter: String,
    /// The tensor's name in the weights file.
    pub tensor: String,
}

/// Reads a network file.
///
/// # Errors
/// A file that cannot be read, is no TOML, or names layers or keys that do not exist.
pub fn read(path: &Path) -> Result<NetworkFile> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        Error::file_at(
            path,
            e.utf8_error().valid_up_to() as u64,
            "expected a network file in TOML, got bytes that are no text",
        )
    })?;
    parse(&text, path)
}

/// Reads a network from TOML; `origin` names it in errors.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, origin: &Path) -> Result<NetworkFile> {
    let table: toml::Table = toml::from_str(text).map_err(|e| {
        let at = e.span().map_or(String::new(), |span| {
            let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
            format!("line {line}: ")
        });
        Error::file(origin, format!("{at}{}", e.message()))
    })?;
    network(table, origin).map_err(|e| match e {
        Error::File { .. } | Error::Io { .. } => e,
        other => Error::file(origin, other.to_string()),
    })
}

fn network(table: toml::Table, origin: &Path) -> Result<NetworkFile> {
    let mut keys = Keys::new("the network file", table);
    let input: InputSpec = keys.required("input")?;
    let dialect: Dialect = keys.optional("dialect")?.unwrap_or_default();
    let stem = origin.file_stem().map_or_else(|| "network".into(), |s| s.to_string_lossy().into_owned());
    let mut file = NetworkFile {
        network: Network {
            name: keys.optional("name")?.unwrap_or(stem),
            input,
            nodes: vec![Node { name: "input".into(), layer: Layer::Input }],
            edges: Vec::new(),
            output: 0,
            dialect,
            rules: keys.optional::<RuleChanges>("rules")?.unwrap_or_default(),
            dt: keys.optional("dt")?.unwrap_or_else(|| dialect.native_dt()),
            steps: keys.optional("steps")?,
            readout: keys.optional::<Readout>("readout")?,
        },
        bindings: Vec::new(),
    };
    if file.network.steps == Some(0) {
        return Err(Error::Network("expected at least one step, got steps = 0".into()));
    }
    let output: Option<String> = keys.optional("output")?;
    let layers: Vec<toml::Table> = keys.optional("layer")?.unwrap_or_default();
    keys.done(&["name", "dialect", "dt", "steps", "readout", "output", "input", "rules", "layer"])?;
    if layers.len() > MAX_LAYERS {
        return Err(Error::Network(format!("expected at most {MAX_LAYERS} layers, got {}", layers.len())));
    }
    let mut read = Vec::with_capacity(layers.len());
    for table in layers {
        read.push(layer::read(&mut file, table)?);
    }
    let last = file.network.nodes.len() - 1;
    connect(&mut file.network, &read)?;
    for layer in read {
        if let Some(recurrent) = layer.recurrent {
            feed_back(&mut file, layer.node, recurrent)?;
        }
    }
    file.network.output = match output {
        Some(name) => find(&file.network, &name, "output")?,
        None => last,
    };
    file.network.check()?;
    Ok(file)
}

/// A layer as its table gives it: which node it became, and what connects it.
struct Connected {
    node: usize,
    /// Names and delays; empty: the layer before.
    from: Vec<(String, u32)>,
    recurrent: Option<Recurrent>,
}

/// A recurrent connection around a population.
struct Recurrent {
    bias: bool,
    weights: Option<String>,
}

fn connect(network: &mut Network, layers: &[Connected]) -> Result<()> {
    let mut before = 0;
    for layer in layers {
        if layer.from.is_empty() {
            network.edges.push(Edge { from: before, to: layer.node, delay: 0 });
        }
        for (name, delay) in &layer.from {
            let from = find(network, name, &network.nodes[layer.node].name)?;
            network.edges.push(Edge { from, to: layer.node, delay: *delay });
        }
        before = layer.node;
    }
    Ok(())
}

/// The spikes of a population come back to it one step later, through a linear layer `<name>.w_rec`.
fn feed_back(file: &mut NetworkFile, population: usize, recurrent: Recurrent) -> Result<()> {
    let shapes = file.network.shapes()?;
    let name = format!("{}.w_rec", file.network.nodes[population].name);
    if shapes[population].len() != 1 {
        return Err(Error::layer(
            name,
            "a recurrent population must have the shape [features]: put a flatten before it",
        ));
    }
    let linear = Linear { has_bias: recurrent.bias, ..Linear::new(shapes[population][0]) };
    let node = file.network.nodes.len();
    let prefix = recurrent.weights.unwrap_or_else(|| name.clone());
    let layer = Layer::Linear(linear);
    layer::bind(&mut file.bindings, node, &layer, &prefix, None)?;
    file.network.nodes.push(Node { name, layer });
    file.network.edges.push(Edge { from: population, to: node, delay: 1 });
    file.network.edges.push(Edge { from: node, to: population, delay: 0 });
    Ok(())
}

fn find(network: &Network, name: &str, who: &str) -> Result<usize> {
    network.node(name).ok_or_else(|| {
        let near = nearest(name, network.nodes.iter().map(|n| n.name.as_str()));
        Error::Network(format!("`{who}` names the layer `{name}`, which there is not{near}"))
    })
}
