//! Samples of different length in a batch, states that are given and kept, samples that stop when they are certain:
//! each gives what it gives alone and in one piece.

use std::cell::Cell;
use std::sync::Arc;

use proptest::prelude::*;
use saltatory::layer::Layer;
use saltatory::network::{InputKind, InputSpec, Network, Readout};
use saltatory::neuron::rules::SpikesPerStep;
use saltatory::neuron::{Dialect, If, Neuron, RuleChanges};
use saltatory::run::{Confident, Device, Options, Output, State, verify};
use saltatory::{Session, Tensor};

use crate::random::{Noise, Recipe};
use crate::{bits, on_random_networks};

/// Sequences of different length: the first is the longest, no longer than `steps`.
fn sequences(recipe: &Recipe, network: &Network, samples: u32) -> Vec<Vec<f32>> {
    let frame: usize = network.input.shape.iter().product();
    let steps = |n: u32| if n == 0 { recipe.steps } else { 1 + (n as usize * 7 + 3) % recipe.steps };
    (0..samples).map(|n| recipe.sample(network, n, false)[..steps(n) * frame].to_vec()).collect()
}

fn slices(samples: &[Vec<f32>]) -> Vec<&[f32]> {
    samples.iter().map(Vec::as_slice).collect()
}

/// What a sample gave in a batch is what it gave alone.
fn same(all: &Output, index: usize, alone: &Output) -> Result<(), TestCaseError> {
    let row = alone.scores.len();
    let width = all.scores.len() / all.steps.len();
    let scores = &all.scores.data()[index * width..];
    prop_assert_eq!(bits(&scores[..row]), bits(alone.scores.data()), "scores of {}", index);
    prop_assert!(scores[row..width].iter().all(|x| x.is_nan()), "behind the end of {index}");
    prop_assert_eq!(all.steps[index], alone.steps[0]);
    for (ours, theirs) in all.recordings[index].iter().zip(&alone.recordings[0]) {
        prop_assert_eq!(ours, theirs);
    }
    Ok(())
}

#[test]
fn a_shorter_sample_gives_what_it_gives_alone() {
    let (spikes, lengths) = (Cell::new(0), Cell::new(0));
    on_random_networks(60, |recipe, network| {
        let samples = sequences(recipe, network, 5);
        for readout in [Readout::Mean, Readout::Sum, Readout::Max, Readout::Last, Readout::Trace] {
            for (device, slice) in [(Device::Cpu, None), (Device::Cpu, Some(2)), (Device::Reference, None)] {
                let options = Options { device, slice, readout: Some(readout), record: true, ..Default::default() };
                let mut session = Session::new(network.clone(), options.clone()).unwrap();
                let all = session.run_samples(&slices(&samples), Some(recipe.steps)).unwrap();
                let mut metrics = saltatory::run::Metrics::default();
                for (index, sample) in samples.iter().enumerate() {
                    let mut session = Session::new(network.clone(), options.clone()).unwrap();
                    let steps = sample.len() / network.input.shape.iter().product::<usize>();
                    let alone = session.run_samples(&[sample], Some(steps)).unwrap();
                    metrics.add(&alone.metrics);
                    same(&all, index, &alone)?;
                    lengths.set(lengths.get() + usize::from(steps < recipe.steps));
                }
                prop_assert_eq!(&all.metrics, &metrics);
                spikes.set(spikes.get() + metrics.populations.iter().map(|p| p.spikes).sum::<u64>());
            }
        }
        Ok(())
    });
    assert!(spikes.get() > 8_000 && lengths.get() > 400, "{} {}", spikes.get(), lengths.get());
}

