//! A loss of one's own: what the host computes from the outputs gives the bits of the loss that a plan has in it.

use std::collections::BTreeMap;

use saltatory::network::Builder;
use saltatory::neuron::{Lif, Neuron};
use saltatory::run::Device;
use saltatory::train::{Loss, LossKind, Momentum, Optimiser, Over, RatePenalty, TrainOptions, Trainer};
use saltatory::{Network, Tensor};

use crate::{numbers, samples, views};

const STEPS: usize = 4;
const BATCH: usize = 6;
const LABELS: [u32; BATCH] = [0, 1, 2, 2, 1, 0];
/// The square of the difference between the sum over time and 1 for the label, 0 for others.
const LOSS: Loss = Loss { kind: LossKind::Mse, over: Over::Sum };

fn network(builder: Builder) -> Network {
    let mut network = builder.build().unwrap();
    network.init(4).unwrap();
    network
}

/// Spikes of several cells, potentials, spikes that come back; dropout, batch statistics.
fn networks() -> Vec<Network> {
    let easy = || Lif { threshold: 0.1.into(), ..Lif::tau(2.0) };
    let image = Network::new([2, 6, 5]).conv2d(33, 3).batch_norm().spiking(easy()).max_pool(2).dropout(0.2);
    vec![
        network(image.conv2d(3, 1).spiking(easy()).steps(STEPS)),
        network(Network::new([9]).linear(20).spiking(easy()).recurrent(true).linear(3).steps(STEPS)),
        network(Network::new([9]).linear(20).spiking(easy()).linear(3).spiking(easy()).recurrent(false).steps(STEPS)),
    ]
}

/// The gradient that the loss kernel computes, from outputs `[steps, batch, ...]`.
fn gradient(outputs: &Tensor) -> Tensor {
    let elements = outputs.len() / STEPS / BATCH;
    let rows: Vec<&[f32]> = outputs.data().chunks(elements).collect();
    let share = 1.0 / elements as f32;
    let of = |sample: usize, i: usize| {
        let score = (0..STEPS).fold(0.0, |sum, t| sum + rows[t * BATCH + sample][i]);
        let apart = score - if LABELS[sample] as usize == i { 1.0 } else { 0.0 };
        2.0 * apart * share * (1.0 / BATCH as f32)
    };
    let data = (0..outputs.len()).map(|at| of(at / elements % BATCH, at % elements)).collect();
    Tensor::new(outputs.shape(), data).unwrap()
}

type Bits = BTreeMap<String, Vec<u32>>;

/// Of gradients, of that of the input, and of the parameters after a step.
fn bits(trainer: &mut Trainer) -> (Bits, Network) {
    let mut all = trainer.gradients().unwrap();
    all.insert("input".into(), trainer.input_gradient().unwrap());
    trainer.optimise().unwrap();
    let words = |tensor: &Tensor| tensor.data().iter().map(|x| (x + 0.0).to_bits()).collect();
    (all.iter().map(|(name, tensor)| (name.clone(), words(tensor))).collect(), trainer.network().unwrap())
}

#[test]
fn the_host_computes_what_the_plan_would() {
    for network in networks() {
        let samples = samples(&network, BATCH, STEPS, 1);
        let mut all = Vec::new();
        for (device, threads) in [(Device::Reference, 1), (Device::Cpu, 1), (Device::Cpu, 3)] {
            let options = TrainOptions {
                loss: LOSS,
                device,
                threads: Some(threads),
                input_gradient: true,
                rate_penalty: Some(RatePenalty { target: 0.3, weight: 0.1 }),
                ..Default::default()
            };
            let mut in_plan = Trainer::new(network.clone(), options.clone()).unwrap();
            let report = in_plan.accumulate(&views(&samples), &LABELS, BATCH).unwrap();
            let mut own = Trainer::new(network.clone(), options).unwrap();
            let forward = own.forward(&views(&samples)).unwrap();
            assert!(forward.firing_rates.iter().all(|(_, rate)| *rate > 0.01), "{forward:?}");
            assert_eq!((forward.samples, forward.firing_rates), (BATCH, report.firing_rates));
            let outputs = own.outputs().unwrap();
            own.backward(&gradient(&outputs)).unwrap();
            assert_eq!(own.outputs().unwrap(), outputs);
            all.extend([bits(&mut in_plan), bits(&mut own)]);
        }
        assert!(all.iter().all(|other| *other == all[0]));
        let moved = |(name, bits): (&String, &Vec<u32>)| bits.iter().any(|&x| x != 0) || panic!("{name} is zero");
        assert!(all[0].0.iter().all(moved) && all[0].1 != network);
    }
}

