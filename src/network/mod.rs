//! What is computed: nodes and edges, with the rules of a dialect.
//!
//! A network is a graph of [`Layer`]s. Several edges into a node are summed. An edge may carry a delay in steps;
//! a cycle needs at least one edge that does. A [`Builder`] makes the usual chain; [`mod@file`] reads TOML,
//! [`checkpoint`] safetensors, `io::nir` the Neuromorphic Intermediate Representation.

mod backward;
mod builder;
pub mod checkpoint;
mod compile;
mod dialect_file;
pub mod file;
mod graph;
mod init;
mod lower;
mod nearest;
mod open;
mod schedule;
mod simplify;
mod sparsified;

pub use builder::Builder;
pub use compile::{compile, compile_training, compile_with};
pub use dialect_file::DialectChoice;
pub use graph::order;
pub(crate) use lower::neuron::laid_out;
pub use open::{OpenOptions, open, open_with_recipe};
#[cfg(feature = "nir")]
pub(crate) use simplify::fold_batch_norm;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::circuit::Circuit;
use crate::error::{Error, Result};
use crate::layer::{Layer, SparseLinear};
use crate::neuron::{Dialect, RuleChanges, Rules};
use crate::tensor::Shape;

/// A network: what is computed in one step of one sample, and how samples come in and scores go out.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// A name for people.
    pub name: String,
    /// How samples are read, and the shape of one step of one sample.
    pub input: InputSpec,
    /// The layers. Exactly one is [`Layer::Input`].
    pub nodes: Vec<Node>,
    /// The connections.
    pub edges: Vec<Edge>,
    /// The node whose output is the network's, by index.
    pub output: usize,
    /// Which framework's rules neurons follow.
    pub dialect: Dialect,
    /// Changes to the dialect for all neurons; those of a single node are laid over them.
    pub rules: RuleChanges,
    /// The time step, in the unit of the time constants.
    pub dt: f64,
    /// Steps per sample, where the network fixes them.
    pub steps: Option<usize>,
    /// How the output is reduced over time, where the network says so.
    pub readout: Option<Readout>,
}

/// One layer by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique in the network.
    pub name: String,
    /// What it does.
    pub layer: Layer,
}

/// A connection between two nodes, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Where it comes from.
    pub from: usize,
    /// Where it goes to.
    pub to: usize,
    /// Steps it takes; 0: within the step.
    pub delay: u32,
}

/// How the output is reduced over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Readout {
    /// Mean over the steps.
    Mean,
    /// Sum over the steps.
    Sum,
    /// Number of spikes; only for an output that spikes.
    Count,
    /// The last step.
    Last,
    /// The largest value of any step.
    Max,
    /// Every step.
    Trace,
}

/// In which numbers the first layer sees its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// Real numbers.
    #[default]
    Real,
    /// Whole numbers from 0 to 255 (binned events), as bit planes.
    Counts,
    /// 0 or 1, as bits.
    Bits,
}

/// How the axes of an image or array sample are ordered in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Channels first: `[channels, height, width]`.
    #[default]
    First,
    /// Channels last: `[height, width, channels]`.
    Last,
}

/// How samples become the network's input: `(x scale - mean) / std`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Shape of one step of one sample, channels first.
    pub shape: Shape,
    /// Factor on each value; `None`: 1/255 for 8-bit unsigned data, else 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Subtracted after scaling: empty, one value, or one per channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mean: Vec<f64>,
    /// Divided by after that: empty, one value, or one per channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub std: Vec<f64>,
    /// Images are resized to `[height, width]`; `false`, the default: another size is an error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resize: bool,
    /// Order of axes in array files.
    #[serde(default, skip_serializing_if = "is_default")]
    pub channels: ChannelOrder,
    /// In which numbers the first layer sees it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: InputKind,
    /// Names of the classes, in order; for listings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl InputSpec {
    /// What zero in a file becomes, for each channel: black.
    pub fn black(&self) -> Vec<f32> {
        let of = |values: &[f64], channel: usize, default: f64| match values {
            [] => default,
            [one] => *one,
            all => all.get(channel).copied().unwrap_or(default),
        };
        let channels = self.shape.first().copied().unwrap_or(1);
        (0..channels).map(|c| ((0.0 - of(&self.mean, c, 0.0)) / of(&self.std, c, 1.0)) as f32).collect()
    }
}

impl Readout {
    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Readout::Mean => "mean",
            Readout::Sum => "sum",
            Readout::Count => "count",
            Readout::Last => "last",
            Readout::Max => "max",
            Readout::Trace => "trace",
        }
    }
}

