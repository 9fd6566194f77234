//! Weights by name, and checkpoints: safetensors files that carry weights and, where we wrote them, the network.
//!
//! A file that another program wrote (a PyTorch `state_dict`) has the weights alone; a [`NetworkFile`] says which
//! tensor each layer takes. One that [`save`] wrote has tensors `<layer>.weight` and so on, and the network file's
//! text in its metadata under [`NETWORK_KEY`]; [`read`] needs nothing else. The weights of a sparse linear layer are
//! three tensors, see `sparse`.

pub(crate) mod archive;
mod sparse;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use super::file::{self, NetworkFile, Scales};
use super::nearest::listed;
use super::{Network, Node};
use crate::error::{Error, Result};
use crate::layer::{Layer, loaded};
use crate::neuron::Param;
use crate::sparse::SparseMatrix;
use crate::tensor::{Shape, Tensor};
use crate::train::Recipe;
use archive::Archive;

/// The metadata key of a safetensors file under which the network stands as TOML.
pub const NETWORK_KEY: &str = "saltatory.network";

/// The dense tensors a layer holds, by what they are; a sparse linear layer's weights are none.
pub fn tensors(layer: &Layer) -> Vec<(&'static str, &Tensor)> {
    let list = match layer {
        Layer::Conv(c) => vec![("weight", c.weight.as_ref()), ("bias", c.bias.as_ref())],
        Layer::Linear(l) => vec![("weight", l.weight.as_ref()), ("bias", l.bias.as_ref())],
        Layer::SparseLinear(l) => vec![("bias", l.bias.as_ref())],
        Layer::BatchNorm(n) => vec![
            ("weight", n.weight.as_ref()),
            ("bias", n.bias.as_ref()),
            ("running_mean", n.running_mean.as_ref()),
            ("running_var", n.running_var.as_ref()),
        ],
        Layer::Scale(s) => vec![("scale", Some(s))],
        _ => Vec::new(),
    };
    list.into_iter().filter_map(|(what, tensor)| tensor.map(|t| (what, t))).collect()
}

/// What weights a layer is to have, by what they are; a scale always has its own.
pub fn slots(layer: &Layer) -> Vec<&'static str> {
    let biased = |has_bias: bool| if has_bias { vec!["weight", "bias"] } else { vec!["weight"] };
    match layer {
        Layer::Conv(c) => biased(c.has_bias || c.bias.is_some()),
        Layer::Linear(l) => biased(l.has_bias || l.bias.is_some()),
        Layer::SparseLinear(l) => biased(l.has_bias || l.bias.is_some()),
        Layer::BatchNorm(n) if n.affine || n.weight.is_some() || n.bias.is_some() => {
            vec!["weight", "bias", "running_mean", "running_var"]
        }
        Layer::BatchNorm(_) => vec!["running_mean", "running_var"],
        _ => Vec::new(),
    }
}

/// The shape of one of a layer's [`slots`] for an input of `input`; `None` where it has no such slot.
pub fn slot_shape(layer: &Layer, slot: &str, input: &[usize]) -> Option<Shape> {
    let channels = input.first().copied().unwrap_or(1);
    match (layer, slot) {
        (Layer::Conv(c), "weight") => Some(c.weight_shape(channels)),
        (Layer::Conv(c), "bias") => Some(vec![c.out_channels]),
        (Layer::Linear(l), "weight") => Some(vec![l.out_features, input.iter().product()]),
        (Layer::Linear(l), "bias") => Some(vec![l.out_features]),
        (Layer::SparseLinear(l), "weight") => Some(vec![l.out_features, input.iter().product()]),
        (Layer::SparseLinear(l), "bias") => Some(vec![l.out_features]),
        (Layer::BatchNorm(_), "weight" | "bias" | "running_mean" | "running_var") => Some(vec![channels]),
        _ => None,
    }
}

/// The first of a layer's [`slots`] that holds nothing.
pub(crate) fn missing(layer: &Layer) -> Option<&'static str> {
    let mut held: Vec<&str> = tensors(layer).into_iter().map(|(what, _)| what).collect();
    if matches!(layer, Layer::SparseLinear(linear) if linear.weight.is_some()) {
        held.push("weight");
    }
    slots(layer).into_iter().find(|slot| !held.contains(slot))
}

