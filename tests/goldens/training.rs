//! Training against SpikingJelly and snnTorch: loss, gradients of all parameters, and parameters after steps of the
//! optimiser.

use std::collections::BTreeMap;

use saltatory::layer::Layer;
use saltatory::network::checkpoint;
use saltatory::neuron::{Lif, ParametricLif};
use saltatory::run::Device;
use saltatory::train::{Loss, LossKind, Momentum, Optimiser, Over, Surrogate, SurrogateKind, TrainOptions, Trainer};
use saltatory::{Network, Tensor};

use crate::case::{self, Case, Report};
use crate::{nets, srnn};

#[test]
fn networks_learn_as_in_spikingjelly() {
    networks_learn(&Device::Cpu);
}

#[cfg(feature = "gpu")]
#[test]
fn networks_learn_as_in_spikingjelly_on_a_gpu() {
    crate::gpus::device().iter().for_each(networks_learn);
}

fn networks_learn(device: &Device) {
    let mut report = Report::default();
    for case in case::cases("nets/").iter().filter(|c| c.id.ends_with("_train")) {
        let x = case.tensor("x");
        let plif = case.id.contains("plif");
        let network = if plif { parametric(case) } else { nets::network(case, "before", &x.shape()[2..]) };
        let kind = if case.meta["loss"].as_str().unwrap().contains("cross_entropy") {
            LossKind::CrossEntropy
        } else {
            LossKind::Mse
        };
        let options = TrainOptions { device: device.clone(), ..options(case, Loss { kind, over: Over::Mean }) };
        let mut trainer = Trainer::new(network.clone(), options.clone()).unwrap();
        let twins = |device| Trainer::new(network.clone(), TrainOptions { device, ..options.clone() }).unwrap();
        let mut twins = matches!(device, Device::Cpu).then(|| twins(Device::Reference));
        let labels = case.tensor("labels");
        let (steps, batch) = (labels.shape()[0], labels.shape()[1]);
        for step in 0..steps {
            let row = x.len() / steps;
            let data = x.data()[step * row..][..row].to_vec();
            let data = Tensor::new(x.shape()[1..].to_vec(), data).unwrap();
            // Sequences come time first.
            let data = if plif { case::swap_axes(&data) } else { data };
            let samples: Vec<&[f32]> = data.data().chunks(row / batch).collect();
            let labels: Vec<u32> = labels.data()[step * batch..][..batch].iter().map(|&x| x as u32).collect();
            let given = trainer.accumulate(&samples, &labels, batch).unwrap();
            report.within(
                &format!("{} loss {step}", case.id),
                &[given.loss as f32],
                &case.tensor("loss").data()[step..=step],
                1e-5,
            );
            let gradients = trainer.gradients().unwrap();
            if let Some(twins) = &mut twins {
                twins.accumulate(&samples, &labels, batch).unwrap();
                same(&case.id, &gradients, &twins.gradients().unwrap());
            }
            trainer.optimise().unwrap();
            if let Some(twins) = &mut twins {
                twins.optimise().unwrap();
                assert_eq!(trainer.network().unwrap(), twins.network().unwrap(), "{}", case.id);
            }
            compare(case, step, &gradients, &trainer.network().unwrap(), &mut report);
        }
    }
    report.finish_silent(60);
}

/// The fast machine gives the bits of the plain twins.
pub fn same(id: &str, fast: &BTreeMap<String, Tensor>, twins: &BTreeMap<String, Tensor>) {
    for (name, fast) in fast {
        let bits = |tensor: &Tensor| tensor.data().iter().map(|x| (x + 0.0).to_bits()).collect::<Vec<_>>();
        let (fast, twin) = (bits(fast), bits(&twins[name]));
        let wrong = fast.iter().zip(&twin).filter(|(a, b)| a != b).count();
        assert_eq!(wrong, 0, "{id}: {name}: {wrong} of {} differ", fast.len());
    }
}

/// Gradients and parameters of a step.
fn compare(case: &Case, step: usize, gradients: &BTreeMap<String, Tensor>, after: &Network, report: &mut Report) {
    let zero = case.meta["true_grad_is_zero"].as_array().cloned().unwrap_or_default();
    for (name, gradient) in gradients {
        let expected = case.tensor(&format!("grad{step}.{name}"));
        if zero.iter().any(|zero| zero.as_str() == Some(name)) {
            // Frameworks have noise there; so do we.
            assert!(gradient.data().iter().all(|x| x.abs() < 1e-5), "{name}: {gradient:?}");
            continue;
        }
        report.gradient(&format!("{} grad{step}.{name}", case.id), gradient.data(), expected.data());
        let largest = expected.data().iter().fold(0.0f32, |m, x| m.max(x.abs()));
        let (layer, what) = name.rsplit_once('.').unwrap();
        let node = &after.nodes[after.node(layer).unwrap()].layer;
        let found = match node {
            Layer::Neuron(_) => parameter(node),
            _ => checkpoint::tensors(node).into_iter().find(|(slot, _)| *slot == what).unwrap().1.data().to_vec(),
        };
        // Of the largest case only some parameters are in the goldens.
        if !case.has(&format!("after{step}.{name}")) {
            continue;
        }
        let expected_after = case.tensor(&format!("after{step}.{name}"));
        let keep = |values: &[f32]| -> Vec<f32> {
            let kept = values.iter().zip(expected.data()).filter(|(_, g)| g.abs() > 1e-5 * largest);
            kept.map(|(x, _)| *x).collect()
        };
        report.within(&format!("{} after{step}.{name}", case.id), &keep(&found), &keep(expected_after.data()), 2e-5);
    }
    for node in &after.nodes {
        let Layer::BatchNorm(_) = &node.layer else { continue };
        for (what, tensor) in checkpoint::tensors(&node.layer) {
            if what.starts_with("running") {
                let expected = case.tensor(&format!("after{step}.{}.{what}", node.name));
                // The biases before it, whose gradients are zero but for noise, follow that noise with Adam.
                let limit = if step == 0 { 1e-5 } else { 1e-3 };
                report.within(&format!("{} {}.{what}", case.id, node.name), tensor.data(), expected.data(), limit);
            }
        }
    }
}

