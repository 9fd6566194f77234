//! The networks, their gains, and their weights.

use super::numbers::{hash, uniform};
use crate::error::{Error, Result};
use crate::layer::{BatchNorm, Layer, MAX_ELEMENTS, Pool, PoolKind, SparseLinear};
use crate::network::{Builder, InputKind, InputSpec, Network};
use crate::neuron::Lif;
use crate::sparse::SparseMatrix;
use crate::tensor::Tensor;

/// Neurons of the workload `lif`.
pub(super) const LIF_NEURONS: usize = 1 << 16;
/// Inputs and neurons of the workload `dense-lif`.
pub(super) const DENSE_NEURONS: usize = 512;
/// Inputs and neurons of the workloads `sparse-fc-...`.
pub(super) const SPARSE_NEURONS: usize = 1 << 12;

/// A population alone, with currents as input.
pub(super) fn lif_alone(neurons: usize) -> Builder {
    Network::new([neurons]).spiking(lif())
}

/// A linear layer and a population with a longer time constant.
pub(super) fn dense_lif(neurons: usize) -> Builder {
    Network::new([neurons]).linear(neurons).spiking(Lif::tau(5.0))
}

/// A linear layer between given spikes and a population.
pub(super) fn sparse_fc(neurons: usize) -> Builder {
    let input = InputSpec { kind: InputKind::Bits, ..Default::default() };
    Network::new([neurons]).input(input).linear(neurons).spiking(lif())
}

/// The same with `fan_out` synapses of every source, the targets by chance. The gain keeps the mean current, and with it the
/// rate of the population, the same whatever the rate of what comes in.
pub(super) fn fanned_out(name: &str, neurons: usize, fan_out: usize, rate: f32) -> Result<Builder> {
    if fan_out == 0 || neurons.checked_mul(fan_out).is_none_or(|n| n > MAX_ELEMENTS) {
        let most = MAX_ELEMENTS / neurons.max(1);
        let message =
            format!("the workload `{name}` of {neurons} neurons: expected a fan-out from 1 to {most}, got {fan_out}");
        return Err(Error::Request(message));
    }
    let gain = if rate > 0.0 { 2.1 / rate } else { 1.0 };
    let synapse = |number: usize| {
        let target = hash(5001, number as u32) as usize % neurons;
        (target, number / fan_out, uniform(5002, number as u32) / fan_out as f32 * gain)
    };
    let weight = SparseMatrix::from_triplets(neurons, neurons, (0..neurons * fan_out).map(synapse))?;
    let input = InputSpec { kind: InputKind::Bits, ..Default::default() };
    let layer = SparseLinear { has_bias: false, weight: Some(weight), ..SparseLinear::new(neurons) };
    Ok(Network::new([neurons]).input(input).layer(Layer::SparseLinear(layer)).spiking(lif()))
}

pub(super) fn spiking_cnn() -> Builder {
    let first = Network::new([1, 28, 28]).conv2d(32, 3).padding(1).no_bias().batch_norm().spiking(lif()).max_pool(2);
    let second = first.conv2d(64, 3).padding(1).no_bias().batch_norm().spiking(lif()).max_pool(2);
    second.flatten().linear(256).spiking(lif()).linear(10)
}

/// SpikingJelly's `DVSGestureNet`; its vote over ten neurons a class is a linear layer that takes their mean.
pub(super) fn csnn_dvs() -> Builder {
    let input = InputSpec { kind: InputKind::Counts, ..Default::default() };
    let mut builder = Network::new([2, 128, 128]).input(input);
    for _ in 0..5 {
        builder = builder.conv2d(128, 3).padding(1).no_bias().batch_norm().spiking(lif()).max_pool(2);
    }
    let features = builder.flatten().dropout(0.5).linear(512).spiking(lif());
    features.dropout(0.5).linear(110).spiking(lif()).linear(11).no_bias().name("vote")
}

/// SpikingJelly's `sew_resnet18` with ADD connections.
pub(super) fn sew_resnet18() -> Builder {
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
pub(super) const SEW_GAINS: [f32; 20] = [
    0.526, 2.78, 3.81, 2.17, 3.86, 1.92, 3.92, 1.93, 2.72, 3.92, 2.24, 4.03, 2.26, 2.83, 4.0, 2.29, 4.18, 2.28, 2.95,
    4.22,
];

fn lif() -> Lif {
    Lif::tau(2.0)
}

/// Before training batch norm has the factor 1; and nothing is dropped, so that others compute the same.
pub(super) fn as_untrained(network: &mut Network) {
    for node in &mut network.nodes {
        match &mut node.layer {
            Layer::BatchNorm(BatchNorm { weight: Some(weight), .. }) => weight.data_mut().fill(1.0),
            Layer::Dropout { p } => *p = 0.0,
            _ => {}
        }
    }
}

/// Weights, gains and neutral statistics. A gain is the weight of a batch norm, or the factor on a linear layer before
/// neurons.
pub(super) fn fill(network: &mut Network, seed: u32, gains: &[f32]) -> Result<()> {
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
