//! A chain of layers, written down one after another.

use super::{Edge, InputSpec, Network, Node, Readout};
use crate::error::{Error, Result};
use crate::layer::{BatchNorm, Connectivity, Conv, Layer, Linear, Padding, Pool, PoolKind, SparseLinear};
use crate::neuron::{Dialect, Neuron, RuleChanges};
use crate::tensor::{Shape, Tensor};

/// Builds a [`Network`] layer by layer; each takes the output of the one before unless told otherwise.
///
/// Faults are kept until [`Builder::build`], which names the layer.
#[derive(Clone, Debug)]
pub struct Builder {
    network: Network,
    last: usize,
    error: Option<String>,
}

impl Builder {
    pub(super) fn new(shape: Shape) -> Self {
        let network = Network {
            name: "network".into(),
            input: InputSpec { shape, ..Default::default() },
            nodes: vec![Node { name: "input".into(), layer: Layer::Input }],
            edges: Vec::new(),
            output: 0,
            dialect: Dialect::default(),
            rules: RuleChanges::default(),
            dt: Dialect::default().native_dt(),
            steps: None,
            readout: None,
        };
        Builder { network, last: 0, error: None }
    }

    /// Names the network.
    pub fn name_network(mut self, name: impl Into<String>) -> Self {
        self.network.name = name.into();
        self
    }

    /// Adds any layer after the last one, under a name made of its kind and position.
    pub fn layer(mut self, layer: Layer) -> Self {
        let index = self.network.nodes.len();
        self.network.nodes.push(Node { name: format!("{}{index}", layer.kind()), layer });
        self.network.edges.push(Edge { from: self.last, to: index, delay: 0 });
        self.last = index;
        self
    }

