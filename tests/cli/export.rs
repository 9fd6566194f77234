//! `export`: what is printed, what is written, and that it runs as it says.

use super::Bench;
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
