//! The networks that speed is measured on, with weights and inputs from formulas: whoever builds them, in whatever
//! framework, computes with the same numbers.
//!
//! `h(seed, i) = mix(i ^ mix(seed + 0x9e3779b9))` with the 32-bit mixer lowbias32, `uniform(seed)[i] = (h >> 8) 2^-24`.
//! The weights of the i-th convolution or linear layer have the seed of the network plus i; they are uniform within
//! `sqrt(6 / fan_in)`, and the mean of each output's weights is subtracted. Gains in place of trained batch norm keep
//! every layer at realistic rates. Synapse k of source i of a sparse linear layer goes to target `h(5001, i K + k) mod N`; its
//! weight is `uniform(5002)[i K + k] / K` times a gain of 2.1 over the rate of the input; those of one source and target add
//! up. Neurons: LIF, tau 2 (`dense-lif`: 5), threshold 1, hard reset to 0.
//!
//! | name | network | T | input |
//! |---|---|---|---|
//! | `lif` | 65,536 neurons alone | 16 | currents |
//! | `dense-lif` | linear 512 to 512, LIF | 500 | real, mean 0, variance 1 |
//! | `spiking-cnn` | two convolutions and two linear layers, 28x28 | 8 | one image |
//! | `csnn-dvs` | SpikingJelly's `DVSGestureNet`, 2x128x128 | 16 | counts of events |
//! | `sew-resnet18` | SpikingJelly's `sew_resnet18`, ADD, 3x224x224 | 4 | one image |
//! | `sparse-fc-R` | linear 4,096 to 4,096, LIF | 32 | spikes at a rate of R % |
//! | the same with a fan-out K | sparse linear N to N, K synapses a source, LIF | 32 | spikes at a rate of R % |
//! | `...-training` | a step of training of `spiking-cnn` or `csnn-dvs` | | |
//! | `lif-training` | the neurons of `lif` forward, and back from a given gradient of their spikes | 16 | currents |
//! | `stream-latency` | that of `spiking-cnn` | 1 | frame by frame, state kept |

mod networks;
mod numbers;

use crate::error::{Error, Result};
use crate::network::{Network, Readout};
use crate::tensor::Tensor;
use networks::{DENSE_NEURONS, LIF_NEURONS, SEW_GAINS, SPARSE_NEURONS};
use networks::{as_untrained, csnn_dvs, dense_lif, fanned_out, fill, lif_alone, sew_resnet18, sparse_fc, spiking_cnn};
pub use numbers::uniform;
use numbers::{Values, hash};

/// A network with the formula of its samples.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The name, as benchmarks print it.
    pub name: &'static str,
    /// The network, with weights.
    pub network: Network,
    /// Steps per sample.
    pub steps: usize,
    /// Whether one frame holds for all steps.
    pub constant_input: bool,
    /// Whether frames come one by one, with state kept from each to the next.
    pub stream: bool,
    /// Whether it is a step of training, see [`TRAINING`].
    pub trains: bool,
    /// Whether its loss is none of ours: the gradient of the output is given, [`Workload::output_gradient`], and that of the
    /// input is what it computes. Nothing learns.
    pub own_loss: bool,
    seed: u32,
    values: Values,
}

/// Names of all workloads.
pub const NAMES: [&str; 10] = [
    "lif",
    "dense-lif",
    "spiking-cnn",
    "csnn-dvs",
    "sew-resnet18",
    "sparse-fc-0.1",
    "sparse-fc-1",
    "sparse-fc-5",
    "sparse-fc-20",
    "stream-latency",
];

/// Names of those that are steps of training: a batch through the network of that name and back, and Adam. Where nothing
/// learns, the gradient of the input.
pub const TRAINING: [&str; 3] = ["lif-training", "spiking-cnn-training", "csnn-dvs-training"];

/// Names of those that are whole networks on whole samples.
pub const NETWORKS: [&str; 3] = ["spiking-cnn", "csnn-dvs", "sew-resnet18"];

/// How samples come.
#[derive(Clone, Copy, PartialEq)]
enum Input {
    Constant,
    Sequence,
    Stream,
}

/// What of a workload differs from its definition; `None` is as defined.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Variant {
    /// Steps per sample; a stream has none.
    pub steps: Option<usize>,
    /// Neurons of `lif`, `dense-lif` and `sparse-fc-R`, and as many inputs.
    pub neurons: Option<usize>,
    /// Rate of the spikes that `sparse-fc-R` is given, of a step and neuron.
    pub rate: Option<f32>,
    /// Synapses of a source of `sparse-fc-R`, which is then sparse; `None`: it is dense.
    pub fan_out: Option<usize>,
}

/// The workload of a name.
///
/// # Errors
/// [`Error::Request`] for a name that is none of [`NAMES`].
pub fn workload(name: &str) -> Result<Workload> {
    variant(name, Variant::default())
}

