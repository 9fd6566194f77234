//! Network files in TOML, both ways.
//!
//! ```toml
//! name = "small"                # default: the file's stem
//! dialect = "spikingjelly"      # whose rules neurons follow; sets dt unless it is given
//! dt = 1.0
//! steps = 4
//! readout = "mean"              # mean sum count last max trace
//! output = "fc"                 # default: the last layer
//!
//! [input]                       # InputSpec
//! shape = [1, 28, 28]
//!
//! [rules]                       # RuleChanges for all neurons
//! fire = "gt"
//!
//! [[layer]]
//! name = "conv"                 # default: type and position
//! type = "conv2d"
//! from = "input"                # default: the layer before; or ["a", "b"], or [{ layer = "a", delay = 1 }]
//! out_channels = 32
//! kernel = 3                    # or [height, width]
//! padding = "same"              # or "valid", one number, one per axis
//! weights = "net.0"             # prefix of the tensors' names: `net.0.weight`; default: the layer's name
//! tensors = { bias = "b0" }     # or single names
//!
//! [[layer]]
//! type = "lif"
//! tau = 2.0                     # a number, an array, or the name of a tensor
//! reset = "subtract"            # every key of RuleChanges
//!
//! [[layer]]
//! type = "flatten"
//!
//! [[layer]]
//! name = "fc"
//! type = "linear"
//! out_features = 10
//!
//! [train]                       # how it is trained: the module `train::recipe`
//! epochs = 10
//! ```
//!
//! | type | keys |
//! |---|---|
//! | `conv1d` `conv2d` | `out_channels` `kernel` `stride` `padding` `dilation` `groups` `bias` `weights` `tensors` |
//! | `linear` | `out_features` `bias` `weights` `tensors` |
//! | `sparse_linear` | `out_features` (`out`) `bias` `weights` `tensors`, and `fan_in` or `fan_out` with `seed` (0), see below |
//! | `batch_norm` | `eps` (1e-5) `momentum` (0.1: of running statistics in training) `affine` `weights` `tensors` |
//! | `max_pool` `avg_pool` `sum_pool` | `kernel` `stride` (default: the kernel) `padding` `axes` (1 or 2) |
//! | `flatten` | `start` `end`: axes of one sample, both included; -1: the last |
//! | `scale` | `factor` |
//! | `delay` | `steps` |
//! | `dropout` | `p` |
//! | `add` | |
//! | `circuit` | `seed` `population` `projection`, see below |
//! | `if` | `r` `threshold` `v_reset` |
//! | `lif` | as `if`, and `tau` or `decay` (`beta`), `v_leak`, `decay_input` |
//! | `plif` | `w` or `tau`, `v_leak` `threshold` `v_reset` |
//! | `cuba_lif` | as `lif`, and `tau_syn` or `decay_syn` (`alpha`), `w_in` |
//! | `li` `cuba_li` | as `lif` and `cuba_lif`, without `threshold` and `v_reset` |
//! | `integrator` | `r` |
//! | `threshold` | `threshold` |
//!
//! SpikingJelly's `decay_input = false` is `input_gain = "r"`, its `v_reset = "none"` is `reset = "subtract"`. On a
//! population, `recurrent = { weights = "l1.recurrent", bias = true }` feeds its spikes back one step later, through
//! a linear layer that is called as the population with `.w_rec` behind it.
//!
//! A `sparse_linear` layer takes the tensors `fc.weight.offsets`, `fc.weight.indices` and `fc.weight.values` (of output `i`,
//! the inputs `indices[offsets[i]..offsets[i + 1]]`, ascending, and their weights), or a dense `fc.weight`, whose zeros are
//! left out. `fan_in = 100` gives every output as many different inputs, `fan_out = 100` every input as many outputs, drawn
//! from `seed`: that is what [`super::Network::init`] fills with weights. A checkpoint brings its own synapses.

