//! The GPU machine gives what the plain twins give, to the bit.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use saltatory::network::Readout;
use saltatory::run::verify::{self, difference};
use saltatory::run::{Confident, Device, Options};
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
        case.run_in(&mut session).unwrap();
        // NaN as a real, all bits as spikes.
        session.poison(0xffff_ffff);
        assert_eq!(difference(&expected, &case.run_in(&mut session).unwrap()), None, "{}", case.name);
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
fn states_and_samples_that_stop_are_the_same_to_the_bit() {
    let Some(device) = gpus::device() else { return };
    let mut stopped = 0;
    for case in verify::cases().unwrap().iter().filter(|c| c.name.ends_with("series")) {
        let frame: usize = case.network.input.shape.iter().product();
        let rows: Vec<&[f32]> = case.input.data().chunks(case.input.len() / case.input.shape()[0]).collect();
        let steps = rows[0].len() / frame;
        let session = |device: &Device, options: Options| {
            Session::new(case.network.clone(), Options { device: device.clone(), ..options }).unwrap()
        };
        let base = Options { record: true, ..Default::default() };
        // A recording in two parts, then its state in a session of the other device, and in every sample of a batch.
        let (mut cpu, mut gpu) = (session(&Device::Cpu, base.clone()), session(&device, base.clone()));
        for (part, steps) in [(&rows[0][..2 * frame], 2), (rows[1], steps)] {
            let (expected, got) = (cpu.advance(part, Some(steps)).unwrap(), gpu.advance(part, Some(steps)).unwrap());
            assert_eq!(difference(&expected, &got), None, "{}: {steps} steps of a recording", case.name);
        }
        let state = gpu.state().unwrap().unwrap();
        assert_eq!(cpu.state().unwrap().unwrap(), state, "{}", case.name);
        let mut fresh = session(&device, base.clone());
        fresh.set_state(&state).unwrap();
        let (expected, got) =
            (cpu.advance(rows[2], Some(steps)).unwrap(), fresh.advance(rows[2], Some(steps)).unwrap());
        assert_eq!(difference(&expected, &got), None, "{}: a state that was given", case.name);
        let given = Options { initial_state: Some(state.into()), slice: Some(4), ..base.clone() };
        for confident in [None, Some(Confident { margin: 0.2, every: 1 }), Some(Confident { margin: 0.1, every: 3 })] {
            let options = Options { confident, ..given.clone() };
            let run = |device: &Device| session(device, options.clone()).run_samples(&rows, Some(steps)).unwrap();
            let (expected, got) = (run(&Device::Cpu), run(&device));
            assert_eq!(
                difference(&expected, &got),
                None,
                "{}: {confident:?} {:?} {:?}",
                case.name,
                expected.steps,
                got.steps
            );
            stopped += got.steps.iter().filter(|&&ran| ran < steps).count();
        }
    }
    assert!(stopped > 30, "{stopped}");
}

#[test]
fn random_networks_are_the_same_to_the_bit() {
    let Some(device) = gpus::device() else { return };
    let config = Config { max_shrink_iters: 60, ..crate::random::config(24) };
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