/// The workload of a name, with another number of steps or neurons, another rate, or a fan-out.
///
/// # Errors
/// [`Error::Request`] for a name that is none of [`NAMES`], and for what the workload does not have.
pub fn variant(name: &str, variant: Variant) -> Result<Workload> {
    use Input::{Constant, Sequence, Stream};
    let Some(name) = NAMES.into_iter().chain(TRAINING).find(|&known| known == name) else {
        let (all, training) = (NAMES.join(", "), TRAINING.join(", "));
        return Err(Error::Request(format!("there is no workload `{name}`; there are {all}, {training}")));
    };
    let trains = TRAINING.contains(&name);
    const CNN_GAINS: &[f32] = &[2.1, 2.15, 3.24];
    const DVS_GAINS: &[f32] = &[1.51, 2.49, 2.37, 2.23, 2.25, 2.93, 3.79];
    check(name, &variant)?;
    let neurons = |usual| variant.neurons.unwrap_or(usual);
    let spikes = |usual| {
        let rate = variant.rate.unwrap_or(usual);
        let neurons = neurons(SPARSE_NEURONS);
        let builder = match variant.fan_out {
            None => sparse_fc(neurons),
            Some(fan_out) => fanned_out(name, neurons, fan_out, rate)?,
        };
        Ok::<_, Error>((32, Sequence, 5002, builder, &[1.0][..], Values::Spikes { rate }))
    };
    let (steps, input, seed, builder, gains, values) = match name.trim_end_matches("-training") {
        "lif" => (16, Sequence, 0, lif_alone(neurons(LIF_NEURONS)), &[][..], Values::Currents),
        "dense-lif" => {
            (500, Sequence, 4000, dense_lif(neurons(DENSE_NEURONS)), &[1.0][..], Values::Unit { seed: 4900 })
        }
        "spiking-cnn" => (8, Constant, 1000, spiking_cnn(), CNN_GAINS, Values::Uniform { seed: 1900 }),
        "csnn-dvs" => (16, Sequence, 2000, csnn_dvs(), DVS_GAINS, Values::Events { seed: 2900 }),
        "sew-resnet18" => (4, Constant, 3000, sew_resnet18(), &SEW_GAINS[..], Values::Unit { seed: 3900 }),
        "sparse-fc-0.1" => spikes(0.001)?,
        "sparse-fc-1" => spikes(0.01)?,
        "sparse-fc-5" => spikes(0.05)?,
        "sparse-fc-20" => spikes(0.2)?,
        _ => (1, Stream, 1000, spiking_cnn(), CNN_GAINS, Values::Uniform { seed: 6000 }),
    };
    let steps = variant.steps.unwrap_or(steps);
    let mut network = builder.name_network(name).steps(steps).readout(Readout::Mean).build()?;
    fill(&mut network, seed, gains)?;
    if trains {
        as_untrained(&mut network);
    }
    let (constant_input, stream, own_loss) = (input == Constant, input == Stream, name == "lif-training");
    Ok(Workload { name, network, steps, constant_input, stream, trains, own_loss, seed, values })
}

/// Whether a workload has what is to differ.
///
/// # Errors
/// [`Error::Request`] naming what it does not have.
pub fn check(name: &str, variant: &Variant) -> Result<()> {
    let sized = matches!(name, "lif" | "lif-training" | "dense-lif") || name.starts_with("sparse-fc-");
    let missing = [
        ("steps", variant.steps.is_some() && name == "stream-latency"),
        ("number of neurons", variant.neurons.is_some() && !sized),
        ("rate", variant.rate.is_some() && !name.starts_with("sparse-fc-")),
        ("fan-out", variant.fan_out.is_some() && !name.starts_with("sparse-fc-")),
    ];
    if let Some((what, _)) = missing.iter().find(|(_, missing)| *missing) {
        return Err(Error::Request(format!("the workload `{name}` has no {what} to choose")));
    }
    Ok(())
}

impl Workload {
    /// The labels of a batch: `h(seed + 950, i)` modulo the number of classes.
    ///
    /// # Errors
    /// None for these networks.
    pub fn labels(&self, batch: usize) -> Result<Vec<u32>> {
        let classes: usize = self.network.shapes()?[self.network.output].iter().product();
        Ok((0..batch as u32).map(|i| hash(self.seed + 950, i) % classes as u32).collect())
    }

    /// The gradient of the output that is given, `[time, batch, ...]`: from 0 to 1, repeated as currents are.
    ///
    /// # Errors
    /// None for these networks.
    pub fn output_gradient(&self, batch: usize) -> Result<Tensor> {
        let shape = self.network.shapes()?.swap_remove(self.network.output);
        let shape = [&[self.steps, batch], &shape[..]].concat();
        let count: usize = shape.iter().product();
        Tensor::new(shape, (0..count).map(numbers::gradient).collect())
    }