//!
//! # Circuits
//!
//! A file with `[[population]]` and `[[projection]]` in place of layers is a circuit alone: `saltatory simulate` runs it.
//! As `[[layer]]` of the type `circuit` it is a part of a network, and has `[[layer.population]]` and `[[layer.projection]]`;
//! what begins with such a layer may do without `[input]`, and `from = []` says that a circuit takes nothing.
//!
//! ```toml
//! name = "balanced"
//! dt = 0.1                                  # ms; the default of a circuit alone
//! seed = 42                                 # 64 bits, with a sign; default: 0
//!
//! [[population]]
//! name = "exc"
//! size = 800
//! cell = "IF_curr_exp"                      # PyNN's names: neuron::cell::CellType
//! parameters = { tau_m = 20.0 }             # defaults: PyNN's
//! v_init = { uniform = [-65.0, -50.0] }     # mV; default: at rest
//! i_offset = 0.1                            # nA, in place of that of `parameters`
//! background = { rate = 8000.0, weight = 0.1, receptor = "excitatory" } # Hz, nA (uS, mV)
//! currents = [[100.0, 0.5], [200.0, 0.0]]   # from which ms on, nA
//! probes = [0, 1, 2]                        # cells whose potentials are recorded
//!
//! [[projection]]
//! from = "exc"
//! to = "exc"
//! connector = { fixed_probability = 0.1 }
//! weight = { normal = [0.1, 0.02], clip = [0.0, 1.0] } # nA, uS of conductances, mV where potentials jump
//! delay = 1.5                               # ms; default: 1
//! receptor = "excitatory"                   # or "inhibitory"; default: by the sign of the weights
//! allow_self_connections = false            # default: true
//! procedural = true                         # synapses are drawn again by every spike; default: false
//! ```
//!
//! | what | how |
//! |---|---|
//! | a number that may be drawn | `0.1`, `{ uniform = [low, high] }`, `{ normal = [mean, deviation] }` with or without `clip = [low, high]`, `{ lognormal = [mean, deviation] }` of the logarithm |
//! | a connector | `"all_to_all"`, `"one_to_one"`, `{ fixed_probability = p }`, `{ fixed_number_post = n }`, `{ fixed_number_pre = n }`, `{ fixed_total_number = n }`, `{ from_list = [[source, target, weight, delay], ...] }`, `{ from_list = "synapses.npy" }` (or CSV), beside the network file |
//! | spike times of `SpikeSourceArray`, ms | `parameters = { spike_times = [[1.0, 2.5], [4.0]] }`, a list for each cell, or one that all share |

mod circuit;
mod keys;
mod layer;
pub(crate) mod neuron;
mod read;
mod text;
mod write;

pub(crate) use keys::Keys;
pub(super) use neuron::set_parameter;
pub(super) use read::dialect;
pub use read::{parse, read};
pub(crate) use text::table;
pub(super) use text::text as read_text;
pub use write::to_toml;
pub(super) use write::{Scales, text};

use std::path::PathBuf;

use super::checkpoint::slots;
use super::{Network, Node};
use crate::error::{Error, Result};
use crate::train::Recipe;

/// A network as its file describes it, and where its weights are to come from.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkFile {
    /// The network without weights. What a tensor will give holds its default until then.
    pub network: Network,
    /// Which tensor each parameter takes.
    pub bindings: Vec<Binding>,
    /// How it is trained, where the file says so: [`crate::train::recipe`].
    pub train: Option<Recipe>,
    /// The file, for messages.
    pub origin: PathBuf,
}

/// Which tensor one parameter of one layer takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The layer, as an index into [`Network::nodes`].
    pub node: usize,
    /// `weight`, `bias`, `running_mean`, `running_var`, `scale`, or the key of a neuron's parameter.
    pub parameter: &'static str,
    /// The tensor's name.
    pub tensor: String,
}

impl NetworkFile {
    /// The network without weights, to be initialised and trained.
    ///
    /// # Errors
    /// Where a scale or a neuron's parameter is the name of a tensor: no seed could give it.
    pub fn without_weights(self) -> Result<Network> {
        let named = |b: &&Binding| !slots(&self.network.nodes[b.node].layer).contains(&b.parameter);
        match self.bindings.iter().find(named) {
            None => Ok(self.network),
            Some(binding) => Err(Error::file(
                &self.origin,
                format!(
                    "layer `{}`: takes its `{}` from the tensor `{}`: give the file with the weights (`--weights`)",
                    self.network.nodes[binding.node].name, binding.parameter, binding.tensor
                ),
            )),
        }
    }
}

impl From<Network> for NetworkFile {
    /// Binds every weight to `<layer>.weight` and so on, as [`super::checkpoint::save`] names them.
    fn from(network: Network) -> Self {
        let mut bindings = Vec::new();
        for (node, Node { name, layer }) in network.nodes.iter().enumerate() {
            for parameter in slots(layer) {
                bindings.push(Binding { node, parameter, tensor: format!("{name}.{parameter}") });
            }
        }
        let origin = PathBuf::from(&network.name);
        NetworkFile { network, bindings, train: None, origin }
    }
}
