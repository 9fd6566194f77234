//! A network as TOML, so that a checkpoint can carry it.

use toml::{Table, Value};

use super::super::Network;
use crate::error::{Error, Result};
use crate::layer::{Layer, Padding};
use crate::neuron::{Decay, Model, Neuron, Param};

/// The network as a file that [`super::parse`] reads back, without its weights: layers take theirs as
/// `<layer>.weight`, `<layer>.bias` and so on. Neuron parameters and scale factors are written out.
///
/// # Errors
/// Where a part cannot be written as TOML.
pub fn to_toml(network: &Network) -> Result<String> {
    let mut root = Table::new();
    root.insert("name".into(), network.name.clone().into());
    root.insert("dialect".into(), network.dialect.name().into());
    root.insert("dt".into(), network.dt.into());
    if let Some(steps) = network.steps {
        root.insert("steps".into(), integer(steps));
    }
    if let Some(readout) = network.readout {
        root.insert("readout".into(), readout.name().into());
    }
    root.insert("output".into(), network.nodes[network.output].name.clone().into());
    root.insert("input".into(), value(&network.input)?);
    root.insert("rules".into(), value(&network.rules)?);
    let input = network.nodes.iter().position(|n| n.layer == Layer::Input);
    let mut layers = Vec::new();
    let mut before = input;
    for (index, node) in network.nodes.iter().enumerate().filter(|(i, _)| Some(*i) != input) {
        let mut layer = parameters(&node.layer)?;
        layer.insert("name".into(), node.name.clone().into());
        layer.insert("type".into(), node.layer.kind().into());
        let sources: Vec<_> = network.edges.iter().filter(|e| e.to == index).collect();
        if sources.len() != 1 || Some(sources[0].from) != before || sources[0].delay > 0 {
            let source = |edge: &&super::super::Edge| {
                let name = Value::from(source_name(network, edge.from, input));
                if edge.delay == 0 {
                    return name;
                }
                Value::Table(Table::from_iter([
                    ("layer".to_string(), name),
                    ("delay".to_string(), i64::from(edge.delay).into()),
                ]))
            };
            layer.insert("from".into(), Value::Array(sources.iter().map(source).collect()));
        }
        layers.push(Value::Table(layer));
        before = Some(index);
    }
    root.insert("layer".into(), Value::Array(layers));
    toml::to_string(&root).map_err(|e| Error::Network(format!("cannot be written as TOML: {e}")))
}

/// A file calls the input `input`, whatever the network does.
fn source_name(network: &Network, node: usize, input: Option<usize>) -> String {
    if Some(node) == input { "input".into() } else { network.nodes[node].name.clone() }
}

fn integer(n: usize) -> Value {
    Value::Integer(i64::try_from(n).unwrap_or(i64::MAX))
}

fn integers(list: &[usize]) -> Value {
    Value::Array(list.iter().map(|&n| integer(n)).collect())
}

fn value<T: serde::Serialize>(of: &T) -> Result<Value> {
    Value::try_from(of).map_err(|e| Error::Network(format!("cannot be written as TOML: {e}")))
}

fn parameters(layer: &Layer) -> Result<Table> {
    let mut table = Table::new();
    let mut set = |key: &str, value: Value| drop(table.insert(key.into(), value));
    match layer {
        Layer::Conv(conv) => {
            set("out_channels", integer(conv.out_channels));
            set("kernel", integers(&conv.kernel));
            set("stride", integers(&conv.stride));
            set("dilation", integers(&conv.dilation));
            set("groups", integer(conv.groups));
            set("bias", conv.has_bias.into());
            let padding = match &conv.padding {
                Padding::Explicit(pads) => integers(pads),
                Padding::Same => "same".into(),
                Padding::Valid => "valid".into(),
            };
            set("padding", padding);
        }
        Layer::Linear(linear) => {
            set("out_features", integer(linear.out_features));
            set("bias", linear.has_bias.into());
        }
        Layer::BatchNorm(norm) => {
            set("eps", norm.eps.into());
            set("affine", norm.affine.into());
        }
        Layer::Pool(pool) => {
            set("axes", integer(pool.kernel.len()));
            set("kernel", integers(&pool.kernel));
            set("stride", integers(&pool.stride));
            set("padding", integers(&pool.padding));
        }
        Layer::Flatten { start, end } => {
            set("start", integer(*start));
            set("end", end.map_or(Value::Integer(-1), integer));
        }
        Layer::Scale(factor) => {
            set("factor", Value::Array(factor.data().iter().map(|&x| Value::Float(f64::from(x))).collect()));
        }
        Layer::Delay(steps) => {
            let list: Vec<Value> = steps.iter().map(|&s| i64::from(s).into()).collect();
            set("steps", Value::Array(list));
        }
        Layer::Dropout { p } => set("p", f64::from(*p).into()),
        Layer::Neuron(neuron) => return population(neuron),
        Layer::Input | Layer::Add => {}
    }
    Ok(table)
}

fn population(neuron: &Neuron) -> Result<Table> {
    let Value::Table(mut table) = value(&neuron.rules)? else { return Ok(Table::new()) };
    let mut set = |key: &str, param: &Param| drop(table.insert(key.into(), param_value(param)));
    if let Some(v_init) = &neuron.v_init {
        set("v_init", v_init);
    }
    let mut decay = |key: &'static str, decay_key: &'static str, decay: &Decay| match decay {
        Decay::Tau(tau) => set(key, tau),
        Decay::Factor(factor) => set(decay_key, factor),
    };
    match &neuron.model {
        Model::Lif(m) => decay("tau", "decay", &m.decay),
        Model::Li(m) => decay("tau", "decay", &m.decay),
        Model::CubaLif(m) => {
            decay("tau", "decay", &m.decay_mem);
            decay("tau_syn", "decay_syn", &m.decay_syn);
        }
        Model::CubaLi(m) => {
            decay("tau", "decay", &m.decay_mem);
            decay("tau_syn", "decay_syn", &m.decay_syn);
        }
        Model::ParametricLif(m) => set("w", &m.w),
        Model::If(_) | Model::Integrator(_) | Model::Threshold(_) => {}
    }
    let affine = neuron.model.affine();
    let fixed_r = matches!(neuron.model, Model::ParametricLif(_) | Model::Threshold(_));
    if !fixed_r {
        set("r", &affine.r);
    }
    if let Some(v_leak) = &affine.v_leak {
        set("v_leak", v_leak);
    }
    if let Some((_, w_in)) = &affine.synapse {
        set("w_in", w_in);
    }
    if let Some(firing) = &affine.firing {
        set("threshold", &firing.threshold);
        if !affine.memoryless {
            set("v_reset", &firing.v_reset);
        }
    }
    Ok(table)
}

/// A number, or a list nested as the shape says.
fn param_value(param: &Param) -> Value {
    fn nested(shape: &[usize], values: &[f64]) -> Value {
        let Some((&count, inner)) = shape.split_first() else {
            return Value::Float(values.first().copied().unwrap_or(0.0));
        };
        let size = values.len() / count.max(1);
        Value::Array((0..count).map(|i| nested(inner, &values[i * size..(i + 1) * size])).collect())
    }
    match param {
        Param::Shared(value) => Value::Float(*value),
        Param::Each { shape, values } => nested(shape, values),
    }
}
