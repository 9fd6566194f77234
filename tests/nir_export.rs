//! Writing NIR: what is read back computes the same, to the bit; what NIR cannot say is refused by name.

#![cfg(feature = "nir")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "nir_export/random.rs"]
mod random;

use std::path::{Path, PathBuf};

use saltatory::io::nir::{Options, WriteOptions, Written, read, write};
use saltatory::layer::Layer;
use saltatory::network::{DialectChoice, Edge, Node};
use saltatory::neuron::rules::{InputGain, Reset, SpikesPerStep, VInit};
use saltatory::neuron::{CubaLif, Decay, Dialect, If, Li, Lif, Model, Neuron, Param, ParametricLif, RuleChanges};
use saltatory::run::{Options as RunOptions, Output};
use saltatory::{Network, Result, Session, Tensor};

const APART: WriteOptions = WriteOptions { dt: None, rules_apart: true };

/// Writes a network and reads it as the writer says.
fn there_and_back(network: &Network, options: &WriteOptions) -> Result<(Network, Written)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.nir");
    let written = write(network, &path, options)?;
    // By way of the file that a user would keep.
    let reading = DialectChoice::from_toml(&written.reading.to_toml()?, Path::new("reading.toml"))?;
    assert_eq!(reading, written.reading);
    Ok((read_as(&path, reading), written))
}

fn read_as(path: &Path, reading: DialectChoice) -> Network {
    let (dialect, dt) = (reading.dialect.unwrap(), reading.dt);
    read(path, &Options { dialect, dt, rules: reading.rules, node_rules: reading.nodes }).unwrap()
}

fn run(network: &Network, samples: &Tensor) -> Output {
    let options = RunOptions { record: true, ..Default::default() };
    Session::new(network.clone(), options).unwrap().run(samples).unwrap()
}

/// Samples `[2, steps, ...]` for a network.
fn samples(network: &Network, steps: usize, seed: u64) -> Tensor {
    let shape = [&[2, steps], &network.input.shape[..]].concat();
    let mut numbers = random::Numbers::new(seed);
    let data = (0..shape.iter().product()).map(|_| numbers.between(-0.5, 2.0) as f32).collect();
    Tensor::new(shape, data).unwrap()
}

/// Both networks give the same, to the bit: scores, and the spikes and potentials of every population.
fn same(a: &Network, b: &Network, seed: u64, what: &str) -> u64 {
    let x = samples(a, 12, seed);
    let (a, b) = (run(a, &x), run(b, &x));
    assert_eq!(a.scores, b.scores, "{what}");
    let mut spikes = 0;
    for (a, b) in a.recordings.iter().zip(&b.recordings) {
        for a in a {
            let b = b.iter().find(|b| b.layer == a.layer).unwrap_or_else(|| panic!("{what}: {} is gone", a.layer));
            assert_eq!(a.spikes, b.spikes, "{what}: {}", a.layer);
            assert!(a.h == b.h && a.v == b.v && a.i == b.i, "{what}: potentials of {}", a.layer);
            spikes += a.spikes.iter().map(|&s| u64::from(s)).sum::<u64>();
        }
    }
    spikes
}

/// A bias of zeros is none: Sinabs wants one in every linear layer.
fn without_zero_biases(network: &mut Network) {
    for node in &mut network.nodes {
        if let Layer::Linear(linear) = &mut node.layer
            && linear.bias.as_ref().is_some_and(|bias| bias.data().iter().all(|&b| b == 0.0))
        {
            (linear.bias, linear.has_bias) = (None, false);
        }
    }
}

#[test]
fn files_of_other_frameworks_come_back_equal() {
    fn nir_files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                nir_files(&path, found);
            } else if path.extension().is_some_and(|e| e == "nir") {
                found.push(path);
            }
        }
    }
    let shared = std::env::var_os("SALTATORY_SHARED").map_or_else(|| "../shared".into(), PathBuf::from);
    let mut found = Vec::new();
    nir_files(&shared.join("nir"), &mut found);
    nir_files(&shared.join("goldens/nir"), &mut found);
    if found.is_empty() {
        println!("skipped: no files in {} (set SALTATORY_SHARED)", shared.display());
    }
    for path in &found {
        for dialect in Dialect::ALL {
            let network = read(path, &Options { dialect, ..Default::default() });
            // Published files include ones that are refused.
            let Ok(mut network) = network else { continue };
            let (mut back, written) = there_and_back(&network, &WriteOptions::default())
                .unwrap_or_else(|e| panic!("{} as {}: {e}", path.display(), dialect.name()));
            assert!(written.reading.rules == RuleChanges::default() && written.reading.nodes.is_empty());
            back.name.clone_from(&network.name);
            without_zero_biases(&mut network);
            without_zero_biases(&mut back);
            let place = format!("{} as {}", path.display(), dialect.name());
            let names = |n: &Network| n.nodes.iter().map(|n| n.name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&network), names(&back), "{place}");
            assert!(network == back, "{place}");
        }
    }
    println!("{} files", found.len());
}

