//! The published networks of the NIR paper, on real recordings.

use saltatory::io::nir::{Options, read};
use saltatory::network::Readout;
use saltatory::neuron::rules::{Reset, SpikesPerStep};
use saltatory::neuron::{Dialect, RuleChanges};
use saltatory::run::Options as RunOptions;
use saltatory::{Network, Tensor};

use crate::case::{self, Case, Report};

fn open(file: &str, dialect: Dialect, dt: f64, rules: RuleChanges) -> Network {
    let path = case::shared().unwrap().join("nir").join(file);
    read(&path, &Options { dialect, dt: Some(dt), rules, ..Default::default() }).unwrap()
}

/// A spiking CNN on an N-MNIST sample, in three meanings of one file.
#[test]
fn cnn_on_events() {
    let mut report = Report::default();
    for case in case::cases("nir_real/cnn_sinabs") {
        let meaning = &case.meta["semantics"];
        let single = meaning["spike"].as_str().unwrap().starts_with("SingleSpike");
        let rules = RuleChanges {
            spikes: single.then_some(SpikesPerStep::One),
            v_min: meaning["min_v_mem"].as_f64(),
            ..Default::default()
        };
        let network = open("02_cnn/cnn_sinabs.nir", Dialect::Sinabs, 1.0, rules);
        let x = case.tensor("x");
        let steps = x.shape()[0];
        let x = x.clone().reshape([&[1], x.shape()].concat()).unwrap();
        let output = case::record(&network, &x);
        let spikes = |node: usize| case::recorded(&output, &node.to_string(), case::spikes);
        for node in [1, 3, 6, 10, 12] {
            let got = spikes(node);
            let per_step: Vec<f32> = got.chunks(got.len() / steps).map(|step| step.iter().sum()).collect();
            let name = format!("layer_counts.{node}");
            report.exact(&format!("{} {name}", case.id), &per_step, case.tensor(&name).data());
        }
        let first = case.tensor("spikes.1");
        report.exact(&format!("{} spikes.1", case.id), &spikes(1)[..first.len()], first.data());
        let options = RunOptions { readout: Some(Readout::Count), ..Default::default() };
        let counts = case::run(&network, &options, &x).scores;
        report.exact(&format!("{} out_counts", case.id), counts.data(), case.tensor("out_counts").data());
    }
    report.finish(21);
}

/// Two recurrent networks on tactile recordings.
#[test]
fn braille() {
    let mut report = Report::default();
    for case in case::cases("nir_real/braille") {
        let name = case.id.trim_start_matches("nir_real/");
        let reset = if name.ends_with("subtract") { Reset::Subtract } else { Reset::Hard };
        let rules = RuleChanges { reset: Some(reset), ..Default::default() };
        // The same network also stands in the extras as a nested graph.
        for file in [format!("03_rnn/{name}.nir"), format!("03_rnn/extras/{name}_subgraph.nir")] {
            compare(&case, &open(&file, Dialect::Nir, case.meta["dt"].as_f64().unwrap(), rules), &file, &mut report);
        }
    }
    report.finish(8);
}

fn compare(case: &Case, network: &Network, file: &str, report: &mut Report) {
    let output = case::record(network, &case.batch_first("x"));
    let layer = |prefix: &str| {
        let names = output.recordings[0].iter().map(|r| r.layer.clone());
        names
            .filter(|n| n.starts_with(prefix))
            .collect::<Vec<_>>()
            .pop()
            .unwrap_or_else(|| panic!("{file}: no {prefix}"))
    };
    for (prefix, tensor) in [("lif1", "hidden_spikes"), ("lif2", "out_spikes")] {
        let got = case::recorded(&output, &layer(prefix), case::spikes);
        report.exact(&format!("{file} {tensor}"), &got, case.batch_first(tensor).data());
    }
}

/// One neuron, as the paper published its trace: spikes on steps 460, 510, 710 and 760.
#[test]
fn single_neuron() {
    let Some(case) = case::cases("nir_real/paper_lif_norse").pop() else { return };
    let network = open("01_lif/lif_norse.nir", Dialect::Nir, 1e-4, RuleChanges::default());
    // Columns: input, potential after the step, spike.
    let table = case.tensor("table");
    let column = |i: usize| table.data().chunks(3).map(|row| row[i]).collect::<Vec<f32>>();
    let spikes: Vec<usize> = (0..1000).filter(|&t| column(2)[t] > 0.0).collect();
    assert_eq!(spikes, [460, 510, 710, 760]);
    let input = column(0);
    let x = Tensor::new([1, input.len(), 1], input).unwrap();
    let output = case::record(&network, &x);
    let got = &output.recordings[0][0].spikes;
    let got: Vec<usize> = (0..1000).filter(|&t| got[t] > 0).collect();
    assert_eq!(got, spikes);
    let mut report = Report::default();
    report.close("single neuron v", &output.recordings[0][0].v, &column(1));
    report.exact("single neuron input", x.data(), &column(0));
    report.close("single neuron spikes", &output.scores.data()[..1], &[4.0 / 1000.0]);
}
