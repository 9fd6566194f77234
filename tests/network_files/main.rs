//! Network files and checkpoints: what is written is read back, and every fault is an error that says where.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod circuits;
mod damage;
mod dialect;
mod errors;
mod sparse;
mod weights;

use std::path::Path;

use saltatory::layer::{BatchNorm, Conv, Layer, Padding, Pool, PoolKind};
use saltatory::network::{Edge, OpenOptions, Readout, checkpoint, file, open, open_with_recipe};
use saltatory::neuron::rules::{Fire, InputGain, Reset, VInit};
use saltatory::neuron::{
    CubaLi, CubaLif, Decay, Dialect, If, Integrator, Li, Lif, Model, Neuron, Param, ParametricLif, RuleChanges,
    Threshold,
};
use saltatory::train::Recipe;
use saltatory::train::checkpoint::save_trained;
use saltatory::{Network, Tensor};

fn parse(text: &str) -> saltatory::Result<file::NetworkFile> {
    file::parse(text, Path::new("dir/net.toml"))
}

/// The network with its edges in the order in which a file gives them.
fn grouped(mut network: Network) -> Network {
    network.edges.sort_by_key(|e| e.to);
    network
}

fn with_bias(bias: bool, mut conv: Conv) -> Layer {
    conv.has_bias = bias;
    Layer::Conv(conv)
}

/// Networks that together have every layer, every neuron and every way to be connected.
fn networks() -> Vec<Network> {
    let changes = RuleChanges {
        fire: Some(Fire::Gt),
        reset: Some(Reset::None),
        input_gain: Some(InputGain::OneMinusDecay),
        v_init: Some(VInit::Value(0.25)),
        v_min: Some(-1.5),
        reset_delay: Some(1),
        ..Default::default()
    };
    let each = |shape: &[usize]| Param::Each {
        shape: shape.to_vec(),
        values: (0..shape.iter().product::<usize>()).map(|i| 1.1 + i as f64 / 3.0).collect(),
    };
    let factor = |shape: &[usize]| {
        let data = (0..shape.iter().product::<usize>()).map(|i| 0.1 + i as f32 / 7.0).collect();
        Layer::Scale(Tensor::new(shape, data).unwrap())
    };
    let images = Network::new([4, 9, 8])
        .layer(with_bias(false, Conv { padding: Padding::Same, groups: 2, ..Conv::conv2d(6, 3) }))
        .name("odd \"name\"\n[[layer]] \u{1F9E0}")
        .layer(Layer::BatchNorm(BatchNorm { eps: 1e-3, momentum: 0.3, affine: false, ..Default::default() }))
        .spiking(Lif { decay: Decay::Tau(each(&[6, 1, 1])), v_leak: Some(0.1.into()), ..Default::default() })
        .layer(factor(&[6, 1, 1]))
        .layer(with_bias(
            true,
            Conv { padding: Padding::Explicit(vec![2, 1]), dilation: vec![2, 1], ..Conv::conv2d(3, 3) },
        ))
        .stride(2)
        .spiking(Neuron::from(If { threshold: each(&[3]), ..Default::default() }).with(changes))
        .layer(Layer::Pool(Pool {
            kind: PoolKind::Average,
            kernel: vec![2, 3],
            stride: vec![1, 2],
            padding: vec![1, 0],
        }))
        .max_pool(1)
        .sum_pool(1)
        .delay(3)
        .layer(Layer::Flatten { start: 1, end: Some(2) })
        .flatten()
        .linear(4)
        .no_bias()
        .dropout(0.1)
        .layer(Layer::Delay(vec![0, 1, 2, 3]))
        .spiking(ParametricLif { w: each(&[4]), ..Default::default() })
        .steps(7)
        .readout(Readout::Count)
        .dialect(Dialect::Sinabs)
        .dt(0.1)
        .rules(RuleChanges { clamp_decay: Some(true), ..Default::default() })
        .build();
    let sound = Network::new([2, 30])
        .conv1d(5, 3)
        .layer(Layer::Pool(Pool { kind: PoolKind::Max, kernel: vec![2], stride: vec![2], padding: vec![1] }))
        .spiking(CubaLif { decay_syn: Decay::Factor(0.9.into()), w_in: each(&[5, 15]), ..Default::default() })
        .scale(Tensor::filled([1], -2.5))
        .flatten()
        .linear(8)
        .spiking(Lif { decay: Decay::Factor(0.3.into()), ..Default::default() })
        .name("hidden")
        .recurrent(false)
        .linear(8)
        .add("hidden")
        .spiking(Threshold { threshold: 0.5.into() })
        .spiking(Integrator { r: 2.0.into() })
        .spiking(Li { v_leak: 0.5.into(), ..Default::default() })
        .spiking(CubaLi::default())
        .build();
    let sparse = Network::new([3, 4])
        .sparse_linear(8)
        .fan_in(5, u64::MAX)
        .spiking(If::default())
        .sparse_linear(6)
        .fan_out(2, 7)
        .no_bias()
        .build();
    let mut moved = Network::new([3]).spiking(If::default()).build().unwrap();
    moved.nodes.swap(0, 1);
    moved.nodes[1].name = "pixels".into();
    moved.edges = vec![Edge { from: 1, to: 0, delay: 0 }, Edge { from: 0, to: 0, delay: 2 }];
    moved.output = 0;
    vec![images.unwrap(), sound.unwrap(), sparse.unwrap(), moved]
}

