//! Weights in safetensors files: those of other frameworks, taken by name, and our own, which carry their network.

use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::Network;
use super::file::{self, Binding, NetworkFile, nearest};
use crate::error::{Error, Result};
use crate::layer::{Conv, Layer, Linear};
use crate::neuron::{Decay, Model, Param};
use crate::tensor::Tensor;

/// The metadata key under which a checkpoint carries its network, as TOML.
pub const NETWORK_KEY: &str = "saltatory.network";

/// The tensors a layer holds, by what they are.
pub fn tensors(layer: &Layer) -> Vec<(&'static str, &Tensor)> {
    let list = match layer {
        Layer::Conv(c) => vec![("weight", c.weight.as_ref()), ("bias", c.bias.as_ref())],
        Layer::Linear(l) => vec![("weight", l.weight.as_ref()), ("bias", l.bias.as_ref())],
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

/// Fills a network with the weights of a safetensors file. Tensors that no layer names are left alone.
///
/// # Errors
/// A file that is broken, a tensor that is missing, of another shape or type than its layer needs, or not finite.
pub fn load_weights(network: NetworkFile, path: &Path) -> Result<Network> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    fill(network, &parsed(path, &bytes)?, path)
}

/// Reads a checkpoint that carries its network.
///
/// # Errors
/// As [`load_weights`]; a file without a network inside.
pub fn read(path: &Path) -> Result<Network> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let tensors = parsed(path, &bytes)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| broken(path, &e))?;
    let text = header.metadata().as_ref().and_then(|m| m.get(NETWORK_KEY)).ok_or_else(|| {
        Error::file(
            path,
            format!(
                "holds weights but no network (no metadata `{NETWORK_KEY}`): describe it in a TOML file and run \
                 `saltatory run NET.toml --weights {}`",
                path.display()
            ),
        )
    })?;
    fill(file::parse(text, path)?, &tensors, path)
}

/// Writes a network with its weights. The file appears under its name when it is whole.
///
/// # Errors
/// Where the file cannot be written.
pub fn save(network: &Network, path: &Path) -> Result<()> {
    let named = |node: &super::Node, what: &str| format!("{}.{what}", node.name);
    let list = network.nodes.iter().flat_map(|node| {
        let tensors = tensors(&node.layer).into_iter().filter(|(what, _)| *what != "scale");
        tensors.map(move |(what, tensor)| (named(node, what), tensor))
    });
    let list: Vec<(String, &Tensor)> = list.collect();
    let views: Vec<(&str, TensorView<'_>)> = list
        .iter()
        .map(|(name, t)| {
            let view = TensorView::new(Dtype::F32, t.shape().to_vec(), bytemuck::cast_slice(t.data()));
            view.map(|view| (name.as_str(), view)).map_err(|e| broken(path, &e))
        })
        .collect::<Result<_>>()?;
    let metadata = HashMap::from([(NETWORK_KEY.to_string(), file::to_toml(network)?)]);
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| broken(path, &e))?;
    let mut file = crate::io::output::AtomicFile::create(path)?;
    std::io::Write::write_all(&mut file, &bytes).map_err(|e| Error::io(path, e))?;
    file.commit()
}

fn broken(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::file(path, format!("expected a safetensors file: {error}"))
}

fn parsed<'a>(path: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>> {
    SafeTensors::deserialize(bytes).map_err(|e| broken(path, &e))
}

fn fill(file: NetworkFile, tensors: &SafeTensors<'_>, path: &Path) -> Result<Network> {
    let NetworkFile { mut network, bindings } = file;
    for binding in &bindings {
        let node = &mut network.nodes[binding.node];
        let view = tensors.tensor(&binding.tensor).map_err(|_| missing(&node.name, binding, tensors, path))?;
        let fail = |message: String| {
            Error::file(path, format!("layer `{}`: tensor `{}` {message}", node.name, binding.tensor))
        };
        let values = values(&view).map_err(fail)?;
        set(&mut node.layer, &binding.parameter, view.shape(), values).map_err(fail)?;
    }
    network.check().map_err(|e| Error::file(path, e.to_string()))?;
    Ok(network)
}

fn missing(layer: &str, binding: &Binding, tensors: &SafeTensors<'_>, path: &Path) -> Error {
    let near = nearest(&binding.tensor, tensors.names().into_iter());
    let hint = if binding.parameter == "bias" { " (a layer without one says `bias = false`)" } else { "" };
    let mut names: Vec<&str> = tensors.names();
    names.sort_unstable();
    let more = if names.len() > 12 { format!(", and {} more", names.len() - 12) } else { String::new() };
    let list = names.into_iter().take(12).collect::<Vec<_>>().join(", ");
    Error::file(
        path,
        format!(
            "layer `{layer}`: there is no tensor `{}` for its {}{near}{hint}; there are {list}{more}",
            binding.tensor, binding.parameter
        ),
    )
}

