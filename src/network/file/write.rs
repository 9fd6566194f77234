//! From a network to TOML.

use std::fmt::Write;

use toml::Value;

use super::neuron::{Field, fields};
use crate::error::{Error, Result};
use crate::layer::{Connectivity, Conv, Layer, Padding, Pool};
use crate::network::{Edge, Network};
use crate::neuron::{Decay, Neuron, Param};

/// How the factors of scale layers are written.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::network) enum Scales {
    /// As numbers.
    Inline,
    /// As the name of the tensor `<layer>.scale`.
    Named,
}

/// The network as a file that [`super::parse`] reads back, but for its weights. Edges come back grouped by the node
/// they go to.
///
/// # Errors
/// Where the network is not well formed.
pub fn to_toml(network: &Network) -> Result<String> {
    text(network, Scales::Inline)
}

/// The same, with a choice of how scales are written.
pub(in crate::network) fn text(network: &Network, scales: Scales) -> Result<String> {
    network.check()?;
    let mut out = Text(String::new());
    if let Some(circuit) = network.circuit()
        && *network == Network::of_circuit(&network.name, circuit.clone(), network.dt)
    {
        out.line("name", network.name.as_str());
        out.line("dt", network.dt);
        super::circuit::write(&mut out, circuit, "")?;
        return Ok(out.0);
    }
    header(&mut out, network)?;
    let mut incoming: Vec<Vec<Edge>> = vec![Vec::new(); network.nodes.len()];
    for edge in &network.edges {
        incoming[edge.to].push(*edge);
    }
    for (i, node) in network.nodes.iter().enumerate() {
        if i == 0 && node.name == "input" && matches!(node.layer, Layer::Input) {
            continue;
        }
        out.head("layer");
        out.line("name", node.name.as_str());
        out.line("type", node.layer.kind());
        from(&mut out, network, i, &incoming[i]);
        match &node.layer {
            Layer::Scale(_) if scales == Scales::Named => out.line("factor", format!("{}.scale", node.name)),
            Layer::Circuit(circuit) => super::circuit::write(&mut out, circuit, "layer.")?,
            layer => particular(&mut out, layer)?,
        }
    }
    Ok(out.0)
}

/// TOML, line by line.
pub(super) struct Text(String);

impl Text {
    /// Begins a table of a list.
    pub fn head(&mut self, list: &str) {
        let _ = writeln!(self.0, "\n[[{list}]]");
    }

    pub fn line(&mut self, key: &str, value: impl Into<Value>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{key} = {}", value.into());
    }

    pub fn sizes(&mut self, key: &str, sizes: &[usize]) {
        self.line(key, sizes.iter().map(|&n| n as i64).collect::<Vec<_>>());
    }

    /// The fields of a struct whose values are all simple.
    fn fields(&mut self, value: &impl serde::Serialize) -> Result<()> {
        self.0.push_str(&toml::to_string(value).map_err(|e| Error::Network(e.to_string()))?);
        Ok(())
    }
}

fn header(out: &mut Text, network: &Network) -> Result<()> {
    out.line("name", network.name.as_str());
    out.line("dialect", network.dialect.name());
    out.line("dt", network.dt);
    if let Some(steps) = network.steps {
        out.line("steps", steps as i64);
    }
    if let Some(readout) = network.readout {
        out.line("readout", readout.name());
    }
    out.line("output", network.nodes[network.output].name.as_str());
    if network.input != Default::default() || network.nodes.iter().any(|node| matches!(node.layer, Layer::Input)) {
        out.0.push_str("\n[input]\n");
        out.fields(&network.input)?;
    }
    if network.rules != Default::default() {
        out.0.push_str("\n[rules]\n");
        out.fields(&network.rules)?;
    }
    Ok(())
}

/// Where a layer takes its input from, unless it is just the layer before.
fn from(out: &mut Text, network: &Network, node: usize, edges: &[Edge]) {
    let name = |edge: &Edge| network.nodes[edge.from].name.clone();
    let source = |edge: &Edge| match edge.delay {
        0 => Value::from(name(edge)),
        delay => Value::Table(
            [("layer".into(), name(edge).into()), ("delay".into(), i64::from(delay).into())].into_iter().collect(),
        ),
    };
    match edges {
        // A circuit that stands behind others and takes nothing from them.
        [] if node > 0 && matches!(network.nodes[node].layer, Layer::Circuit(_)) => {
            out.line("from", Vec::<Value>::new())
        }
        [] => {}
        [Edge { from, delay: 0, .. }] if from + 1 == node => {}
        [edge] => out.line("from", source(edge)),
        edges => out.line("from", edges.iter().map(source).collect::<Vec<_>>()),
    }
}

