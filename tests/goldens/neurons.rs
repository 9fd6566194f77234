//! Single populations: every neuron model and reset of the four frameworks.

use saltatory::circuit::{Circuit, Population};
use saltatory::layer::{Layer, Linear};
use saltatory::network::{Edge, Node};
use saltatory::neuron::cell::CellType;
use saltatory::neuron::cell::models::{EifCurrExp, QifCurrExp};
use saltatory::neuron::rules::{InputGain, LeakTo, Reset, SpikesPerStep};
use saltatory::neuron::{CubaLi, CubaLif, Decay, Dialect, If, Li, Lif, Neuron, Param, ParametricLif, RuleChanges};
use saltatory::run::{Simulation, SimulationOptions};
use saltatory::{Network, Tensor};

use crate::case::{self, Case, Report};

/// Not affine: cells of circuits.
const CELLS: [&str; 3] = ["neurons/spikingjelly_qif", "neurons/spikingjelly_eif", "neurons/spikingjelly_izhikevich"];

#[test]
fn neurons() {
    let mut report = Report::default();
    for case in case::cases("neurons/") {
        if CELLS.contains(&case.id.as_str()) {
            cells(&case, &mut report);
        } else if case.id == "neurons/ties_exact_threshold" {
            ties(&case, &mut report);
        } else {
            compare(&case, &mut report);
        }
    }
    report.finish(120);
}

/// Neurons as cells of a circuit, each a population that is driven by its own current.
fn cells(case: &Case, report: &mut Report) {
    let of = |name: &str| case.meta["params"][name].as_f64().unwrap_or_default();
    let (v_rest, v_reset, v_spike, tau_m) = (of("v_rest"), of("v_reset"), of("v_threshold"), of("tau"));
    let cell: CellType = match case.meta["kind"].as_str() {
        Some("eif") => {
            let (delta_t, v_thresh) = (of("delta_T"), of("theta_rh"));
            let tau_refrac = 0.0;
            EifCurrExp { v_rest, r: 1.0, tau_m, tau_refrac, v_reset, v_thresh, v_spike, delta_t, ..Default::default() }
                .into()
        }
        kind => {
            let qif = QifCurrExp {
                v_rest,
                v_c: of("v_c"),
                a0: of("a0"),
                r: 1.0,
                tau_m,
                v_reset,
                v_spike,
                ..Default::default()
            };
            let adapts = QifCurrExp { a: of("a"), b: of("b"), tau_w: of("tau_w"), ..qif };
            if kind == Some("izh") { adapts.into() } else { qif.into() }
        }
    };
    let x = case.tensor("x");
    let (steps, neurons) = (x.shape()[0], x.len() / x.shape()[0]);
    let mut circuit = Circuit::new(0);
    for n in 0..neurons {
        let mut population = Population::new(n.to_string(), 1, cell.clone()).v_init(v_reset).probes([0]);
        for t in 0..steps {
            population = population.current(t as f64, f64::from(x.data()[t * neurons + n]));
        }
        circuit = circuit.population(population);
    }
    let mut simulation = Simulation::new(circuit, 1.0, &SimulationOptions::default()).unwrap();
    let mut spikes = vec![0.0; x.len()];
    let mut remembered = Vec::new();
    let take = |activity: &saltatory::run::Activity<'_>| {
        activity.spikes().for_each(|(step, n, _)| spikes[step as usize * neurons + n] = 1.0);
        remembered.extend(activity.probes().flatten().copied());
        Ok(())
    };
    simulation.advance(steps, take).unwrap();
    report.exact(&format!("{} s", case.id), &spikes, case.tensor("s").data());
    for (which, name) in ["v", "w"].into_iter().enumerate().filter(|(_, name)| case.has(name)) {
        let got: Vec<f32> = remembered.iter().map(|values| values[which]).collect();
        report.close(&format!("{} {name}", case.id), &got, case.tensor(name).data());
    }
}

fn compare(case: &Case, report: &mut Report) {
    let x = case.batch_first("x");
    let networks: Vec<Network> = match case.has("v0") {
        // Potentials given sample by sample: a network for each.
        true => {
            let v0 = case.tensor("v0");
            let rows = v0.data().chunks(v0.shape()[1]);
            rows.map(|row| network(case, Some(row.iter().map(|&v| f64::from(v)).collect()))).collect()
        }
        false => vec![network(case, None); x.shape()[0]],
    };
    let row = x.len() / x.shape()[0];
    let mut got: [Vec<f32>; 4] = Default::default();
    for (network, sample) in networks.iter().zip(x.data().chunks(row)) {
        let mut shape = x.shape().to_vec();
        shape[0] = 1;
        let output = case::record(network, &Tensor::new(shape, sample.to_vec()).unwrap());
        let fields: [fn(&saltatory::run::Recording) -> Vec<f32>; 4] = [case::spikes, case::h, case::v, case::i];
        for (got, field) in got.iter_mut().zip(fields) {
            got.extend(case::recorded(&output, "neuron", field));
        }
    }
    // What never fires has no spikes to compare, though the framework reports its sign as one.
    if case.has("s") && !got[0].is_empty() {
        report.exact(&format!("{} s", case.id), &got[0], case.batch_first("s").data());
    }
    for (name, got) in [("h", &got[1]), ("v", &got[2]), ("i", &got[3])] {
        if case.has(name) && !(name == "h" && got.is_empty()) {
            report.close(&format!("{} {name}", case.id), got, case.batch_first(name).data());
        }
    }
}