/// The learned parameter of a population.
fn parameter(layer: &Layer) -> Vec<f32> {
    match layer {
        Layer::Neuron(neuron) => match &neuron.model {
            saltatory::neuron::Model::ParametricLif(plif) => plif.w.values().iter().map(|&x| x as f32).collect(),
            other => panic!("{}", other.name()),
        },
        other => panic!("{}", other.kind()),
    }
}

fn options(case: &Case, loss: Loss) -> TrainOptions {
    let neuron = &case.meta["neuron"];
    let of = |key: &str| case.meta["optimizer"][key].as_f64().unwrap_or(0.0);
    let optimiser = match case.meta["optimizer"]["kind"].as_str().unwrap() {
        "sgd" => {
            Optimiser::Sgd { lr: of("lr"), momentum: of("momentum"), nesterov: false, weight_decay: of("weight_decay") }
        }
        _ => Optimiser::Adam(Momentum { lr: of("lr"), ..Default::default() }),
    };
    let name = match neuron["surrogate"].as_str().unwrap() {
        "ATan" => SurrogateKind::Atan,
        "Sigmoid" => SurrogateKind::Sigmoid,
        other => panic!("{other}"),
    };
    let surrogate = Surrogate { name, alpha: neuron["alpha"].as_f64().unwrap() };
    let detach_reset = neuron["detach_reset"].as_bool();
    TrainOptions { loss, optimiser, surrogate, detach_reset, ..Default::default() }
}

/// The network of `mlp_plif_train`: linear, LIF, linear, PLIF, linear, LIF.
fn parametric(case: &Case) -> Network {
    let shape = |name: &str| case.tensor(&format!("before.{name}.weight")).shape().to_vec();
    let plif =
        ParametricLif { w: (-(case.meta["plif_init_tau"].as_f64().unwrap() - 1.0).ln()).into(), ..Default::default() };
    let mut network = Network::new([shape("net.1")[1]])
        .linear(shape("net.1")[0])
        .name("net.1")
        .spiking(Lif::tau(2.0))
        .name("net.2")
        .linear(shape("net.3")[0])
        .name("net.3")
        .spiking(plif)
        .name("net.4")
        .linear(shape("net.5")[0])
        .name("net.5")
        .spiking(Lif::tau(2.0))
        .name("net.6")
        .steps(8)
        .build()
        .unwrap();
    for name in ["net.1", "net.3", "net.5"] {
        let tensor = |what: &str| case.tensor(&format!("before.{name}.{what}"));
        srnn::set(&mut network, name, tensor("weight"), Some(tensor("bias")));
    }
    network
}

#[test]
fn recurrent_networks_learn_as_in_snntorch() {
    recurrent_networks_learn(&Device::Cpu);
}

#[cfg(feature = "gpu")]
#[test]
fn recurrent_networks_learn_as_in_snntorch_on_a_gpu() {
    crate::gpus::device().iter().for_each(recurrent_networks_learn);
}

fn recurrent_networks_learn(device: &Device) {
    let mut report = Report::default();
    for case in case::cases("srnn/").iter().filter(|c| c.id.contains("snntorch")) {
        let loss = Loss { kind: LossKind::CrossEntropy, over: Over::Sum };
        let fast = case.meta["surrogate"].as_str() == Some("fast_sigmoid slope 5");
        let surrogate =
            if fast { Surrogate { name: SurrogateKind::FastSigmoid, alpha: 5.0 } } else { Surrogate::default() };
        let options = TrainOptions { loss, surrogate, device: device.clone(), ..Default::default() };
        let mut trainer = Trainer::new(srnn::network(case), options).unwrap();
        let x = case.batch_first("x");
        let labels: Vec<u32> = case.tensor("labels").data().iter().map(|&x| x as u32).collect();
        let samples: Vec<&[f32]> = x.data().chunks(x.len() / labels.len()).collect();
        let given = trainer.accumulate(&samples, &labels, labels.len()).unwrap();
        report.within(&format!("{} loss", case.id), &[given.loss as f32], case.tensor("loss").data(), 1e-5);
        let gradients = trainer.gradients().unwrap();
        if matches!(device, Device::Cpu) {
            let options = TrainOptions { loss, surrogate, device: Device::Reference, ..Default::default() };
            let mut twins = Trainer::new(srnn::network(case), options).unwrap();
            twins.accumulate(&samples, &labels, labels.len()).unwrap();
            same(&case.id, &gradients, &twins.gradients().unwrap());
        }
        for (name, theirs) in [("fc1", "fc1"), ("l1.w_rec", "l1.recurrent"), ("fc2", "fc2")] {
            for what in ["weight", "bias"] {
                let expected = case.tensor(&format!("grad.{theirs}.{what}"));
                report.gradient(
                    &format!("{} {name}.{what}", case.id),
                    gradients[&format!("{name}.{what}")].data(),
                    expected.data(),
                );
            }
        }
    }
    report.finish_silent(14);
}
