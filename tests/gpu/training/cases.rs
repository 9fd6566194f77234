//! Small networks in training, in which every kernel of training appears, in all its forms.

use saltatory::layer::{Layer, Pool, PoolKind};
use saltatory::network::{Builder, InputKind, InputSpec, Network, compile_training};
use saltatory::neuron::rules::{Reset, RuleChanges, SpikesPerStep};
use saltatory::neuron::{CubaLi, CubaLif, Dialect, If, Integrator, Li, Lif, Neuron};
use saltatory::plan::{Plan, RatePenalty, TrainingRequest};
use saltatory::tensor::Tensor;
use saltatory::train::{Loss, LossKind, Momentum, Optimiser, Over, SurrogateKind, TrainOptions};

use super::families;

/// A network, how it is trained, and on what.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub network: Network,
    pub options: TrainOptions,
    /// One frame for all steps.
    pub constant: bool,
}

const STEPS: usize = 5;
/// More than a shader takes at once.
const LONG: usize = 70;
/// Samples of a batch.
pub const BATCH: usize = 11;

pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        images(),
        residual(),
        wide(),
        deep(),
        many_weights(),
        joined(),
        sequence(),
        long(),
        long_current(),
        counts(),
        drawn(),
    ];
    cases.push(computed_again());
    cases.extend(families::surrogates());
    cases.extend(families::losses());
    cases.extend(families::learned());
    cases.extend(families::neurons());
    cases
}

/// A case of that name.
pub fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap_or_else(|| panic!("{name}"))
}

/// The plan of a case.
pub fn plan(case: &Case) -> Plan {
    let request = case.options.request(&case.network, case.options.steps.unwrap(), case.constant);
    let request = TrainingRequest { sums_apart: true, ..request };
    compile_training(&case.network, &request).unwrap().plan
}

impl Case {
    pub fn new(name: impl Into<String>, builder: Builder, constant: bool, options: TrainOptions) -> Case {
        let mut network = builder.build().unwrap();
        network.init(3).unwrap();
        network.nodes.iter_mut().for_each(|node| liven(&mut node.layer));
        let options = TrainOptions { steps: options.steps.or(Some(STEPS)), ..options };
        Case { name: name.into(), network, options, constant }
    }

    /// Whether drivers have no freedom: nothing is divided, and there are no roots and exponentials.
    pub fn is_exact(&self) -> bool {
        use SurrogateKind::{PiecewiseQuadratic, Rectangle, Triangle};
        let divides = self.network.nodes.iter().any(|node| matches!(node.layer, Layer::BatchNorm(_)));
        let surrogate = self.options.surrogate.name;
        self.options.loss.kind == LossKind::Mse
            && matches!(self.options.optimiser, Optimiser::Sgd { .. })
            && [PiecewiseQuadratic, Rectangle, Triangle].contains(&surrogate)
            && self.options.weight_bits.is_none()
            && !divides
    }

    /// Samples and labels of a step of training.
    pub fn batch(&self, step: usize) -> (Vec<Vec<f32>>, Vec<u32>) {
        let steps = if self.constant { 1 } else { self.options.steps.unwrap() };
        let length = steps * self.network.input.shape.iter().product::<usize>();
        let value = |i: usize| match self.network.input.kind {
            InputKind::Real => noise(i) * 2.0 - 0.5,
            InputKind::Counts => (noise(i) * 4.0).floor(),
            InputKind::Bits => f32::from(noise(i) < 0.4),
        };
        let sample = |n: usize| (0..length).map(|i| value((step * BATCH + n) * length + i)).collect();
        let classes: usize = self.network.shapes().unwrap()[self.network.output].iter().product();
        let labels = (0..BATCH).map(|n| ((n * 7 + step) % classes) as u32).collect();
        ((0..BATCH).map(sample).collect(), labels)
    }
}

/// A number in [0, 1) from a seed.
fn noise(i: usize) -> f32 {
    let x = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32 / (1u64 << 24) as f32
}

/// Weights under which neurons fire: silence would prove nothing.
fn liven(layer: &mut Layer) {
    let (Layer::Conv(saltatory::layer::Conv { weight: Some(weight), .. })
    | Layer::Linear(saltatory::layer::Linear { weight: Some(weight), .. })) = layer
    else {
        return;
    };
    let terms = (weight.len() / weight.shape()[0]) as f32;
    for (i, w) in weight.data_mut().iter_mut().enumerate() {
        *w = 4.0 * (noise(i) - 0.5) / terms.sqrt() + 2.5 / terms;
    }
}

/// A neuron that fires at little.
fn easy() -> Lif {
    Lif { threshold: 0.2.into(), ..Lif::tau(2.0) }
}

pub fn input(shape: &[usize], kind: InputKind) -> Builder {
    Network::new(shape).input(InputSpec { kind, ..Default::default() })
}

