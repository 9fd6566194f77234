//! The statistics of batch norm: how they run, and that a batch which is refused leaves none.

use saltatory::layer::Layer;
use saltatory::network::InputKind;
use saltatory::neuron::{Li, Neuron};
use saltatory::run::Device;
use saltatory::train::{Optimiser, TrainOptions, Trainer};
use saltatory::{Network, Tensor};

use crate::{samples, views};

/// Steps of a sample.
const STEPS: usize = 3;
/// Channels of the batch norm.
const CHANNELS: usize = 4;

/// A linear layer that hands its input on, and a batch norm behind it.
fn network(momentum: f64) -> Network {
    let builder = Network::new([CHANNELS]).linear(CHANNELS).no_bias().name("in").batch_norm().eps(1e-3);
    let mut network = builder.momentum(momentum).name("bn").linear(3).steps(STEPS).build().unwrap();
    assert_eq!(network.input.kind, InputKind::Real);
    let first = network.node("in").unwrap();
    let Layer::Linear(linear) = &mut network.nodes[first].layer else { panic!("a linear layer was expected") };
    let one = (0..CHANNELS * CHANNELS).map(|i| f32::from(u8::from(i % (CHANNELS + 1) == 0))).collect();
    linear.weight = Some(Tensor::new([CHANNELS, CHANNELS], one).unwrap());
    network
}

/// Nothing is learned.
fn still(device: Device) -> TrainOptions {
    let optimiser = Optimiser::Sgd { lr: 0.0, momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    TrainOptions { optimiser, device, ..Default::default() }
}

/// Running means and variances of the only batch norm.
fn statistics(network: &Network) -> [Vec<f32>; 2] {
    let Layer::BatchNorm(norm) = &network.nodes[network.node("bn").unwrap()].layer else { panic!("no batch norm") };
    [&norm.running_mean, &norm.running_var].map(|tensor| tensor.clone().unwrap().into_data())
}

/// What PyTorch's formula makes of them after a batch: `running = (1 - momentum) running + momentum batch`, with the
/// unbiased variance.
fn after(before: [Vec<f64>; 2], momentum: f64, batch: &[Vec<f32>], repeats: usize) -> [Vec<f64>; 2] {
    let mut next = before;
    for channel in 0..CHANNELS {
        let values: Vec<f64> = batch
            .iter()
            .flat_map(|sample| sample.iter().skip(channel).step_by(CHANNELS))
            .flat_map(|&x| std::iter::repeat_n(f64::from(x), repeats))
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        let of_batch = [mean, squares / (values.len() - 1) as f64];
        for (running, of_batch) in next.iter_mut().zip(of_batch) {
            running[channel] = (1.0 - momentum) * running[channel] + momentum * of_batch;
        }
    }
    next
}

#[test]
fn statistics_run_with_the_momentum_of_their_layer() {
    // Rounding of a few sums of values near one.
    const TOLERANCE: f64 = 1e-6;
    for momentum in [0.0, 0.1, 0.35, 1.0] {
        // Frames that differ from step to step, and one that holds for all of them.
        for frames in [STEPS, 1] {
            for device in [Device::Cpu, Device::Reference] {
                let network = network(momentum);
                let mut trainer = Trainer::new(network.clone(), still(device)).unwrap();
                let mut expected = [vec![0.0; CHANNELS], vec![1.0; CHANNELS]];
                for seed in [1, 50] {
                    let batch = samples(&network, 5, frames, seed);
                    trainer.step(&views(&batch), &[0, 1, 2, 0, 1]).unwrap();
                    expected = after(expected, momentum, &batch, STEPS / frames);
                }
                let got = statistics(&trainer.network().unwrap());
                for (expected, got) in expected.iter().flatten().zip(got.iter().flatten()) {
                    assert!((expected - f64::from(*got)).abs() < TOLERANCE, "{momentum}: {expected}, got {got}");
                }
            }
        }
    }
}

#[test]
fn bad_numbers_are_refused() {
    for (momentum, text) in [(f64::NAN, "NaN"), (-0.1, "-0.1"), (1.1, "1.1"), (f64::INFINITY, "inf")] {
        let builder = Network::new([2]).linear(2).batch_norm().name("bn").momentum(momentum).linear(2).steps(1);
        let error = builder.build().unwrap_err().to_string();
        assert!(["bn", "`momentum`", "from 0 to 1", text].iter().all(|part| error.contains(part)), "{error}");
    }
    let error = Network::new([2]).linear(2).batch_norm().eps(f64::NAN).build().unwrap_err().to_string();
    assert!(error.contains("`eps`") && error.contains("NaN"), "{error}");
    let error = Network::new([2]).linear(2).momentum(0.5).build().unwrap_err().to_string();
    assert!(error.contains("momentum"), "{error}");
}

/// A batch without a finite loss is as if it had not been there.
#[test]
fn a_batch_that_is_refused_leaves_no_statistics() {
    for device in [Device::Cpu, Device::Reference] {
        let network = Network::new([CHANNELS]).linear(CHANNELS).batch_norm().name("bn").linear(3);
        let neuron = Neuron::from(Li::default()).learning(&["tau"]);
        let mut network = network.layer(Layer::Neuron(neuron)).steps(STEPS).build().unwrap();
        network.init(7).unwrap();
        let options = TrainOptions { device: device.clone(), ..Default::default() };
        let mut spoilt = Trainer::new(network.clone(), options.clone()).unwrap();
        let mut whole = Trainer::new(network.clone(), options).unwrap();
        let batches = [1, 30, 60].map(|seed| samples(&network, 4, STEPS, seed));
        for trainer in [&mut spoilt, &mut whole] {
            trainer.step(&views(&batches[0]), &[0, 1, 2, 0]).unwrap();
        }
        let before = whole.network().unwrap();
        assert_ne!(statistics(&before), [vec![0.0; CHANNELS], vec![1.0; CHANNELS]]);
        // Finite input, of which no mean is.
        let huge: Vec<Vec<f32>> = batches[0].iter().map(|sample| sample.iter().map(|x| x * 3e38).collect()).collect();
        let error = spoilt.step(&views(&huge), &[0, 1, 2, 0]).unwrap_err().to_string();
        assert!(error.contains("loss of step 2 is not finite"), "{error}");
        assert_eq!(spoilt.network().unwrap(), before);
        assert!(spoilt.gradients().unwrap().values().all(|tensor| tensor.data().iter().all(|x| *x == 0.0)));
        for batch in &batches[1..] {
            let expected = whole.step(&views(batch), &[2, 1, 0, 1]).unwrap();
            assert_eq!(spoilt.step(&views(batch), &[2, 1, 0, 1]).unwrap(), expected);
        }
        assert_eq!(spoilt.network().unwrap(), whole.network().unwrap());
        assert_eq!(spoilt.state().unwrap(), whole.state().unwrap());
    }
}
