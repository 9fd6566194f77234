//! The networks that speed is measured on, with weights and inputs from formulas: whoever builds them, in whatever
//! framework, computes with the same numbers.
//!
//! `h(seed, i) = mix(i ^ mix(seed + 0x9e3779b9))` with the 32-bit mixer lowbias32, `uniform(seed)[i] = (h >> 8) 2^-24`.
//! The weights of the i-th convolution or linear layer have the seed of the network plus i; they are uniform within
//! `sqrt(6 / fan_in)`, and the mean of each output's weights is subtracted. Gains in place of trained batch norm keep
//! every layer at realistic rates. Neurons: LIF, tau 2, threshold 1, hard reset to 0.

use crate::error::{Error, Result};
use crate::layer::{BatchNorm, Layer, Pool, PoolKind};
use crate::network::{Builder, InputKind, InputSpec, Network, Readout};
use crate::neuron::Lif;
use crate::tensor::Tensor;

/// A network with the seed of its numbers.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The name, as benchmarks print it.
    pub name: &'static str,
    /// The network, with weights.
    pub network: Network,
    /// Steps per sample.
    pub steps: usize,
    /// Whether one frame holds for all steps.
    pub constant_input: bool,
    seed: u32,
}

/// Names of the networks.
pub const NAMES: [&str; 3] = ["spiking-cnn", "csnn-dvs", "sew-resnet18"];

/// The network of a name.
///
/// # Errors
/// [`Error::Request`] for a name that is none of [`NAMES`].
pub fn workload(name: &str) -> Result<Workload> {
    let (name, steps, constant_input, seed, builder, gains): (_, _, _, _, _, &[f32]) = match name {
        "spiking-cnn" => ("spiking-cnn", 8, true, 1000, spiking_cnn(), &[2.1, 2.15, 3.24]),
        "csnn-dvs" => ("csnn-dvs", 16, false, 2000, csnn_dvs(), &[1.51, 2.49, 2.37, 2.23, 2.25, 2.93, 3.79]),
        "sew-resnet18" => ("sew-resnet18", 4, true, 3000, sew_resnet18(), &SEW_GAINS),
        other => return Err(Error::Request(format!("there is no workload `{other}`; there are {}", NAMES.join(", ")))),
    };
    let mut network = builder.name_network(name).steps(steps).readout(Readout::Mean).build()?;
    fill(&mut network, seed, gains)?;
    Ok(Workload { name, network, steps, constant_input, seed })
}

impl Workload {
    /// Samples as this workload defines them: `[batch, ...]` or `[batch, time, ...]`.
    ///
    /// # Errors
    /// [`Error::Request`] where there are too many elements.
    pub fn input(&self, batch: usize) -> Result<Tensor> {
        let shape = &self.network.input.shape;
        if self.constant_input {
            let count = batch * shape.iter().product::<usize>();
            let data = (0..count).map(|i| uniform(self.seed + 900, i as u32)).collect();
            return Tensor::new([&[batch], &shape[..]].concat(), data);
        }
        let (channels, height, width) = (shape[0], shape[1], shape[2]);
        let value = |i: usize| {
            let (sample, t, rest) = (
                i / (self.steps * channels * height * width),
                i / (channels * height * width) % self.steps,
                i % (channels * height * width),
            );
            event_count(
                self.seed + 900,
                (t * batch + sample) * channels + rest / (height * width),
                (rest / width % height, rest % width),
                (height, width),
            )
        };
        let count = batch * self.steps * channels * height * width;
        Tensor::new([&[batch, self.steps], &shape[..]].concat(), (0..count).map(value).collect())
    }
}

/// Clustered events: a fifth of the tiles of 8 by 8 are active, in them a quarter of the pixels hold 1 to 4 events.
/// `plane` counts planes `[time, batch, channel]`.
fn event_count(seed: u32, plane: usize, (y, x): (usize, usize), (height, width): (usize, usize)) -> f32 {
    let tile = (plane * (height / 8) + y / 8) * (width / 8) + x / 8;
    let u = uniform(seed + 1, ((plane * height + y) * width + x) as u32);
    if uniform(seed, tile as u32) < 0.2 && u < 0.25 { 1.0 + (u * 16.0).floor() } else { 0.0 }
}

fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// The i-th number of a seed, in [0, 1).
pub fn uniform(seed: u32, i: u32) -> f32 {
    let hash = mix(i ^ mix(seed.wrapping_add(0x9e37_79b9)));
    (hash >> 8) as f32 / (1u32 << 24) as f32
}

fn spiking_cnn() -> Builder {
    let first = Network::new([1, 28, 28]).conv2d(32, 3).padding(1).no_bias().batch_norm().spiking(lif()).max_pool(2);
    let second = first.conv2d(64, 3).padding(1).no_bias().batch_norm().spiking(lif()).max_pool(2);
    second.flatten().linear(256).spiking(lif()).linear(10)
}

