//! One `[[layer]]` of a network file.

use super::table::Keys;
use super::{Binding, Connected, NetworkFile, Recurrent, neuron};
use crate::error::{Error, Result};
use crate::layer::{BatchNorm, Conv, Layer, Linear, Padding, Pool, PoolKind};
use crate::network::Node;
use crate::tensor::Tensor;

/// The types of layers that are no neurons.
const TYPES: [&str; 11] = [
    "conv1d",
    "conv2d",
    "linear",
    "batch_norm",
    "max_pool",
    "avg_pool",
    "sum_pool",
    "flatten",
    "scale",
    "add",
    "dropout",
];

/// Keys that every layer has.
const COMMON: [&str; 3] = ["name", "type", "from"];

/// Reads a layer; it becomes the next node.
pub(super) fn read(file: &mut NetworkFile, table: toml::Table) -> Result<Connected> {
    let node = file.network.nodes.len();
    let mut keys = Keys::new(format!("layer {node}"), table);
    let kind: String = keys.required("type")?;
    let name: String = keys.optional("name")?.unwrap_or_else(|| format!("{kind}{node}"));
    keys.of.clone_from(&name);
    let from = sources(&mut keys)?;
    let prefix: Option<String> = keys.optional("weights")?;
    let tensors: Option<toml::Table> = keys.optional("tensors")?;
    let mut recurrent = None;
    let (layer, known) = match kind.as_str() {
        "conv1d" => conv(&mut keys, 1)?,
        "conv2d" => conv(&mut keys, 2)?,
        "linear" => {
            let out_features =
                keys.size("out_features")?.ok_or_else(|| keys.wrong("out_features", "a number of outputs"))?;
            let has_bias = keys.optional("bias")?.unwrap_or(true);
            let linear = Linear { has_bias, ..Linear::new(out_features) };
            (Layer::Linear(linear), vec!["out_features", "bias", "weights", "tensors"])
        }
        "batch_norm" => {
            let eps = keys.optional("eps")?.unwrap_or(1e-5);
            let affine = keys.optional("affine")?.unwrap_or(true);
            (
                Layer::BatchNorm(BatchNorm { eps, affine, ..Default::default() }),
                vec!["eps", "affine", "weights", "tensors"],
            )
        }
        "max_pool" => pool(&mut keys, PoolKind::Max)?,
        "avg_pool" => pool(&mut keys, PoolKind::Average)?,
        "sum_pool" => pool(&mut keys, PoolKind::Sum)?,
        "flatten" => {
            let start = keys.optional::<usize>("start")?.unwrap_or(0);
            let end = keys.optional::<i64>("end")?.filter(|&end| end != -1);
            let end = end.map(|end| usize::try_from(end).map_err(|_| keys.wrong("end", "an axis, or -1 for the last")));
            (Layer::Flatten { start, end: end.transpose()? }, vec!["start", "end"])
        }
        "scale" => scale(file, node, &mut keys)?,
        "add" => (Layer::Add, vec![]),
        "delay" => delay(&mut keys)?,
        "dropout" => (Layer::Dropout { p: keys.optional("p")?.unwrap_or(0.5) }, vec!["p"]),
        other if neuron::TYPES.contains(&other) => {
            recurrent = feedback(&mut keys)?;
            let (population, known) = neuron::read(&mut file.bindings, node, other, &mut keys)?;
            (Layer::Neuron(population), known)
        }
        other => {
            let types = || TYPES.into_iter().chain(["delay"]).chain(neuron::TYPES);
            let near = super::table::nearest(other, types());
            let list = types().collect::<Vec<_>>().join(", ");
            return Err(Error::layer(name, format!("unknown type `{other}`{near}; there are {list}")));
        }
    };
    keys.done(&[&COMMON[..], &known].concat())?;
    let prefix = prefix.unwrap_or_else(|| name.clone());
    bind(&mut file.bindings, node, &layer, &prefix, tensors)?;
    file.network.nodes.push(Node { name, layer });
    Ok(Connected { node, from, recurrent })
}

/// The tensors a layer takes, by prefix, or by name where `tensors` says so.
pub(super) fn bind(
    bindings: &mut Vec<Binding>,
    node: usize,
    layer: &Layer,
    prefix: &str,
    tensors: Option<toml::Table>,
) -> Result<()> {
    let parameters: Vec<&str> = match layer {
        Layer::Conv(Conv { has_bias, .. }) | Layer::Linear(Linear { has_bias, .. }) => {
            if *has_bias {
                vec!["weight", "bias"]
            } else {
                vec!["weight"]
            }
        }
        Layer::BatchNorm(norm) if norm.affine => vec!["weight", "bias", "running_mean", "running_var"],
        Layer::BatchNorm(_) => vec!["running_mean", "running_var"],
        _ => vec![],
    };
    let mut tensors = Keys::new(format!("{prefix}: tensors"), tensors.unwrap_or_default());
    for &parameter in &parameters {
        let named: Option<String> = tensors.optional(parameter)?;
        let tensor = named.unwrap_or_else(|| format!("{prefix}.{parameter}"));
        bindings.push(Binding { node, parameter: parameter.into(), tensor });
    }
    tensors.done(&parameters)
}

/// `from = "a"`, `["a", "b"]`, or `[{ layer = "a", delay = 1 }]`.
fn sources(keys: &mut Keys) -> Result<Vec<(String, u32)>> {
    let one = |keys: &Keys, value: toml::Value| match value {
        toml::Value::String(name) => Ok((name, 0)),
        toml::Value::Table(table) => {
            let mut edge = Keys::new(format!("{}: from", keys.of), table);
            let source = (edge.required("layer")?, edge.optional("delay")?.unwrap_or(0));
            edge.done(&["layer", "delay"])?;
            Ok(source)
        }
        _ => Err(keys.wrong("from", "a layer's name, or { layer = \"name\", delay = 1 }")),
    };
    match keys.raw("from") {
        None => Ok(Vec::new()),
        Some(toml::Value::Array(list)) if !list.is_empty() => list.into_iter().map(|value| one(keys, value)).collect(),
        Some(value) => Ok(vec![one(keys, value)?]),
    }
}