/// Networks whose gradient is read where the host has it; and their samples, where they have no weights.
fn lending() -> [Network; 5] {
    let easy = || Lif { threshold: 0.1.into(), ..Lif::tau(2.0) };
    [
        Network::new([150]).spiking(Lif::tau(2.0)),
        Network::new([2, 5, 3]).spiking(Lif::tau(2.0)),
        Network::new([150]).batch_norm().spiking(easy()),
        Network::new([70]).linear(50).spiking(easy()),
        Network::new([70]).linear(50).batch_norm().spiking(easy()),
    ]
    .map(|builder| network(builder.steps(STEPS)))
}

#[test]
fn refused_values_change_nothing() {
    for network in networks().into_iter().chain(lending()) {
        let good = samples(&network, BATCH, STEPS, 1);
        // The last step of a sample that is not the first of its group.
        let mut bad = good.clone();
        *bad[5].last_mut().unwrap() = f32::INFINITY;
        for device in [Device::Reference, Device::Cpu] {
            let options = TrainOptions { device, input_gradient: true, threads: Some(1), ..Default::default() };
            let with_bad = |tensor: Tensor| {
                let (shape, mut data) = (tensor.shape().to_vec(), tensor.into_data());
                let last = data.len() - 1;
                data[last] = f32::NAN;
                Tensor::new(shape, data).unwrap()
            };
            let mut tried = Trainer::new(network.clone(), options.clone()).unwrap();
            let says = |error: saltatory::Error, what: &str| assert!(error.to_string().contains(what), "{error}");
            says(tried.forward(&views(&bad)).unwrap_err(), "sample 5: expected finite numbers, got inf");
            let stay = |trainer: &Trainer| Ok(gradient(&trainer.outputs()?));
            says(tried.forward_backward(&views(&bad), stay).unwrap_err(), "sample 5: expected finite numbers, got inf");
            let bad = |trainer: &Trainer| Ok(with_bad(gradient(&trainer.outputs()?)));
            says(tried.forward_backward(&views(&good), bad).unwrap_err(), "not finite: NaN at");
            // As it never was, it draws no masks and is in no statistics.
            let mut plain = Trainer::new(network.clone(), options).unwrap();
            for trainer in [&mut tried, &mut plain] {
                trainer.forward_backward(&views(&good), stay).unwrap();
            }
            assert!(bits(&mut tried) == bits(&mut plain));
        }
    }
}

