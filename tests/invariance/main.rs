//! What a network gives does not depend on how it is computed: packed or naive, batch or stream, one thread or many.

#![allow(clippy::unwrap_used, clippy::panic)]

mod convolutions;
mod fast;
mod oracle;
mod random;
mod sequences;

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use random::{Recipe, recipe};
use saltatory::kernel::Window;
use saltatory::layer::Layer;
use saltatory::network::{Network, Readout, checkpoint, compile};
use saltatory::plan::Request;
use saltatory::run::cpu::Workspace;
use saltatory::run::{Options, Output};
use saltatory::{Session, Tensor};

/// Of a sum against the mean of a trace: both add the same terms, in another order.
const MEAN_TOLERANCE: f32 = 1e-4;

/// Runs a property on random networks.
fn on_random_networks(cases: u32, property: impl Fn(&Recipe, &Network) -> Result<(), TestCaseError>) {
    TestRunner::new(random::config(cases))
        .run(&recipe(), |recipe| property(&recipe, &recipe.network()))
        .unwrap_or_else(|e| panic!("{e}"));
}

fn batch(recipe: &Recipe, network: &Network, samples: u32, constant: bool) -> Tensor {
    let data: Vec<f32> = (0..samples).flat_map(|n| recipe.sample(network, n, constant)).collect();
    let frames = if constant { vec![] } else { vec![recipe.steps] };
    Tensor::new([vec![samples as usize], frames, network.input.shape.clone()].concat(), data).unwrap()
}

fn run(network: &Network, batch: &Tensor, options: Options) -> Output {
    Session::new(network.clone(), options).unwrap().run(batch).unwrap()
}

fn recording(recipe: &Recipe) -> Options {
    Options { steps: Some(recipe.steps), readout: Some(Readout::Trace), record: true, ..Default::default() }
}

/// The bits, so that -0 and NaN count; no result has either, but for zeros that differ in sign.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| (x + 0.0).to_bits()).collect()
}

#[test]
fn plans_compute_what_the_equations_say() {
    let (spikes, populations, operations) = (Cell::new(0u64), Cell::new(0), Cell::new(0u64));
    on_random_networks(300, |recipe, network| {
        let constant = recipe.steps % 2 == 0;
        let input = batch(recipe, network, 1, constant);
        let frame: usize = network.input.shape.iter().product();
        let frames: Vec<&[f32]> =
            (0..recipe.steps).map(|t| &input.data()[if constant { 0 } else { t * frame }..][..frame]).collect();
        let expected = oracle::run(network, &frames);
        let output = run(network, &input, recording(recipe));
        for r in &output.recordings[0] {
            let seen = &expected.populations[&r.layer];
            prop_assert_eq!(&r.spikes, &seen.spikes, "spikes of {}", &r.layer);
            prop_assert_eq!(bits(&r.h), bits(&seen.h), "h of {}", &r.layer);
            prop_assert_eq!(bits(&r.v), bits(&seen.v), "v of {}", &r.layer);
            spikes.set(spikes.get() + r.spikes.iter().map(|&s| u64::from(s)).sum::<u64>());
            populations.set(populations.get() + 1);
        }
        prop_assert_eq!(output.recordings[0].len(), expected.populations.len());
        prop_assert_eq!(bits(output.scores.data()), bits(&expected.trace), "trace");
        // A mean is computed another way: from spike counts, where the last layer is linear.
        let options = Options { record: false, readout: Some(Readout::Mean), ..recording(recipe) };
        let mean = run(network, &input, options);
        let row = expected.trace.len() / recipe.steps;
        for (o, got) in mean.scores.data().iter().enumerate() {
            let steps = expected.trace.iter().skip(o).step_by(row);
            let largest = steps.clone().fold(1.0f32, |m, x| m.max(x.abs()));
            let expected = steps.sum::<f32>() / recipe.steps as f32;
            prop_assert!((got - expected).abs() <= MEAN_TOLERANCE * largest, "mean {got}, expected {expected}");
        }
        for metrics in [&output.metrics, &mean.metrics] {
            prop_assert_eq!(metrics.weighted.len(), expected.operations.len());
            for w in &metrics.weighted {
                let (effective, dense, unit) = expected.operations[&w.layer];
                let got = (w.accumulates, w.multiply_accumulates, w.dense);
                let split = if unit { (effective, 0) } else { (0, effective) };
                prop_assert_eq!(got, (split.0, split.1, dense), "operations of {}", &w.layer);
                operations.set(operations.get() + effective);
            }
        }
        Ok(())
    });
    println!("{} populations, {} spikes, {} operations", populations.get(), spikes.get(), operations.get());
    assert!(populations.get() > 150 && spikes.get() > 5_000 && operations.get() > 50_000);
}