/// The place of one of a layer's [`slots`]; `None` where it has no such slot, or where that is no dense tensor.
pub fn slot_mut<'a>(layer: &'a mut Layer, slot: &str) -> Option<&'a mut Option<Tensor>> {
    match (layer, slot) {
        (Layer::Conv(c), "weight") => Some(&mut c.weight),
        (Layer::Conv(c), "bias") => Some(&mut c.bias),
        (Layer::Linear(l), "weight") => Some(&mut l.weight),
        (Layer::Linear(l), "bias") => Some(&mut l.bias),
        (Layer::SparseLinear(l), "bias") => Some(&mut l.bias),
        (Layer::BatchNorm(n), "weight") => Some(&mut n.weight),
        (Layer::BatchNorm(n), "bias") => Some(&mut n.bias),
        (Layer::BatchNorm(n), "running_mean") => Some(&mut n.running_mean),
        (Layer::BatchNorm(n), "running_var") => Some(&mut n.running_var),
        _ => None,
    }
}

/// The shape each node sees as its input, in the order of [`Network::nodes`].
pub(crate) fn input_shapes(network: &Network) -> Result<Vec<Shape>> {
    let outputs = network.shapes()?;
    let mut inputs = outputs.clone();
    for edge in &network.edges {
        inputs[edge.to].clone_from(&outputs[edge.from]);
    }
    Ok(inputs)
}

/// A network with its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The network, checked.
    pub network: Network,
    /// Names of tensors in the file that no layer takes, sorted: `num_batches_tracked` and the like.
    pub unused: Vec<String>,
}

/// Fills the weights of a network from a safetensors file. Values may be F32, F64, F16 or BF16, in PyTorch's layouts.
///
/// # Errors
/// [`Error::File`] naming layer and tensor where one is missing, or has another type or shape, or is not finite.
pub fn load_weights(file: NetworkFile, path: impl AsRef<Path>) -> Result<Loaded> {
    let path = path.as_ref();
    let bytes = archive::bytes(path)?;
    fill(file, &Archive::new(path, &bytes)?)
}

/// Reads a network that [`save`] wrote.
///
/// # Errors
/// [`Error::File`] where the file is damaged or carries no network.
pub fn read(path: impl AsRef<Path>) -> Result<Network> {
    read_with_recipe(path).map(|(network, _)| network)
}

/// The same, and how the network was trained, where the file says so.
///
/// # Errors
/// As [`read`].
pub fn read_with_recipe(path: impl AsRef<Path>) -> Result<(Network, Option<Recipe>)> {
    let path = path.as_ref();
    let bytes = archive::bytes(path)?;
    of_archive(&Archive::new(path, &bytes)?)
}

/// The network in an archive.
pub(crate) fn of_archive(archive: &Archive) -> Result<(Network, Option<Recipe>)> {
    let Some(text) = archive.metadata(NETWORK_KEY) else {
        return Err(Error::file(
            archive.path,
            format!(
                "has weights, but no network (no metadata `{NETWORK_KEY}`): describe the network in a `.toml` \
                 file, and give this one with it (`--weights`)"
            ),
        ));
    };
    let mut file = file::parse(text, archive.path)?;
    let recipe = file.train.take();
    Ok((fill(file, archive)?.network, recipe))
}

/// Writes a network with its weights. An older file of that name is replaced at once or, on an error, not at all.
///
/// # Errors
/// [`Error::Layer`] where weights are missing, [`Error::File`] where they are not finite, [`Error::Io`].
pub fn save(network: &Network, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    archive::write(path, &to_bytes(network, &Beside::default(), path)?)
}

