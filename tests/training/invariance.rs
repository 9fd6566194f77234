//! What gradients and steps must not depend on: parts of a batch, threads, the machine; and what a state keeps.

use saltatory::layer::Layer;
use saltatory::network::{Builder, compile_training};
use saltatory::neuron::{CubaLif, Decay, Lif, ParametricLif};
use saltatory::run::Device;
use saltatory::train::{Loss, Momentum, Optimiser, RatePenalty, TrainOptions, Trainer, quantise};
use saltatory::{Network, Tensor};

use crate::{samples, views};

const STEPS: usize = 4;

fn current() -> CubaLif {
    CubaLif { decay_syn: Decay::Factor(0.6.into()), decay_mem: Decay::Factor(0.9.into()), ..Default::default() }
}

/// With what has fast forms and what has none.
fn networks(normed: bool) -> Vec<Network> {
    let norm = |builder: Builder| if normed { builder.batch_norm() } else { builder };
    let lif = Lif::tau(2.0);
    let all = vec![
        norm(Network::new([2, 9, 8]).conv2d(40, 3).padding(1))
            .spiking(lif.clone())
            .max_pool(2)
            .conv2d(33, 3)
            .spiking(lif.clone()),
        // Rows in bands; a padding that is wider than the kernel reaches, and one that is narrower.
        norm(
            norm(Network::new([1, 23, 37]).conv2d(34, 5).padding(1).dilation(2))
                .spiking(lif.clone())
                .conv2d(3, 2)
                .padding(2),
        )
        .spiking(lif.clone())
        .max_pool(4),
        // So high that the memory of a band's gradients begins anew.
        norm(Network::new([1, 130, 28]).conv2d(9, 3).padding(1)).spiking(lif.clone()).conv2d(3, 3).max_pool(8),
        norm(Network::new([3, 6, 6]).conv2d(20, 3).stride(2)).spiking(ParametricLif::default()).avg_pool(2),
        norm(Network::new([70]).linear(50))
            .spiking(current())
            .name("r")
            .recurrent(true)
            .linear(40)
            .spiking(lif.clone()),
    ];
    let build = |builder: Builder| {
        let mut network = builder.flatten().dropout(0.25).linear(5).steps(STEPS).build().unwrap();
        network.init(3).unwrap();
        // So that neurons fire.
        for node in &mut network.nodes {
            let (weight, more) = match &mut node.layer {
                Layer::Conv(conv) => (&mut conv.weight, 0.05),
                Layer::Linear(linear) => (&mut linear.weight, 0.03),
                _ => continue,
            };
            weight.as_mut().unwrap().data_mut().iter_mut().for_each(|w| *w = 2.0 * *w + more);
        }
        network
    };
    all.into_iter().map(build).collect()
}

fn bits(tensors: impl IntoIterator<Item = Tensor>) -> Vec<u32> {
    tensors.into_iter().flat_map(|tensor| tensor.into_data()).map(|x| (x + 0.0).to_bits()).collect()
}

fn options() -> TrainOptions {
    TrainOptions { seed: 5, ..Default::default() }
}

#[test]
fn machines_and_threads_give_the_same_bits() {
    for network in networks(true) {
        let samples = samples(&network, 11, STEPS, 1);
        let labels: Vec<u32> = (0..11).map(|n| n % 5).collect();
        let mut all = Vec::new();
        for (device, threads) in [(Device::Reference, 1), (Device::Cpu, 1), (Device::Cpu, 2), (Device::Cpu, 5)] {
            let options = TrainOptions { device, threads: Some(threads), ..options() };
            let mut trainer = Trainer::new(network.clone(), options).unwrap();
            let reports = [0, 1].map(|_| trainer.step(&views(&samples), &labels).unwrap());
            assert!(reports[0].firing_rates.iter().all(|(_, rate)| *rate > 0.01), "{:?}", reports[0].firing_rates);
            all.push((reports, trainer.network().unwrap(), trainer.state().unwrap()));
        }
        assert!(all.iter().all(|other| *other == all[0]));
    }
}

/// More cells in a row than 16 bits can count.
#[test]
fn long_rows_give_the_same_bits() {
    let lif = Lif::tau(2.0);
    let builder = Network::new([1, 66_000]).conv1d(2, 3).spiking(lif.clone()).conv1d(3, 40).stride(500);
    let mut network = builder.spiking(lif).flatten().linear(2).steps(1).build().unwrap();
    network.init(3).unwrap();
    let samples = samples(&network, 1, 1, 1);
    let trained = [Device::Reference, Device::Cpu].map(|device| {
        let mut trainer = Trainer::new(network.clone(), TrainOptions { device, ..options() }).unwrap();
        let report = trainer.step(&views(&samples), &[1]).unwrap();
        (report, trainer.network().unwrap())
    });
    assert!(trained[0] == trained[1]);
}