#[test]
fn batch_and_threads_change_nothing() {
    let spikes = Cell::new(0);
    on_random_networks(20, |recipe, network| {
        let constant = recipe.steps % 2 == 0;
        let input = batch(recipe, network, 64, constant);
        let row = input.len() / 64;
        let mut whole = None;
        for (size, threads) in [(64, 1), (64, 2), (64, 5), (7, 2), (1, 1)] {
            let options = Options { steps: Some(recipe.steps), threads: Some(threads), ..Default::default() };
            let mut session = Session::new(network.clone(), options).unwrap();
            let mut scores = Vec::new();
            let mut metrics = saltatory::run::Metrics::default();
            for part in input.data().chunks(size * row) {
                let mut shape = input.shape().to_vec();
                shape[0] = part.len() / row;
                let output = session.run(&Tensor::new(shape, part.to_vec()).unwrap()).unwrap();
                scores.extend(output.scores.into_data());
                metrics.add(&output.metrics);
            }
            let got = (scores.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), metrics);
            let whole = whole.get_or_insert_with(|| got.clone());
            prop_assert!(*whole == got, "batch {size}, {threads} threads");
            spikes.set(spikes.get() + got.1.populations.iter().map(|p| p.spikes).sum::<u64>());
        }
        Ok(())
    });
    assert!(spikes.get() > 5_000, "{}", spikes.get());
}

#[test]
fn a_stream_gives_what_a_batch_gives() {
    let spikes = Cell::new(0);
    on_random_networks(100, |recipe, network| {
        let input = batch(recipe, network, 1, false);
        let whole = run(network, &input, recording(recipe));
        let mut session = Session::new(network.clone(), Options { steps: None, ..recording(recipe) }).unwrap();
        let frame: usize = network.input.shape.iter().product();
        // Twice: a reset forgets everything.
        for _ in 0..2 {
            session.reset();
            for (t, values) in input.data().chunks(frame).enumerate() {
                let step = session.step(&Tensor::new(network.input.shape.clone(), values.to_vec()).unwrap()).unwrap();
                let row = step.scores.len();
                prop_assert_eq!(bits(step.scores.data()), bits(&whole.scores.data()[t * row..][..row]), "step {}", t);
                for (one, all) in step.recordings[0].iter().zip(&whole.recordings[0]) {
                    prop_assert_eq!(&one.layer, &all.layer);
                    let n = one.h.len();
                    prop_assert_eq!(bits(&one.h), bits(&all.h[t * n..][..n]), "h of {}", &one.layer);
                    prop_assert_eq!(bits(&one.v), bits(&all.v[t * n..][..n]), "v of {}", &one.layer);
                    let n = one.spikes.len();
                    prop_assert_eq!(&one.spikes[..], &all.spikes[t * n..][..n], "spikes of {}", &one.layer);
                    spikes.set(spikes.get() + one.spikes.iter().map(|&s| u64::from(s)).sum::<u64>());
                }
            }
        }
        Ok(())
    });
    assert!(spikes.get() > 3_000, "{}", spikes.get());
}

