//! Gradients of all parameters, and of the input, against finite differences of the loss, on networks that are smooth: their neurons do not
//! fire. Every layer, every choice that changes a gradient, every loss.

use saltatory::layer::{Conv, Layer, Padding, Pool, PoolKind};
use saltatory::network::{Builder, checkpoint};
use saltatory::neuron::{CubaLi, Decay, Dialect, Integrator, Li};
use saltatory::run::Device;
use saltatory::train::{Loss, LossKind, Over, TrainOptions, Trainer};
use saltatory::{Network, Tensor};

use crate::{numbers, samples, views};

/// Steps of a sample.
const STEPS: usize = 5;
/// By how much a parameter is moved: losses are f32, whose rounding is divided by twice this.
const MOVE: f32 = 5e-3;
/// Of a network with max pools: where two values are nearly the same there is a kink.
const SMALL_MOVE: f32 = 5e-4;
/// What losses are rounded by.
const ROUNDING: f32 = 3e-7;
/// Of the largest gradient of a tensor: rounding of the loss over twice the move, and the curvature between.
const TOLERANCE: f32 = 6e-3;

/// What is no parameter.
const INPUT: &str = "input";

/// The loss of a network on some samples, of which an element may be moved, and its gradients.
fn loss_of(network: &Network, options: &TrainOptions, constant: bool, moved: Option<(usize, f32)>) -> (f64, Trainer) {
    let frames = if constant { 1 } else { STEPS };
    let mut samples = samples(network, 3, frames, 100);
    if let Some((at, by)) = moved {
        let row = samples[0].len();
        samples[at / row][at % row] += by;
    }
    let classes: usize = network.shapes().unwrap()[network.output].iter().product();
    let labels: Vec<u32> = (0..3).map(|n| n % classes as u32).collect();
    let mut trainer = Trainer::new(network.clone(), options.clone()).unwrap();
    let report = trainer.accumulate(&views(&samples), &labels, 3).unwrap();
    (report.loss, trainer)
}

/// Compares some elements of every parameter with what the loss does when they are moved.
fn check(what: &str, builder: Builder, loss: Loss, constant: bool) {
    check_by(MOVE, what, builder, loss, constant);
}

fn check_by(by: f32, what: &str, builder: Builder, loss: Loss, constant: bool) {
    let mut network = builder.steps(STEPS).build().unwrap();
    network.init(7).unwrap();
    let options = TrainOptions { loss, device: Device::Reference, input_gradient: true, ..Default::default() };
    let (_, trainer) = loss_of(&network, &options, constant, None);
    let mut gradients = trainer.gradients().unwrap();
    assert!(!gradients.is_empty(), "{what}");
    let of_input = trainer.input_gradient().unwrap();
    let time = if constant { &[][..] } else { &[STEPS] };
    assert_eq!(of_input.shape(), [&[3], time, &network.input.shape].concat(), "{what}");
    gradients.insert(INPUT.into(), of_input);
    for (name, gradient) in &gradients {
        let largest = gradient.data().iter().fold(0.0f32, |m, x| m.max(x.abs()));
        assert!(largest > 0.0, "{what}: {name}");
        let count = gradient.len();
        for at in (0..count).step_by(count.div_ceil(6)) {
            let moved = |by: f32| {
                let Some((layer, slot)) = name.rsplit_once('.') else {
                    return loss_of(&network, &options, constant, Some((at, by))).0;
                };
                let mut network = network.clone();
                let node = network.node(layer).unwrap();
                let tensor = checkpoint::slot_mut(&mut network.nodes[node].layer, slot).unwrap();
                tensor.as_mut().unwrap().data_mut()[at] += by;
                loss_of(&network, &options, constant, None).0
            };
            let expected = ((moved(by) - moved(-by)) / f64::from(2.0 * by)) as f32;
            let got = gradient.data()[at];
            let allowed = TOLERANCE * largest + ROUNDING / by;
            assert!((got - expected).abs() <= allowed, "{what}: {name}[{at}]: {got}, expected {expected} +- {allowed}");
        }
    }
}

fn image() -> Builder {
    Network::new([2, 7, 6])
}

fn end(builder: Builder) -> Builder {
    builder.flatten().linear(4)
}

fn pool(kind: PoolKind, stride: usize, padding: usize) -> Layer {
    Layer::Pool(Pool { kind, kernel: vec![3, 2], stride: vec![stride; 2], padding: vec![padding, 0] })
}

fn conv(stride: [usize; 2], dilation: [usize; 2], groups: usize, padding: Padding) -> Layer {
    let mut conv = Conv::conv2d(4, 3);
    (conv.stride, conv.dilation, conv.groups, conv.padding) = (stride.to_vec(), dilation.to_vec(), groups, padding);
    conv.kernel = vec![3, 2];
    Layer::Conv(conv)
}