/// NIR has dense matrices alone.
#[test]
fn a_sparse_layer_comes_back_as_a_dense_one() {
    let build = |builder: saltatory::network::Builder| builder.spiking(Lif::tau(2.0)).build().unwrap();
    let mut sparse = build(Network::new([30]).sparse_linear(20).fan_in(4, 1));
    sparse.init(5).unwrap();
    let Layer::SparseLinear(layer) = &sparse.nodes[1].layer else { panic!("expected a sparse layer") };
    let weight = layer.weight.as_ref().unwrap().to_dense().unwrap();
    let (back, _) = there_and_back(&sparse, &WriteOptions::default()).unwrap();
    let fc = &back.nodes[back.node("sparse_linear1").unwrap()].layer;
    let Layer::Linear(linear) = fc else { panic!("expected a linear layer, got {fc:?}") };
    assert_eq!((linear.weight.as_ref(), &linear.bias), (Some(&weight), &layer.bias));

    let mut large = build(Network::new([8193]).sparse_linear(8192).name("wide").fan_in(1, 1));
    large.init(5).unwrap();
    let error = there_and_back(&large, &WriteOptions::default()).unwrap_err().to_string();
    assert!(error.contains("layer `wide`") && error.contains("67108864") && error.contains("safetensors"), "{error}");
}

#[test]
fn random_networks_come_back_with_the_same_spikes() {
    let (mut spikes, mut plain) = (0, 0);
    for seed in 0..150 {
        let network = random::network(seed);
        let what = format!("seed {seed}, {}", network.dialect.name());
        let (back, written) = there_and_back(&network, &APART).unwrap_or_else(|e| panic!("{what}: {e}"));
        spikes += same(&network, &back, seed, &what);
        // Without rules beside it a file is written where there are none, and only there.
        let bare = |changes: &RuleChanges| RuleChanges { form: None, ..*changes } == RuleChanges::default();
        let needs_none = bare(&written.reading.rules) && written.reading.nodes.values().all(bare);
        plain += u32::from(needs_none);
        let result = there_and_back(&network, &WriteOptions::default());
        assert_eq!(result.is_ok(), needs_none, "{what}: {:?}", written.reading);
    }
    assert!(spikes > 10_000, "only {spikes} spikes");
    assert!(plain > 20, "only {plain} networks need no rules beside the file");
    println!("{spikes} spikes, {plain} networks without rules of their own");
}

fn ready(builder: saltatory::network::Builder) -> Network {
    let mut network = builder.build().unwrap();
    network.init(5).unwrap();
    network
}

fn model(network: &Network, name: &str) -> Model {
    match &network.nodes[network.node(name).unwrap()].layer {
        Layer::Neuron(neuron) => neuron.model.clone(),
        other => panic!("`{name}` is a {}", other.kind()),
    }
}