#[test]
fn memory_is_written_before_it_is_read() {
    let active = Cell::new(0);
    on_random_networks(100, |recipe, network| {
        for streaming in [false, true] {
            let steps = if streaming { 1 } else { recipe.steps };
            let readout = if recipe.steps % 3 == 0 { Readout::Trace } else { Readout::Mean };
            let constant_input = !streaming && recipe.steps % 2 == 0;
            let request = Request { steps, streaming, readout, constant_input, record: true, ..Default::default() };
            let plan = compile(network, &request).unwrap();
            let input = recipe.sample(network, 0, constant_input);
            let frame: usize = network.input.shape.iter().product();
            let windows: Vec<&[f32]> = if streaming { input.chunks(frame).collect() } else { vec![&input] };
            // A NaN, a large count and all bits.
            let mut results = Vec::new();
            for word in [0, 0x7fc0_dead, u32::MAX] {
                let mut workspace = Workspace::new(&plan);
                workspace.poison(word);
                let mut seen = Vec::new();
                for (clock, input) in windows.iter().enumerate() {
                    let window = Window { batch: 1, start: 0, steps: plan.window_steps(), at: 0, clock: clock as u64 };
                    workspace.window(&plan, window, input);
                    let observed = plan.populations.iter().flat_map(|p| [Some(p.tally), p.spikes, p.traces]).flatten();
                    let meters = plan.weighted.iter().filter_map(|w| w.meter);
                    for buffer in observed.chain(meters).chain([plan.scores]) {
                        seen.extend_from_slice(workspace.buffer(&plan, buffer));
                    }
                }
                results.push(seen);
            }
            active.set(active.get() + results[0].iter().filter(|&&word| word != 0).count());
            prop_assert!(results[0] == results[1] && results[0] == results[2], "streaming {streaming}");
        }
        Ok(())
    });
    assert!(active.get() > 10_000, "{}", active.get());
}

/// A network file has a word for everything a network can say.
#[test]
fn networks_survive_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    on_random_networks(150, |_, network| {
        if network.nodes.len() == 1 {
            return Ok(()); // a file wants a layer
        }
        checkpoint::save(network, &path).unwrap();
        // A file lists edges by where they go.
        let [mut read, mut network] = [checkpoint::read(&path).unwrap(), network.clone()];
        read.edges.sort_by_key(|e| e.to);
        network.edges.sort_by_key(|e| e.to);
        prop_assert_eq!(read, network);
        Ok(())
    });
}

#[test]
fn random_networks_are_of_every_kind() {
    let counts = std::cell::RefCell::new(std::collections::BTreeMap::new());
    on_random_networks(400, |_, network| {
        for node in &network.nodes {
            *counts.borrow_mut().entry(node.layer.kind()).or_insert(0) += 1;
        }
        let recurrent = network.edges.iter().any(|e| e.delay > 0);
        *counts.borrow_mut().entry("delayed edge").or_insert(0) += u32::from(recurrent);
        let grouped = network.nodes.iter().any(|n| matches!(&n.layer, Layer::Conv(c) if c.groups > 1));
        *counts.borrow_mut().entry("groups").or_insert(0) += u32::from(grouped);
        Ok(())
    });
    for kind in [
        "conv1d",
        "conv2d",
        "linear",
        "batch_norm",
        "max_pool",
        "avg_pool",
        "sum_pool",
        "flatten",
        "scale",
        "add",
        "delay",
        "dropout",
        "if",
        "lif",
        "plif",
        "cuba_lif",
        "li",
        "integrator",
        "threshold",
        "delayed edge",
        "groups",
    ] {
        assert!(counts.borrow().get(kind).is_some_and(|&n| n >= 5), "{kind}: {:?}", counts.borrow());
    }
}

#[test]
fn weights_in_pieces_change_nothing() {
    let mut pieces = 0;
    for (name, network) in saltatory::run::verify::networks().unwrap() {
        let frame: usize = network.input.shape.iter().product();
        let mut noise = random::Noise::new(5);
        let input: Vec<f32> = (0..6 * frame).map(|_| f32::from(noise.next() < 0.3)).collect();
        let mut results = Vec::new();
        for binding_limit in [usize::MAX, 1] {
            let request =
                Request { steps: 6, constant_input: false, record: true, binding_limit, ..Default::default() };
            let plan = compile(&network, &request).unwrap();
            let mut workspace = Workspace::new(&plan);
            workspace.poison(u32::MAX);
            workspace.window(&plan, Window { batch: 1, start: 0, steps: 6, at: 0, clock: 0 }, &input);
            let observed = plan.populations.iter().flat_map(|p| [Some(p.tally), p.spikes, p.traces]).flatten();
            let seen: Vec<u32> =
                observed.chain([plan.scores]).flat_map(|b| workspace.buffer(&plan, b)).copied().collect();
            results.push((seen, plan.steps().count()));
        }
        assert!(results[0].0 == results[1].0, "{name}");
        pieces += results[1].1 - results[0].1;
    }
    assert!(pieces >= 3, "{pieces}");
}