/// What a file holds beside a network and its weights.
#[derive(Default)]
pub(crate) struct Beside<'a> {
    /// How the network is trained.
    pub recipe: Option<&'a Recipe>,
    /// More tensors, by names that no layer's have.
    pub tensors: Vec<(String, &'a Tensor)>,
    /// More metadata.
    pub metadata: Option<(&'static str, String)>,
}

/// The content of a file that [`read`] reads; `path` is what errors call it.
pub(crate) fn to_bytes(network: &Network, beside: &Beside<'_>, path: &Path) -> Result<Vec<u8>> {
    for Node { name, layer } in &network.nodes {
        if let Some(missing) = missing(layer) {
            loaded::<Tensor>(name, missing, &None)?;
        }
    }
    let mut text = file::text(network, Scales::Named)?;
    if let Some(recipe) = beside.recipe {
        text = format!("{text}\n{}", recipe.to_toml()?);
    }
    let mut metadata = HashMap::from([(NETWORK_KEY.to_owned(), text)]);
    metadata.extend(beside.metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    let of_layers = network.nodes.iter().flat_map(|Node { name, layer }| {
        tensors(layer).into_iter().map(move |(what, tensor)| (format!("{name}.{what}"), tensor))
    });
    let others = beside.tensors.iter().map(|(name, tensor)| (name.clone(), *tensor));
    let dense: Vec<_> = of_layers.chain(others).collect();
    // A file that cannot be read any more must not take the place of one that can.
    for (name, tensor) in &dense {
        let refused = |fault| Error::file(path, format!("nothing is written: tensor `{name}`: {fault}"));
        tensor.check_finite().map_err(refused)?;
    }
    let dense = dense
        .into_iter()
        .map(|(name, tensor)| (name, Dtype::F32, tensor.shape().to_vec(), little_endian(tensor.data())));
    let list: Vec<_> = dense.chain(network.nodes.iter().flat_map(sparse::entries)).collect();
    let views = list
        .iter()
        .map(|(name, kind, shape, bytes)| TensorView::new(*kind, shape.clone(), bytes).map(|view| (name, view)));
    let views: Result<Vec<_>, _> = views.collect();
    let bytes = views.and_then(|views| safetensors::serialize(views, Some(metadata)));
    bytes.map_err(|e| Error::file(path, e.to_string()))
}

/// Values of 4 bytes each as they stand in files.
fn little_endian<T: bytemuck::NoUninit>(values: &[T]) -> Cow<'_, [u8]> {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    if cfg!(target_endian = "little") {
        Cow::Borrowed(bytes)
    } else {
        Cow::Owned(bytes.chunks(4).flat_map(|word| word.iter().rev()).copied().collect())
    }
}

/// Gives every binding its tensor.
fn fill(file: NetworkFile, archive: &Archive) -> Result<Loaded> {
    let NetworkFile { mut network, bindings, .. } = file;
    let inputs = input_shapes(&network)?;
    let mut unused: BTreeSet<&str> = archive.names().collect();
    for binding in &bindings {
        let Node { name, layer } = &mut network.nodes[binding.node];
        if let (Layer::SparseLinear(linear), "weight") = (&mut *layer, binding.parameter)
            && sparse::is_there(archive, &binding.tensor)
        {
            let columns = inputs[binding.node].iter().product();
            linear.weight = Some(sparse::read(archive, name, &binding.tensor, [linear.out_features, columns])?);
            sparse::PARTS.iter().for_each(|part| {
                unused.remove(format!("{}.{part}", binding.tensor).as_str());
            });
            continue;
        }
        let fail = |message: String| {
            Error::file(archive.path, format!("layer `{name}`: tensor `{}`: {message}", binding.tensor))
        };
        let Some(tensor) = archive.tensor(&binding.tensor) else {
            let near = listed(&binding.tensor, archive.names(), 3);
            let way_out = if binding.parameter == "bias" { "; a layer without bias says `bias = false`" } else { "" };
            return Err(fail(format!("not there for its {}; the closest are {near}{way_out}", binding.parameter)));
        };
        unused.remove(binding.tensor.as_str());
        if let Layer::Neuron(neuron) = layer {
            let param = match (tensor.numbers().map_err(fail)?, tensor.shape()) {
                (values, _) if values.len() == 1 => Param::Shared(values[0]),
                (values, shape) => Param::Each { shape: shape.to_vec(), values },
            };
            file::set_parameter(neuron, binding.parameter, param).map_err(fail)?;
            continue;
        }
        let expected = slot_shape(layer, binding.parameter, &inputs[binding.node]);
        if let Some(expected) = &expected
            && expected != tensor.shape()
        {
            let what = binding.parameter;
            return Err(fail(format!("expected a {what} of shape {expected:?}, got {:?}", tensor.shape())));
        }
        let value = Tensor::new(tensor.shape(), tensor.floats().map_err(fail)?)?;
        match (&mut *layer, binding.parameter) {
            (Layer::SparseLinear(linear), "weight") => {
                linear.weight = Some(SparseMatrix::from_dense(&value).map_err(|e| fail(e.to_string()))?);
            }
            (Layer::Scale(factor), _) => *factor = value,
            (layer, parameter) => {
                if let Some(slot) = slot_mut(layer, parameter) {
                    *slot = Some(value);
                }
            }
        }
    }
    network.check().map_err(|e| Error::file(archive.path, e.to_string()))?;
    Ok(Loaded { network, unused: unused.into_iter().map(str::to_owned).collect() })
}