/// The network of a case: its population called `neuron`, with what stands before and around it.
fn network(case: &Case, v0: Option<Vec<f64>>) -> Network {
    let (dialect, mut neuron) = population(case);
    neuron.v_init = v0.map(Param::from);
    let mut builder = Network::new(&case.tensor("x").shape()[2..]).dialect(dialect);
    if let Some(dt) = case.number("dt") {
        builder = builder.dt(dt);
    }
    if case.has("w_in") {
        builder = builder.linear(case.tensor("w_in").shape()[0]).no_bias().name("w_in");
    }
    builder = builder.spiking(neuron).name("neuron");
    if case.has("w_rec") {
        builder = builder.recurrent(case.has("b_rec"));
    }
    let mut network = builder.build().unwrap();
    for (node, weight, bias) in [("w_in", "w_in", "b_in"), ("neuron.w_rec", "w_rec", "b_rec")] {
        let Some(index) = network.node(node) else { continue };
        let Layer::Linear(linear) = &mut network.nodes[index].layer else { panic!() };
        linear.weight = Some(case.tensor(weight));
        linear.bias = case.has(bias).then(|| case.tensor(bias));
    }
    network
}

fn population(case: &Case) -> (Dialect, Neuron) {
    match case.meta["framework"].as_str().unwrap() {
        "spikingjelly" => (Dialect::SpikingJelly, spikingjelly(case)),
        "snntorch" => (Dialect::SnnTorch, snntorch(case)),
        "norse" => (Dialect::Norse, norse(case)),
        "sinabs" => (Dialect::Sinabs, sinabs(case)),
        other => panic!("{}: framework {other}", case.id),
    }
}

fn spikingjelly(case: &Case) -> Neuron {
    let threshold = Param::from(case.number("v_threshold").unwrap());
    let v_reset = Param::from(case.number("v_reset").unwrap_or(0.0));
    let soft = case.meta["params"]["v_reset"].is_null();
    let decay_input = case.meta["params"]["decay_input"].as_bool() != Some(false);
    let rules = RuleChanges {
        reset: soft.then_some(Reset::Subtract),
        input_gain: (!decay_input).then_some(InputGain::R),
        ..Default::default()
    };
    let neuron: Neuron = match case.meta["kind"].as_str().unwrap() {
        "if" => If { threshold, v_reset, ..Default::default() }.into(),
        "lif" => {
            let decay = Decay::Tau(case.number("tau").unwrap().into());
            Lif { decay, threshold, v_reset, ..Default::default() }.into()
        }
        "plif" => {
            let w = f64::from(case.tensor("w").data()[0]);
            ParametricLif { w: w.into(), threshold, v_reset, v_leak: None }.into()
        }
        "cuba" => CubaLif {
            decay_syn: Decay::Factor(case.number("c_decay").unwrap().into()),
            decay_mem: Decay::Factor(case.number("v_decay").unwrap().into()),
            threshold,
            v_reset,
            ..Default::default()
        }
        .into(),
        other => panic!("{}: kind {other}", case.id),
    };
    neuron.with(rules)
}

fn values(tensor: &Tensor) -> Param {
    Param::from(tensor.data().iter().map(|&v| f64::from(v)).collect::<Vec<f64>>())
}

fn snntorch(case: &Case) -> Neuron {
    let params = &case.meta["params"];
    let synaptic = case.has("alpha");
    let recurrent = case.has("w_rec");
    let rules = RuleChanges {
        reset: Some(match params["reset_mechanism"].as_str().unwrap() {
            "subtract" => Reset::Subtract,
            "zero" => Reset::Hard,
            _ => Reset::None,
        }),
        reset_delay: Some(u8::from(params["reset_delay"].as_bool().unwrap())),
        reset_keeps_input: Some(!synaptic && !recurrent),
        ..Default::default()
    };
    let (decay_mem, threshold) = (Decay::Factor(values(&case.tensor("beta"))), values(&case.tensor("threshold")));
    let neuron: Neuron = if synaptic {
        let decay_syn = Decay::Factor(values(&case.tensor("alpha")));
        CubaLif { decay_syn, decay_mem, threshold, ..Default::default() }.into()
    } else {
        Lif { decay: decay_mem, threshold, ..Default::default() }.into()
    };
    neuron.with(rules)
}

