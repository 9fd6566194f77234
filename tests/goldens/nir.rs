//! Networks that four frameworks exported to NIR, run under the rules of the framework that wrote them.

use std::collections::BTreeMap;

use saltatory::Network;
use saltatory::io::nir::{Options, WriteOptions, read, write};
use saltatory::layer::Layer;
use saltatory::neuron::rules::{Reset, SpikesPerStep};
use saltatory::neuron::{Dialect, RuleChanges};

use crate::case::{self, Case, Report};

#[test]
fn exported_networks() {
    let mut report = Report::default();
    for case in case::cases("nir/") {
        let network = open(&case);
        let output = case::record(&network, &case.batch_first("x"));
        for (node, index) in populations(&network) {
            let fires =
                matches!(&network.nodes[network.node(&node).unwrap()].layer, Layer::Neuron(n) if n.model.spikes());
            if fires {
                let spikes = format!("spikes.{index}");
                let got = case::recorded(&output, &node, case::spikes);
                report.exact(&format!("{} {spikes}", case.id), &got, case.batch_first(&spikes).data());
            }
            for name in [format!("v.{index}"), format!("mem.{index}")] {
                if case.has(&name) {
                    let got = case::recorded(&output, &node, case::v);
                    report.close(&format!("{} {name}", case.id), &got, case.batch_first(&name).data());
                }
            }
        }
        let options =
            saltatory::run::Options { readout: Some(saltatory::network::Readout::Trace), ..Default::default() };
        let trace = case::run(&network, &options, &case.batch_first("x")).scores;
        report.close(&format!("{} out", case.id), trace.data(), case.batch_first("out").data());
        let again = case::run(&written_and_read(&network), &options, &case.batch_first("x")).scores;
        report.exact(&format!("{} written and read", case.id), again.data(), trace.data());
    }
    report.finish(70);
}

/// Populations by name, and the number of the layer that the goldens' tensors are called by.
fn populations(network: &Network) -> Vec<(String, usize)> {
    let neurons = network.nodes.iter().filter(|n| matches!(n.layer, Layer::Neuron(_)));
    neurons
        .map(|n| {
            let digits = n.name.trim_start_matches('_').split('.').next().unwrap();
            (n.name.clone(), digits.parse().unwrap())
        })
        .collect()
}

/// The network as it comes back from a file that we write.
fn written_and_read(network: &Network) -> Network {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("written.nir");
    let reading = write(network, &path, &WriteOptions { rules_apart: true, ..Default::default() }).unwrap().reading;
    let (dialect, dt) = (reading.dialect.unwrap(), reading.dt);
    read(&path, &Options { dialect, dt, rules: reading.rules, node_rules: reading.nodes }).unwrap()
}

/// The network of a case; what NIR does not hold comes from the layers that its metadata lists.
fn open(case: &Case) -> Network {
    let dialect = Dialect::from_name(case.meta["framework"].as_str().unwrap()).unwrap();
    let path = case::shared().unwrap().join("goldens").join(case.meta["nir_file"].as_str().unwrap());
    let dt = case.meta["dt"].as_f64();
    let plain = read(&path, &Options { dialect, dt, ..Default::default() }).unwrap();
    let mut node_rules = BTreeMap::new();
    for (name, index) in populations(&plain) {
        let layer = &case.meta["layers"][index];
        let (kind, options) = (layer[0].as_str().unwrap(), &layer[1]);
        let rules = RuleChanges {
            reset: match options["mech"].as_str() {
                Some("zero") => Some(Reset::Hard),
                Some("subtract") => Some(Reset::Subtract),
                Some("none") => Some(Reset::None),
                _ => None,
            },
            v_min: options["min_v_mem"].as_f64(),
            reset_delay: options["delay"].as_bool().map(u8::from),
            reset_keeps_input: (kind != "leaky").then_some(false),
            spikes: (options["multi"].as_bool() == Some(false)).then_some(SpikesPerStep::One),
            ..Default::default()
        };
        node_rules.insert(name, rules);
    }
    read(&path, &Options { dialect, dt, node_rules, ..Default::default() }).unwrap()
}