fn pool(kind: PoolKind, kernel: usize, stride: usize, padding: usize) -> Layer {
    Layer::Pool(Pool { kind, kernel: vec![kernel; 2], stride: vec![stride; 2], padding: vec![padding; 2] })
}

pub fn loss(kind: LossKind, over: Over) -> Loss {
    Loss { kind, over }
}

pub fn sgd() -> Optimiser {
    Optimiser::Sgd { lr: 0.05, momentum: 0.9, nesterov: false, weight_decay: 0.01 }
}

/// Batch statistics, of a constant and of a series (the gradients of a bias before them would be noise); dropout; pools with overlap and padding; gradients that are clipped.
fn images() -> Case {
    let first =
        input(&[2, 9, 8], InputKind::Real).conv2d(12, 3).padding(1).no_bias().batch_norm().spiking(Lif::tau(2.0));
    let second = first.layer(pool(PoolKind::Max, 3, 2, 1)).conv2d(10, 3).groups(2).dilation(2).padding(1).no_bias();
    let third = second.batch_norm().spiking(Lif::tau(2.0)).dropout(0.3).layer(pool(PoolKind::Average, 2, 1, 0));
    let builder = third.flatten().linear(9).spiking(easy()).linear(5).spiking(easy());
    let options = TrainOptions { clip_norm: Some(0.5), seed: 5, ..Default::default() };
    Case::new("images", builder, true, options)
}

/// What batch norm gives computed again for neurons, a pool and weights; the gradient of the input.
fn computed_again() -> Case {
    let first = input(&[2, 8, 8], InputKind::Real).conv2d(12, 3).padding(1).no_bias().batch_norm().spiking(easy());
    let second = first.conv2d(10, 3).no_bias().batch_norm().layer(pool(PoolKind::Max, 2, 2, 0)).spiking(easy());
    let third = second.conv2d(6, 1).no_bias().batch_norm().conv2d(6, 2).spiking(easy());
    let options = TrainOptions { recompute: true, input_gradient: true, ..Default::default() };
    Case::new("computed again", third.flatten().linear(5), false, options)
}

/// Strides that leave rows out, groups, a branch that comes back, sums of counts; dropout of a stream for each step.
fn residual() -> Case {
    let stem = input(&[6, 9, 7], InputKind::Bits).dialect(Dialect::SnnTorch).conv2d(12, 3).groups(3).stride(2);
    let stem = stem.spiking(Lif::beta(0.8)).name("stem").dropout(0.2);
    let sum = stem.conv2d(12, 1).no_bias().spiking(Lif::beta(0.5)).add("stem").name("sew");
    let pooled = sum.layer(pool(PoolKind::Sum, 2, 1, 0)).conv2d(6, 2).padding(1).stride(2).spiking(Lif::beta(0.9));
    let counted = pooled.layer(pool(PoolKind::Max, 2, 2, 0)).flatten().scale(Tensor::vector(vec![0.5]));
    let options = TrainOptions {
        loss: loss(LossKind::Mse, Over::Sum),
        optimiser: sgd(),
        surrogate: SurrogateKind::Triangle.into(),
        ..Default::default()
    };
    Case::new("residual", counted.linear(4).spiking(Li::default()), false, options)
}

/// More channels than a workgroup takes, and than are brought near at once.
fn wide() -> Case {
    let first = input(&[3, 6, 6], InputKind::Bits).conv2d(70, 3).padding(1).spiking(Lif::tau(2.0));
    let second = first.conv2d(36, 2).stride(2).spiking(Lif::tau(2.0)).flatten().linear(4).spiking(Lif::tau(2.0));
    let options = TrainOptions {
        loss: loss(LossKind::Mse, Over::Mean),
        optimiser: sgd(),
        surrogate: SurrogateKind::Triangle.into(),
        ..Default::default()
    };
    Case::new("wide", second, false, options)
}

/// Gradients of inputs as products: of convolutions with up to 16, 32 and more channels, of more terms than one block of the
/// canonical sum; of a linear layer with more inputs than a workgroup takes, and more steps.
fn deep() -> Case {
    let first = input(&[3, 7, 7], InputKind::Bits).conv2d(12, 3).padding(1).spiking(easy());
    let second = first.conv2d(30, 3).padding(1).spiking(easy()).conv2d(37, 3).spiking(easy());
    let third = second.conv2d(40, 1).spiking(easy()).flatten().linear(290).spiking(easy()).linear(4);
    let options = TrainOptions {
        loss: loss(LossKind::Mse, Over::Mean),
        optimiser: sgd(),
        surrogate: SurrogateKind::Triangle.into(),
        steps: Some(10),
        input_gradient: true,
        ..Default::default()
    };
    Case::new("deep", third, false, options)
}

