//! What the README shows: the recordings are those that the example makes, and the network tells them apart.
#![cfg(feature = "formats")]
#![allow(clippy::unwrap_used)]

use saltatory::io::dataset::{Dataset, Options as Samples};
use saltatory::network::{self, OpenOptions};
use saltatory::run::{Device, Options};
use saltatory::tensor::arg_max;
use saltatory::train::{TrainOptions, Trainer};
use saltatory::{Network, Session};

#[path = "../examples/gestures/mod.rs"]
mod gestures;

/// Recordings that the network gets right: all of them.
const RIGHT: usize = 200;
/// A hash of all weights and statistics after three steps of its recipe, as every machine computes them.
const TRAINED: u64 = 0xe47f_e18f_df6c_a4e4;

fn network() -> Network {
    let weights = Some("assets/gestures/weights.safetensors".into());
    network::open("assets/networks/gestures.toml", &OpenOptions { weights, ..Default::default() }).unwrap()
}

fn samples(network: &Network) -> Dataset {
    Dataset::open(&["assets/gestures/test.npz".into()], &Samples::of(&network.input)).unwrap()
}

#[test]
fn recordings_are_those_of_the_example() {
    let network = network();
    assert_eq!(network.input.classes, gestures::CLASSES);
    let samples = samples(&network);
    assert_eq!((samples.len(), samples.steps()), (200, Some(gestures::STEPS)));
    for (index, sample) in (0..).zip(samples) {
        let events = gestures::recording(0, index);
        let made: Vec<f32> = gestures::bits(&events).into_iter().map(f32::from).collect();
        assert!(made == sample.values.unwrap(), "{}: it is not what the example makes", sample.name);
        assert_eq!(sample.label.map(u64::from), Some(index % gestures::CLASSES.len() as u64));
        assert!(events.len() > 50, "{}: {} events", sample.name, events.len());
    }
}

#[test]
fn the_network_tells_them_apart() {
    let network = network();
    let samples = samples(&network);
    let steps = samples.steps();
    let mut session = Session::new(network, Options::default()).unwrap();
    let mut right = 0;
    for sample in samples {
        let output = session.run_samples(&[&sample.values.unwrap()], steps).unwrap();
        right += usize::from(arg_max(output.scores.data()) == sample.label.map(|class| class as usize));
    }
    assert_eq!(right, RIGHT);
}

/// Steps of the recipe give the same bytes on every machine, whatever the threads: the weights in `assets` can be made anew.
#[test]
fn the_recipe_gives_the_same_bytes_everywhere() {
    let opened = network::open_with_recipe("assets/networks/gestures.toml", &OpenOptions::default()).unwrap();
    let (network, recipe) = (opened.0, opened.1.unwrap());
    let recordings: Vec<Vec<f32>> = (0..24)
        .map(|index| gestures::bits(&gestures::recording(1, index)).into_iter().map(f32::from).collect())
        .collect();
    let labels: Vec<u32> = (0..24).map(|index| index % gestures::CLASSES.len() as u32).collect();
    let trained = |device: Device, threads: usize| {
        let options = TrainOptions {
            steps: Some(gestures::STEPS),
            loss: recipe.loss,
            optimiser: recipe.optimiser,
            surrogate: recipe.surrogate,
            seed: recipe.seed,
            device,
            threads: Some(threads),
            ..Default::default()
        };
        let mut trainer = Trainer::new(network.clone(), options).unwrap();
        for (samples, labels) in recordings.chunks(8).zip(labels.chunks(8)) {
            let samples: Vec<&[f32]> = samples.iter().map(Vec::as_slice).collect();
            let report = trainer.step(&samples, labels).unwrap();
            // The convolutions fire from the first step on.
            assert!(report.firing_rates[..3].iter().all(|(_, rate)| *rate > 0.01), "{report:?}");
        }
        let nodes = trainer.network().unwrap().nodes;
        let values = nodes
            .iter()
            .flat_map(|node| network::checkpoint::tensors(&node.layer))
            .flat_map(|(_, tensor)| tensor.data());
        // Fowler, Noll and Vo's hash.
        values.fold(0xcbf2_9ce4_8422_2325, |hash: u64, x| {
            x.to_bits()
                .to_le_bytes()
                .iter()
                .fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
        })
    };
    for (device, threads) in [(Device::Reference, 1), (Device::Cpu, 1), (Device::Cpu, 2), (Device::Cpu, 5)] {
        let hash = trained(device, threads);
        assert_eq!(hash, TRAINED, "{threads} threads: {hash:#x}");
    }
}
