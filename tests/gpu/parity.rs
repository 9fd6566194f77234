//! The GPU machine gives what the plain twins give, to the bit.

use saltatory::Tensor;
use saltatory::run::verify::{self, difference};
use saltatory::run::{Device, Options};

use crate::gpus;

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