fn conv(keys: &mut Keys, axes: usize) -> Result<(Layer, Vec<&'static str>)> {
    let known = vec!["out_channels", "kernel", "stride", "padding", "dilation", "groups", "bias", "weights", "tensors"];
    let missing = |keys: &Keys, key: &str| Error::layer(&keys.of, format!("`{key}` is missing"));
    let out_channels = keys.size("out_channels")?.ok_or_else(|| missing(keys, "out_channels"))?;
    let kernel = keys.axes("kernel", axes, false)?.ok_or_else(|| missing(keys, "kernel"))?;
    let padding = match keys.raw("padding") {
        Some(toml::Value::String(name)) if name == "same" => Padding::Same,
        Some(toml::Value::String(name)) if name == "valid" => Padding::Valid,
        None => Padding::Valid,
        Some(value) => {
            let mut only = Keys::new(keys.of.clone(), toml::Table::from_iter([("padding".to_string(), value)]));
            let read = only.axes("padding", axes, true)?;
            read.map_or(
                Padding::Valid,
                |p| if p.iter().all(|&p| p == 0) { Padding::Valid } else { Padding::Explicit(p) },
            )
        }
    };
    let conv = Conv {
        out_channels,
        kernel,
        stride: keys.axes("stride", axes, false)?.unwrap_or_else(|| vec![1; axes]),
        padding,
        dilation: keys.axes("dilation", axes, false)?.unwrap_or_else(|| vec![1; axes]),
        groups: keys.size("groups")?.unwrap_or(1),
        has_bias: keys.optional("bias")?.unwrap_or(true),
        weight: None,
        bias: None,
    };
    Ok((Layer::Conv(conv), known))
}

fn pool(keys: &mut Keys, kind: PoolKind) -> Result<(Layer, Vec<&'static str>)> {
    let axes = keys.size("axes")?.unwrap_or(2).min(3);
    let kernel = keys.axes("kernel", axes, false)?.ok_or_else(|| keys.wrong("kernel", "the extent of a window"))?;
    let stride = keys.axes("stride", axes, false)?.unwrap_or_else(|| kernel.clone());
    let padding = keys.axes("padding", axes, true)?.unwrap_or_else(|| vec![0; axes]);
    Ok((Layer::Pool(Pool { kind, kernel, stride, padding }), vec!["kernel", "stride", "padding", "axes"]))
}

fn scale(file: &mut NetworkFile, node: usize, keys: &mut Keys) -> Result<(Layer, Vec<&'static str>)> {
    let number = |value: &toml::Value| value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
    let factor = match keys.raw("factor") {
        Some(toml::Value::String(tensor)) => {
            file.bindings.push(Binding { node, parameter: "scale".into(), tensor });
            vec![1.0]
        }
        Some(toml::Value::Array(list)) if !list.is_empty() => {
            let list: Option<Vec<f64>> = list.iter().map(number).collect();
            list.ok_or_else(|| keys.wrong("factor", "a list of numbers"))?
        }
        Some(value) => {
            vec![number(&value).ok_or_else(|| keys.wrong("factor", "a number, a list, or a tensor's name"))?]
        }
        None => return Err(keys.wrong("factor", "a number, a list, or a tensor's name")),
    };
    let factor = factor.into_iter().map(|x| x as f32).collect();
    Ok((Layer::Scale(Tensor::vector(factor)), vec!["factor"]))
}

fn delay(keys: &mut Keys) -> Result<(Layer, Vec<&'static str>)> {
    let steps = match keys.raw("steps") {
        Some(toml::Value::Integer(n)) => vec![n],
        Some(toml::Value::Array(list)) => {
            let list: Option<Vec<i64>> = list.iter().map(toml::Value::as_integer).collect();
            list.ok_or_else(|| keys.wrong("steps", "whole numbers"))?
        }
        _ => return Err(keys.wrong("steps", "a number of steps, or one for each element")),
    };
    let steps = steps.into_iter().map(|n| u32::try_from(n).ok().filter(|&n| n <= MAX_DELAY));
    let steps: Option<Vec<u32>> = steps.collect();
    let steps = steps.ok_or_else(|| keys.wrong("steps", &format!("0 to {MAX_DELAY}")))?;
    Ok((Layer::Delay(steps), vec!["steps"]))
}

/// A longer delay than this is taken for a mistake.
const MAX_DELAY: u32 = 1_000_000;

/// `recurrent = { bias = true, weights = "rnn.w" }`, or `recurrent = true`.
fn feedback(keys: &mut Keys) -> Result<Option<Recurrent>> {
    match keys.raw("recurrent") {
        None | Some(toml::Value::Boolean(false)) => Ok(None),
        Some(toml::Value::Boolean(true)) => Ok(Some(Recurrent { bias: true, weights: None })),
        Some(toml::Value::Table(table)) => {
            let mut inner = Keys::new(format!("{}: recurrent", keys.of), table);
            let recurrent =
                Recurrent { bias: inner.optional("bias")?.unwrap_or(true), weights: inner.optional("weights")? };
            inner.done(&["bias", "weights"])?;
            Ok(Some(recurrent))
        }
        Some(_) => Err(keys.wrong("recurrent", "true, or { bias = true, weights = \"prefix\" }")),
    }
}
