//! Convolutions of every shape on the fast machine, to the bit as the plain twins.

use saltatory::layer::{Conv, Layer, Padding};
use saltatory::network::{Builder, InputKind, InputSpec, Network};
use saltatory::neuron::Lif;
use saltatory::run::{Device, Options, verify};
use saltatory::tensor::Tensor;

use super::random::Noise;
use super::run;

/// Steps of a sample.
const STEPS: usize = 5;

fn input(shape: &[usize], kind: InputKind) -> Builder {
    Network::new(shape).input(InputSpec { kind, ..Default::default() })
}

/// With weights under which neurons fire.
fn livened(builder: Builder) -> Network {
    let mut network = builder.build().unwrap();
    network.init(1).unwrap();
    for node in &mut network.nodes {
        if let Layer::Conv(conv) = &mut node.layer {
            conv.weight.as_mut().unwrap().data_mut().iter_mut().for_each(|w| *w = 3.0 * *w + 0.02);
        }
    }
    network
}

fn samples(network: &Network, count: usize, rate: f32, noise: &mut Noise) -> Tensor {
    let kind = network.input.kind;
    let mut value = || match (noise.next() < rate, kind) {
        (false, _) => 0.0,
        (_, InputKind::Bits) => 1.0,
        (_, InputKind::Counts) => (noise.next() * 9.0).floor(),
        _ => 2.0 * noise.next() - 0.5,
    };
    let shape = [&[count, STEPS], &network.input.shape[..]].concat();
    let data = (0..shape.iter().product()).map(|_| value()).collect();
    Tensor::new(shape, data).unwrap()
}

/// Spikes, where results are the same to the bit.
fn compare(network: &Network, input: &Tensor, options: &Options) -> u64 {
    let output = |device| run(network, input, Options { device, ..options.clone() });
    let (expected, got) = (output(Device::Reference), output(Device::Cpu));
    assert_eq!(verify::difference(&expected, &got), None, "{:?}", network.nodes);
    got.metrics.populations.iter().map(|p| p.spikes).sum()
}

#[test]
fn convolutions_of_every_shape_agree() {
    let mut noise = Noise::new(11);
    let mut spikes = 0;
    for case in 0..90 {
        let mut pick = |from: &[usize]| from[(noise.next() * from.len() as f32) as usize];
        let kind = [InputKind::Real, InputKind::Bits, InputKind::Counts][case % 3];
        let channels = pick(&[1, 2, 3, 5, 16, 31, 32, 33, 40, 64, 65, 96, 128, 160]);
        let shape = [channels, pick(&[4, 5, 7, 12]), pick(&[4, 6, 9, 13])];
        let mut conv = Conv::conv2d(pick(&[1, 3, 32, 33, 64, 96, 100]), 0);
        conv.kernel = vec![pick(&[1, 2, 3]), pick(&[1, 3, 4])];
        conv.stride = vec![pick(&[1, 1, 2]), pick(&[1, 1, 3])];
        conv.dilation = if shape[1] > 4 { vec![pick(&[1, 1, 2]), 1] } else { vec![1, 1] };
        conv.padding = Padding::Explicit(vec![pick(&[0, 1, 2]), pick(&[0, 1, 3])]);
        conv.has_bias = case % 2 == 0;
        let (pool, rate) = (pick(&[1, 1, 2]), pick(&[1, 10, 30]) as f32 / 100.0);
        let spiking = input(&shape, kind).layer(Layer::Conv(conv)).spiking(Lif::tau(2.0));
        let extents = spiking.clone().build().unwrap().shapes().unwrap();
        let fits = extents.last().unwrap()[1..].iter().all(|extent| extent % pool == 0);
        let network = livened(if fits { spiking.max_pool(pool) } else { spiking }.flatten().linear(3));
        let input = samples(&network, 2, rate, &mut noise);
        for slice in [None, Some(2)] {
            spikes += compare(&network, &input, &Options { slice, ..Default::default() });
        }
    }
    assert!(spikes > 10_000, "{spikes}");
}

/// Sums of spikes, and of sums, between convolutions; pools of them.
#[test]
fn residual_connections_agree() {
    let mut noise = Noise::new(5);
    for channels in [20, 32, 64, 72] {
        let conv = |builder: Builder| builder.conv2d(channels, 3).padding(1).spiking(Lif::tau(2.0));
        let stem = conv(input(&[3, 9, 8], InputKind::Real)).name("stem");
        let first = conv(conv(stem)).add("stem").name("first");
        let second = conv(conv(first)).add("first").name("second");
        let third = conv(second.max_pool(2));
        let network = livened(third.avg_pool(2).flatten().linear(4));
        let input = samples(&network, 2, 0.7, &mut noise);
        let spikes = compare(&network, &input, &Options::default());
        assert!(spikes > 1_000, "{spikes}");
    }
}

/// A sample that is alone is spread over threads by channels where these are many.
#[test]
fn many_channels_agree_on_any_number_of_threads() {
    let layers = input(&[64, 10, 9], InputKind::Bits).conv2d(530, 3).padding(1).spiking(Lif::tau(2.0)).max_pool(1);
    let network = livened(layers.flatten().linear(3));
    let input = samples(&network, 1, 0.1, &mut Noise::new(3));
    for threads in [1, 2, 3] {
        let options = Options { threads: Some(threads), ..Default::default() };
        let spikes = compare(&network, &input, &options);
        assert!(spikes > 1_000, "{spikes}");
    }
}