#[test]
fn the_fast_machine_gives_what_the_plain_twins_give() {
    use saltatory::run::{Device, verify};
    let verdicts = verify::verify(&Device::Cpu, |_| {}).unwrap();
    for verdict in &verdicts {
        assert_eq!(verdict.difference, None, "{}", verdict.name);
        assert!(verdict.spikes > 20, "{verdict:?}");
    }
    let spikes = Cell::new(0);
    on_random_networks(300, |recipe, network| {
        let input = batch(recipe, network, 2, recipe.steps % 2 == 0);
        let options = |device| Options { device, steps: Some(recipe.steps), slice: Some(3), ..Default::default() };
        let expected = run(network, &input, options(Device::Reference));
        let got = run(network, &input, options(Device::Cpu));
        spikes.set(spikes.get() + got.metrics.populations.iter().map(|p| p.spikes).sum::<u64>());
        prop_assert_eq!(verify::difference(&expected, &got), None);
        Ok(())
    });
    assert!(spikes.get() > 10_000, "{}", spikes.get());
}

/// In every step; scores over all steps a linear read-out takes from spike counts.
#[test]
fn layers_made_sparse_give_what_dense_ones_give() {
    use saltatory::run::{Device, verify};
    let (spikes, layers) = (Cell::new(0), Cell::new(0));
    on_random_networks(150, |recipe, network| {
        let input = batch(recipe, network, 2, recipe.steps % 2 == 0);
        let sparse = network.sparsified(0.0).unwrap();
        layers.set(layers.get() + sparse.nodes.iter().filter(|n| matches!(n.layer, Layer::SparseLinear(_))).count());
        let expected = run(network, &input, Options { device: Device::Reference, ..recording(recipe) });
        for device in [Device::Reference, Device::Cpu] {
            let got = run(&sparse, &input, Options { device, ..recording(recipe) });
            prop_assert_eq!(verify::difference(&expected, &got), None);
        }
        spikes.set(spikes.get() + expected.metrics.populations.iter().map(|p| p.spikes).sum::<u64>());
        Ok(())
    });
    assert!(spikes.get() > 5_000 && layers.get() > 50, "{} {}", spikes.get(), layers.get());
}

/// Output rows under which no input lies.
#[test]
fn rows_of_padding_alone_are_computed() {
    use saltatory::network::{InputKind, InputSpec};
    use saltatory::neuron::Lif;
    use saltatory::run::{Device, verify};
    let input = InputSpec { kind: InputKind::Bits, ..Default::default() };
    let layers = Network::new([40, 2, 3]).input(input).conv2d(33, 1).padding(2).spiking(Lif::tau(2.0));
    let mut network = layers.flatten().linear(5).build().unwrap();
    network.init(1).unwrap();
    let mut noise = random::Noise::new(3);
    let values = (0..2 * 5 * 240).map(|_| f32::from(noise.next() < 0.3)).collect();
    let batch = Tensor::new([2, 5, 40, 2, 3], values).unwrap();
    let output = |device| run(&network, &batch, Options { device, ..Default::default() });
    assert_eq!(verify::difference(&output(Device::Reference), &output(Device::Cpu)), None);
}

/// A sample that is alone is spread over threads where it is large enough.
#[test]
fn a_large_sample_gives_the_same_on_any_number_of_threads() {
    use saltatory::network::{InputKind, InputSpec};
    use saltatory::neuron::Lif;
    use saltatory::run::{Device, verify};
    let input = InputSpec { kind: InputKind::Bits, ..Default::default() };
    let layers = Network::new([8, 64, 60]).input(input).conv2d(40, 3).padding(1).spiking(Lif::tau(2.0)).max_pool(2);
    let mut network = layers.conv2d(64, 3).spiking(Lif::tau(3.0)).flatten().linear(5).build().unwrap();
    network.init(1).unwrap();
    for node in &mut network.nodes {
        if let Layer::Conv(conv) = &mut node.layer {
            conv.weight.as_mut().unwrap().data_mut().iter_mut().for_each(|w| *w = 3.0 * *w + 0.05);
        }
    }
    let mut noise = random::Noise::new(3);
    let values = (0..9 * 8 * 64 * 60).map(|_| f32::from(noise.next() < 0.3)).collect();
    let sample = Tensor::new([1, 9, 8, 64, 60], values).unwrap();
    for slice in [None, Some(7)] {
        let output = |device, threads| {
            run(&network, &sample, Options { device, threads: Some(threads), slice, ..Default::default() })
        };
        let expected = output(Device::Reference, 1);
        assert!(expected.metrics.populations.iter().all(|p| p.spikes > 1_000), "{:?}", expected.metrics.populations);
        for threads in [1, 3] {
            assert_eq!(verify::difference(&expected, &output(Device::Cpu, threads)), None, "{threads} threads");
        }
    }
}

