//! Small convolutional networks of SpikingJelly in evaluation mode: spikes of every layer, and the read-out.

use saltatory::layer::Layer;
use saltatory::network::Builder;
use saltatory::neuron::{If, Lif};
use saltatory::{Network, Tensor};

use crate::case::{self, Case, Report};

#[test]
fn networks_in_evaluation_mode() {
    let mut report = Report::default();
    for case in case::cases("nets/").iter().filter(|c| c.id.ends_with("_eval")) {
        let x = case.tensor("x");
        let network = network(case, "param", &x.shape()[1..]);
        let output = case::record(&network, &x);
        report.close(&format!("{} logits", case.id), output.scores.data(), case.tensor("logits").data());
        for node in &network.nodes {
            let (spikes, counts) = (format!("spikes.{}", node.name), format!("spike_count.{}", node.name));
            if !case.has(&counts) {
                continue;
            }
            let got = case::recorded(&output, &node.name, case::spikes);
            if case.has(&spikes) {
                report.exact(&format!("{} {spikes}", case.id), &got, case.batch_first(&spikes).data());
            }
            let steps = case.meta["T"].as_u64().unwrap() as usize;
            let neurons = got.len() / (x.shape()[0] * steps);
            let got: Vec<f32> = got.chunks(neurons).map(|step| step.iter().sum()).collect();
            report.exact(&format!("{} {counts}", case.id), &got, case.batch_first(&counts).data());
        }
    }
    report.finish(20);
}

/// The network of a case for such an input, from the layers its metadata lists by PyTorch's names, with the tensors that
/// begin with `prefix`.
pub fn network(case: &Case, prefix: &str, input: &[usize]) -> Network {
    let shape = |name: String| case.tensor(&name).shape().to_vec();
    let neuron = |builder: Builder| {
        let neuron = &case.meta["neuron"];
        assert_eq!((neuron["v_threshold"].as_f64(), neuron["v_reset"].as_f64()), (Some(1.0), Some(0.0)));
        match neuron["kind"].as_str().unwrap() {
            "if" => builder.spiking(If::default()),
            "lif" => builder.spiking(Lif::tau(neuron["tau"].as_f64().unwrap())),
            other => panic!("{}: {other}", case.id),
        }
    };
    let mut builder = Network::new(input);
    let mut last = usize::MAX;
    let arch = case.meta["arch"].as_array().unwrap();
    let names = arch.iter().map(|line| line.as_str().unwrap().split_once(": ").unwrap());
    let kinds: Vec<(usize, &str)> = names
        .map(|(name, what)| (name.trim_start_matches("net.").split('.').next().unwrap().parse().unwrap(), what))
        .collect();
    for index in 0..=13 {
        let name = format!("net.{index}");
        let what = kinds.iter().find(|(i, _)| *i == index).map(|(_, what)| *what);
        let bias = case.has(&format!("{prefix}.{name}.bias"));
        // Some neurons share a surrogate, which PyTorch then lists once: a gap in the numbers is a neuron.
        builder = match what {
            Some(what) if what.starts_with("Conv2d") => {
                builder = builder.conv2d(shape(format!("{prefix}.{name}.weight"))[0], 3).padding(1);
                if bias { builder } else { builder.no_bias() }
            }
            Some(what) if what.starts_with("BatchNorm2d") => builder.batch_norm(),
            Some(what) if what.starts_with("MaxPool2d") => builder.max_pool(2),
            Some(what) if what.starts_with("Flatten") => builder.flatten(),
            Some(what) if what.starts_with("Linear") => {
                builder = builder.linear(shape(format!("{prefix}.{name}.weight"))[0]);
                if bias { builder } else { builder.no_bias() }
            }
            _ if case.has(&format!("spike_count.{name}")) => neuron(builder),
            _ => continue,
        };
        builder = builder.name(name);
        last = index;
    }
    assert!(last > 9, "{}: the network ends at layer {last}", case.id);
    let mut network = builder.steps(case.meta["T"].as_u64().unwrap() as usize).build().unwrap();
    for node in &mut network.nodes {
        let tensor = |what: &str| -> Option<Tensor> {
            let name = format!("{prefix}.{}.{what}", node.name);
            case.has(&name).then(|| case.tensor(&name))
        };
        match &mut node.layer {
            Layer::Conv(conv) => (conv.weight, conv.bias) = (tensor("weight"), tensor("bias")),
            Layer::Linear(linear) => (linear.weight, linear.bias) = (tensor("weight"), tensor("bias")),
            Layer::BatchNorm(norm) => {
                (norm.weight, norm.bias) = (tensor("weight"), tensor("bias"));
                (norm.running_mean, norm.running_var) = (tensor("running_mean"), tensor("running_var"));
            }
            _ => {}
        }
    }
    network
}