#[test]
fn what_is_written_is_read_back() {
    let mut kinds = std::collections::BTreeSet::new();
    for network in networks() {
        let text = file::to_toml(&network).unwrap();
        let back = parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(back.network, grouped(network.clone()), "{text}");
        assert_eq!(back.bindings, file::NetworkFile::from(network.clone()).bindings, "{text}");
        kinds.extend(network.nodes.iter().map(|n| n.layer.kind()));
    }
    assert_eq!(kinds.len(), 22, "every kind of layer is in some network: {kinds:?}");
}

#[test]
fn a_recipe_stands_behind_the_network() {
    let recipe = Recipe { epochs: 3, clip_norm: Some(0.5), ..Recipe::default() };
    for network in networks() {
        let text = format!("{}\n{}", file::to_toml(&network).unwrap(), recipe.to_toml().unwrap());
        let back = parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!((back.network, back.train), (grouped(network), Some(recipe.clone())), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.toml");
    let head = "[train]\nepochs = 3\nclip_norm = 0.5\n[input]\nshape = [2]\n";
    std::fs::write(&path, format!("{head}[[layer]]\ntype = \"linear\"\nout_features = 1\n")).unwrap();
    let (mut network, read) = open_with_recipe(&path, &OpenOptions::default()).unwrap();
    assert_eq!(read, Some(recipe.clone()));
    network.init(1).unwrap();
    let path = folder.path().join("trained.safetensors");
    save_trained(&network, &recipe, &path).unwrap();
    assert_eq!(open_with_recipe(&path, &OpenOptions::default()).unwrap(), (network, Some(recipe)));
}

#[test]
fn checkpoints_carry_network_and_weights() {
    let folder = tempfile::tempdir().unwrap();
    for (i, mut network) in networks().into_iter().enumerate() {
        let path = folder.path().join(format!("{i}.safetensors"));
        if i < 3 {
            let error = checkpoint::save(&network, &path).unwrap_err().to_string();
            assert!(error.contains("has no weight yet") && !path.exists(), "{error}");
        }
        network.init(3).unwrap();
        checkpoint::save(&network, &path).unwrap();
        checkpoint::save(&network, &path).unwrap();
        let network = grouped(network);
        assert_eq!(checkpoint::read(&path).unwrap(), network);
        assert_eq!(open(&path, &OpenOptions::default()).unwrap(), network);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4, "no temporary file stays");
}

#[test]
fn every_convenience_means_what_it_says() {
    let network = parse(
        r#"
        [input]
        shape = [6]
        [[layer]]
        type = "linear"
        out_features = 4
        weights = ""
        [[layer]]
        name = "l1"
        type = "lif"
        beta = 0.9
        decay_input = false
        v_reset = "none"
        recurrent = { weights = "l1.recurrent", bias = false }
        [[layer]]
        type = "plif"
        tau = 3
        [[layer]]
        name = "last"
        type = "cuba_lif"
        alpha = 0.5
        tau_mem = [2, 3, 4, 5.5]
        from = ["l1", { layer = "last", delay = 2 }]
        "#,
    )
    .unwrap();
    let names: Vec<&str> = network.network.nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["input", "linear1", "l1", "l1.w_rec", "plif3", "last"]);
    let tensors: Vec<&str> = network.bindings.iter().map(|b| b.tensor.as_str()).collect();
    assert_eq!(tensors, ["weight", "bias", "l1.recurrent.weight"]);
    let network = network.network;
    assert_eq!((network.name.as_str(), network.output, network.dt), ("net", 5, 1.0));
    let built = Network::new([6]).linear(4).spiking(Lif::beta(0.9)).name("l1").recurrent(false).build().unwrap();
    assert_eq!(network.edges[..4], grouped(built).edges);
    let neuron = |i: usize| match &network.nodes[i].layer {
        Layer::Neuron(neuron) => neuron,
        other => panic!("{other:?}"),
    };
    assert_eq!(neuron(2).rules.input_gain, Some(InputGain::R));
    assert_eq!(neuron(2).rules.reset, Some(Reset::Subtract));
    let Model::ParametricLif(plif) = &neuron(4).model else { panic!() };
    assert_eq!(plif.w, Param::Shared(-(2f64.ln())));
    let Model::CubaLif(cuba) = &neuron(5).model else { panic!() };
    assert_eq!(cuba.decay_syn, Decay::Factor(0.5.into()));
    assert_eq!(cuba.decay_mem, Decay::Tau(vec![2.0, 3.0, 4.0, 5.5].into()));
}