#[test]
fn a_step_that_cannot_be_taken_changes_nothing() {
    let refused = |trainer: &mut Trainer, network: &Network, parts: [&str; 2]| {
        let message = trainer.optimise().unwrap_err().to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        assert!(trainer.network().unwrap() == *network);
        assert!(trainer.gradients().unwrap().values().all(|of| of.data().iter().all(|&x| x == 0.0)));
        assert_eq!(trainer.state().unwrap().steps, 0);
    };
    // A gradient beyond the largest number.
    let linear = network(Network::new([4]).linear(3).steps(STEPS));
    let sample = vec![10.0; 4 * STEPS];
    for clip_norm in [None, Some(1.0)] {
        let mut trainer = Trainer::new(linear.clone(), TrainOptions { clip_norm, ..Default::default() }).unwrap();
        let huge = Tensor::filled([STEPS, 1, 3], 3e38);
        trainer.forward_backward(&[&sample], |_| Ok(&huge)).unwrap();
        refused(&mut trainer, &linear, ["`linear1`", "the gradient of step 1 is not finite"]);
        trainer.step(&[&sample], &[0]).unwrap();
    }
    // A time constant that would be none: on one side of where it is.
    let neuron = Neuron::from(Lif { threshold: 0.1.into(), ..Lif::tau(2.0) }).learning(&["tau"]);
    let learning = network(Network::new([4]).linear(3).spiking(neuron).steps(STEPS));
    let mut sides = 0;
    for sign in [-1.0, 1.0] {
        let optimiser = Optimiser::Adam(Momentum { lr: 100.0, ..Default::default() });
        let mut trainer = Trainer::new(learning.clone(), TrainOptions { optimiser, ..Default::default() }).unwrap();
        let gradient = Tensor::filled([STEPS, 1, 3], sign);
        trainer.forward_backward(&[&sample], |_| Ok(&gradient)).unwrap();
        assert!(trainer.gradients().unwrap()["lif2.tau"].data()[0] != 0.0);
        if trainer.gradients().unwrap()["lif2.tau"].data()[0] > 0.0 {
            refused(&mut trainer, &learning, ["`lif2`", "tau"]);
            sides += 1;
        } else {
            trainer.optimise().unwrap();
        }
    }
    assert_eq!(sides, 1);
}

#[test]
fn samples_that_stay_give_the_same_bits() {
    for network in networks().into_iter().chain(lending()) {
        let samples = samples(&network, BATCH, STEPS, 1);
        let mut all = Vec::new();
        for (device, threads) in [(Device::Reference, 1), (Device::Cpu, 1), (Device::Cpu, 3)] {
            let options = TrainOptions { device, threads: Some(threads), input_gradient: true, ..Default::default() };
            let mut kept = Trainer::new(network.clone(), options.clone()).unwrap();
            let forward = kept.forward(&views(&samples)).unwrap();
            kept.backward(&gradient(&kept.outputs().unwrap())).unwrap();
            let mut stay = Trainer::new(network.clone(), options).unwrap();
            let mut outputs = None;
            let report = stay.forward_backward(&views(&samples), |trainer| {
                outputs = Some(trainer.outputs()?);
                Ok(gradient(outputs.as_ref().unwrap()))
            });
            assert_eq!((report.unwrap(), outputs), (forward, Some(kept.outputs().unwrap())));
            all.extend([bits(&mut kept), bits(&mut stay)]);
        }
        assert!(all.iter().all(|other| *other == all[0]));
        assert!(all[0].0.iter().all(|(_, bits)| bits.iter().any(|&x| x != 0)));
    }
}

#[test]
fn an_output_that_holds_for_all_steps_gets_the_gradients_of_all() {
    let network = network(Network::new([7]).linear(3).steps(STEPS));
    let samples = samples(&network, BATCH, 1, 1);
    let options = TrainOptions { input_gradient: true, ..Default::default() };
    let mut trainer = Trainer::new(network.clone(), options).unwrap();
    trainer.forward(&views(&samples)).unwrap();
    let outputs = trainer.outputs().unwrap();
    assert_eq!(outputs.shape(), [STEPS, BATCH, 3]);
    assert!(outputs.data().chunks(BATCH * 3).all(|step| step == &outputs.data()[..BATCH * 3]));
    // Small whole numbers: sums are exact.
    let whole: Vec<f32> = numbers(3, outputs.len(), -8.0, 8.0).iter().map(|x| x.round()).collect();
    trainer.backward(&Tensor::new(outputs.shape(), whole.clone()).unwrap()).unwrap();
    let of_bias = &trainer.gradients().unwrap()["linear1.bias"];
    let sums: Vec<f32> = (0..3).map(|i| whole.iter().skip(i).step_by(3).sum()).collect();
    assert_eq!(of_bias.data(), sums);
    assert_eq!(trainer.input_gradient().unwrap().shape(), [BATCH, 7]);
}

