//! Random small networks: a list of numbers becomes layers, each made to fit where it stands.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use saltatory::layer::{BatchNorm, Conv, Layer, Linear, Padding, Pool, PoolKind};
use saltatory::network::{Edge, InputKind, Network, Node};
use saltatory::neuron::rules::{InputGain, Reset, SpikesPerStep};
use saltatory::neuron::{CubaLif, Decay, Dialect, If, Integrator, Li, Lif, Neuron, Param, ParametricLif, RuleChanges};
use saltatory::tensor::Tensor;

/// How many random networks a test looks at: the same ones every time, so that what fails here fails everywhere.
/// `PROPTEST_RNG_SEED=7` looks at others, `SALTATORY_CASES=50` at fifty times as many.
pub fn config(cases: u32) -> Config {
    let more = std::env::var("SALTATORY_CASES").ok().and_then(|n| n.parse::<u32>().ok()).unwrap_or(1);
    let given = Config::default().rng_seed;
    let rng_seed = if given == RngSeed::Random { RngSeed::Fixed(1) } else { given };
    Config { cases: cases * more, rng_seed, failure_persistence: None, ..Default::default() }
}

/// What a random network is made of.
#[derive(Clone, Debug)]
pub struct Recipe {
    shape: Vec<usize>,
    kind: u8,
    dialect: u8,
    layers: Vec<[u8; 6]>,
    /// Steps.
    pub steps: usize,
    seed: u32,
}

/// Recipes: inputs of one to three axes, up to eight layers, up to seven steps.
pub fn recipe() -> impl Strategy<Value = Recipe> {
    let shape = prop_oneof![
        (1..70usize).prop_map(|n| vec![n]),
        (1..7usize, 3..12usize).prop_map(|(c, l)| vec![c, l]),
        (1..5usize, 3..9usize, 3..9usize).prop_map(|(c, h, w)| vec![c, h, w]),
        (30..70usize, 1..4usize, 2..4usize).prop_map(|(c, h, w)| vec![c, h, w]),
    ];
    let layers = prop::collection::vec(any::<[u8; 6]>(), 1..8);
    (shape, 0..3u8, 0..4u8, layers, 1..8usize, any::<u32>())
        .prop_map(|(shape, kind, dialect, layers, steps, seed)| Recipe { shape, kind, dialect, layers, steps, seed })
}

/// Numbers from a hash, uniform in [0, 1).
pub struct Noise(u32);

impl Noise {
    pub fn new(seed: u32) -> Self {
        Noise(seed.wrapping_mul(0x9e37_79b9) | 1)
    }

    pub fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        let x = ((self.0 >> (self.0 >> 28).wrapping_add(4)) ^ self.0).wrapping_mul(277_803_737);
        ((x >> 22 ^ x) >> 8) as f32 / (1 << 24) as f32
    }

    fn tensor(&mut self, shape: Vec<usize>, low: f32, high: f32) -> Tensor {
        let count = shape.iter().product();
        Tensor::new(shape, (0..count).map(|_| low + (high - low) * self.next()).collect()).unwrap()
    }
}

impl Recipe {
    /// The network.
    pub fn network(&self) -> Network {
        let dialect =
            [Dialect::SpikingJelly, Dialect::SnnTorch, Dialect::Sinabs, Dialect::Norse][self.dialect as usize];
        let mut network = Network::new(self.shape.clone()).dialect(dialect).dt(1.0).build().unwrap();
        network.input.kind = [InputKind::Real, InputKind::Bits, InputKind::Counts][self.kind as usize];
        let mut noise = Noise::new(self.seed);
        for layer in &self.layers {
            self.push(&mut network, *layer, &mut noise);
        }
        network.check().unwrap();
        network
    }

