//! The GPU machine gives what the plain twins give, to the bit.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use saltatory::network::Readout;
use saltatory::run::verify::{self, difference};
use saltatory::run::{Device, Options};
use saltatory::{Session, Tensor};

use crate::gpus;
use crate::random::recipe;

#[test]
fn batches_are_the_same_to_the_bit() {
    let Some(device) = gpus::device() else { return };
    let verdicts = verify::verify(&device, |_| {}).unwrap();
    let failed: Vec<_> = verdicts.iter().filter_map(|v| v.difference.as_ref().map(|d| (&v.name, d))).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(verdicts.iter().all(|v| v.spikes > 20), "{verdicts:?}");
}

#[test]
fn nothing_is_read_before_it_is_written() {
    let Some(device) = gpus::device() else { return };
    for case in verify::cases().unwrap() {
        let expected = case.run(&Device::Cpu).unwrap();
        let mut session = case.session(&device).unwrap();
        session.run(&case.input).unwrap();
        // NaN as a real, all bits as spikes.
        session.poison(0xffff_ffff);
        assert_eq!(difference(&expected, &session.run(&case.input).unwrap()), None, "{}", case.name);
    }
}

#[test]
fn streams_are_the_same_to_the_bit() {
    let Some(device) = gpus::device() else { return };
    for case in verify::cases().unwrap().iter().filter(|c| c.name.ends_with("series")) {
        let shape = case.network.input.shape.clone();
        let frames: Vec<Tensor> = case
            .input
            .data()
            .chunks(shape.iter().product())
            .map(|frame| Tensor::new(shape.clone(), frame.to_vec()).unwrap())
            .collect();
        let stream = |device: &Device| {
            let options = Options { record: true, ..case.options.clone() };
            verify::Case { options, ..case.clone() }.session(device).unwrap()
        };
        let (mut cpu, mut gpu) = (stream(&Device::Cpu), stream(&device));
        for round in 0..2 {
            for (t, frame) in frames.iter().take(9).enumerate() {
                let (expected, got) = (cpu.step(frame).unwrap(), gpu.step(frame).unwrap());
                assert_eq!(difference(&expected, &got), None, "{} round {round} step {t}", case.name);
            }
            cpu.reset();
            gpu.reset();
        }
    }
}

#[test]
fn random_networks_are_the_same_to_the_bit() {
    let Some(device) = gpus::device() else { return };
    let more = std::env::var("SALTATORY_CASES").ok().and_then(|n| n.parse::<u32>().ok()).unwrap_or(1);
    let config = Config { cases: 24 * more, failure_persistence: None, max_shrink_iters: 60, ..Default::default() };
    let spikes = std::cell::Cell::new(0);
    let property = |recipe: crate::random::Recipe| {
        let network = recipe.network();
        let constant = recipe.steps.is_multiple_of(2);
        let samples: Vec<Vec<f32>> = (0..3).map(|n| recipe.sample(&network, n, constant)).collect();
        let rows: Vec<&[f32]> = samples.iter().map(Vec::as_slice).collect();
        let readout = [Readout::Mean, Readout::Trace, Readout::Max][recipe.steps % 3];
        let options = Options { steps: Some(recipe.steps), readout: Some(readout), ..Default::default() };
        let run = |device: &Device, record| {
            let options = Options { device: device.clone(), record, ..options.clone() };
            let mut session = Session::new(network.clone(), options).unwrap();
            session.run_samples(&rows, (!constant).then_some(recipe.steps)).unwrap()
        };
        for record in [false, true] {
            let (expected, got) = (run(&Device::Cpu, record), run(&device, record));
            spikes.set(spikes.get() + got.metrics.populations.iter().map(|p| p.spikes).sum::<u64>());
            prop_assert_eq!(difference(&expected, &got), None);
        }
        Ok(())
    };
    TestRunner::new(config).run(&recipe(), property).unwrap_or_else(|e| panic!("{e}"));
    assert!(spikes.get() > 1000, "{}", spikes.get());
}