fn norse(case: &Case) -> Neuron {
    let tau = |key: &str| Decay::Tau((1.0 / case.number(key).unwrap()).into());
    let (threshold, v_reset) = (case.number("v_th").unwrap().into(), case.number("v_reset").unwrap().into());
    let v_leak = Param::from(case.number("v_leak").unwrap());
    let (decay_mem, decay_syn) = (tau("tau_mem_inv"), tau("tau_syn_inv"));
    let neuron: Neuron = match case.meta["cls"].as_str().unwrap() {
        "LIFCell" | "LIFRecurrentCell" => {
            CubaLif { decay_syn, decay_mem, threshold, v_reset, v_leak: Some(v_leak), ..Default::default() }.into()
        }
        "LICell" => CubaLi { decay_syn, decay_mem, v_leak, ..Default::default() }.into(),
        "LIFBoxCell" => Lif { decay: decay_mem, threshold, v_reset, v_leak: Some(v_leak), ..Default::default() }.into(),
        "IAFCell" => If { threshold, v_reset, ..Default::default() }.into(),
        other => panic!("{}: class {other}", case.id),
    };
    let subtract = case.meta["params"]["reset"].as_str() == Some("subtract");
    neuron.with(RuleChanges { reset: subtract.then_some(Reset::Subtract), ..Default::default() })
}

fn sinabs(case: &Case) -> Neuron {
    let params = &case.meta["params"];
    let tau = |key: &str| case.number(key).map(|tau| Decay::Tau(tau.into()));
    if case.meta["cls"] == "ExpLeak" {
        let neuron: Neuron = Li { decay: tau("tau_mem").unwrap(), ..Default::default() }.into();
        return neuron.with(RuleChanges { input_gain: Some(InputGain::R), ..Default::default() });
    }
    let threshold = Param::from(case.number("threshold").unwrap());
    let v_reset = Param::from(case.number("reset_value").unwrap_or(0.0));
    let neuron: Neuron = match (tau("tau_mem"), tau("tau_syn")) {
        (None, _) => If { threshold, v_reset, ..Default::default() }.into(),
        (Some(decay), None) => Lif { decay, threshold, v_reset, ..Default::default() }.into(),
        (Some(decay_mem), Some(decay_syn)) => {
            CubaLif { decay_syn, decay_mem, threshold, v_reset, ..Default::default() }.into()
        }
    };
    let norm = params["norm_input"].as_bool().unwrap();
    neuron.with(RuleChanges {
        spikes: Some(if params["spike_fn"] == "MultiSpike" { SpikesPerStep::Many } else { SpikesPerStep::One }),
        reset: Some(if params["reset"] == "subtract" { Reset::Subtract } else { Reset::Hard }),
        reset_adds: Some(params["reset"] != "subtract"),
        input_gain: (!norm).then_some(InputGain::R),
        leak_to: Some(LeakTo::Zero),
        v_min: case.number("min_v_mem"),
        ..Default::default()
    })
}

/// Potentials exactly on the threshold: every framework has its own answer, and all values are dyadic.
fn ties(case: &Case, report: &mut Report) {
    let soft = RuleChanges { reset: Some(Reset::Subtract), ..Default::default() };
    let zero = RuleChanges { reset: Some(Reset::Hard), ..Default::default() };
    let single = RuleChanges { spikes: Some(SpikesPerStep::One), ..Default::default() };
    let none = RuleChanges::default();
    let beta_one: Neuron = Lif::beta(1.0).into();
    let integrate: Neuron = If::default().into();
    let variants = [
        ("sj_if_soft", Dialect::SpikingJelly, integrate.clone().with(soft)),
        ("sj_if_hard", Dialect::SpikingJelly, integrate.clone().with(none)),
        ("snn_leaky_subtract", Dialect::SnnTorch, beta_one.clone().with(none)),
        ("snn_leaky_zero", Dialect::SnnTorch, beta_one.with(zero)),
        ("norse_iaf", Dialect::Norse, integrate.clone().with(none)),
        ("sinabs_iaf_multi", Dialect::Sinabs, integrate.clone().with(none)),
        ("sinabs_iaf_single", Dialect::Sinabs, integrate.with(single)),
    ];
    for (name, dialect, neuron) in variants {
        let network = Network::new([3]).dialect(dialect).spiking(neuron).name("neuron").build().unwrap();
        let output = case::record(&network, &case.batch_first("x"));
        for (suffix, field) in [("s", case::spikes as fn(&_) -> _), ("v", case::v)] {
            let name = format!("{name}_{suffix}");
            let got = case::recorded(&output, "neuron", field);
            report.exact(&format!("{} {name}", case.id), &got, case.batch_first(&name).data());
        }
    }
}

/// A layer without a name of its own is found by what it is called in the graph.
#[test]
fn recurrent_connections_are_edges_with_a_delay() {
    let network = Network::new([4]).spiking(Lif::default()).name("neuron").recurrent(true).build().unwrap();
    let (neuron, w_rec) = (network.node("neuron").unwrap(), network.node("neuron.w_rec").unwrap());
    assert!(matches!(&network.nodes[w_rec], Node { layer: Layer::Linear(Linear { has_bias: true, .. }), .. }));
    assert!(network.edges.contains(&Edge { from: neuron, to: w_rec, delay: 1 }));
    assert!(network.edges.contains(&Edge { from: w_rec, to: neuron, delay: 0 }));
}
