//! HDF5 as `nir.write` lays it out: `/version`, `/node/type`, `/node/edges`, `/node/nodes/<name>/...`.

use hdf5_pure::{DatasetBuilder, FileBuilder, FinishedGroup, GroupBuilder};

use super::links::unused;
use crate::error::{Error, Result};
use crate::layer::{Conv, Layer, Padding, PoolKind};
use crate::network::Network;
use crate::network::checkpoint::input_shapes;
use crate::neuron::{Decay, Model, Param};
use crate::tensor::Tensor;

/// The release of the `nir` package whose layout this is.
const VERSION: &str = "1.0.8";
/// Arrays of more values are compressed: parameters of thousands of neurons are mostly one value.
const COMPRESSED: usize = 256;
/// Bytes in a chunk, at most, but for a first axis of larger rows.
const CHUNK: usize = 1 << 20;

/// The name of the output node; `None` where the network has one already, a sum.
pub(super) fn output_name(plain: &Network) -> Option<String> {
    (plain.nodes[plain.output].layer != Layer::Add).then(|| unused(plain, "output"))
}

/// The file, and how many edges it has. Nodes must be sorted by name, since that is how readers list them.
pub(super) fn bytes(plain: &Network) -> Result<(Vec<u8>, usize)> {
    let (inputs, outputs) = (input_shapes(plain)?, plain.shapes()?);
    let mut names: Vec<&str> = Vec::new();
    for edge in &plain.edges {
        names.extend([plain.nodes[edge.from].name.as_str(), plain.nodes[edge.to].name.as_str()]);
    }
    let mut groups: Vec<(&str, FinishedGroup)> = Vec::new();
    for (i, node) in plain.nodes.iter().enumerate() {
        let group = primitive(&node.name, &node.layer, &inputs[i], &outputs[i], plain.dt)?;
        groups.push((&node.name, group));
    }
    let output = output_name(plain);
    if let Some(output) = &output {
        names.extend([plain.nodes[plain.output].name.as_str(), output]);
        groups
            .push((output, primitive(output, &Layer::Add, &outputs[plain.output], &outputs[plain.output], plain.dt)?));
        groups.sort_by_key(|(name, _)| *name);
    }
    let mut root = group("node", "NIRGraph");
    root.create_dataset("edges").with_vlen_strings(&names).with_shape(&[names.len() as u64 / 2, 2]);
    let mut nodes = root.create_group("nodes");
    groups.into_iter().for_each(|(_, group)| nodes.add_group(group));
    root.add_group(nodes.finish());
    let mut file = FileBuilder::new();
    file.create_dataset("version").with_vlen_strings(&[VERSION]).with_shape(&[]);
    file.add_group(root.finish());
    let bytes = file.finish().map_err(|e| Error::Network(format!("cannot be written as HDF5: {e}")))?;
    Ok((bytes, names.len() / 2))
}

/// A group with its type.
fn group(name: &str, kind: &str) -> GroupBuilder {
    let mut group = FileBuilder::new().create_group(name);
    group.create_dataset("type").with_vlen_strings(&[kind]).with_shape(&[]);
    group
}

fn primitive(name: &str, layer: &Layer, input: &[usize], output: &[usize], dt: f64) -> Result<FinishedGroup> {
    let mut out = Node { group: group(name, kind(name, layer)?), shape: input.to_vec() };
    match layer {
        Layer::Input | Layer::Add => out.whole("shape", output),
        Layer::Linear(linear) => out.weights(&linear.weight, &linear.bias),
        Layer::Conv(conv) => out.conv(conv),
        Layer::Pool(pool) => {
            out.whole("kernel_size", &pool.kernel);
            out.whole("stride", &pool.stride);
            out.whole("padding", &pool.padding);
        }
        Layer::Flatten { start, end } => {
            // From the end where it is the last, as exporters write it.
            let end = end.filter(|&end| end + 1 != input.len()).map_or(-1, |end| end as i64);
            out.number("start_dim", *start as i64);
            out.number("end_dim", end);
            out.whole("input_type", input);
        }
        Layer::Scale(scale) => out.tensor("scale", scale),
        Layer::Delay(steps) => {
            let seconds: Vec<f64> = steps.iter().map(|&s| f64::from(s) * dt).collect();
            out.param(
                "delay",
                &match seconds[..] {
                    [all] => Param::Shared(all),
                    _ => Param::Each { shape: input.to_vec(), values: seconds },
                },
            );
        }
        Layer::Neuron(neuron) => out.neuron(&neuron.model),
        Layer::SparseLinear(_) | Layer::BatchNorm(_) | Layer::Dropout { .. } | Layer::Circuit(_) => {}
    }
    Ok(out.group.finish())
}

/// The type of a layer in NIR.
fn kind(name: &str, layer: &Layer) -> Result<&'static str> {
    Ok(match layer {
        Layer::Input => "Input",
        Layer::Add => "Output",
        Layer::Linear(linear) => {
            if linear.bias.is_some() {
                "Affine"
            } else {
                "Linear"
            }
        }
        Layer::Conv(conv) => {
            if conv.kernel.len() == 1 {
                "Conv1d"
            } else {
                "Conv2d"
            }
        }
        Layer::Pool(pool) if pool.kind == PoolKind::Sum => "SumPool2d",
        Layer::Pool(pool) if pool.kind == PoolKind::Average => "AvgPool2d",
        Layer::Flatten { .. } => "Flatten",
        Layer::Scale(_) => "Scale",
        Layer::Delay(_) => "Delay",
        Layer::Neuron(neuron) => match &neuron.model {
            Model::If(_) => "IF",
            Model::Lif(_) | Model::ParametricLif(_) => "LIF",
            Model::CubaLif(_) => "CubaLIF",
            Model::Li(_) => "LI",
            Model::CubaLi(_) => "CubaLI",
            Model::Integrator(_) => "I",
            Model::Threshold(_) => "Threshold",
        },
        Layer::SparseLinear(_) | Layer::Pool(_) | Layer::BatchNorm(_) | Layer::Dropout { .. } | Layer::Circuit(_) => {
            return Err(Error::layer(name, format!("NIR has no {}", layer.kind())));
        }
    })
}