#[test]
fn parts_of_a_batch_give_the_bits_of_the_whole() {
    for network in networks(false) {
        let samples = samples(&network, 13, STEPS, 1);
        let labels: Vec<u32> = (0..13).map(|n| n % 5).collect();
        // Clipped, so that the norm matters.
        let sgd = Optimiser::Sgd { lr: 0.1, momentum: 0.0, weight_decay: 0.0, nesterov: false };
        let options = TrainOptions { optimiser: sgd, clip_norm: Some(0.01), ..options() };
        let stepped = |part: usize| {
            let mut trainer = Trainer::new(network.clone(), options.clone()).unwrap();
            for (samples, labels) in views(&samples).chunks(part).zip(labels.chunks(part)) {
                trainer.accumulate(samples, labels, 13).unwrap();
            }
            let gradients = bits(trainer.gradients().unwrap().into_values());
            trainer.optimise().unwrap();
            (gradients, trainer.network().unwrap())
        };
        let whole = stepped(13);
        for part in [1, 4, 5] {
            assert!(stepped(part) == whole, "{}: parts of {part}", network.name);
        }
        let mut at_once = Trainer::new(network.clone(), options.clone()).unwrap();
        assert!(at_once.step(&views(&samples), &labels).unwrap().gradient_norm.is_some_and(|norm| norm > 0.01));
        assert!(at_once.network().unwrap() == whole.1 && whole.1 != network);
    }
    let normed = networks(true).swap_remove(0);
    let samples = samples(&normed, 4, STEPS, 1);
    let error = Trainer::new(normed, options()).unwrap().accumulate(&views(&samples), &[0; 4], 8).unwrap_err();
    assert!(error.to_string().contains("statistics"), "{error}");
}

#[test]
fn a_state_goes_on_to_the_same_bits() {
    let sgd = Optimiser::Sgd { lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 1e-3 };
    for optimiser in [Optimiser::default(), Optimiser::AdamW(Momentum { weight_decay: 0.1, ..Default::default() }), sgd]
    {
        for network in networks(true) {
            let options = TrainOptions { optimiser, clip_norm: Some(0.5), ..options() };
            let samples = samples(&network, 6, STEPS, 1);
            let labels = [0, 1, 2, 3, 4, 0];
            let mut whole = Trainer::new(network, options.clone()).unwrap();
            whole.step(&views(&samples), &labels).unwrap();
            let mut resumed = Trainer::new(whole.network().unwrap(), options).unwrap();
            resumed.set_state(&whole.state().unwrap()).unwrap();
            for _ in 0..2 {
                let expected = whole.step(&views(&samples), &labels).unwrap();
                assert!(expected.gradient_norm.is_some());
                assert_eq!(resumed.step(&views(&samples), &labels).unwrap(), expected);
            }
            assert_eq!(resumed.network().unwrap(), whole.network().unwrap());
            assert_eq!(resumed.state().unwrap(), whole.state().unwrap());
        }
    }
}

/// Batch norms before neurons, a pool and a convolution.
fn normed() -> Network {
    let first = Network::new([2, 8, 8]).conv2d(16, 3).padding(1).batch_norm().spiking(Lif::tau(2.0));
    let second = first.conv2d(16, 3).padding(1).batch_norm().conv2d(16, 3).padding(1).batch_norm().max_pool(2);
    let third = second.spiking(Lif::tau(2.0)).conv2d(16, 3).padding(1).batch_norm().spiking(Lif::tau(2.0));
    let mut network = third.flatten().linear(5).steps(STEPS).build().unwrap();
    network.init(3).unwrap();
    network
}

#[test]
fn what_is_computed_again_takes_less_memory_and_gives_the_same_bits() {
    for network in networks(true).into_iter().chain([normed()]) {
        let samples = samples(&network, 7, STEPS, 1);
        let labels: Vec<u32> = (0..7).map(|n| n % 5).collect();
        let mut all = Vec::new();
        for (recompute, device) in [(false, Device::Cpu), (true, Device::Cpu), (true, Device::Reference)] {
            let options = TrainOptions { recompute, device, ..options() };
            let mut trainer = Trainer::new(network.clone(), options).unwrap();
            let reports = [0, 1].map(|_| trainer.step(&views(&samples), &labels).unwrap());
            all.push((reports, trainer.network().unwrap(), trainer.state().unwrap()));
        }
        assert!(all.iter().all(|other| *other == all[0]));
    }
    let plan = |recompute: bool| {
        let options = TrainOptions { recompute, ..options() };
        compile_training(&normed(), &options.request(&normed(), STEPS, false)).unwrap()
    };
    let [kept, again] = [false, true].map(plan);
    let (before, after) = (kept.memory(), again.memory());
    // Three of 16 channels of 8 by 8 in every step, one of 4 by 4.
    assert_eq!(before.kept - after.kept, 4 * STEPS * 16 * (3 * 64 + 16));
    assert!(after.of_batch(7) < before.of_batch(7), "{after:?} {before:?}");
    assert_eq!(
        (before.parameters, before.gradients, before.moments, before.others),
        (after.parameters, after.gradients, after.moments, after.others)
    );
    assert_eq!(before.moments, 2 * before.parameters);
    let text = again.to_string();
    for part in [".again", "kept for the way back", "transient", "a sample and step", "moments"] {
        assert!(text.contains(part) && (part.ends_with("again") != kept.to_string().contains(part)), "{part}: {text}");
    }
}

