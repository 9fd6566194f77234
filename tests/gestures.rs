//! What the README shows: the recordings are those that the example makes, and the network tells them apart.
#![cfg(feature = "formats")]
#![allow(clippy::unwrap_used)]

use saltatory::io::dataset::{Dataset, Options as Samples};
use saltatory::network::{self, OpenOptions};
use saltatory::run::Options;
use saltatory::tensor::arg_max;
use saltatory::{Network, Session};

#[path = "../examples/gestures/mod.rs"]
mod gestures;

/// Recordings that the network gets right: it was trained elsewhere, and the framework gets as many right.
const RIGHT: usize = 199;

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
