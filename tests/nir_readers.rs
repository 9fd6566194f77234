//! Networks exported here, loaded by the frameworks' own NIR readers: they fire as we do under their dialect.
//!
//! Needs a Python with nir, nirtorch and the frameworks, named by SALTATORY_PYTHON (default: python3); skips without.

#![cfg(feature = "nir")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;
use std::process::Command;

use saltatory::io::nir::{WriteOptions, write};
use saltatory::layer::Layer;
use saltatory::network::{Builder, Readout};
use saltatory::neuron::rules::{Current, InputGain, Reset};
use saltatory::neuron::{CubaLif, Decay, Dialect, If, Lif, RuleChanges};
use saltatory::run::Options;
use saltatory::{Network, Session, Tensor};

const STEPS: usize = 24;
const SAMPLES: usize = 3;
/// What the script exits with where a framework is not there.
const MISSING: i32 = 77;

/// The script on a file: outputs `[steps, samples, ...]`, or why there are none.
fn python(framework: &str, network: &Network, x: &Tensor, settings: &str) -> Result<Vec<f32>, String> {
    let folder = tempfile::tempdir().unwrap();
    let [model, input, output] = ["network.nir", "input", "output"].map(|name| folder.path().join(name));
    write(network, &model, &WriteOptions { rules_apart: true, ..Default::default() }).unwrap();
    std::fs::write(&input, x.data().iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
    let shape: Vec<String> = x.shape().iter().map(ToString::to_string).collect();
    let python = std::env::var("SALTATORY_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/nir_readers.py");
    let mut command = Command::new(&python);
    command.arg(script).arg(framework).arg(model).arg(input).arg(shape.join(",")).arg(&output).arg(settings);
    let run = match command.output() {
        Ok(run) => run,
        Err(error) => return Err(format!("{python}: {error}")),
    };
    let said = String::from_utf8_lossy(&run.stdout).trim().to_owned();
    if run.status.code() == Some(MISSING) {
        return Err(said.lines().last().unwrap_or_default().to_owned());
    }
    assert!(run.status.success(), "{framework}: {said}\n{}", String::from_utf8_lossy(&run.stderr));
    let bytes = std::fs::read(&output).unwrap();
    Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect())
}

/// Spikes `[steps, samples, ...]` to begin with, from a formula.
fn spikes(shape: &[usize]) -> Tensor {
    let shape = [&[STEPS, SAMPLES], shape].concat();
    let count: usize = shape.iter().product();
    let data = (0..count as u32).map(|i| f32::from(i.wrapping_mul(0x9e37_79b9).rotate_left(9) % 100 < 35)).collect();
    Tensor::new(shape, data).unwrap()
}

/// `[a, b, ...]` as `[b, a, ...]`.
fn swapped(data: &[f32], a: usize, b: usize) -> Vec<f32> {
    let row = data.len() / (a * b);
    (0..b).flat_map(|j| (0..a).flat_map(move |i| data[(i * b + j) * row..][..row].iter().copied())).collect()
}

/// The network with weights in 64ths, so that no sum of a layer rounds, in whatever order a framework takes it.
fn exact(builder: Builder, gain: f32) -> Network {
    let mut network = builder.build().unwrap();
    network.init(11).unwrap();
    for node in &mut network.nodes {
        let tensors = match &mut node.layer {
            Layer::Conv(conv) => [conv.weight.as_mut(), conv.bias.as_mut()],
            Layer::Linear(linear) => [linear.weight.as_mut(), linear.bias.as_mut()],
            _ => [None, None],
        };
        for tensor in tensors.into_iter().flatten() {
            tensor.data_mut().iter_mut().for_each(|w| *w = ((*w + 0.05) * gain * 64.0).round() / 64.0);
        }
    }
    network
}

/// What we give, `[steps, samples, ...]`.
fn ours(network: &Network, x: &Tensor) -> Vec<f32> {
    let shape = [&[SAMPLES, STEPS], &network.input.shape[..]].concat();
    let batch_first = Tensor::new(shape, swapped(x.data(), STEPS, SAMPLES)).unwrap();
    let options = Options { readout: Some(Readout::Trace), ..Default::default() };
    let scores = Session::new(network.clone(), options).unwrap().run(&batch_first).unwrap().scores;
    swapped(scores.data(), SAMPLES, STEPS)
}

/// The framework gives the spikes that we give, with weights of which some neurons fire and some do not.
fn agrees(what: &str, builder: Builder, settings: &str) {
    let tried: Vec<Network> = (0..18).map(|i| exact(builder.clone(), 0.1 * 1.35f32.powi(i))).collect();
    let x = spikes(&tried[0].input.shape);
    let fired = |values: &[f32]| values.iter().filter(|&&s| s > 0.0).count();
    let lively = tried.into_iter().map(|network| (ours(&network, &x), network));
    let mut lively = lively.filter(|(ours, _)| (15..70).contains(&(fired(ours) * 100 / ours.len())));
    let (ours, network) = lively.next().unwrap_or_else(|| panic!("{what}: all or none fire"));
    let framework = network.dialect.name();
    let theirs = match python(framework, &network, &x, settings) {
        Ok(theirs) => theirs,
        Err(reason) => return println!("skipped {framework}, {what}: {reason}"),
    };
    let (fired, values) = (fired(&ours), ours.len());
    let wrong = ours.iter().zip(&theirs).filter(|(a, b)| a != b).count();
    assert_eq!((wrong, values), (0, theirs.len()), "{framework}, {what}: {wrong} of {values} differ, {fired} fired");
    println!("{framework}, {what}: {fired} of {values} fired, all as here");
}