#[test]
fn weights_of_few_bits_are_used_and_exact_ones_learned() {
    for (bits, network) in [8, 4].into_iter().flat_map(|bits| networks(true).into_iter().map(move |n| (bits, n))) {
        let samples = samples(&network, 6, STEPS, 1);
        let labels = [0, 1, 2, 3, 4, 0];
        let aware = TrainOptions { weight_bits: Some(bits), ..options() };
        let mut trainer = Trainer::new(network.clone(), aware.clone()).unwrap();
        let mut quantised = network.clone();
        quantise(&mut quantised, bits).unwrap();
        assert_ne!(quantised, network);
        let mut plain = Trainer::new(quantised, options()).unwrap();
        let report = trainer.accumulate(&views(&samples), &labels, 6).unwrap();
        assert_eq!(plain.accumulate(&views(&samples), &labels, 6).unwrap(), report);
        // Straight through: the gradients are those at the rounded weights, and the exact ones follow them.
        assert_eq!(bits_of(&plain), bits_of(&trainer));
        trainer.optimise().unwrap();
        let after = trainer.network().unwrap();
        let moved = network.nodes.iter().zip(&after.nodes).filter(|(a, b)| a != b).count();
        assert!(moved > 1, "{moved}");
        let mut twins = Trainer::new(network, TrainOptions { device: Device::Reference, ..aware }).unwrap();
        twins.step(&views(&samples), &labels).unwrap();
        assert_eq!(twins.network().unwrap(), after);
    }
}

fn bits_of(trainer: &Trainer) -> Vec<u32> {
    bits(trainer.gradients().unwrap().into_values())
}

#[test]
fn populations_are_drawn_towards_a_rate() {
    let network = networks(true).swap_remove(0);
    let samples = samples(&network, 12, STEPS, 1);
    let labels: Vec<u32> = (0..12).map(|n| n % 5).collect();
    let apart = |weight: f64| {
        let penalty = Some(RatePenalty { target: 0.3, weight });
        let optimiser = Optimiser::Adam(Momentum { lr: 0.01, ..Default::default() });
        let options = TrainOptions { rate_penalty: penalty, optimiser, ..options() };
        let mut trainer = Trainer::new(network.clone(), options).unwrap();
        let rates = (0..30).map(|_| trainer.step(&views(&samples), &labels).unwrap().firing_rates).last().unwrap();
        [0, 1].map(|population| (rates[population].1 - 0.3).abs())
    };
    let (without, with) = (apart(0.0), apart(30.0));
    // The first, whose input is normalised, gets there more slowly.
    assert!(with[0] < without[0] && with[1] < 0.5 * without[1], "{with:?} of {without:?}");
}

#[test]
fn what_cannot_be_trained_is_said() {
    let network = networks(true).swap_remove(0);
    let mut trainer = Trainer::new(network.clone(), options()).unwrap();
    let good = samples(&network, 2, STEPS, 1);
    let mut say = |samples: &[&[f32]], labels: &[u32]| trainer.step(samples, labels).unwrap_err().to_string();
    assert!(say(&[], &[]).contains("0 samples"));
    assert!(say(&views(&good), &[0]).contains("1 labels"));
    assert!(say(&views(&good), &[0, 5]).contains("0 to 4, got 5"));
    assert!(say(&[&good[0][1..]], &[0]).contains("expected 144 values"));
    let mut nan = good[0].clone();
    nan[3] = f32::NAN;
    assert!(say(&[&nan], &[0]).contains("NaN") || say(&[&nan], &[0]).contains("nan"));
    // The loss overflows: nothing has changed.
    let before = trainer.network().unwrap();
    let huge: Vec<f32> = good[0].iter().map(|x| x * 1e38).collect();
    let error = trainer.step(&[&huge, &huge], &[0, 1]).map(|report| report.loss);
    if let Ok(loss) = error {
        assert!(loss.is_finite());
    } else {
        assert_eq!(trainer.network().unwrap().nodes[0], before.nodes[0]);
    }
    let bad = |options: TrainOptions| Trainer::new(network.clone(), options).unwrap_err().to_string();
    let adam = |m: Momentum| TrainOptions { optimiser: Optimiser::Adam(m), loss: Loss::default(), ..options() };
    assert!(bad(adam(Momentum { beta1: 1.0, ..Default::default() })).contains("beta"));
    assert!(bad(adam(Momentum { lr: f64::NAN, ..Default::default() })).contains("learning rate"));
}