#[test]
fn a_recording_in_parts_gives_what_it_gives_whole() {
    let spikes = Cell::new(0);
    on_random_networks(60, |recipe, network| {
        let frame: usize = network.input.shape.iter().product();
        let whole = recipe.sample(network, 0, false);
        let options = Options { readout: Some(Readout::Trace), record: true, ..Default::default() };
        let mut session = Session::new(network.clone(), options.clone()).unwrap();
        let expected = session.run_samples(&[&whole], Some(recipe.steps)).unwrap();
        let row = expected.scores.len() / recipe.steps;
        for device in [Device::Cpu, Device::Reference] {
            let options = Options { device, ..options.clone() };
            let mut session = Session::new(network.clone(), options.clone()).unwrap();
            let mut at = 0;
            // Parts of 1, 2, 3, ... steps: a plan for each, and the state goes from one to the next.
            for steps in 1.. {
                let steps = steps.min(recipe.steps - at);
                if steps == 0 {
                    break;
                }
                let part = session.advance(&whole[at * frame..(at + steps) * frame], Some(steps)).unwrap();
                let scores = &expected.scores.data()[at * row..(at + steps) * row];
                prop_assert_eq!(bits(part.scores.data()), bits(scores), "steps {}..{}", at, at + steps);
                spikes.set(spikes.get() + part.metrics.populations.iter().map(|p| p.spikes).sum::<u64>());
                at += steps;
                // Through a file, into a session of its own.
                let state = session.state().unwrap().unwrap();
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("state.safetensors");
                state.save(&path).unwrap();
                prop_assert_eq!(&State::load(&path).unwrap(), &state);
                session = Session::new(network.clone(), options.clone()).unwrap();
                session.set_state(&state).unwrap();
                prop_assert_eq!(session.state().unwrap().unwrap(), state);
            }
        }
        Ok(())
    });
    assert!(spikes.get() > 1_500, "{}", spikes.get());
}

#[test]
fn every_sample_of_a_batch_can_begin_with_a_state() {
    let changed = Cell::new(0);
    on_random_networks(60, |recipe, network| {
        let frame: usize = network.input.shape.iter().product();
        let samples = sequences(recipe, network, 4);
        let before = recipe.sample(network, 9, false);
        let mut session = Session::new(network.clone(), Options::default()).unwrap();
        session.advance(&before, Some(recipe.steps)).unwrap();
        let state = Arc::new(session.state().unwrap().unwrap());
        let fresh = session.run_samples(&slices(&samples), Some(recipe.steps)).unwrap();
        for (device, slice) in [(Device::Cpu, None), (Device::Cpu, Some(2)), (Device::Reference, None)] {
            let initial_state = Some(state.clone());
            let options = Options { device, slice, record: true, ..Default::default() };
            let given = Options { initial_state, ..options.clone() };
            let mut session = Session::new(network.clone(), given).unwrap();
            let all = session.run_samples(&slices(&samples), Some(recipe.steps)).unwrap();
            for (index, sample) in samples.iter().enumerate() {
                let mut session = Session::new(network.clone(), options.clone()).unwrap();
                session.set_state(&state).unwrap();
                same(&all, index, &session.advance(sample, Some(sample.len() / frame)).unwrap())?;
            }
            changed.set(changed.get() + usize::from(bits(all.scores.data()) != bits(fresh.scores.data())));
        }
        Ok(())
    });
    assert!(changed.get() > 30, "{}", changed.get());
}

#[test]
fn a_certain_sample_stops_with_the_scores_it_has() {
    let (stopped, late) = (Cell::new(0), Cell::new(0));
    on_random_networks(60, |recipe, network| {
        let samples = sequences(recipe, network, 6);
        let frame: usize = network.input.shape.iter().product();
        for (margin, every) in [(0.0, 1), (0.3, 1), (0.3, 2), (f32::MAX, 1)] {
            for device in [Device::Cpu, Device::Reference] {
                let options = Options { device, record: true, ..Default::default() };
                let confident = Some(Confident { margin, every });
                let mut session = Session::new(network.clone(), Options { confident, ..options.clone() }).unwrap();
                let all = session.run_samples(&slices(&samples), Some(recipe.steps)).unwrap();
                for (index, sample) in samples.iter().enumerate() {
                    let steps = all.steps[index];
                    let at = |steps: usize| {
                        let mut session = Session::new(network.clone(), options.clone()).unwrap();
                        session.run_samples(&[&sample[..steps * frame]], Some(steps)).unwrap()
                    };
                    same(&all, index, &at(steps))?;
                    let lead = |output: &Output| {
                        let mut scores = output.scores.data().to_vec();
                        scores.sort_by(|a, b| b.total_cmp(a));
                        if scores.len() < 2 { f32::NEG_INFINITY } else { scores[0] - scores[1] }
                    };
                    let whole = sample.len() / frame;
                    prop_assert!(steps == whole || (steps.is_multiple_of(every) && lead(&at(steps)) >= margin));
                    for before in (every..steps).step_by(every) {
                        prop_assert!(lead(&at(before)) < margin, "{index} could stop at {before}, not {steps}");
                    }
                    stopped.set(stopped.get() + usize::from(steps < whole));
                    late.set(late.get() + usize::from(steps < whole && steps > every));
                }
            }
        }
        Ok(())
    });
    assert!(stopped.get() > 400 && late.get() > 15, "{} {}", stopped.get(), late.get());
}