#[test]
fn parameters_are_those_that_the_frameworks_write() {
    let leaky = ready(Network::new([4]).dialect(Dialect::SnnTorch).linear(3).spiking(Lif::beta(0.9)).name("lif"));
    let (back, written) = there_and_back(&leaky, &WriteOptions::default()).unwrap();
    let Model::Lif(lif) = model(&back, "lif") else { panic!("expected LIF") };
    // As export_to_nir computes them: tau = dt / (1 - beta), r = tau / dt.
    let tau = 1e-4 / (1.0 - 0.9);
    let Decay::Tau(Param::Shared(read)) = lif.decay else { panic!("expected one tau") };
    assert!((read - tau).abs() < 1e-15, "{read} for {tau}");
    assert!(matches!(lif.r, Param::Shared(r) if (r - tau / 1e-4).abs() < 1e-9));
    assert_eq!((written.reading.dialect, written.reading.dt), (Some(Dialect::SnnTorch), Some(1e-4)));
    assert!(written.notes.iter().any(|n| n.contains("reset_mechanism")), "{:?}", written.notes);

    let synaptic =
        CubaLif { decay_syn: Decay::Factor(0.8.into()), decay_mem: Decay::Factor(0.5.into()), ..Default::default() };
    let synaptic = ready(Network::new([4]).dialect(Dialect::SnnTorch).linear(3).spiking(synaptic).name("lif"));
    let (back, _) = there_and_back(&synaptic, &WriteOptions::default()).unwrap();
    let Model::CubaLif(cuba) = model(&back, "lif") else { panic!("expected CubaLIF") };
    assert!(matches!(cuba.w_in, Param::Shared(w) if (w - 5.0).abs() < 1e-9), "{:?}", cuba.w_in);

    let integrators = ready(Network::new([4]).linear(3).spiking(If::default()).name("if"));
    let (back, _) = there_and_back(&integrators, &WriteOptions::default()).unwrap();
    let Model::If(integrate) = model(&back, "if") else { panic!("expected IF") };
    assert_eq!(integrate.r, Param::Shared(1e4), "SpikingJelly writes 1 / dt");

    let learned = ParametricLif { w: 0.3.into(), ..ParametricLif::default() };
    let learned = ready(Network::new([4]).linear(3).spiking(learned).name("plif"));
    let (back, _) = there_and_back(&learned, &WriteOptions::default()).unwrap();
    assert!(matches!(model(&back, "plif"), Model::Lif(_)));
    same(&learned, &back, 1, "PLIF");

    // SpikingJelly without decay_input: r = tau in steps says it, and no rule is needed.
    let rules = RuleChanges { input_gain: Some(InputGain::One), ..Default::default() };
    let undivided = ready(Network::new([4]).rules(rules).linear(3).spiking(Lif::tau(3.0)).name("lif"));
    let (back, written) = there_and_back(&undivided, &WriteOptions::default()).unwrap();
    assert_eq!(written.reading.rules, RuleChanges::default());
    let Model::Lif(lif) = model(&back, "lif") else { panic!("expected LIF") };
    assert!(matches!(lif.r, Param::Shared(r) if (r - 3.0).abs() < 1e-9), "{:?}", lif.r);
    same(&undivided, &back, 2, "without decay_input");
}