/// Large layers of few spikes add rows as they lie in memory, large ones of many spikes lists; both over threads.
#[test]
fn large_linear_layers_give_what_the_plain_twins_give() {
    use saltatory::network::{InputKind, InputSpec};
    use saltatory::neuron::Lif;
    use saltatory::run::{Device, verify};
    let input = InputSpec { kind: InputKind::Bits, ..Default::default() };
    // Of the second layer the output is currents.
    let layers = Network::new([70, 5, 6]).input(input).flatten().linear(2010).spiking(Lif::tau(2.0));
    let mut network = layers.linear(2100).scale(Tensor::vector(vec![1.5])).spiking(Lif::tau(2.0)).build().unwrap();
    network.init(1).unwrap();
    let mut noise = random::Noise::new(3);
    let rates = [0.0, 0.002, 0.01, 0.05, 0.3];
    let mut batch = |rates: &[f32]| {
        let of_step = |&rate: &f32| (0..2100).map(|_| f32::from(noise.next() < rate)).collect::<Vec<f32>>();
        Tensor::new([1, rates.len(), 70, 5, 6], rates.iter().flat_map(of_step).collect()).unwrap()
    };
    for node in &mut network.nodes {
        if let Layer::Linear(linear) = &mut node.layer {
            linear.weight.as_mut().unwrap().data_mut().iter_mut().for_each(|w| *w = 30.0 * *w + 0.03);
        }
    }
    for sample in [batch(&rates), batch(&rates[..3])] {
        let output =
            |device, threads| run(&network, &sample, Options { device, threads: Some(threads), ..Default::default() });
        let expected = output(Device::Reference, 1);
        assert!(expected.metrics.populations.iter().all(|p| p.spikes > 50), "{:?}", expected.metrics.populations);
        for threads in [1, 3] {
            assert_eq!(verify::difference(&expected, &output(Device::Cpu, threads)), None, "{threads} threads");
        }
    }
}

/// Of the network for event lists: in one window some steps read lists and others words, in every layer that has lists.
#[test]
fn a_window_reads_lists_and_words() {
    use saltatory::kernel::Kernel;
    use saltatory::run::{Device, verify};
    let cases = verify::cases().unwrap();
    let case = cases.into_iter().find(|case| case.name == "event lists, recorded").unwrap();
    let plan = case.session(&Device::Reference).unwrap().plan(Some(6)).unwrap();
    let most = plan.steps().filter_map(|step| match step.kernel {
        Kernel::Linear(p) => Some(p.most_events),
        Kernel::LinearSpike(p) => Some(p.most_events),
        _ => None,
    });
    let most: Vec<u32> = most.collect();
    let output = case.run(&Device::Reference).unwrap();
    // What comes in, then the spikes of every population but the last, are what these layers read.
    let fired = |layer: usize, sample: usize, t: usize| {
        let count = |values: &[f32]| values.iter().filter(|&&x| x != 0.0).count();
        if layer == 0 {
            let frame = 1200;
            return count(&case.input.data()[(sample * 6 + t) * frame..][..frame]);
        }
        let spikes = &output.recordings[sample][layer - 1].spikes;
        spikes[t * spikes.len() / 6..(t + 1) * spikes.len() / 6].iter().filter(|&&s| s > 0).count()
    };
    assert_eq!(most, [360, 30, 21, 6]);
    for (layer, &most) in most.iter().enumerate() {
        let mixed = (0..5).any(|sample| {
            let listed = (0..6).filter(|&t| fired(layer, sample, t) <= most as usize).count();
            (1..6).contains(&listed)
        });
        assert!(mixed, "layer {layer}");
    }
}
