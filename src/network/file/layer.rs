//! One `[[layer]]` of a network file.

use std::sync::Arc;

use toml::Value;

use super::keys::{Keys, SIZES};
use super::{circuit, neuron};
use crate::error::Result;
use crate::layer::{BatchNorm, Connectivity, Conv, Layer, Linear, Padding, Pool, PoolKind, SparseLinear};
use crate::network::checkpoint::slots;
use crate::tensor::Tensor;

/// The types that are not populations of neurons.
const DENSE: [(&str, &[&str]); 14] = [
    ("input", &[]),
    ("conv1d", CONV),
    ("conv2d", CONV),
    ("linear", &["out_features", "bias", "weights", "tensors"]),
    ("sparse_linear", &["out_features", "out", "bias", "fan_in", "fan_out", "seed", "weights", "tensors"]),
    ("batch_norm", &["eps", "momentum", "affine", "weights", "tensors"]),
    ("max_pool", POOL),
    ("avg_pool", POOL),
    ("sum_pool", POOL),
    ("flatten", &["start", "end"]),
    ("scale", &["factor"]),
    ("add", &[]),
    ("delay", &["steps"]),
    ("dropout", &["p"]),
];
const CONV: &[&str] =
    &["out_channels", "kernel", "stride", "padding", "dilation", "groups", "bias", "weights", "tensors"];
const POOL: &[&str] = &["kernel", "stride", "padding", "axes"];
const CIRCUIT: &str = "circuit";
const NEURONS: [&str; 8] = ["if", "lif", "plif", "cuba_lif", "li", "cuba_li", "integrator", "threshold"];
const COMMON: [&str; 3] = ["name", "type", "from"];

/// Steps of delay that are believed.
pub(super) const MAX_STEPS: usize = 10_000_000;

/// Parameters and the names of the tensors they take.
pub(super) type Tensors = Vec<(&'static str, String)>;

/// A layer as it was read.
pub(super) struct Parsed {
    /// What it does, without weights.
    pub layer: Layer,
    /// Which tensors it takes.
    pub tensors: Tensors,
    /// A linear layer through which a population feeds itself, its features still unknown.
    pub recurrent: Option<(Linear, Tensors)>,
}

/// The names of all types.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    DENSE.iter().map(|(kind, _)| *kind).chain(NEURONS).chain([CIRCUIT])
}

/// Reads what is particular to a type; `None` where there is no such type.
pub(super) fn read(keys: &mut Keys, kind: &str, name: &str) -> Result<Option<Parsed>> {
    let mut tensors = Vec::new();
    if let Some(model) = neuron::model(kind) {
        keys.only(&[&COMMON[..], &neuron::allowed(model.clone())].concat())?;
        let recurrent = recurrent(keys, name)?;
        let layer = Layer::Neuron(neuron::read(model, keys, &mut tensors)?);
        return Ok(Some(Parsed { layer, tensors, recurrent }));
    }
    if kind == CIRCUIT {
        keys.only(&[&COMMON[..], &circuit::KEYS].concat())?;
        let layer = Layer::Circuit(Arc::new(circuit::read(keys)?));
        return Ok(Some(Parsed { layer, tensors, recurrent: None }));
    }
    let Some((_, allowed)) = DENSE.iter().find(|(dense, _)| *dense == kind) else { return Ok(None) };
    keys.only(&[&COMMON[..], allowed].concat())?;
    let layer = match kind {
        "conv1d" => Layer::Conv(conv(keys, Conv::conv1d(0, 0))?),
        "conv2d" => Layer::Conv(conv(keys, Conv::conv2d(0, 0))?),
        "linear" => Layer::Linear(linear(keys)?),
        "sparse_linear" => Layer::SparseLinear(sparse_linear(keys)?),
        "batch_norm" => Layer::BatchNorm(batch_norm(keys)?),
        "max_pool" => Layer::Pool(pool(keys, PoolKind::Max)?),
        "avg_pool" => Layer::Pool(pool(keys, PoolKind::Average)?),
        "sum_pool" => Layer::Pool(pool(keys, PoolKind::Sum)?),
        "flatten" => flatten(keys)?,
        "scale" => scale(keys, &mut tensors)?,
        "delay" => delay(keys)?,
        "dropout" => dropout(keys)?,
        "add" => Layer::Add,
        _ => Layer::Input,
    };
    tensors.extend(names(keys, &layer, name)?);
    Ok(Some(Parsed { layer, tensors, recurrent: None }))
}