impl Network {
    /// Begins a chain of layers for an input of `shape` (one step of one sample, channels first).
    ///
    /// ```
    /// use saltatory::{Network, neuron::Lif};
    /// let network = Network::new([1, 28, 28])
    ///     .conv2d(32, 3).padding(1).batch_norm().spiking(Lif::tau(2.0)).max_pool(2)
    ///     .flatten().linear(10)
    ///     .build()?;
    /// assert_eq!(network.shapes()?[network.output], [10]);
    /// # Ok::<(), saltatory::Error>(())
    /// ```
    #[allow(clippy::new_ret_no_self)]
    pub fn new(shape: impl Into<Shape>) -> Builder {
        Builder::new(shape.into())
    }

    /// A network that is a circuit alone, in steps of `dt` ms.
    pub fn of_circuit(name: impl Into<String>, circuit: Circuit, dt: f64) -> Network {
        let name = name.into();
        Network {
            nodes: vec![Node { name: name.clone(), layer: Layer::Circuit(Arc::new(circuit)) }],
            name,
            input: InputSpec::default(),
            edges: Vec::new(),
            output: 0,
            dialect: Dialect::default(),
            rules: RuleChanges::default(),
            dt,
            steps: None,
            readout: None,
        }
    }

    /// The circuit of a network that is nothing else.
    pub fn circuit(&self) -> Option<&Circuit> {
        match &self.nodes[..] {
            [Node { layer: Layer::Circuit(circuit), .. }] => Some(circuit),
            _ => None,
        }
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|n| n.name == name)
    }

    /// The rules a node's neurons follow.
    pub fn rules_of(&self, changes: &RuleChanges) -> Rules {
        self.dialect.rules().with(&changes.over(&self.rules))
    }

    /// The rules of the neurons at a node. In snnTorch's dialect a delayed hard reset keeps the step's input in `Leaky`
    /// alone: it is dropped where there is a synaptic current or the spikes come back, unless the key says otherwise.
    pub fn rules_at(&self, node: usize) -> Rules {
        let Layer::Neuron(neuron) = &self.nodes[node].layer else { return self.rules_of(&RuleChanges::default()) };
        let mut rules = self.rules_of(&neuron.rules);
        let stated = neuron.rules.reset_keeps_input.or(self.rules.reset_keeps_input).is_some();
        if self.dialect == Dialect::SnnTorch && !stated {
            rules.reset_keeps_input = neuron.affine().synapse.is_none() && !self.feeds_back(node);
        }
        rules
    }

    /// Whether a node's output comes back to it later, at once or through one other node.
    fn feeds_back(&self, node: usize) -> bool {
        let out = |from: usize| self.edges.iter().filter(move |e| e.from == from);
        out(node).any(|first| {
            first.to == node || out(first.to).any(|second| second.to == node && first.delay + second.delay > 0)
        })
    }

    /// Checks the whole network: names, edges, cycles, shapes, parameters, finite weights.
    ///
    /// # Errors
    /// The first fault, naming the layer.
    pub fn check(&self) -> Result<()> {
        graph::check(self)?;
        for (node, shape) in self.shapes()?.iter().enumerate() {
            self.check_values(node, shape)?;
        }
        Ok(())
    }

    /// The output shape of every node, for one step of one sample, in the order of [`Network::nodes`].
    ///
    /// # Errors
    /// The first layer whose input does not fit.
    pub fn shapes(&self) -> Result<Vec<Shape>> {
        graph::shapes(self)
    }

    fn check_values(&self, index: usize, shape: &[usize]) -> Result<()> {
        let node = &self.nodes[index];
        for (what, tensor) in checkpoint::tensors(&node.layer) {
            tensor.check_finite().map_err(|fault| Error::layer(&node.name, format!("{fault} of its {what}")))?;
        }
        if let Layer::SparseLinear(SparseLinear { weight: Some(weight), .. }) = &node.layer
            && let Some(at) = weight.values().iter().position(|value| !value.is_finite())
        {
            let got = weight.values()[at];
            return Err(Error::layer(&node.name, format!("expected finite values, got {got} at synapse {at}")));
        }
        if let Layer::Circuit(circuit) = &node.layer {
            circuit.check(self.dt).map_err(|e| Error::layer(&node.name, e.to_string()))?;
        }
        if let Layer::Neuron(neuron) = &node.layer {
            let rules = self.rules_at(index);
            neuron.affine().bind(&rules, self.dt, shape).map_err(|e| Error::layer(&node.name, e.to_string()))?;
        }
        Ok(())
    }
}
