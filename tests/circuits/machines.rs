//! The same bits on every machine, in windows of any length, over any number of threads, stored or drawn again.

use saltatory::circuit::{Circuit, Connector, Population, Projection};
use saltatory::neuron::cell::models::IfCurrDelta;
use saltatory::run::{Device, Simulation, SimulationOptions};

use crate::support::{self, DT, zoo};

const STEPS: usize = 300;

#[test]
fn every_kind_of_cell_fires_and_is_the_same_in_windows_of_any_length() {
    let circuit = zoo(3, false);
    let whole = support::run(&circuit, STEPS, &Device::Reference, STEPS);
    for (at, population) in circuit.populations.iter().enumerate() {
        let (count, size) = (whole.count(at), population.size);
        assert!(count > 0 && count < size * STEPS / 4, "{}: {count} spikes of {size} cells", population.name);
    }
    assert_eq!(whole.probes.len(), STEPS);
    for window in [1, 7] {
        assert!(support::run(&circuit, STEPS, &Device::Reference, window) == whole, "windows of {window}");
    }
}

#[test]
fn stored_synapses_are_those_that_are_drawn_again() {
    for seed in 1..4 {
        let stored = support::run(&zoo(seed, false), STEPS, &Device::Reference, 50);
        let drawn = support::run(&zoo(seed, true), STEPS, &Device::Reference, 50);
        assert!(stored == drawn, "seed {seed}");
    }
    assert!(
        support::run(&zoo(1, true), 100, &Device::Reference, 50)
            != support::run(&zoo(2, true), 100, &Device::Reference, 50)
    );
}

#[test]
fn a_state_that_was_saved_goes_on_as_if_nothing_had_happened() {
    let circuit = zoo(5, false);
    let whole = support::run(&circuit, STEPS, &Device::Cpu, 64);
    let simulation = || Simulation::new(circuit.clone(), DT, &SimulationOptions::default()).unwrap();
    for stop in [7, 150] {
        let mut first = simulation();
        assert!(first.state().unwrap().is_none());
        first.advance(stop, |_| Ok(())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.safetensors");
        first.state().unwrap().unwrap().save(&path).unwrap();
        let mut second = simulation();
        second.set_state(&saltatory::run::State::load(&path).unwrap()).unwrap();
        assert_eq!(second.step(), stop as u64);
        let mut spikes = Vec::new();
        second
            .advance(STEPS - stop, |activity| {
                spikes.extend(activity.spikes());
                Ok(())
            })
            .unwrap();
        let expected: Vec<_> = whole.spikes.iter().copied().filter(|spike| spike.0 >= stop as u64).collect();
        assert!(spikes == expected && !spikes.is_empty(), "stopped after {stop} steps");
    }
    let other = Circuit::new(1).population(Population::new("a", 1, IfCurrDelta::default()));
    let mut other = Simulation::new(other, DT, &SimulationOptions::default()).unwrap();
    let mut first = simulation();
    first.advance(1, |_| Ok(())).unwrap();
    assert!(other.set_state(&first.state().unwrap().unwrap()).unwrap_err().to_string().contains("expected shape"));
}

#[test]
fn the_fast_machine_equals_the_twins() {
    for (seed, procedural) in [(1, false), (2, true)] {
        let circuit = zoo(seed, procedural);
        let twins = support::run(&circuit, STEPS, &Device::Reference, 64);
        assert!(support::run(&circuit, STEPS, &Device::Cpu, 64) == twins, "seed {seed}");
        for threads in [1, 3] {
            let options = SimulationOptions { threads: Some(threads), ..Default::default() };
            let mut simulation = Simulation::new(circuit.clone(), DT, &options).unwrap();
            let mut spikes = Vec::new();
            simulation
                .advance(STEPS, |activity| {
                    spikes.extend(activity.spikes());
                    Ok(())
                })
                .unwrap();
            assert!(spikes == twins.spikes, "{threads} threads");
        }
    }
}

#[cfg(feature = "gpu")]
#[test]
fn a_gpu_equals_the_twins() {
    let Some(device) = gpu() else { return };
    for (seed, procedural) in [(1, false), (2, true)] {
        let circuit = zoo(seed, procedural);
        let twins = support::run(&circuit, STEPS, &Device::Reference, 64);
        let got = support::run(&circuit, STEPS, &device, 64);
        assert_eq!(got.spikes.len(), twins.spikes.len(), "seed {seed}");
        assert!(got == twins, "seed {seed}");
    }
}

#[cfg(feature = "gpu")]
pub fn gpu() -> Option<Device> {
    use saltatory::run::gpu::{Choice, Gpu};
    let choice = std::env::var("SALTATORY_GPU").map_or(Choice::Best, Choice::Name);
    match Gpu::open(&choice) {
        Ok(gpu) => Some(Device::Gpu(gpu)),
        Err(error) if std::env::var("REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{error}"),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

#[test]
fn what_does_not_fit_one_binding_is_split() {
    let circuit = |to: &str| {
        Circuit::new(5)
            .population(
                Population::new("a", 100, IfCurrDelta { i_offset: 0.8, ..Default::default() })
                    .v_init(saltatory::circuit::Distribution::uniform(-65.0, -50.0)),
            )
            .projection(Projection::new("a", to, Connector::AllToAll).weight(0.05).delay(0.5))
    };
    use saltatory::plan::Request;
    let network = saltatory::Network::of_circuit("split", circuit("a"), DT);
    let steps = |limit: usize| {
        let request = Request {
            steps: 4,
            binding_limit: limit,
            readout: saltatory::network::Readout::Last,
            ..Default::default()
        };
        let plan = saltatory::network::compile(&network, &request).unwrap();
        let propagate = plan.steps().filter(|step| step.kernel.name() == "propagate").count();
        let largest = plan.constants.iter().filter(|c| c.name.contains("synapses")).map(|c| 4 * c.words.len()).max();
        (propagate, largest.unwrap())
    };
    assert_eq!(steps(usize::MAX), (1, 100 * 100 * 8));
    let (count, largest) = steps(10_000);
    assert!(count == 9 && largest <= 10_000, "{count} parts of up to {largest} bytes");
}