#[test]
fn rules_that_differ_are_refused_or_handed_on() {
    let rules = RuleChanges { reset: Some(Reset::Subtract), ..Default::default() };
    let soft = ready(Network::new([4]).linear(3).spiking(Lif::tau(2.0)).name("lif").linear(2).spiking(Li::default()));
    let soft = Network { rules, ..soft };
    let message = there_and_back(&soft, &WriteOptions::default()).unwrap_err().to_string();
    for part in ["lif", "reset = \"subtract\"", "\"hard\"", "spikingjelly", "--rules"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let (back, written) = there_and_back(&soft, &APART).unwrap();
    assert_eq!(written.reading.rules, rules, "the whole network's, since the read-out does not mind");
    assert!(written.reading.nodes.is_empty());
    same(&soft, &back, 3, "soft reset");

    // Rules of single populations, and keys that change nothing.
    let one = RuleChanges { spikes: Some(SpikesPerStep::One), ..Default::default() };
    let idle = RuleChanges { reset_keeps_input: Some(false), detach_reset: Some(true), ..one };
    let mixed = Network::new([4]).dialect(Dialect::Sinabs).linear(3).spiking(Neuron::from(If::default()).with(idle));
    let mixed = ready(mixed.name("first").linear(2).spiking(If::default()).name("second"));
    let (back, written) = there_and_back(&mixed, &APART).unwrap();
    assert_eq!(written.reading.rules, RuleChanges::default());
    assert_eq!(written.reading.nodes.into_iter().collect::<Vec<_>>(), [("first".to_owned(), one)]);
    same(&mixed, &back, 4, "single rules");

    let started = ready(Network::new([4]).linear(3).spiking(Neuron::from(Lif::tau(2.0)).starting_at(0.25)).name("lif"));
    let (back, written) = there_and_back(&started, &APART).unwrap();
    assert_eq!(written.reading.rules.v_init, Some(VInit::Value(0.25)));
    same(&started, &back, 5, "v_init");
}

#[test]
fn weights_take_up_what_nir_has_no_word_for() {
    let convolution = Network::new([2, 6, 6]).conv2d(4, 3).no_bias().batch_norm().name("norm");
    let halves = Tensor::vector(vec![0.5, 2.0, 1.0, 0.25, 4.0]);
    let rest = convolution.spiking(Lif::tau(2.0)).avg_pool(2).dropout(0.5).linear(5).scale(halves).name("scale");
    let mut network = ready(rest.spiking(If::default()));
    for node in &mut network.nodes {
        if let Layer::BatchNorm(norm) = &mut node.layer {
            norm.running_mean = Some(Tensor::vector(vec![0.1, -0.2, 0.3, 0.0]));
            norm.running_var = Some(Tensor::vector(vec![0.5, 2.0, 0.1, 1.0]));
            norm.weight = Some(Tensor::vector(vec![1.5, 2.5, -1.0, 1.0]));
        }
    }
    let (back, written) = there_and_back(&network, &WriteOptions::default()).unwrap();
    let kinds: Vec<&str> = back.nodes.iter().map(|n| n.layer.kind()).collect();
    assert_eq!(kinds, ["input", "conv2d", "lif", "avg_pool", "flatten", "linear", "if"]);
    assert_eq!((written.nodes, written.edges), (8, 7));
    assert!(same(&network, &back, 6, "folded") > 0);

    // Thirds are not exact as part of weights; they stay a scale.
    let thirds = ready(Network::new([3]).linear(2).scale(Tensor::vector(vec![1.0 / 3.0, 3.0])).spiking(If::default()));
    let (back, written) = there_and_back(&thirds, &WriteOptions::default()).unwrap();
    assert_eq!(back.nodes[2].layer.kind(), "scale");
    assert!(written.notes.iter().any(|n| n.contains("knows no layer")), "{:?}", written.notes);
    same(&thirds, &back, 7, "scale");
}

#[test]
fn delays_are_nodes_but_where_a_cycle_implies_them() {
    let recurrent = Network::new([3]).dialect(Dialect::SnnTorch).linear(4).spiking(Lif::beta(0.5)).name("lif");
    let recurrent = ready(recurrent.recurrent(true).linear(2).name("fc").spiking(Lif::beta(0.25)));
    let (back, _) = there_and_back(&recurrent, &WriteOptions::default()).unwrap();
    assert!(back.nodes.iter().all(|n| n.layer.kind() != "delay"));
    assert!(same(&recurrent, &back, 8, "recurrent") > 0);

    // A longer way round, a delay forward, and two edges between the same nodes.
    let mut network = recurrent.clone();
    let [lif, w_rec, fc] = ["lif", "lif.w_rec", "fc"].map(|name| network.node(name).unwrap());
    network.edges.iter_mut().find(|e| (e.from, e.to) == (lif, w_rec)).unwrap().delay = 3;
    network.edges.push(Edge { from: lif, to: fc, delay: 2 });
    network.check().unwrap();
    let (back, _) = there_and_back(&network, &WriteOptions::default()).unwrap();
    assert_eq!(back.nodes.iter().filter(|n| n.layer.kind() == "delay").count(), 2);
    assert!(same(&network, &back, 9, "delays") > 0);

    // The delay is behind the weights, where no reader would put it.
    let mut network = recurrent;
    for edge in &mut network.edges {
        match (edge.from, edge.to) {
            (from, to) if (from, to) == (lif, w_rec) => edge.delay = 0,
            (from, to) if (from, to) == (w_rec, lif) => edge.delay = 1,
            _ => {}
        }
    }
    let (back, _) = there_and_back(&network, &WriteOptions::default()).unwrap();
    assert_eq!(back.nodes.iter().filter(|n| n.layer.kind() == "delay").count(), 1);
    assert!(same(&network, &back, 10, "a delay behind weights") > 0);
}

#[test]
fn an_output_may_be_a_sum() {
    let network = Network::new([3]).linear(3).name("a").spiking(Lif::tau(2.0)).name("lif").linear(3).name("b");
    let network = ready(network.add("lif").name("sum"));
    let (back, _) = there_and_back(&network, &WriteOptions::default()).unwrap();
    assert_eq!(back.nodes[back.output].name, "sum");
    same(&network, &back, 11, "a sum");
}

#[test]
fn a_max_pool_of_spikes_is_a_sum_above_a_half() {
    for dialect in Dialect::ALL {
        let first = Network::new([2, 7, 6]).dialect(dialect).conv2d(4, 3).padding(1);
        let spikes = RuleChanges { spikes: Some(SpikesPerStep::One), ..Default::default() };
        // NIR's own dialect takes the input times dt.
        let r = if dialect == Dialect::Nir { 1e4 } else { 1.0 };
        let neuron = If { threshold: 0.4.into(), r: r.into(), ..If::default() };
        let network = first.spiking(neuron.clone()).max_pool(2).name("pool").flatten().linear(3);
        let network = Network { rules: spikes, ..ready(network.spiking(neuron)) };
        let (back, _) = there_and_back(&network, &APART).unwrap();
        let kinds: Vec<&str> = back.nodes.iter().map(|n| n.layer.kind()).collect();
        assert_eq!(kinds, ["input", "conv2d", "if", "sum_pool", "threshold", "flatten", "linear", "if"]);
        assert!(same(&network, &back, 12, dialect.name()) > 0);
    }
}

/// What must be in the message where a network cannot be written.
fn refused(network: &Network, parts: &[&str]) {
    let message = there_and_back(network, &APART).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "expected {part}: {message}");
    }
}