#[test]
fn a_state_of_large_counts_begins_a_batch() {
    // A neuron that fires 300 times in a step, one step before its target; and an input of 200, with a delay behind it.
    let rules = RuleChanges { spikes: Some(SpikesPerStep::Many), ..Default::default() };
    let many: Neuron = If::default().into();
    let counts = InputSpec { kind: InputKind::Counts, ..Default::default() };
    let builder = || Network::new([1]).input(counts.clone()).dialect(Dialect::Sinabs);
    let scale = || Layer::Scale(Tensor::filled([1], 1.5));
    let fires = builder().layer(scale()).spiking(many.with(rules)).layer(Layer::Delay(vec![1])).layer(scale());
    let waits = builder().layer(Layer::Delay(vec![1])).layer(scale());
    for network in [fires.build().unwrap(), waits.build().unwrap()] {
        for device in [Device::Cpu, Device::Reference] {
            let options = Options { device, readout: Some(Readout::Trace), ..Default::default() };
            let mut session = Session::new(network.clone(), options.clone()).unwrap();
            session.advance(&[200.0], Some(1)).unwrap();
            let initial_state = session.state().unwrap().map(Arc::new);
            let alone = session.advance(&[1.0, 0.0], Some(2)).unwrap();
            assert!(alone.scores.data()[0] >= 300.0, "{:?}", alone.scores);
            let given = Options { initial_state, ..options };
            let batch = Session::new(network.clone(), given).unwrap().run_samples(&[&[1.0, 0.0]], Some(2)).unwrap();
            assert_eq!(bits(batch.scores.data()), bits(alone.scores.data()));
        }
    }
}

#[test]
fn the_largest_count_of_a_batch_is_of_no_effect() {
    let mut noise = Noise::new(5);
    let counts = InputSpec { kind: InputKind::Counts, ..Default::default() };
    let mut network = Network::new([40]).input(counts).linear(7).build().unwrap();
    network.init(3).unwrap();
    let mut sample = |largest: f32| (0..6 * 40).map(|_| (noise.next() * largest).round()).collect::<Vec<f32>>();
    let samples: Vec<Vec<f32>> = [1.0, 1.0, 2.0, 9.0, 255.0].map(&mut sample).into();
    for (device, readout) in [
        (Device::Cpu, Readout::Mean),
        (Device::Cpu, Readout::Sum),
        (Device::Reference, Readout::Mean),
        (Device::Reference, Readout::Sum),
    ] {
        let options = Options { device, readout: Some(readout), record: true, ..Default::default() };
        let all =
            Session::new(network.clone(), options.clone()).unwrap().run_samples(&slices(&samples), Some(6)).unwrap();
        for (index, sample) in samples.iter().enumerate() {
            let alone =
                Session::new(network.clone(), options.clone()).unwrap().run_samples(&[sample], Some(6)).unwrap();
            same(&all, index, &alone).unwrap();
        }
    }
}

#[test]
fn states_that_do_not_fit_are_refused() {
    let (_, network) = verify::networks().unwrap().swap_remove(0);
    let mut session = Session::new(network.clone(), Options::default()).unwrap();
    let frame = Tensor::filled(network.input.shape.clone(), 1.0);
    assert_eq!(session.state().unwrap(), None);
    session.step(&frame).unwrap();
    let state = session.state().unwrap().unwrap();
    let (name, tensor) = state.tensors.first_key_value().unwrap();
    let set = |name: &str, tensor: Tensor| {
        let tensors = [(name.to_string(), tensor)].into();
        Session::new(network.clone(), Options::default()).unwrap().set_state(&State { tensors })
    };
    set(name, tensor.clone()).unwrap();
    let message = set("nothing.v", tensor.clone()).unwrap_err().to_string();
    assert!(message.contains("nothing.v") && message.contains(name.as_str()), "{message}");
    let message = set(name, Tensor::filled([3], 0.0)).unwrap_err().to_string();
    assert!(message.contains("expected shape") && message.contains("[3]"), "{message}");
    let trace = Options { readout: Some(Readout::Trace), ..Default::default() };
    let confident = Confident::of_probability(0.9);
    assert!(Session::new(network, Options { confident, ..trace }).unwrap_err().to_string().contains("trace"));
}
