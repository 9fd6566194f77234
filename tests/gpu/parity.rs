//! The GPU machine gives what the plain twins give, to the bit.

use saltatory::network::InputKind;
use saltatory::plan::Request;
use saltatory::run::{Device, Options, Output};
use saltatory::{Network, Session, Tensor};

use crate::{gpus, networks};

const SAMPLES: usize = 5;

/// A number in [0, 1) from a seed.
fn noise(i: usize) -> f32 {
    let x = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32 / (1u64 << 24) as f32
}

/// A batch for a network, `[samples, (steps,) ...]`.
pub fn batch(network: &Network, request: &Request) -> Tensor {
    let mut shape = vec![SAMPLES];
    if !request.constant_input {
        shape.push(request.steps);
    }
    shape.extend(&network.input.shape);
    let count = shape.iter().product();
    let value = |i: usize| match network.input.kind {
        InputKind::Real => noise(i) * 3.0 - 0.5,
        InputKind::Counts => (noise(i) * noise(i + 999) * 6.0).floor(),
        InputKind::Bits => f32::from(noise(i) < 0.3),
    };
    Tensor::new(shape, (0..count).map(value).collect()).unwrap()
}

fn session(network: &Network, request: &Request, device: Device) -> Session {
    let options = Options {
        device,
        steps: Some(request.steps),
        readout: Some(request.readout),
        record: request.record,
        slice: request.slice,
        ..Default::default()
    };
    Session::new(network.clone(), options).unwrap()
}

fn same(what: &str, cpu: &Output, gpu: &Output) -> u64 {
    for (p, q) in cpu.recordings.iter().flatten().zip(gpu.recordings.iter().flatten()) {
        for (field, a, b) in [("h", &p.h, &q.h), ("v", &p.v, &q.v), ("i", &p.i, &q.i)] {
            let differs = (0..a.len()).find(|&i| a[i].to_bits() != b[i].to_bits());
            assert_eq!(differs, None, "{what} {} {field}: {:?}", p.layer, differs.map(|i| (a[i], b[i])));
        }
        assert_eq!(p, q, "{what} {}", p.layer);
    }
    let bits = |o: &Output| o.scores.data().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(cpu), bits(gpu), "{what}: {:?} {:?}", cpu.scores, gpu.scores);
    assert_eq!(cpu.metrics, gpu.metrics, "{what}");
    assert_eq!(cpu.recordings.len(), gpu.recordings.len());
    gpu.metrics.populations.iter().map(|p| p.spikes).sum()
}

#[test]
fn batches_are_the_same_to_the_bit() {
    let Some(device) = gpus::device() else { return };
    let mut spikes = 0;
    for (name, network) in networks::networks() {
        for request in networks::requests().iter().filter(|r| !r.streaming) {
            let what = format!("{name} {request:?}");
            let samples = batch(&network, request);
            let cpu = session(&network, request, Device::Cpu).run(&samples).unwrap();
            let mut session = session(&network, request, device.clone());
            let gpu = session.run(&samples).unwrap();
            spikes += same(&what, &cpu, &gpu);
            // Memory that holds NaN, and bits everywhere.
            session.poison(0xffff_ffff);
            same(&what, &cpu, &session.run(&samples).unwrap());
        }
    }
    assert!(spikes > 1000, "{spikes}");
}

#[test]
fn streams_are_the_same_to_the_bit() {
    let Some(device) = gpus::device() else { return };
    let request = Request { steps: 9, constant_input: false, ..Default::default() };
    for (name, network) in networks::networks() {
        let samples = batch(&network, &request);
        let frame = |t: usize| {
            let len = network.input.shape.iter().product::<usize>();
            Tensor::new(network.input.shape.clone(), samples.data()[t * len..(t + 1) * len].to_vec()).unwrap()
        };
        let (mut cpu, mut gpu) =
            (session(&network, &request, Device::Cpu), session(&network, &request, device.clone()));
        for round in 0..2 {
            for t in 0..request.steps {
                let (a, b) = (cpu.step(&frame(t)).unwrap(), gpu.step(&frame(t)).unwrap());
                same(&format!("{name} round {round} step {t}"), &a, &b);
            }
            cpu.reset();
            gpu.reset();
        }
    }
}