    /// One sample: a frame for every step, or one for all of them.
    pub fn sample(&self, network: &Network, number: u32, constant: bool) -> Vec<f32> {
        let mut noise = Noise::new(self.seed ^ (number + 1).wrapping_mul(0x85eb_ca6b));
        let frames = if constant { 1 } else { self.steps };
        let draw = |_| match network.input.kind {
            InputKind::Real => {
                if noise.next() < 0.3 {
                    0.0
                } else {
                    2.0 * noise.next() - 0.5
                }
            }
            InputKind::Bits => f32::from(noise.next() < 0.4),
            InputKind::Counts => (noise.next() * noise.next() * 6.0).floor(),
        };
        (0..frames * self.shape.iter().product::<usize>()).map(draw).collect()
    }

    fn push(&self, network: &mut Network, [what, a, b, c, d, e]: [u8; 6], noise: &mut Noise) {
        let shape = network.shapes().unwrap()[network.output].clone();
        let pick = |x: u8, n: usize| x as usize % n;
        match what % 14 {
            0..=2 if shape.len() > 1 => {
                let mut conv = if shape.len() == 2 { Conv::conv1d(0, 0) } else { Conv::conv2d(0, 0) };
                let axes = shape.len() - 1;
                let groups = if e & 1 == 1 && shape[0].is_multiple_of(2) { 2 } else { 1 };
                conv.groups = if e & 6 == 6 { shape[0] } else { groups };
                conv.out_channels = conv.groups * (1 + pick(a, if conv.groups > 2 { 2 } else { 20 }));
                let extents = &shape[1..];
                conv.kernel = (0..axes).map(|axis| 1 + pick(b >> (4 * axis), 3.min(extents[axis]))).collect();
                conv.stride = (0..axes).map(|axis| 1 + pick(c >> (4 * axis), 2)).collect();
                let fits = |axis: usize| conv.kernel[axis] < 2 || 2 * (conv.kernel[axis] - 1) < extents[axis];
                conv.dilation =
                    (0..axes).map(|axis| 1 + pick(c >> (1 + 4 * axis), if fits(axis) { 2 } else { 1 })).collect();
                conv.padding = match d % 4 {
                    0 => Padding::Valid,
                    1 if conv.stride.iter().all(|&s| s == 1) => Padding::Same,
                    _ => Padding::Explicit((0..axes).map(|axis| pick(d >> (2 + axis), 3)).collect()),
                };
                let shape_w = conv.weight_shape(shape[0]);
                let fan: usize = shape_w[1..].iter().product();
                let bound = 2.5 / (fan as f32).sqrt();
                conv.weight = Some(sparse(noise.tensor(shape_w, -0.6 * bound, bound), a));
                conv.has_bias = a & 128 == 0;
                conv.bias = conv.has_bias.then(|| noise.tensor(vec![conv.out_channels], -0.1, 0.4));
                let channels = conv.out_channels;
                add(network, Layer::Conv(conv));
                if b & 128 == 0 {
                    add(network, batch_norm(channels, noise));
                }
            }
            3..=5 => {
                let features: usize = shape.iter().product();
                let mut linear = Linear::new(1 + pick(a, 40));
                let bound = 2.5 / (features as f32).sqrt();
                linear.weight = Some(sparse(noise.tensor(vec![linear.out_features, features], -0.6 * bound, bound), b));
                linear.has_bias = b & 128 == 0;
                linear.bias = linear.has_bias.then(|| noise.tensor(vec![linear.out_features], -0.1, 0.4));
                if shape.len() > 1 && c & 1 == 1 {
                    let start = pick(c >> 1, shape.len() - 1);
                    add(network, Layer::Flatten { start, end: None });
                }
                let channels = linear.out_features;
                add(network, Layer::Linear(linear));
                if b & 64 == 0 {
                    add(network, batch_norm(channels, noise));
                }
            }
            6..=9 => {
                let from = network.output;
                let neuron = self.neuron(network.dialect, &shape, [a, b, c, d], noise);
                add(network, Layer::Neuron(neuron));
                if e & 3 == 0 && shape.len() == 1 && network.nodes[from].name != "input" {
                    recur(network, shape[0], 1 + u32::from(e >> 2 & 1), noise);
                }
            }
            10 if shape.len() > 1 => {
                let kernel: Vec<usize> = shape[1..].iter().map(|&extent| 1 + pick(a, 3.min(extent))).collect();
                let kind = [PoolKind::Max, PoolKind::Average, PoolKind::Sum][pick(b, 3)];
                let stride = if c & 1 == 0 { kernel.clone() } else { vec![1 + pick(c >> 1, 2); kernel.len()] };
                let padding = kernel.iter().map(|k| if d & 1 == 1 { k / 2 } else { 0 }).collect();
                add(network, Layer::Pool(Pool { kind, kernel, stride, padding }));
            }
            11 => {
                let elements: usize = shape.iter().product();
                let steps = match a % 3 {
                    0 => (0..elements).map(|i| (i as u32 * 7 + u32::from(b)) % 4).collect(),
                    _ => vec![u32::from(b % 4)],
                };
                add(network, Layer::Delay(steps));
            }
            12 => {
                // A residual connection to any earlier layer of the same shape, perhaps one step late.
                let shapes = network.shapes().unwrap();
                let others: Vec<usize> = (0..network.output).filter(|&i| shapes[i] == shape).collect();
                if !others.is_empty() {
                    let other = others[pick(a, others.len())];
                    add(network, Layer::Add);
                    let delay = if b & 3 == 3 { 1 + u32::from(b >> 2 & 1) } else { 0 };
                    network.edges.push(Edge { from: other, to: network.output, delay });
                }
            }
            _ => {
                let shape = match a % 3 {
                    0 => vec![1],
                    1 => vec![shape[0]],
                    _ => shape.clone(),
                };
                add(
                    network,
                    if b & 1 == 0 { Layer::Scale(noise.tensor(shape, 0.5, 2.0)) } else { Layer::Dropout { p: 0.5 } },
                );
            }
        }
    }