    /// Names the last layer.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.network.nodes[self.last].name = name.into();
        self
    }

    /// 2-d convolution with a square kernel, stride 1, no padding, bias.
    pub fn conv2d(self, out_channels: usize, kernel: usize) -> Self {
        self.layer(Layer::Conv(Conv::conv2d(out_channels, kernel)))
    }

    /// 1-d convolution, stride 1, no padding, bias.
    pub fn conv1d(self, out_channels: usize, kernel: usize) -> Self {
        self.layer(Layer::Conv(Conv::conv1d(out_channels, kernel)))
    }

    /// Zero padding on all sides of the last layer, a convolution or pool.
    pub fn padding(self, pad: usize) -> Self {
        self.change("padding", |layer| {
            match layer {
                Layer::Conv(c) => c.padding = Padding::Explicit(vec![pad; c.kernel.len()]),
                Layer::Pool(p) => p.padding = vec![pad; p.kernel.len()],
                _ => return false,
            }
            true
        })
    }

    /// Stride of the last layer, a convolution or pool.
    pub fn stride(self, stride: usize) -> Self {
        self.change("stride", |layer| {
            match layer {
                Layer::Conv(c) => c.stride = vec![stride; c.kernel.len()],
                Layer::Pool(p) => p.stride = vec![stride; p.kernel.len()],
                _ => return false,
            }
            true
        })
    }

    /// Dilation of the last layer, a convolution.
    pub fn dilation(self, dilation: usize) -> Self {
        self.change("dilation", |layer| {
            match layer {
                Layer::Conv(c) => c.dilation = vec![dilation; c.kernel.len()],
                _ => return false,
            }
            true
        })
    }

    /// Groups of the last layer, a convolution.
    pub fn groups(self, groups: usize) -> Self {
        self.change("groups", |layer| {
            match layer {
                Layer::Conv(c) => c.groups = groups,
                _ => return false,
            }
            true
        })
    }

    /// Takes the bias from the last layer, a convolution or linear one, also a sparse one.
    pub fn no_bias(self) -> Self {
        self.change("no_bias", |layer| {
            match layer {
                Layer::Conv(c) => c.has_bias = false,
                Layer::Linear(l) => l.has_bias = false,
                Layer::SparseLinear(l) => l.has_bias = false,
                _ => return false,
            }
            true
        })
    }

    /// Fully connected layer with bias, over its whole input flattened channels first.
    pub fn linear(self, out_features: usize) -> Self {
        self.layer(Layer::Linear(Linear::new(out_features)))
    }

    /// Linear layer with bias of which most weights are zero: those of a checkpoint, unless it is connected at random.
    pub fn sparse_linear(self, out_features: usize) -> Self {
        self.layer(Layer::SparseLinear(SparseLinear::new(out_features)))
    }

    /// Every output of the last layer, a sparse linear one, has so many different inputs, drawn from `seed`.
    pub fn fan_in(self, count: usize, seed: u64) -> Self {
        self.connectivity("fan_in", Connectivity::FanIn { count, seed })
    }

    /// Every input of the last layer, a sparse linear one, has so many different outputs, drawn from `seed`.
    pub fn fan_out(self, count: usize, seed: u64) -> Self {
        self.connectivity("fan_out", Connectivity::FanOut { count, seed })
    }

    fn connectivity(self, what: &str, connectivity: Connectivity) -> Self {
        self.change(what, |layer| {
            match layer {
                Layer::SparseLinear(l) => l.connectivity = Some(connectivity),
                _ => return false,
            }
            true
        })
    }

    /// Batch normalisation with running statistics.
    pub fn batch_norm(self) -> Self {
        self.layer(Layer::BatchNorm(BatchNorm::default()))
    }

    /// What is added to the variance of the last layer, a batch normalisation (1e-5).
    pub fn eps(self, eps: f64) -> Self {
        self.change("eps", |layer| {
            match layer {
                Layer::BatchNorm(norm) => norm.eps = eps,
                _ => return false,
            }
            true
        })
    }

    /// The share that the running statistics of the last layer, a batch normalisation, take of those of a batch in training
    /// (0.1).
    pub fn momentum(self, momentum: f64) -> Self {
        self.change("momentum", |layer| {
            match layer {
                Layer::BatchNorm(norm) => norm.momentum = momentum,
                _ => return false,
            }
            true
        })
    }

    /// A population of neurons: [`crate::neuron::Lif`] and the like.
    pub fn spiking(self, neuron: impl Into<Neuron>) -> Self {
        self.layer(Layer::Neuron(neuron.into()))
    }

    /// Max pool with a square window, without overlap.
    pub fn max_pool(self, extent: usize) -> Self {
        self.layer(Layer::Pool(Pool::square(PoolKind::Max, extent)))
    }

    /// Average pool with a square window, without overlap.
    pub fn avg_pool(self, extent: usize) -> Self {
        self.layer(Layer::Pool(Pool::square(PoolKind::Average, extent)))
    }

    /// Sum pool with a square window, without overlap.
    pub fn sum_pool(self, extent: usize) -> Self {
        self.layer(Layer::Pool(Pool::square(PoolKind::Sum, extent)))
    }

    /// All axes become one, channels first.
    pub fn flatten(self) -> Self {
        self.layer(Layer::Flatten { start: 0, end: None })
    }

    /// Multiplication by a factor: one, one per channel, or one per element.
    pub fn scale(self, factor: Tensor) -> Self {
        self.layer(Layer::Scale(factor))
    }

    /// Identity at inference.
    pub fn dropout(self, p: f32) -> Self {
        self.layer(Layer::Dropout { p })
    }

    /// Everything comes later by `steps`.
    pub fn delay(self, steps: u32) -> Self {
        self.layer(Layer::Delay(vec![steps]))
    }

    /// Adds the output of the layer called `other` to that of the last one: a residual connection.
    #[allow(clippy::should_implement_trait)] // of a network to itself, by name
    pub fn add(mut self, other: &str) -> Self {
        let from = self.find(other);
        self = self.layer(Layer::Add);
        if let Some(from) = from {
            self.network.edges.push(Edge { from, to: self.last, delay: 0 });
        }
        self
    }

    /// Goes on from the layer called `other`: a branch.
    pub fn from(mut self, other: &str) -> Self {
        if let Some(from) = self.find(other) {
            self.last = from;
        }
        self
    }

    /// Feeds the spikes of the last layer back into it, one step later, through a linear layer with or without bias.
    /// That layer is called as this one with `.w_rec` behind it.
    pub fn recurrent(mut self, bias: bool) -> Self {
        let population = self.last;
        let name = format!("{}.w_rec", self.network.nodes[population].name);
        let Ok(shapes) = self.network.shapes() else {
            // The fault is reported by `build`.
            return self;
        };
        let features: usize = shapes[population].iter().product();
        if shapes[population].len() != 1 {
            self.fail(format!("`{name}` needs a population of shape [features]: put a flatten before it"));
        }
        let mut linear = Linear::new(features);
        linear.has_bias = bias;
        let index = self.network.nodes.len();
        self.network.nodes.push(Node { name, layer: Layer::Linear(linear) });
        self.network.edges.push(Edge { from: population, to: index, delay: 1 });
        self.network.edges.push(Edge { from: index, to: population, delay: 0 });
        self
    }

    /// Names of the layers so far, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.network.nodes.iter().map(|n| n.name.as_str())
    }

    /// The rules neurons follow, and with them the step dt of that framework.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.network.dialect = dialect;
        self.network.dt = dialect.native_dt();
        self
    }

    /// Changes to the dialect for all neurons.
    pub fn rules(mut self, rules: RuleChanges) -> Self {
        self.network.rules = rules;
        self
    }

    /// The time step, in the unit of the time constants.
    pub fn dt(mut self, dt: f64) -> Self {
        self.network.dt = dt;
        self
    }

    /// Steps per sample.
    pub fn steps(mut self, steps: usize) -> Self {
        self.network.steps = Some(steps);
        self
    }

    /// How the output is reduced over time.
    pub fn readout(mut self, readout: Readout) -> Self {
        self.network.readout = Some(readout);
        self
    }

    /// How samples are read; the shape stays the one given to [`Network::new`].
    pub fn input(mut self, spec: InputSpec) -> Self {
        let shape = std::mem::take(&mut self.network.input.shape);
        self.network.input = InputSpec { shape, ..spec };
        self
    }

    /// The network, checked.
    ///
    /// # Errors
    /// The first fault, naming the layer.
    pub fn build(mut self) -> Result<Network> {
        if let Some(message) = self.error {
            return Err(Error::Network(message));
        }
        self.network.output = self.last;
        self.network.check()?;
        Ok(self.network)
    }

    fn find(&mut self, name: &str) -> Option<usize> {
        let found = self.network.node(name);
        if found.is_none() {
            self.fail(format!("there is no layer `{name}`"));
        }
        found
    }

    fn fail(&mut self, message: String) {
        self.error.get_or_insert(message);
    }

    fn change(mut self, what: &str, change: impl FnOnce(&mut Layer) -> bool) -> Self {
        let node = &mut self.network.nodes[self.last];
        if !change(&mut node.layer) {
            let message = format!("`{what}` has no meaning for `{}`, a {}", node.name, node.layer.kind());
            self.fail(message);
        }
        self
    }
}