const CE: Loss = Loss { kind: LossKind::CrossEntropy, over: Over::Mean };

#[test]
fn convolutions() {
    for (stride, dilation, groups, padding) in [
        ([1, 1], [1, 1], 1, Padding::Valid),
        ([1, 1], [2, 1], 1, Padding::Explicit(vec![1, 1])),
        ([1, 1], [1, 1], 1, Padding::Same),
        ([1, 1], [1, 1], 1, Padding::Explicit(vec![4, 3])),
        ([2, 1], [1, 2], 1, Padding::Explicit(vec![1, 0])),
        ([1, 2], [1, 1], 2, Padding::Explicit(vec![0, 2])),
    ] {
        let what = format!("stride {stride:?}, dilation {dilation:?}, groups {groups}, {padding:?}");
        let layer = || conv(stride, dilation, groups, padding.clone());
        let two = image().layer(layer()).spiking(Li::default()).layer(layer());
        check(&what, end(two), CE, false);
    }
    let one = Network::new([3, 9]).conv1d(5, 3).padding(1).spiking(Li::default()).conv1d(4, 2).stride(2);
    check("one dimension", end(one), CE, true);
}

#[test]
fn batch_norm_and_factors() {
    for constant in [false, true] {
        let normed = image().conv2d(5, 3).batch_norm().spiking(Li::default()).flatten().linear(6).batch_norm();
        check("batch norm", normed.linear(4), CE, constant);
    }
    let factor = Tensor::vector(numbers(3, 5, 0.5, 2.0));
    check("scale", end(image().conv2d(5, 3).scale(factor)), CE, false);
}

#[test]
fn pools() {
    for kind in [PoolKind::Max, PoolKind::Average, PoolKind::Sum] {
        for (stride, padding) in [(1, 1), (2, 0), (3, 1)] {
            let what = format!("{} pool, stride {stride}, padding {padding}", kind.name());
            let pooled = image().conv2d(4, 2).layer(pool(kind, stride, padding));
            let by = if kind == PoolKind::Max { SMALL_MOVE } else { MOVE };
            check_by(by, &what, end(pooled), Loss { kind: LossKind::Mse, over: Over::Mean }, false);
        }
    }
}

#[test]
fn sums_and_delays() {
    let residual = image().conv2d(4, 3).padding(1).name("first").spiking(Li::default()).conv2d(4, 3).padding(1);
    check("residual", end(residual.add("first")), CE, false);
    check("residual of a constant", end(image().conv2d(4, 1).name("a").spiking(Li::default()).add("a")), CE, true);
    let delays = (0..5).map(|n| n % 4).collect();
    for delay in [vec![2], delays] {
        let delayed = Network::new([6]).linear(5).layer(Layer::Delay(delay)).spiking(Li::default()).linear(4);
        check("delay", delayed, CE, false);
    }
    check("delay of a constant", Network::new([6]).linear(5).delay(2).spiking(Li::default()).linear(4), CE, true);
    check("dropout", Network::new([6]).linear(9).dropout(0.5).spiking(Li::default()).linear(4), CE, false);
}

#[test]
fn losses() {
    for kind in [LossKind::CrossEntropy, LossKind::Mse] {
        for over in [Over::Mean, Over::Sum, Over::Last, Over::EachStep] {
            for constant in [false, true] {
                let what = format!("{kind:?} over {over:?}, constant {constant}");
                check(&what, Network::new([5]).linear(4), Loss { kind, over }, constant);
                check(&what, Network::new([5]).linear(4).spiking(Li::default()), Loss { kind, over }, constant);
            }
        }
    }
    // A class for every cell and channel: labels count channels first.
    check("cells of classes", Network::new([2, 4]).conv1d(3, 2), CE, false);
}

#[test]
fn read_outs_and_recurrence() {
    let decay = || Decay::Factor(0.8.into());
    for dialect in Dialect::ALL {
        let start = || Network::new([6]).dialect(dialect).dt(dialect.native_dt()).linear(5);
        let li = Li { decay: Decay::Tau((2.0 * dialect.native_dt()).into()), ..Default::default() };
        check(&format!("{} li", dialect.name()), start().spiking(li).linear(4), CE, false);
        let cuba = CubaLi { decay_syn: decay(), decay_mem: decay(), ..Default::default() };
        check(&format!("{} cuba_li", dialect.name()), start().spiking(cuba).linear(4), CE, false);
        let integrator = Integrator::default();
        check(&format!("{} integrator", dialect.name()), start().spiking(integrator).linear(4), CE, false);
        let cuba = CubaLi { decay_syn: decay(), decay_mem: decay(), ..Default::default() };
        let back = start().spiking(cuba).name("r").recurrent(true).linear(4);
        check(&format!("{} recurrent", dialect.name()), back, CE, false);
    }
}