/// A tensor's numbers as f64, whatever kind of float they are stored as.
fn values(view: &TensorView<'_>) -> std::result::Result<Vec<f64>, String> {
    let data = view.data();
    fn each<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        data.as_chunks::<N>().0.iter().map(|&bytes| read(bytes)).collect()
    }
    Ok(match view.dtype() {
        Dtype::F32 => each(data, |b| f64::from(f32::from_le_bytes(b))),
        Dtype::F64 => each(data, f64::from_le_bytes),
        Dtype::F16 => each(data, |b| half::f16::from_le_bytes(b).to_f64()),
        Dtype::BF16 => each(data, |b| half::bf16::from_le_bytes(b).to_f64()),
        other => return Err(format!("is {other:?}, expected F32, F64, F16 or BF16")),
    })
}

/// Gives a layer one of its parameters.
fn set(layer: &mut Layer, parameter: &str, shape: &[usize], values: Vec<f64>) -> std::result::Result<(), String> {
    if let Layer::Neuron(neuron) = layer {
        let param =
            if values.len() == 1 { Param::Shared(values[0]) } else { Param::Each { shape: shape.to_vec(), values } };
        if parameter == "v_init" {
            neuron.v_init = Some(param);
            return Ok(());
        }
        return set_neuron(&mut neuron.model, parameter, param);
    }
    let data = values.into_iter().map(|x| x as f32).collect();
    let tensor = Tensor::new(shape, data).map_err(|e| e.to_string())?;
    let slot = match (layer, parameter) {
        (Layer::Scale(scale), _) => {
            *scale = tensor;
            return Ok(());
        }
        (Layer::Conv(Conv { weight, .. }) | Layer::Linear(Linear { weight, .. }), "weight") => weight,
        (Layer::Conv(Conv { bias, .. }) | Layer::Linear(Linear { bias, .. }), "bias") => bias,
        (Layer::BatchNorm(n), "weight") => &mut n.weight,
        (Layer::BatchNorm(n), "bias") => &mut n.bias,
        (Layer::BatchNorm(n), "running_mean") => &mut n.running_mean,
        (Layer::BatchNorm(n), "running_var") => &mut n.running_var,
        (other, what) => return Err(format!("is for `{what}`, which a {} has not", other.kind())),
    };
    *slot = Some(tensor);
    Ok(())
}

fn set_neuron(model: &mut Model, parameter: &str, param: Param) -> std::result::Result<(), String> {
    let name = model.name();
    let decay = |slot: &mut Decay, param: Param| match slot {
        Decay::Tau(tau) => *tau = param,
        Decay::Factor(factor) => *factor = param,
    };
    match (model, parameter) {
        (Model::Lif(m), "tau" | "tau_mem" | "decay" | "beta") => decay(&mut m.decay, param),
        (Model::Li(m), "tau" | "tau_mem" | "decay" | "beta") => decay(&mut m.decay, param),
        (Model::CubaLif(m), "tau" | "tau_mem" | "decay" | "beta") => decay(&mut m.decay_mem, param),
        (Model::CubaLi(m), "tau" | "tau_mem" | "decay" | "beta") => decay(&mut m.decay_mem, param),
        (Model::CubaLif(m), "tau_syn" | "decay_syn" | "alpha") => decay(&mut m.decay_syn, param),
        (Model::CubaLi(m), "tau_syn" | "decay_syn" | "alpha") => decay(&mut m.decay_syn, param),
        (Model::ParametricLif(m), "w") => m.w = param,
        (Model::ParametricLif(m), "tau") => m.w = param.map(|tau| -(tau - 1.0).ln()),
        (Model::If(m), "r") => m.r = param,
        (Model::Lif(m), "r") => m.r = param,
        (Model::Li(m), "r") => m.r = param,
        (Model::CubaLif(m), "r") => m.r = param,
        (Model::CubaLi(m), "r") => m.r = param,
        (Model::Integrator(m), "r") => m.r = param,
        (Model::CubaLif(m), "w_in") => m.w_in = param,
        (Model::CubaLi(m), "w_in") => m.w_in = param,
        (Model::Lif(m), "v_leak") => m.v_leak = Some(param),
        (Model::ParametricLif(m), "v_leak") => m.v_leak = Some(param),
        (Model::CubaLif(m), "v_leak") => m.v_leak = Some(param),
        (Model::Li(m), "v_leak") => m.v_leak = param,
        (Model::CubaLi(m), "v_leak") => m.v_leak = param,
        (Model::If(m), "threshold") => m.threshold = param,
        (Model::Lif(m), "threshold") => m.threshold = param,
        (Model::ParametricLif(m), "threshold") => m.threshold = param,
        (Model::CubaLif(m), "threshold") => m.threshold = param,
        (Model::Threshold(m), "threshold") => m.threshold = param,
        (Model::If(m), "v_reset") => m.v_reset = param,
        (Model::Lif(m), "v_reset") => m.v_reset = param,
        (Model::ParametricLif(m), "v_reset") => m.v_reset = param,
        (Model::CubaLif(m), "v_reset") => m.v_reset = param,
        _ => return Err(format!("is for `{parameter}`, which {name} neurons have not")),
    }
    Ok(())
}