    /// A population in the ways of its framework. Time constants are powers of two where a framework divides by them.
    fn neuron(&self, dialect: Dialect, shape: &[usize], [a, b, c, d]: [u8; 4], noise: &mut Noise) -> Neuron {
        let each = |noise: &mut Noise, low: f32, high: f32| -> Param {
            let shape = match d % 4 {
                0 | 1 => return Param::Shared(f64::from(noise.tensor(vec![1], low, high).data()[0])),
                2 => vec![shape[0]],
                _ => shape.to_vec(),
            };
            let values = noise.tensor(shape.clone(), low, high);
            Param::Each { shape, values: values.data().iter().map(|&x| f64::from(x)).collect() }
        };
        let threshold = each(noise, 0.3, 0.9);
        let v_leak: Param = [0.0, 0.125][b as usize / 2 % 2].into();
        let two = || Decay::Tau([2.0, 4.0][b as usize % 2].into());
        let v_reset: Param = [0.0, -0.25, 0.125][c as usize % 3].into();
        let plain = If { threshold: threshold.clone(), v_reset: v_reset.clone(), ..Default::default() };
        let reset = [None, Some(Reset::Subtract), Some(Reset::Hard)][a as usize / 8 % 3];
        let mut rules = RuleChanges { reset, ..Default::default() };
        let lif =
            |decay: Decay| Lif { decay, threshold: threshold.clone(), v_reset: v_reset.clone(), ..Default::default() };
        let cuba = |decay_syn: Decay, decay_mem: Decay| CubaLif {
            decay_syn,
            decay_mem,
            threshold: threshold.clone(),
            v_reset: v_reset.clone(),
            ..Default::default()
        };
        if a >= 240 {
            return if a & 1 == 0 {
                Integrator::default().into()
            } else {
                saltatory::neuron::Threshold { threshold }.into()
            };
        }
        let neuron: Neuron = match dialect {
            Dialect::SpikingJelly => {
                rules.input_gain = (b & 2 == 0).then_some(InputGain::R);
                match a % 6 {
                    0 => plain.into(),
                    1 | 2 => lif(two()).into(),
                    3 => ParametricLif { w: 0.0.into(), threshold, v_reset, v_leak: None }.into(),
                    4 => cuba(Decay::Factor(each(noise, 0.2, 0.9)), Decay::Factor(each(noise, 0.2, 0.9))).into(),
                    _ => Li { decay: two(), ..Default::default() }.into(),
                }
            }
            Dialect::SnnTorch => {
                rules.reset = [None, Some(Reset::Hard), Some(Reset::None)][a as usize / 8 % 3];
                rules.reset_delay = Some(b & 1);
                // Beyond one: clamped.
                let beta = Decay::Factor(each(noise, 0.3, 1.1));
                match a % 2 {
                    0 => {
                        // `RLeaky` drops it.
                        rules.reset_keeps_input = Some(b & 2 == 0);
                        Lif { threshold, ..lif_zero(beta) }.into()
                    }
                    _ => {
                        rules.reset_keeps_input = Some(false);
                        let decay_syn = Decay::Factor(each(noise, 0.1, 0.8));
                        CubaLif { decay_syn, decay_mem: beta, threshold, ..Default::default() }.into()
                    }
                }
            }
            Dialect::Norse => match a % 3 {
                0 => plain.into(),
                1 => Lif { v_leak: Some(v_leak), ..lif(two()) }.into(),
                _ => CubaLif { v_leak: Some(v_leak), ..cuba(two(), two()) }.into(),
            },
            _ => {
                rules.spikes = (b & 1 == 0).then_some(SpikesPerStep::One);
                rules.input_gain = (b & 2 == 0).then_some(InputGain::R);
                rules.v_min = (b & 4 == 0).then_some(-0.5);
                let tau = Decay::Tau([1.5, 3.0, 20.0][c as usize % 3].into());
                match a % 3 {
                    0 => plain.into(),
                    1 => lif(tau).into(),
                    _ => cuba(two(), tau).into(),
                }
            }
        };
        neuron.with(rules)
    }
}

