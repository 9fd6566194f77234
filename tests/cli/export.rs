//! `export`: what is printed, what is written, and that it runs as it says.

use super::Bench;
use saltatory::layer::Layer;
use saltatory::network::checkpoint;
use saltatory::neuron::{Dialect, If, Li, Lif, RuleChanges, rules::Reset};
use saltatory::{Network, network::Readout};

fn bench() -> Bench {
    let bench = Bench::new();
    let network = Network::new([2]).linear(8).name("fc").spiking(Lif::tau(2.0)).name("lif").linear(3);
    let mut network = network.spiking(Li::default()).steps(6).readout(Readout::Last).build().unwrap();
    network.init(4).unwrap();
    checkpoint::save(&network, bench.path("hard.safetensors")).unwrap();
    network.rules = RuleChanges { reset: Some(Reset::Subtract), ..Default::default() };
    checkpoint::save(&network, bench.path("soft.safetensors")).unwrap();
    bench
}

#[test]
fn a_file_runs_as_it_is_said() {
    let bench = bench();
    let text = bench.good("export hard.safetensors --out hard.nir");
    for part in ["dialect = \"spikingjelly\"", "dt = 0.0001", "saltatory run hard.nir INPUT --dialect spikingjelly`"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("--steps 6 --readout last"), "{text}");
    bench.good("run hard.safetensors sequences.npy --output before.npy");
    bench.good("run hard.nir sequences.npy --dialect spikingjelly --steps 6 --readout last --output after.npy");
    assert_eq!(bench.read("before.npy"), bench.read("after.npy"));
    // The same bytes again, over the old ones.
    let first = bench.read("hard.nir");
    bench.good("export hard.safetensors --out hard.nir");
    assert_eq!(bench.read("hard.nir"), first);

    let text = bench.good("export hard.safetensors --out other.nir --nir-dt 1e-3");
    assert!(text.contains("--dialect spikingjelly --dt 1e-3`"), "{text}");
    bench.good(
        "run other.nir sequences.npy --dialect spikingjelly --dt 1e-3 --steps 6 --readout last --output other.npy",
    );
    assert_eq!(bench.read("before.npy"), bench.read("other.npy"));
}

#[test]
fn rules_go_into_a_file_of_their_own() {
    let bench = bench();
    let message = bench.fails("export soft.safetensors --out soft.nir");
    for part in ["lif", "reset", "subtract", "hard", "--rules"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let text = bench.good("export soft.safetensors --out soft.nir --rules soft.toml");
    assert!(text.contains("reset = \"subtract\"") && text.contains("--dialect soft.toml"), "{text}");
    bench.good("run soft.safetensors sequences.npy --output before.npy");
    bench.good("run soft.nir sequences.npy --dialect soft.toml --steps 6 --readout last --output after.npy");
    assert_eq!(bench.read("before.npy"), bench.read("after.npy"));
}

#[test]
fn a_network_goes_over_to_another_dialect() {
    let bench = bench();
    let mut network = Network::new([2]).dialect(Dialect::Norse).linear(4).spiking(If::default()).build().unwrap();
    network.init(4).unwrap();
    checkpoint::save(&network, bench.path("norse.safetensors")).unwrap();
    let text = bench.good("export norse.safetensors --out norse.nir");
    assert!(text.contains("dialect = \"norse\"") && text.contains("dt = 0.001"), "{text}");
    let text = bench.good("export norse.safetensors --dialect nir --out nir.nir");
    assert!(text.contains("dialect = \"nir\""), "{text}");
    bench.good("inspect nir.nir --dialect nir");
}

#[test]
fn bad_requests_leave_nothing() {
    let bench = bench();
    let mut pooled = Network::new([1, 4, 4]).conv2d(2, 3).max_pool(2).name("top").build().unwrap();
    pooled.init(4).unwrap();
    checkpoint::save(&pooled, bench.path("pooled.safetensors")).unwrap();
    for (arguments, parts) in [
        ("export pooled.safetensors --out net.nir", &["top", "max pool"][..]),
        ("export missing.safetensors --out net.nir", &["missing.safetensors"]),
        ("export hard.safetensors --out missing/net.nir", &["missing"]),
        ("export hard.safetensors --out net.nir --nir-dt 0", &["dt"]),
        ("export hard.safetensors --out net.nir --rules missing/rules.toml", &["missing"]),
        ("export soft.safetensors --out same.nir --rules same.nir", &["same file"]),
    ] {
        let message = bench.fails(arguments);
        assert!(parts.iter().all(|part| message.contains(part)), "{arguments}: {message}");
    }
}

#[test]
fn pruned_layers_become_sparse_in_a_checkpoint() {
    let bench = bench();
    let mut network = checkpoint::read(bench.path("hard.safetensors")).unwrap();
    let Layer::Linear(linear) = &mut network.nodes[1].layer else { panic!("expected a linear layer") };
    let values = linear.weight.as_mut().unwrap().data_mut();
    (0..16).filter(|i| i % 5 != 0).for_each(|i| values[i] = 0.0);
    checkpoint::save(&network, bench.path("pruned.safetensors")).unwrap();
    let text = bench.good("export pruned.safetensors --sparse 0.7 --out sparse.safetensors");
    assert!(text.contains("fc is sparse: 4 of 16 weights, 25.000 %") && !text.contains("note"), "{text}");
    assert_eq!(checkpoint::read(bench.path("sparse.safetensors")).unwrap(), network.sparsified(0.7).unwrap());
    let text = bench.good("inspect sparse.safetensors");
    assert!(text.contains("sparse_linear") && text.contains("4 synapses, density 25.000 %"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&bench.good("inspect sparse.safetensors --json")).unwrap();
    assert_eq!(json["layers"][1]["sparse"], serde_json::json!({ "synapses": 4, "density": 0.25 }));
    assert!(json["layers"][3]["sparse"].is_null());

    let text = bench.good("export pruned.safetensors --sparse 0.8 --out dense.safetensors");
    assert!(text.contains("note: no linear layer"), "{text}");
    assert_eq!(bench.read("dense.safetensors"), bench.read("pruned.safetensors"));
    for (arguments, part) in [
        ("--sparse 0.8 --out net.nir", "NIR has no sparse layers"),
        ("--sparse 1.5 --out net.safetensors", "from 0 to 1"),
        ("--out net.safetensors --nir-dt 1e-3", "--nir-dt"),
    ] {
        let message = bench.fails(&format!("export pruned.safetensors {arguments}"));
        assert!(message.contains(part), "{arguments}: {message}");
    }
}

#[test]
fn a_sparse_network_without_weights_can_be_inspected() {
    let bench = bench();
    let layer = "[[layer]]\ntype = \"sparse_linear\"\nout = 20\n";
    bench.folder.put("net.toml", format!("[input]\nshape = [50]\n{layer}fan_in = 7\nseed = 3\n").as_bytes());
    let text = bench.good("inspect net.toml");
    assert!(text.contains("7 inputs of each output, seed 3"), "{text}");
    bench.folder.put("loaded.toml", format!("[input]\nshape = [50]\n{layer}").as_bytes());
    let text = bench.good("inspect loaded.toml");
    assert!(text.contains("synapses to be loaded") && text.contains("no plan: layer `sparse_linear1`"), "{text}");
}