#[test]
fn gradients_of_both_kinds_of_losses_add_up() {
    let network = networks().swap_remove(1);
    let samples = samples(&network, BATCH, STEPS, 1);
    let options = TrainOptions { loss: LOSS, ..Default::default() };
    let own = |trainer: &mut Trainer| {
        trainer.forward(&views(&samples)).unwrap();
        trainer.backward(&gradient(&trainer.outputs().unwrap())).unwrap();
    };
    let mut once = Trainer::new(network.clone(), options.clone()).unwrap();
    own(&mut once);
    let mut both = Trainer::new(network, options).unwrap();
    both.accumulate(&views(&samples), &LABELS, BATCH).unwrap();
    own(&mut both);
    let (once, both) = (once.gradients().unwrap(), both.gradients().unwrap());
    for (name, once) in once {
        let largest = once.data().iter().fold(0.0f32, |m, x| m.max(x.abs()));
        let near = |(once, both): (&f32, &f32)| (2.0 * once - both).abs() <= 1e-5 * largest;
        assert!(largest > 0.0 && once.data().iter().zip(both[&name].data()).all(near), "{name}");
    }
}

#[test]
fn what_is_out_of_turn_is_said() {
    let network = networks().swap_remove(2);
    let samples = samples(&network, BATCH, STEPS, 1);
    let mut trainer = Trainer::new(network.clone(), TrainOptions::default()).unwrap();
    let shape = [STEPS, BATCH, 3];
    let zeros = Tensor::filled(shape, 0.0);
    let says = |error: saltatory::Error, what: &str| assert!(error.to_string().contains(what), "{error}");
    says(trainer.backward(&zeros).unwrap_err(), "forward");
    says(trainer.outputs().unwrap_err(), "forward");
    says(trainer.forward(&[]).unwrap_err(), "0 samples");
    trainer.forward(&views(&samples)).unwrap();
    says(trainer.input_gradient().unwrap_err(), "input_gradient");
    says(trainer.backward(&Tensor::filled([STEPS, BATCH, 2], 0.0)).unwrap_err(), "4x6x3, got 4x6x2");
    says(trainer.backward(&Tensor::filled(shape, f32::NAN)).unwrap_err(), "not finite: NaN at 0");
    says(trainer.backward(&zeros).unwrap_err(), "forward");
    trainer.forward(&views(&samples)).unwrap();
    trainer.backward(&zeros).unwrap();
    says(trainer.backward(&zeros).unwrap_err(), "gone back");
    // A batch of which the gradient was refused has nothing to go back from.
    let refused = trainer.forward_backward(&views(&samples), |_| Ok(Tensor::filled(shape, f32::NAN)));
    says(refused.unwrap_err(), "not finite: NaN at 0");
    says(trainer.backward(&zeros).unwrap_err(), "forward");
    let failed =
        trainer.forward_backward(&views(&samples), |_| Err::<Tensor, _>(saltatory::Error::Request("no".into())));
    says(failed.unwrap_err(), "no");
    trainer.step(&views(&samples), &LABELS).unwrap();
    says(trainer.outputs().unwrap_err(), "forward");
    says(trainer.accumulate(&views(&samples), &LABELS, BATCH - 1).unwrap_err(), "more than the whole");
    // A population alone has nothing that learns, but an input.
    let alone = Network::new([3]).spiking(Lif::tau(2.0)).steps(STEPS).build().unwrap();
    says(Trainer::new(alone.clone(), TrainOptions::default()).unwrap_err(), "nothing that learns");
    let options = TrainOptions { input_gradient: true, ..Default::default() };
    let mut trainer = Trainer::new(alone, options).unwrap();
    says(trainer.input_gradient().unwrap_err(), "no batch has gone back");
    trainer.step(&[&[2.5, 0.4, 0.0]], &[0]).unwrap();
    assert!(trainer.input_gradient().unwrap().data().iter().any(|x| *x != 0.0));
}
