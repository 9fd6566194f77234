//! Recurrent networks of snnTorch and SpikingJelly, forward.

use saltatory::layer::Layer;
use saltatory::neuron::rules::InputGain;
use saltatory::neuron::{CubaLif, Decay, Dialect, Lif, Neuron, RuleChanges};
use saltatory::{Network, Tensor};

use crate::case::{self, Case, Report};

#[test]
fn recurrent_networks() {
    let mut report = Report::default();
    for case in case::cases("srnn/") {
        match case.id.as_str() {
            "srnn/sj_linear_recurrent" => container(&case, &mut report),
            _ => snntorch(&case, &mut report),
        }
    }
    report.finish(9);
}

pub fn set(network: &mut Network, node: &str, weight: Tensor, bias: Option<Tensor>) {
    let index = network.node(node).unwrap();
    let Layer::Linear(linear) = &mut network.nodes[index].layer else { panic!() };
    (linear.weight, linear.bias) = (Some(weight), bias);
}

/// The network of a case of snnTorch.
pub fn network(case: &Case) -> Network {
    let number = |key: &str| case.number(key).unwrap();
    let neuron = |alpha: Option<f64>, beta: f64| -> Neuron {
        let decay_mem = Decay::Factor(beta.into());
        match alpha {
            Some(a) => CubaLif { decay_syn: Decay::Factor(a.into()), decay_mem, ..Default::default() }.into(),
            None => Lif { decay: decay_mem, ..Default::default() }.into(),
        }
    };
    let mut network = Network::new([number("din") as usize])
        .dialect(Dialect::SnnTorch)
        .linear(number("hid") as usize)
        .name("fc1")
        .spiking(neuron(case.number("alpha"), number("beta")))
        .name("l1")
        .recurrent(true)
        .linear(number("ncls") as usize)
        .name("fc2")
        .spiking(neuron(case.number("alpha2"), number("beta2")))
        .name("l2")
        .build()
        .unwrap();
    for (node, name) in [("fc1", "fc1"), ("l1.w_rec", "l1.recurrent"), ("fc2", "fc2")] {
        let tensor = |what: &str| before_adam(case, &format!("{name}.{what}"));
        set(&mut network, node, tensor("weight"), Some(tensor("bias")));
    }
    network
}

fn snntorch(case: &Case, report: &mut Report) {
    let network = network(case);
    let output = case::record(&network, &case.batch_first("x"));
    for (layer, prefix) in [("l1", "hid"), ("l2", "out")] {
        let (spikes, mem) = (format!("{prefix}_spikes"), format!("{prefix}_mem"));
        let got = case::recorded(&output, layer, case::spikes);
        report.exact(&format!("{} {spikes}", case.id), &got, case.batch_first(&spikes).data());
        let got = case::recorded(&output, layer, case::v);
        report.close(&format!("{} {mem}", case.id), &got, case.batch_first(&mem).data());
    }
}

/// `rc(cat(x[t], y[t-1]))`: one matrix, split into that of the input and that of the spikes.
pub fn contained(case: &Case) -> Network {
    let weight = case.tensor("param.rc.weight");
    let (out, both) = (weight.shape()[0], weight.shape()[1]);
    let neuron = Neuron::from(Lif::tau(2.0)).with(RuleChanges { input_gain: Some(InputGain::R), ..Default::default() });
    let builder = Network::new([both - out]).linear(out).name("x").spiking(neuron).name("y").recurrent(false);
    let mut network = builder.build().unwrap();
    set(&mut network, "x", columns(&weight, 0, both - out), Some(case.tensor("param.rc.bias")));
    set(&mut network, "y.w_rec", columns(&weight, both - out, both), None);
    network
}

/// Some columns of a matrix.
pub fn columns(matrix: &Tensor, from: usize, to: usize) -> Tensor {
    let rows = matrix.data().chunks(matrix.shape()[1]).flat_map(|row| row[from..to].to_vec()).collect();
    Tensor::new([matrix.shape()[0], to - from], rows).unwrap()
}

fn container(case: &Case, report: &mut Report) {
    let network = contained(case);
    let output = case::record(&network, &case.batch_first("x"));
    report.exact(&case.id, &case::recorded(&output, "y", case::spikes), case.batch_first("s").data());
}

/// A parameter as it was when the recorded spikes were made. In the goldens of snnTorch `param.*` and `after.*` are the
/// same tensors: both were read after the Adam step (learning rate 1e-3), which the recorded gradient lets us undo.
fn before_adam(case: &Case, name: &str) -> Tensor {
    let (mut tensor, after) = (case.tensor(&format!("param.{name}")), case.tensor(&format!("after.{name}")));
    if tensor == after {
        let gradient = case.tensor(&format!("grad.{name}"));
        for (w, &g) in tensor.data_mut().iter_mut().zip(gradient.data()) {
            *w += 1e-3 * g / (g.abs() + 1e-8);
        }
    }
    tensor
}