#[test]
fn what_nir_cannot_say_is_refused_by_name() {
    refused(&ready(Network::new([1, 4, 4]).conv2d(2, 3).max_pool(2).name("top")), &["top", "max pool", "average"]);
    let counts = Network::new([1, 4, 4]).dialect(Dialect::Sinabs).conv2d(2, 3).spiking(If::default()).max_pool(2);
    refused(&ready(counts.name("top")), &["top", "max pool", "single spikes"]);
    let behind = Network::new([1, 4, 4]).conv2d(2, 3).spiking(Lif::tau(2.0)).batch_norm().name("norm");
    refused(&ready(behind), &["norm", "batch norm", "directly behind"]);
    let shared = Network::new([4]).linear(4).name("fc").batch_norm().name("norm").add("fc");
    refused(&ready(shared), &["norm", "batch norm"]);
    let slash = Network::new([4]).linear(2).name("a/b");
    refused(&ready(slash), &["a/b", "rename"]);
    let twice = ready(Network::new([4]).linear(4).name("fc").dropout(0.1).name("drop").add("fc").name("sum"));
    refused(&twice, &["sum", "fc", "twice"]);
    let growing = Lif { decay: Decay::Factor(1.5.into()), ..Default::default() };
    refused(&ready(Network::new([4]).linear(2).spiking(growing).name("lif")), &["lif", "1.5", "grows"]);
    let uneven = Neuron::from(Lif::tau(2.0)).starting_at(vec![0.0, 0.5]);
    refused(&ready(Network::new([4]).linear(2).spiking(uneven).name("lif")), &["lif", "v_init"]);
    let unloaded = Network::new([4]).linear(2).name("fc").build().unwrap();
    refused(&unloaded, &["fc", "--weights"]);
    let mut own_past = ready(Network::new([4]).linear(2).name("fc"));
    own_past.nodes.push(Node { name: "sum".into(), layer: Layer::Add });
    own_past.edges.extend([(1, 0), (2, 1)].map(|(from, delay)| Edge { from, to: 2, delay }));
    own_past.nodes.push(Node { name: "last".into(), layer: Layer::Neuron(Lif::tau(2.0).into()) });
    own_past.edges.push(Edge { from: 2, to: 3, delay: 0 });
    own_past.output = 3;
    own_past.check().unwrap();
    refused(&own_past, &["sum", "past"]);
    for dt in [0.0, -1.0, f64::NAN] {
        let options = WriteOptions { dt: Some(dt), ..Default::default() };
        let message = there_and_back(&ready(Network::new([4]).linear(2)), &options).unwrap_err().to_string();
        assert!(message.contains("dt"), "{message}");
    }
}

#[test]
fn nothing_is_left_where_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.nir");
    let pooled = ready(Network::new([1, 4, 4]).conv2d(2, 3).max_pool(2));
    std::fs::write(&path, "before").unwrap();
    write(&pooled, &path, &APART).unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), b"before");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let missing = folder.path().join("missing/network.nir");
    let message = write(&ready(Network::new([4]).linear(2)), &missing, &APART).unwrap_err().to_string();
    assert!(message.contains("missing"), "{message}");
}
