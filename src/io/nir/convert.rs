//! One primitive of the NIR specification to one layer.

use super::params::Params;
use crate::error::{Error, Result};
use crate::layer::{Conv, Layer, Linear, Padding, Pool, PoolKind};
use crate::neuron::{CubaLi, CubaLif, Decay, If, Integrator, Li, Lif, Neuron, Threshold};
use crate::tensor::{Shape, shape_text};

/// What is read here, for the error about anything else.
const PRIMITIVES: &str = "Input, Output, Affine, Linear, Scale, Conv1d, Conv2d, SumPool2d, AvgPool2d, Flatten, LIF, \
                          LI, IF, I, CubaLIF, CubaLI, Threshold, Delay, NIRGraph";

/// A delay of more steps than this is taken for a mistake (of the time step, most likely).
const MAX_DELAY: f64 = 1e6;

/// What becomes of a primitive.
pub(super) enum Item {
    /// The graph's input, of this shape (sizes below 1 stand for a batch axis).
    Input(Vec<f64>),
    /// The graph's output.
    Output,
    /// Hands on what it gets.
    Pass,
    /// A layer.
    Layer(Layer),
    /// A flatten whose axes are not settled until its input is known.
    Flatten {
        /// First axis.
        start: i64,
        /// Last axis; negative: from the end.
        end: i64,
        /// How many axes the file says the input has.
        axes: Option<usize>,
    },
}