    /// Samples as this workload defines them: `[batch, ...]` or `[batch, time, ...]`; of a stream as many frames.
    ///
    /// # Errors
    /// [`Error::Request`] where there are too many elements.
    pub fn input(&self, batch: usize) -> Result<Tensor> {
        let shape = &self.network.input.shape;
        let frame = shape.iter().product::<usize>();
        let plane = if let [.., height, width] = shape[..] { (height, width) } else { (1, frame) };
        if self.constant_input || self.stream {
            let data = (0..batch * frame).map(|k| self.values.at(k, plane)).collect();
            return Tensor::new([&[batch], &shape[..]].concat(), data);
        }
        let value = |i: usize| {
            let (sample, t) = (i / (self.steps * frame), i / frame % self.steps);
            self.values.at((t * batch + sample) * frame + i % frame, plane)
        };
        let count = batch * self.steps * frame;
        Tensor::new([&[batch, self.steps], &shape[..]].concat(), (0..count).map(value).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::{Variant, uniform, variant, workload};
    use crate::layer::Layer;

    #[test]
    fn a_workload_may_have_other_steps_neurons_and_rates() {
        let lif = variant("lif", Variant { steps: Some(4), neurons: Some(96), ..Variant::default() }).unwrap();
        assert_eq!(lif.input(2).unwrap().shape(), [2, 4, 96]);
        let firing = |rate| {
            let sparse = Variant { neurons: Some(512), rate, ..Variant::default() };
            let input = variant("sparse-fc-1", sparse).unwrap().input(1).unwrap();
            input.data().iter().sum::<f32>() / input.len() as f32
        };
        assert!((firing(None) - 0.01).abs() < 2e-3 && (firing(Some(0.3)) - 0.3).abs() < 2e-2);
    }

    /// The numbers come from `benches/peers/contract.py`.
    #[test]
    fn with_a_fan_out_the_layer_is_sparse() {
        let sparse = Variant { neurons: Some(64), fan_out: Some(10), ..Variant::default() };
        let workload = variant("sparse-fc-5", sparse).unwrap();
        let Layer::SparseLinear(layer) = &workload.network.nodes[1].layer else { panic!("expected a sparse layer") };
        let weight = layer.weight.as_ref().unwrap();
        assert_eq!((weight.rows(), weight.columns(), weight.len()), (64, 64, SYNAPSES));
        assert_eq!(weight.row(0), (&ROW.0[..], &ROW.1[..]));
        let sum: f64 = weight.values().iter().map(|&value| f64::from(value)).sum();
        assert!((sum - SUM).abs() < 1e-5 * SUM, "{sum}");
        assert_eq!(workload.input(1).unwrap().shape(), [1, 32, 64]);
    }

    const SYNAPSES: usize = 603;
    const SUM: f64 = 1327.9773299628869;
    /// With two synapses from one source.
    const ROW: ([u32; 7], [f32; 7]) =
        ([3, 16, 18, 26, 31, 35, 40], [3.9092085, 2.9931555, 2.9079292, 3.4184442, 1.1172309, 3.9886212, 1.9608508]);

    #[test]
    fn what_is_given_repeats_after_a_prime_number_of_values() {
        let lif = variant("lif-training", Variant { neurons: Some(1 << 16), ..Variant::default() }).unwrap();
        let (x, of_spikes) = (lif.input(2).unwrap(), lif.output_gradient(2).unwrap());
        assert_eq!((x.shape(), of_spikes.shape()), (&[2, 16, 1 << 16][..], &[16, 2, 1 << 16][..]));
        let (first, again) = (of_spikes.data()[3], of_spikes.data()[1_048_573 + 3]);
        assert!(first == again && first == uniform(8, 3) && of_spikes.data()[4] != first);
        // Both are in the order of time, then samples.
        assert_eq!(x.data()[(1 << 20) + 5], uniform(7, (1 << 16) + 5) * 3.2 - 1.2);
    }

    #[test]
    fn a_variant_of_nothing_is_the_workload() {
        let [a, b] = [workload("dense-lif"), variant("dense-lif", Variant::default())].map(Result::unwrap);
        assert_eq!((a.steps, a.network.input.shape), (b.steps, b.network.input.shape));
    }

    #[test]
    fn what_a_workload_does_not_have_is_named() {
        let fails = |name, other, what: &str| {
            let error = variant(name, other).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(what), "{error}");
        };
        fails("spiking-cnn", Variant { neurons: Some(9), ..Variant::default() }, "neurons");
        fails("lif", Variant { rate: Some(0.5), ..Variant::default() }, "rate");
        fails("dense-lif", Variant { fan_out: Some(5), ..Variant::default() }, "fan-out");
        for fan_out in [0, 1 << 18] {
            fails("sparse-fc-1", Variant { fan_out: Some(fan_out), ..Variant::default() }, "fan-out");
        }
        fails("stream-latency", Variant { steps: Some(9), ..Variant::default() }, "steps");
    }
}
