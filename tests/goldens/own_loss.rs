//! Losses of one's own against the frameworks: the gradient of the outputs is given, those of parameters and input come
//! back.

use std::collections::BTreeMap;

use saltatory::run::Device;
use saltatory::train::{TrainOptions, Trainer};
use saltatory::{Network, Tensor};

use crate::backward::{neuron, surrogate};
use crate::case::{self, Case, Report, swap_axes};
use crate::srnn::{columns, contained};
use crate::training::same;

#[test]
fn own_losses() {
    own_losses_on(&Device::Cpu);
}

#[cfg(feature = "gpu")]
#[test]
fn own_losses_on_a_gpu() {
    crate::gpus::device().iter().for_each(own_losses_on);
}

fn own_losses_on(device: &Device) {
    let mut report = Report::default();
    for case in case::cases("srnn/sj_linear_recurrent") {
        let options = TrainOptions { surrogate: Default::default(), detach_reset: Some(true), ..Default::default() };
        let got = gradients(&case, contained(&case), &options, device, &mut report);
        let (weight, inputs) = (case.tensor("grad.rc.weight"), case.tensor("x").shape()[2]);
        for (name, expected) in [
            ("x.weight", columns(&weight, 0, inputs)),
            ("x.bias", case.tensor("grad.rc.bias")),
            ("y.w_rec.weight", columns(&weight, inputs, weight.shape()[1])),
        ] {
            report.gradient(&format!("{} {name}", case.id), got[name].data(), expected.data());
        }
    }
    // A loss that looks at the last potential, too, has more than outputs.
    for case in case::cases("surrogate/bptt").iter().filter(|case| !case.has("w_v")) {
        let (neuron, dialect) = neuron(case);
        let inputs = case.tensor("x").shape()[2];
        let builder = Network::new([inputs]).dialect(dialect).dt(case.number("dt").unwrap_or(1.0)).spiking(neuron);
        let detach = case.meta["params"]["detach_reset"].as_bool().or(case.meta["detach_reset"].as_bool());
        let options = TrainOptions { surrogate: surrogate(case), detach_reset: detach, ..Default::default() };
        let got = gradients(case, builder.build().unwrap(), &options, device, &mut report);
        report.gradient(&format!("{} grad_x", case.id), got["input"].data(), case.batch_first("grad_x").data());
    }
    report.finish_silent(20);
}

/// The gradients of `sum(w_loss * s)` by the names of the parameters, and that of the input. On the CPU the plain twins give
/// the same.
fn gradients(
    case: &Case,
    network: Network,
    options: &TrainOptions,
    device: &Device,
    report: &mut Report,
) -> BTreeMap<String, Tensor> {
    let (x, w_loss) = (case.batch_first("x"), case.tensor("w_loss"));
    let samples: Vec<&[f32]> = x.data().chunks(x.len() / x.shape()[0]).collect();
    let mut on = |device: &Device| {
        let options = TrainOptions { input_gradient: true, device: device.clone(), ..options.clone() };
        let mut trainer = Trainer::new(network.clone(), options.clone()).unwrap();
        trainer.forward(&samples).unwrap();
        let outputs = trainer.outputs().unwrap();
        assert_eq!(outputs.shape(), w_loss.shape());
        report.exact(&format!("{} s", case.id), outputs.data(), case.tensor("s").data());
        trainer.backward(&w_loss).unwrap();
        let mut all = trainer.gradients().unwrap();
        all.insert("input".into(), trainer.input_gradient().unwrap());
        // The same in one call, with samples that stay where they are.
        let mut stay = Trainer::new(network.clone(), options).unwrap();
        stay.forward_backward(&samples, |_| Ok(&w_loss)).unwrap();
        let mut again = stay.gradients().unwrap();
        again.insert("input".into(), stay.input_gradient().unwrap());
        same(&case.id, &all, &again);
        all
    };
    let got = on(device);
    if matches!(device, Device::Cpu) {
        same(&case.id, &got, &on(&Device::Reference));
    }
    assert_eq!(swap_axes(&got["input"]).shape(), case.tensor("x").shape());
    got
}