/// SpikingJelly's `DVSGestureNet`; its vote over ten neurons a class is a linear layer that takes their mean.
fn csnn_dvs() -> Builder {
    let input = InputSpec { kind: InputKind::Counts, ..Default::default() };
    let mut builder = Network::new([2, 128, 128]).input(input);
    for _ in 0..5 {
        builder = builder.conv2d(128, 3).padding(1).no_bias().batch_norm().spiking(lif()).max_pool(2);
    }
    let features = builder.flatten().dropout(0.5).linear(512).spiking(lif());
    features.dropout(0.5).linear(110).spiking(lif()).linear(11).no_bias().name("vote")
}

/// SpikingJelly's `sew_resnet18` with ADD connections.
fn sew_resnet18() -> Builder {
    let pool = Pool { kind: PoolKind::Max, kernel: vec![3, 3], stride: vec![2, 2], padding: vec![1, 1] };
    let stem = Network::new([3, 224, 224]).conv2d(64, 7).stride(2).padding(3).no_bias().batch_norm().spiking(lif());
    let mut builder = stem.layer(Layer::Pool(pool)).name("stem");
    let mut last = "stem".to_string();
    for (stage, (planes, stride)) in [(64, 1), (128, 2), (256, 2), (512, 2)].into_iter().enumerate() {
        for block in 0..2 {
            let name = format!("block{stage}{block}");
            let stride = if block == 0 { stride } else { 1 };
            let body = builder.conv2d(planes, 3).stride(stride).padding(1).no_bias().batch_norm().spiking(lif());
            builder = body.conv2d(planes, 3).padding(1).no_bias().batch_norm().spiking(lif());
            if stride != 1 {
                let body = format!("{name}.body");
                let short = builder.name(&body).from(&last).conv2d(planes, 1).stride(stride).no_bias().batch_norm();
                builder = short.spiking(lif()).add(&body).name(&name);
            } else {
                builder = builder.add(&last).name(&name);
            }
            last = name;
        }
    }
    builder.avg_pool(7).flatten().linear(1000)
}

/// In the order of the weights: of each block its body, then its shortcut.
const SEW_GAINS: [f32; 20] = [
    0.526, 2.78, 3.81, 2.17, 3.86, 1.92, 3.92, 1.93, 2.72, 3.92, 2.24, 4.03, 2.26, 2.83, 4.0, 2.29, 4.18, 2.28, 2.95,
    4.22,
];

fn lif() -> Lif {
    Lif::tau(2.0)
}

/// Weights, gains and neutral statistics. A gain is the weight of a batch norm, or the factor on a linear layer before
/// neurons.
fn fill(network: &mut Network, seed: u32, gains: &[f32]) -> Result<()> {
    let shapes = network.shapes()?;
    let sources: Vec<usize> =
        (0..network.nodes.len()).map(|i| network.edges.iter().find(|e| e.to == i).map_or(0, |e| e.from)).collect();
    let fires = |node: usize| {
        network.edges.iter().any(|e| e.from == node && matches!(network.nodes[e.to].layer, Layer::Neuron(_)))
    };
    let before_neurons: Vec<bool> = (0..network.nodes.len()).map(fires).collect();
    let (mut weighted, mut gained) = (0, 0);
    for (i, node) in network.nodes.iter_mut().enumerate() {
        let source = &shapes[sources[i]];
        match &mut node.layer {
            Layer::Conv(conv) => {
                conv.weight = Some(weights(seed + weighted, conv.weight_shape(source[0]), 1.0)?);
                weighted += 1;
            }
            Layer::Linear(linear) if node.name == "vote" => {
                let (outputs, inputs) = (linear.out_features, source.iter().product::<usize>());
                let each = inputs / outputs;
                let value = |i: usize| if i % inputs / each == i / inputs { 1.0 / each as f32 } else { 0.0 };
                linear.weight = Some(Tensor::new([outputs, inputs], (0..outputs * inputs).map(value).collect())?);
            }
            Layer::Linear(linear) => {
                let shape = vec![linear.out_features, source.iter().product()];
                let gain = if before_neurons[i] { gains[gained] } else { 1.0 };
                gained += usize::from(before_neurons[i]);
                linear.weight = Some(weights(seed + weighted, shape, gain)?);
                linear.bias = Some(Tensor::filled([linear.out_features], 0.0));
                weighted += 1;
            }
            Layer::BatchNorm(norm) => {
                let channels = shapes[i][0];
                let all = |value: f32| Some(Tensor::filled([channels], value));
                let (weight, bias) = (all(gains[gained]), all(0.0));
                *norm = BatchNorm { weight, bias, running_mean: all(0.0), running_var: all(1.0), ..Default::default() };
                gained += 1;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Centred uniform weights `[out, ...]` times a gain.
fn weights(seed: u32, shape: Vec<usize>, gain: f32) -> Result<Tensor> {
    let fan_in = shape[1..].iter().product::<usize>();
    let range = (6.0 / fan_in as f64).sqrt() as f32;
    let value = |i: usize| (uniform(seed, i as u32) * 2.0 - 1.0) * range;
    let mut data: Vec<f32> = (0..shape[0] * fan_in).map(value).collect();
    for row in data.chunks_exact_mut(fan_in) {
        let mean = (row.iter().map(|&w| f64::from(w)).sum::<f64>() / fan_in as f64) as f32;
        row.iter_mut().for_each(|w| *w = (*w - mean) * gain);
    }
    Tensor::new(shape, data)
}