/// A convolution of so many weights that samples are added up one after the other.
fn many_weights() -> Case {
    let first = input(&[1028, 1, 2], InputKind::Bits).conv2d(1026, 1).spiking(easy());
    let options = TrainOptions {
        loss: loss(LossKind::Mse, Over::Mean),
        optimiser: sgd(),
        surrogate: SurrogateKind::Triangle.into(),
        steps: Some(2),
        ..Default::default()
    };
    Case::new("many weights", first.flatten().linear(3), false, options)
}

/// What holds for all steps joins what does not: its gradients are summed over time.
fn joined() -> Case {
    let stem = input(&[7], InputKind::Real).linear(10).name("stem").spiking(Lif::tau(2.0)).linear(10).add("stem");
    let options = TrainOptions {
        loss: loss(LossKind::Mse, Over::Mean),
        optimiser: sgd(),
        surrogate: SurrogateKind::Rectangle.into(),
        ..Default::default()
    };
    Case::new("joined", stem.spiking(Lif::tau(2.0)).linear(4).spiking(Lif::tau(2.0)), true, options)
}

/// Delays for all and by element, a cycle, currents, and its steps one by one backwards.
fn sequence() -> Case {
    let spikes = input(&[3, 8], InputKind::Bits).conv1d(6, 3).spiking(Lif::tau(2.0)).delay(1);
    let late = spikes.layer(Layer::Delay((0..36).map(|i| i % 3).collect())).flatten().linear(9);
    let cycle = late.spiking(CubaLif { threshold: 0.3.into(), ..Default::default() }).recurrent(true);
    let options = TrainOptions {
        loss: loss(LossKind::CrossEntropy, Over::Last),
        optimiser: Optimiser::AdamW(Momentum { lr: 0.01, weight_decay: 0.01, ..Default::default() }),
        surrogate: SurrogateKind::FastSigmoid.into(),
        ..Default::default()
    };
    Case::new("sequence", cycle.linear(4).spiking(CubaLi::default()), false, options)
}

/// More steps than windows of neurons take.
fn long() -> Case {
    let builder = input(&[7], InputKind::Bits).linear(20).spiking(Lif::tau(4.0)).linear(3).spiking(Lif::tau(2.0));
    let options = TrainOptions {
        steps: Some(LONG),
        loss: loss(LossKind::Mse, Over::Mean),
        optimiser: sgd(),
        surrogate: SurrogateKind::Triangle.into(),
        ..Default::default()
    };
    Case::new("long", builder, false, options)
}

/// The same of neurons with a current, a constant input, and several spikes in a step.
fn long_current() -> Case {
    let many = RuleChanges { spikes: Some(SpikesPerStep::Many), reset: Some(Reset::Subtract), ..Default::default() };
    let neuron = Neuron::from(CubaLif { threshold: 0.4.into(), ..Default::default() }).with(many);
    let builder = input(&[7], InputKind::Real).linear(12).spiking(neuron).linear(3).spiking(CubaLif::default());
    let options = TrainOptions { steps: Some(LONG), ..Default::default() };
    Case::new("long, currents", builder, true, options)
}

/// Weights of few bits, populations that are drawn towards a rate.
fn drawn() -> Case {
    let stem = input(&[2, 6, 5], InputKind::Bits).conv2d(8, 3).groups(2).spiking(Lif::tau(2.0)).conv2d(6, 2);
    let options = TrainOptions {
        loss: loss(LossKind::Mse, Over::Mean),
        optimiser: sgd(),
        surrogate: SurrogateKind::Triangle.into(),
        weight_bits: Some(4),
        rate_penalty: Some(RatePenalty { target: 0.1, weight: 0.5 }),
        ..Default::default()
    };
    let builder = stem.spiking(Lif::tau(2.0)).flatten().linear(9).spiking(Lif::tau(2.0)).linear(4);
    Case::new("drawn", builder.spiking(Lif::tau(2.0)), false, options)
}

/// Bit planes, in convolutions whose groups straddle words and in linear layers; an output of several cells.
fn counts() -> Case {
    let many = RuleChanges { spikes: Some(SpikesPerStep::Many), reset: Some(Reset::Subtract), ..Default::default() };
    let neuron = Neuron::from(If { threshold: 0.7.into(), ..Default::default() }).with(many);
    let first = input(&[3, 5, 4], InputKind::Counts).conv2d(36, 2).spiking(neuron.clone());
    let builder = first.conv2d(4, 2).groups(2).spiking(neuron).conv2d(2, 2).padding(1).spiking(Integrator::default());
    let options = TrainOptions {
        loss: loss(LossKind::Mse, Over::EachStep),
        optimiser: Optimiser::Sgd { lr: 0.01, momentum: 0.0, nesterov: false, weight_decay: 0.0 },
        surrogate: SurrogateKind::PiecewiseQuadratic.into(),
        ..Default::default()
    };
    Case::new("counts", builder, false, options)
}