/// What a primitive states about its input, besides what its layer checks itself.
#[derive(Default)]
pub(super) struct Declared {
    /// Shapes of neuron parameters by name.
    pub neurons: Vec<(&'static str, Shape)>,
    /// The input's extents without channels.
    pub spatial: Option<Shape>,
}

/// Turns a primitive into what becomes of it.
pub(super) fn item(mut p: Params, dt: f64) -> Result<(Item, Declared)> {
    let mut spatial = None;
    let item = match p.kind.clone().as_str() {
        "Input" => Item::Input(p.numbers("shape")?.1),
        "Output" => {
            p.numbers("shape")?;
            Item::Output
        }
        "Affine" | "Linear" => Item::Layer(linear(&mut p)?),
        "Scale" => Item::Layer(Layer::Scale(p.tensor("scale")?)),
        "Conv1d" => Item::Layer(conv(&mut p, 1, &mut spatial)?),
        "Conv2d" => Item::Layer(conv(&mut p, 2, &mut spatial)?),
        "SumPool2d" => Item::Layer(pool(&mut p, PoolKind::Sum)?),
        "AvgPool2d" => Item::Layer(pool(&mut p, PoolKind::Average)?),
        "Flatten" => Item::Flatten {
            axes: if p.has("input_type") { Some(p.numbers("input_type")?.1.len()) } else { None },
            start: p.integer("start_dim")?,
            end: p.integer("end_dim")?,
        },
        "Delay" => delay(&mut p, dt)?,
        "LIF" | "LI" | "IF" | "I" | "CubaLIF" | "CubaLI" | "Threshold" => Item::Layer(Layer::Neuron(neuron(&mut p)?)),
        other => {
            return Err(Error::Unsupported(format!(
                "node `{}` has the type `{other}`; NIR's primitives are {PRIMITIVES}",
                p.name
            )));
        }
    };
    p.finish()?;
    Ok((item, Declared { neurons: p.declared, spatial }))
}

fn linear(p: &mut Params) -> Result<Layer> {
    let weight = p.tensor("weight")?;
    let &[out_features, _] = weight.shape() else {
        return p.fail(format_args!("needs weights [out, in], got shape {}", shape_text(weight.shape())));
    };
    let bias = p.bias(out_features)?;
    Ok(Layer::Linear(Linear { out_features, has_bias: bias.is_some(), weight: Some(weight), bias }))
}

fn conv(p: &mut Params, axes: usize, spatial: &mut Option<Shape>) -> Result<Layer> {
    let weight = p.tensor("weight")?;
    if weight.shape().len() != axes + 2 {
        return p.fail(format_args!(
            "needs weights of {} axes [out, in / groups, kernel], got shape {}",
            axes + 2,
            shape_text(weight.shape())
        ));
    }
    let (out_channels, kernel) = (weight.shape()[0], weight.shape()[2..].to_vec());
    if p.has("input_shape") {
        *spatial = Some(p.extents("input_shape", axes)?);
    }
    let padding = match p.word("padding").as_deref() {
        Some("same") => Padding::Same,
        Some("valid") => Padding::Valid,
        Some(other) => return p.fail(format_args!("needs padding \"same\", \"valid\" or numbers, got \"{other}\"")),
        None => Padding::Explicit(p.extents("padding", axes)?),
    };
    let bias = p.bias(out_channels)?;
    Ok(Layer::Conv(Conv {
        out_channels,
        kernel,
        stride: p.extents("stride", axes)?,
        padding,
        dilation: p.extents("dilation", axes)?,
        groups: p.extents("groups", 1)?[0],
        has_bias: bias.is_some(),
        weight: Some(weight),
        bias,
    }))
}

fn pool(p: &mut Params, kind: PoolKind) -> Result<Layer> {
    Ok(Layer::Pool(Pool {
        kind,
        kernel: p.extents("kernel_size", 2)?,
        stride: p.extents("stride", 2)?,
        padding: p.extents("padding", 2)?,
    }))
}

/// Seconds to steps; no delay at all hands on what it gets.
fn delay(p: &mut Params, dt: f64) -> Result<Item> {
    let param = p.param("delay")?;
    let mut steps = Vec::with_capacity(param.values().len());
    for &seconds in param.values() {
        let count = (seconds / dt).round();
        if !(0.0..=MAX_DELAY).contains(&count) {
            return p.fail(format_args!(
                "needs delays of 0 to {MAX_DELAY} steps, got {seconds} s, which is {count} steps of {dt} s"
            ));
        }
        steps.push(count as u32);
    }
    if steps.iter().all(|&s| s == 0) {
        return Ok(Item::Pass);
    }
    if steps.iter().all(|&s| s == steps[0]) {
        steps.truncate(1);
    }
    Ok(Item::Layer(Layer::Delay(steps)))
}

fn neuron(p: &mut Params) -> Result<Neuron> {
    Ok(match p.kind.as_str() {
        "LIF" => Lif {
            decay: Decay::Tau(p.param("tau")?),
            r: p.param("r")?,
            v_leak: Some(p.param("v_leak")?),
            threshold: p.param("v_threshold")?,
            v_reset: p.param_or("v_reset", 0.0)?,
        }
        .into(),
        "LI" => Li { decay: Decay::Tau(p.param("tau")?), r: p.param("r")?, v_leak: p.param("v_leak")? }.into(),
        "IF" => {
            If { r: p.param("r")?, threshold: p.param("v_threshold")?, v_reset: p.param_or("v_reset", 0.0)? }.into()
        }
        "I" => Integrator { r: p.param("r")? }.into(),
        "CubaLIF" => CubaLif {
            decay_syn: Decay::Tau(p.param("tau_syn")?),
            decay_mem: Decay::Tau(p.param("tau_mem")?),
            w_in: p.param_or("w_in", 1.0)?,
            r: p.param("r")?,
            v_leak: Some(p.param("v_leak")?),
            threshold: p.param("v_threshold")?,
            v_reset: p.param_or("v_reset", 0.0)?,
        }
        .into(),
        "CubaLI" => CubaLi {
            decay_syn: Decay::Tau(p.param("tau_syn")?),
            decay_mem: Decay::Tau(p.param("tau_mem")?),
            w_in: p.param_or("w_in", 1.0)?,
            r: p.param("r")?,
            v_leak: p.param("v_leak")?,
        }
        .into(),
        _ => Threshold { threshold: p.param("threshold")? }.into(),
    })
}