/// A node while its datasets are written.
struct Node {
    group: GroupBuilder,
    /// Of its input, which is that of every neuron's parameter.
    shape: Vec<usize>,
}

impl Node {
    fn number(&mut self, name: &str, value: i64) {
        self.group.create_dataset(name).with_i64_data(&[value]).with_shape(&[]);
    }

    fn whole(&mut self, name: &str, values: &[usize]) {
        let values: Vec<i64> = values.iter().map(|&v| v as i64).collect();
        self.group.create_dataset(name).with_i64_data(&values);
    }

    /// One value per axis; alone where there is one axis.
    fn axes(&mut self, name: &str, values: &[usize]) {
        match values {
            &[one] => self.number(name, one as i64),
            values => self.whole(name, values),
        }
    }

    fn tensor(&mut self, name: &str, tensor: &Tensor) {
        let data = self.group.create_dataset(name).with_f32_data(tensor.data());
        data.with_shape(&extents(tensor.shape()));
    }

    fn weights(&mut self, weight: &Option<Tensor>, bias: &Option<Tensor>) {
        for (name, tensor) in [("weight", weight), ("bias", bias)] {
            if let Some(tensor) = tensor {
                self.tensor(name, tensor);
            }
        }
    }

    fn conv(&mut self, conv: &Conv) {
        self.weights(&conv.weight, &conv.bias);
        let spatial = self.shape[1..].to_vec();
        self.axes("input_shape", &spatial);
        self.axes("stride", &conv.stride);
        self.axes("dilation", &conv.dilation);
        self.number("groups", conv.groups as i64);
        match &conv.padding {
            Padding::Explicit(padding) => self.axes("padding", padding),
            Padding::Same => self.word("padding", "same"),
            Padding::Valid => self.word("padding", "valid"),
        }
    }

    fn word(&mut self, name: &str, word: &str) {
        self.group.create_dataset(name).with_vlen_strings(&[word]).with_shape(&[]);
    }

    fn neuron(&mut self, model: &Model) {
        match model {
            Model::If(m) => self.params(&[("r", &m.r), ("v_threshold", &m.threshold), ("v_reset", &m.v_reset)]),
            Model::Lif(m) => {
                self.decay("tau", &m.decay);
                self.params(&[("r", &m.r), ("v_threshold", &m.threshold), ("v_reset", &m.v_reset)]);
                self.param("v_leak", m.v_leak.as_ref().unwrap_or(&Param::Shared(0.0)));
            }
            Model::CubaLif(m) => {
                self.decay("tau_syn", &m.decay_syn);
                self.decay("tau_mem", &m.decay_mem);
                self.params(&[("r", &m.r), ("w_in", &m.w_in)]);
                self.params(&[("v_threshold", &m.threshold), ("v_reset", &m.v_reset)]);
                self.param("v_leak", m.v_leak.as_ref().unwrap_or(&Param::Shared(0.0)));
            }
            Model::Li(m) => {
                self.decay("tau", &m.decay);
                self.params(&[("r", &m.r), ("v_leak", &m.v_leak)]);
            }
            Model::CubaLi(m) => {
                self.decay("tau_syn", &m.decay_syn);
                self.decay("tau_mem", &m.decay_mem);
                self.params(&[("r", &m.r), ("w_in", &m.w_in), ("v_leak", &m.v_leak)]);
            }
            Model::Integrator(m) => self.param("r", &m.r),
            Model::Threshold(m) => self.param("threshold", &m.threshold),
            Model::ParametricLif(_) => {}
        }
    }

    fn decay(&mut self, name: &str, decay: &Decay) {
        if let Decay::Tau(tau) = decay {
            self.param(name, tau);
        }
    }

    fn params(&mut self, params: &[(&str, &Param)]) {
        for (name, param) in params {
            self.param(name, param);
        }
    }

    /// A value for every neuron, as readers want it; in 32 bits where that is exact.
    fn param(&mut self, name: &str, param: &Param) {
        let channels = self.shape.first().copied().unwrap_or(1).max(1);
        let count: usize = self.shape.iter().product();
        let values = (0..count).map(|i| param.at(i / (count / channels), i, channels));
        let data = self.group.create_dataset(name);
        if param.values().iter().all(|&v| f64::from(v as f32) == v) {
            data.with_f32_data(&values.map(|v| v as f32).collect::<Vec<_>>());
            compressed(data, &self.shape, 4);
        } else {
            data.with_f64_data(&values.collect::<Vec<_>>());
            compressed(data, &self.shape, 8);
        }
    }
}

fn compressed(data: &mut DatasetBuilder, shape: &[usize], width: usize) {
    data.with_shape(&extents(shape));
    if shape.iter().product::<usize>() > COMPRESSED {
        let row: usize = shape[1..].iter().product::<usize>() * width;
        let mut chunk = extents(shape);
        chunk[0] = chunk[0].min((CHUNK / row).max(1) as u64);
        data.with_chunks(&chunk).with_shuffle().with_deflate(4);
    }
}

fn extents(shape: &[usize]) -> Vec<u64> {
    shape.iter().map(|&d| d as u64).collect()
}