/// The keys that only this type has.
fn particular(out: &mut Text, layer: &Layer) -> Result<()> {
    match layer {
        Layer::Conv(conv) => conv_keys(out, conv),
        Layer::Linear(linear) => {
            out.line("out_features", linear.out_features as i64);
            out.line("bias", linear.has_bias || linear.bias.is_some());
        }
        Layer::SparseLinear(linear) => {
            out.line("out_features", linear.out_features as i64);
            out.line("bias", linear.has_bias || linear.bias.is_some());
            let (key, count, seed) = match linear.connectivity {
                Some(Connectivity::FanIn { count, seed }) => ("fan_in", count, seed),
                Some(Connectivity::FanOut { count, seed }) => ("fan_out", count, seed),
                None => return Ok(()),
            };
            out.line(key, count as i64);
            out.line("seed", seed as i64);
        }
        Layer::BatchNorm(norm) => {
            out.line("eps", norm.eps);
            out.line("momentum", norm.momentum);
            out.line("affine", norm.affine || norm.weight.is_some() || norm.bias.is_some());
        }
        Layer::Pool(pool) => pool_keys(out, pool),
        Layer::Flatten { start, end } => {
            out.line("start", *start as i64);
            out.line("end", end.map_or(-1, |e| e as i64));
        }
        Layer::Scale(factor) => {
            let values: Vec<f64> = factor.data().iter().map(|&x| shortest(x)).collect();
            out.line(
                "factor",
                numbers(if factor.len() == 1 && factor.shape().len() < 2 { &[] } else { factor.shape() }, &values),
            );
        }
        Layer::Delay(steps) => match steps[..] {
            [one] => out.line("steps", i64::from(one)),
            _ => out.line("steps", steps.iter().map(|&s| i64::from(s)).collect::<Vec<_>>()),
        },
        Layer::Dropout { p } => out.line("p", shortest(*p)),
        Layer::Neuron(neuron) => return neuron_keys(out, neuron),
        Layer::Input | Layer::Add | Layer::Circuit(_) => {}
    }
    Ok(())
}

fn conv_keys(out: &mut Text, conv: &Conv) {
    out.line("out_channels", conv.out_channels as i64);
    out.sizes("kernel", &conv.kernel);
    out.sizes("stride", &conv.stride);
    match &conv.padding {
        Padding::Explicit(pads) => out.sizes("padding", pads),
        Padding::Same => out.line("padding", "same"),
        Padding::Valid => out.line("padding", "valid"),
    }
    out.sizes("dilation", &conv.dilation);
    out.line("groups", conv.groups as i64);
    out.line("bias", conv.has_bias || conv.bias.is_some());
}

fn pool_keys(out: &mut Text, pool: &Pool) {
    out.sizes("kernel", &pool.kernel);
    out.sizes("stride", &pool.stride);
    out.sizes("padding", &pool.padding);
}

fn neuron_keys(out: &mut Text, neuron: &Neuron) -> Result<()> {
    for (spelling, field) in fields(&mut neuron.model.clone()) {
        let factor = || spelling.iter().find(|key| key.starts_with("decay"));
        match field {
            Field::Plain(p) | Field::Learned(p) => out.line(spelling[0], param(p)),
            Field::Optional(None) => {}
            Field::Optional(Some(p)) => out.line(spelling[0], param(p)),
            Field::Decay(Decay::Tau(p)) => out.line(spelling[0], param(p)),
            Field::Decay(Decay::Factor(p)) => out.line(factor().unwrap_or(&spelling[0]), param(p)),
        }
    }
    if let Some(v_init) = &neuron.v_init {
        out.line("v_init", param(v_init));
    }
    if !neuron.learn.is_empty() {
        out.line("learn", neuron.learn.clone());
    }
    out.fields(&neuron.rules)
}

fn param(param: &Param) -> Value {
    match param {
        Param::Shared(value) => Value::Float(*value),
        Param::Each { shape, values } => numbers(shape, values),
    }
}

/// Values of a shape as nested arrays.
fn numbers(shape: &[usize], values: &[f64]) -> Value {
    match shape {
        [] => Value::Float(values.first().copied().unwrap_or_default()),
        [extent, rest @ ..] => {
            let row = (values.len() / extent.max(&1)).max(1);
            Value::Array(values.chunks(row).map(|row| numbers(rest, row)).collect())
        }
    }
}

/// The shortest decimal that reads back as this f32, which in f64 would have a long tail.
fn shortest(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::from(x))
}