fn lif_zero(decay: Decay) -> Lif {
    Lif { decay, ..Default::default() }
}

/// Every fourth weight is zero in half of the layers.
fn sparse(mut weight: Tensor, flag: u8) -> Tensor {
    if flag & 1 == 1 {
        weight.data_mut().iter_mut().step_by(4).for_each(|w| *w = 0.0);
    }
    weight
}

fn batch_norm(channels: usize, noise: &mut Noise) -> Layer {
    Layer::BatchNorm(BatchNorm {
        weight: Some(noise.tensor(vec![channels], 0.5, 1.5)),
        bias: Some(noise.tensor(vec![channels], -0.1, 0.3)),
        running_mean: Some(noise.tensor(vec![channels], -0.2, 0.2)),
        running_var: Some(noise.tensor(vec![channels], 0.3, 1.5)),
        ..Default::default()
    })
}

fn add(network: &mut Network, layer: Layer) {
    let index = network.nodes.len();
    network.nodes.push(Node { name: format!("{}{index}", layer.kind()), layer });
    network.edges.push(Edge { from: network.output, to: index, delay: 0 });
    network.output = index;
}

/// The last population feeds itself through a linear layer.
fn recur(network: &mut Network, features: usize, delay: u32, noise: &mut Noise) {
    let population = network.output;
    let mut linear = Linear::new(features);
    let bound = 1.5 / (features as f32).sqrt();
    linear.weight = Some(noise.tensor(vec![features, features], -bound, bound));
    linear.bias = Some(noise.tensor(vec![features], -0.1, 0.2));
    let index = network.nodes.len();
    network.nodes.push(Node { name: format!("recurrent{index}"), layer: Layer::Linear(linear) });
    network.edges.push(Edge { from: population, to: index, delay });
    network.edges.push(Edge { from: index, to: population, delay: 0 });
}