fn required<T>(keys: &Keys, key: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| keys.fail(format!("`{key}` is missing")))
}

fn conv(keys: &mut Keys, mut conv: Conv) -> Result<Conv> {
    let axes = conv.kernel.len();
    let channels = keys.size("out_channels", SIZES)?;
    conv.out_channels = required(keys, "out_channels", channels)?;
    let kernel = keys.sizes("kernel", axes)?;
    conv.kernel = required(keys, "kernel", kernel)?;
    conv.stride = keys.sizes("stride", axes)?.unwrap_or(conv.stride);
    conv.dilation = keys.sizes("dilation", axes)?.unwrap_or(conv.dilation);
    conv.groups = keys.size("groups", SIZES)?.unwrap_or(conv.groups);
    conv.has_bias = keys.flag("bias")?.unwrap_or(true);
    conv.padding = match keys.take("padding") {
        None => Padding::Valid,
        Some(Value::String(word)) if word == "same" => Padding::Same,
        Some(Value::String(word)) if word == "valid" => Padding::Valid,
        Some(Value::Array(list)) if list.len() == axes => {
            let pads = list.iter().map(|v| keys.as_size("padding", v, SIZES));
            Padding::Explicit(pads.collect::<Result<_>>()?)
        }
        Some(value @ Value::Integer(_)) => Padding::Explicit(vec![keys.as_size("padding", &value, SIZES)?; axes]),
        Some(other) => {
            let expected = format!("a whole number, one for each of the {axes} axes, \"same\" or \"valid\"");
            return Err(keys.mismatch("padding", &expected, &other));
        }
    };
    // Zeros are refused with the shapes, but "same" looks at the kernel before.
    if conv.kernel.contains(&0) {
        return Err(keys.fail_at("kernel", "expected at least 1, got 0"));
    }
    Ok(conv)
}

fn linear(keys: &mut Keys) -> Result<Linear> {
    let features = keys.size("out_features", SIZES)?;
    let mut linear = Linear::new(required(keys, "out_features", features)?);
    linear.has_bias = keys.flag("bias")?.unwrap_or(true);
    Ok(linear)
}

fn sparse_linear(keys: &mut Keys) -> Result<SparseLinear> {
    if keys.has("out_features") && keys.has("out") {
        return Err(keys.fail("`out` is short for `out_features`: expected one of them"));
    }
    let features = keys.size("out_features", SIZES)?.or(keys.size("out", SIZES)?);
    let mut linear = SparseLinear::new(required(keys, "out_features", features)?);
    linear.has_bias = keys.flag("bias")?.unwrap_or(true);
    let seeded = keys.has("seed");
    let seed = circuit::seed(keys)?;
    linear.connectivity = match (keys.size("fan_in", SIZES)?, keys.size("fan_out", SIZES)?) {
        (Some(count), None) => Some(Connectivity::FanIn { count, seed }),
        (None, Some(count)) => Some(Connectivity::FanOut { count, seed }),
        (None, None) if !seeded => None,
        (None, None) => return Err(keys.fail_at("seed", "belongs to `fan_in` or `fan_out`, and there is neither")),
        _ => return Err(keys.fail("expected `fan_in` or `fan_out`, got both")),
    };
    Ok(linear)
}

fn batch_norm(keys: &mut Keys) -> Result<BatchNorm> {
    let mut norm = BatchNorm::default();
    norm.eps = keys.number("eps")?.unwrap_or(norm.eps);
    norm.momentum = keys.number("momentum")?.unwrap_or(norm.momentum);
    for (key, fault) in [("eps", norm.eps_fault()), ("momentum", norm.momentum_fault())] {
        if let Some(fault) = fault {
            return Err(keys.fail_at(key, fault));
        }
    }
    norm.affine = keys.flag("affine")?.unwrap_or(norm.affine);
    Ok(norm)
}