fn perceptron(dialect: Dialect, neuron: impl Into<saltatory::neuron::Neuron> + Clone) -> Builder {
    Network::new([8]).dialect(dialect).linear(12).spiking(neuron.clone()).linear(6).spiking(neuron)
}

/// What snnTorch's reader gives every neuron.
fn snntorch_reader() -> RuleChanges {
    RuleChanges { reset: Some(Reset::Hard), reset_delay: Some(0), ..Default::default() }
}

fn synaptic(alpha: f64, beta: f64) -> CubaLif {
    CubaLif { decay_syn: Decay::Factor(alpha.into()), decay_mem: Decay::Factor(beta.into()), ..Default::default() }
}

const SUBTRACT: &str = r#"{"reset": "subtract", "reset_delay": true}"#;

#[test]
fn snntorch() {
    let leaky = perceptron(Dialect::SnnTorch, Lif::beta(0.9));
    agrees("Leaky", leaky.clone(), SUBTRACT);
    agrees("Leaky as its reader builds it", leaky.rules(snntorch_reader()), "{}");
    let synaptic_net = perceptron(Dialect::SnnTorch, synaptic(0.7, 0.8));
    agrees("Synaptic", synaptic_net.clone(), SUBTRACT);
    agrees("Synaptic as its reader builds it", synaptic_net.rules(snntorch_reader()), "{}");
    let convolution =
        Network::new([1, 8, 8]).dialect(Dialect::SnnTorch).conv2d(4, 3).padding(1).spiking(Lif::beta(0.5));
    let convolution = convolution.avg_pool(2).flatten().linear(5).spiking(Lif::beta(0.75));
    agrees("convolution", convolution, SUBTRACT);
    let recurrent = Network::new([8]).dialect(Dialect::SnnTorch).rules(snntorch_reader()).linear(12);
    let leaky = recurrent.clone().spiking(Lif::beta(0.9)).name("lif").recurrent(true);
    let settings = r#"{"recurrent": true}"#;
    agrees("RLeaky", leaky.linear(6).spiking(Lif::beta(0.8)), settings);
    // An RSynaptic that keeps its own state runs with reset_delay alone.
    let recurrent = Network::new([8]).dialect(Dialect::SnnTorch).linear(12).spiking(synaptic(0.5, 0.8)).name("lif");
    let settings = r#"{"recurrent": true, "reset": "subtract", "reset_delay": true}"#;
    agrees("RSynaptic", recurrent.recurrent(true).linear(6).spiking(Lif::beta(0.8)), settings);
}

#[test]
fn norse() {
    agrees("LIFBox", perceptron(Dialect::Norse, Lif::tau(4e-3)), "{}");
    agrees("IAF", perceptron(Dialect::Norse, If::default()), "{}");
    // Its reader makes a filter of a CubaLIF, whatever its LIFCell does.
    let filter = RuleChanges { current: Some(Current::Filter), ..Default::default() };
    let tau = |steps: f64| Decay::Tau((1e-3 * steps).into());
    let cuba =
        CubaLif { decay_syn: tau(2.0), decay_mem: tau(4.0), r: 2.0.into(), w_in: 1.5.into(), ..Default::default() };
    agrees("CubaLIF", perceptron(Dialect::Norse, cuba).rules(filter), "{}");
    let convolution = Network::new([1, 8, 8]).dialect(Dialect::Norse).conv2d(4, 3).padding(1).spiking(Lif::tau(2e-3));
    let convolution = convolution.sum_pool(2).flatten().linear(5).spiking(If::default());
    agrees("convolution", convolution, "{}");
}

#[test]
fn sinabs() {
    // Its reader puts a floor of minus the threshold under an IF.
    let floor = RuleChanges { v_min: Some(-1.0), ..Default::default() };
    let convolution = Network::new([2, 8, 8]).dialect(Dialect::Sinabs).conv2d(4, 3).padding(1).spiking(If::default());
    let convolution = convolution.sum_pool(2).flatten().linear(5).spiking(If::default());
    agrees("several spikes a step", convolution.clone().rules(floor), "{}");
    agrees("without its reader's floor", convolution, r#"{"min_v_mem": null}"#);
    let lif = perceptron(Dialect::Sinabs, Lif::tau(6.0));
    agrees("LIF", lif.clone(), r#"{"norm_input": true}"#);
    let unscaled = RuleChanges { input_gain: Some(InputGain::R), ..Default::default() };
    agrees("LIF as its reader builds it", lif.rules(unscaled), "{}");
}

#[test]
fn spikingjelly() {
    agrees("LIF", perceptron(Dialect::SpikingJelly, Lif::tau(2.0)), "{}");
    let undivided = RuleChanges { input_gain: Some(InputGain::One), ..Default::default() };
    let lif = perceptron(Dialect::SpikingJelly, Lif::tau(3.0));
    agrees("LIF without decay_input", lif.rules(undivided), "{}");
    agrees("CUBALIF", perceptron(Dialect::SpikingJelly, synaptic(0.5, 0.75)), "{}");
    let convolution = Network::new([1, 8, 8]).conv2d(4, 3).padding(1).no_bias().batch_norm().spiking(If::default());
    let convolution = convolution.avg_pool(2).flatten().linear(5).spiking(If::default());
    agrees("convolution", convolution, "{}");
    let recurrent = Network::new([8]).linear(12).spiking(Lif::tau(2.0)).name("lif").recurrent(false);
    agrees("recurrent", recurrent.linear(6).spiking(Lif::tau(2.0)), "{}");
}