fn pool(keys: &mut Keys, kind: PoolKind) -> Result<Pool> {
    let axes = keys.size("axes", 1..=2)?.unwrap_or(if keys.has_one("kernel") { 1 } else { 2 });
    let kernel = keys.sizes("kernel", axes)?;
    let kernel = required(keys, "kernel", kernel)?;
    let stride = keys.sizes("stride", axes)?.unwrap_or_else(|| kernel.clone());
    let padding = keys.sizes("padding", axes)?.unwrap_or_else(|| vec![0; axes]);
    Ok(Pool { kind, kernel, stride, padding })
}

fn flatten(keys: &mut Keys) -> Result<Layer> {
    let start = keys.size("start", SIZES)?.unwrap_or(0);
    let end = match keys.take("end") {
        None | Some(Value::Integer(-1)) => None,
        Some(value) => match keys.as_size("end", &value, SIZES) {
            Ok(axis) => Some(axis),
            Err(_) => return Err(keys.mismatch("end", "an axis, or -1 for the last", &value)),
        },
    };
    Ok(Layer::Flatten { start, end })
}

fn scale(keys: &mut Keys, tensors: &mut Tensors) -> Result<Layer> {
    let factor = keys.take("factor");
    match required(keys, "factor", factor)? {
        Value::String(name) => {
            tensors.push(("scale", name));
            Ok(Layer::Scale(Tensor::filled([1], 1.0)))
        }
        value => {
            let numbers = keys.as_numbers("factor", &value)?;
            let shape = if numbers.shape.is_empty() { vec![1] } else { numbers.shape };
            Ok(Layer::Scale(Tensor::new(shape, numbers.values.iter().map(|&x| x as f32).collect())?))
        }
    }
}

fn delay(keys: &mut Keys) -> Result<Layer> {
    let steps = keys.take("steps");
    let one = |v: &Value| keys.as_size("steps", v, 0..=MAX_STEPS).map(|n| n as u32);
    match required(keys, "steps", steps)? {
        Value::Array(list) => Ok(Layer::Delay(list.iter().map(one).collect::<Result<_>>()?)),
        value => Ok(Layer::Delay(vec![one(&value)?])),
    }
}

fn dropout(keys: &mut Keys) -> Result<Layer> {
    let p = keys.number("p")?.unwrap_or(0.5);
    if (0.0..=1.0).contains(&p) {
        Ok(Layer::Dropout { p: p as f32 })
    } else {
        Err(keys.fail_at("p", format!("expected a probability from 0 to 1, got {p}")))
    }
}

/// The tensors' names: those in `tensors`, the rest under the prefix `weights`, which by default is `name`.
fn names(keys: &mut Keys, layer: &Layer, name: &str) -> Result<Tensors> {
    let prefix = keys.text("weights")?.unwrap_or_else(|| name.to_owned());
    let mut single = keys.table("tensors")?.unwrap_or_default();
    let dot = if prefix.is_empty() { "" } else { "." };
    let mut names = Vec::new();
    for parameter in slots(layer) {
        names.push(match single.remove(parameter) {
            None => (parameter, format!("{prefix}{dot}{parameter}")),
            Some(Value::String(tensor)) => (parameter, tensor),
            Some(other) => return Err(keys.mismatch(&format!("tensors.{parameter}"), "a tensor's name", &other)),
        });
    }
    match single.keys().next() {
        Some(key) => {
            let known = slots(layer).join("`, `");
            Err(keys.fail_at("tensors", format!("it has no `{key}`; it takes `{known}`")))
        }
        None => Ok(names),
    }
}

fn recurrent(keys: &mut Keys, name: &str) -> Result<Option<(Linear, Tensors)>> {
    let Some(table) = keys.table("recurrent")? else { return Ok(None) };
    let mut inner = keys.inside("recurrent", table);
    inner.only(&["bias", "weights", "tensors"])?;
    let mut linear = Linear::new(1);
    linear.has_bias = inner.flag("bias")?.unwrap_or(true);
    let tensors = names(&mut inner, &Layer::Linear(linear.clone()), &format!("{name}.w_rec"))?;
    Ok(Some((linear, tensors)))
}
