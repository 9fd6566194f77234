//! Small networks in which every kernel appears, in all its forms.

use super::{circuits, noise};
use crate::error::Result;
use crate::layer::{Conv, Layer, Linear, Pool, PoolKind, SparseLinear};
use crate::network::{Builder, InputKind, InputSpec, Network};
use crate::neuron::rules::{Form, InputGain, Reset, RuleChanges, SpikesPerStep};
use crate::neuron::{CubaLif, Decay, Dialect, If, Li, Lif, Neuron};
use crate::tensor::Tensor;

/// Small networks by name, with weights.
///
/// # Errors
/// None, but for a fault in a network itself.
pub fn networks() -> Result<Vec<(&'static str, Network)>> {
    let dense = |dialect, kind| input(&[12], kind).dialect(dialect).linear(20);
    let taus = |tau_syn: f64, tau_mem: f64| CubaLif {
        decay_syn: Decay::Tau(tau_syn.into()),
        decay_mem: Decay::Tau(tau_mem.into()),
        ..Default::default()
    };
    let norse = dense(Dialect::Norse, InputKind::Real).spiking(taus(5e-3, 3e-3)).linear(3);
    let sinabs = dense(Dialect::Sinabs, InputKind::Bits).spiking(lif()).linear(3).spiking(lif());
    let snntorch = dense(Dialect::SnnTorch, InputKind::Bits).spiking(Lif::beta(0.8)).recurrent(false).linear(3);
    let builders = [
        ("images", images()),
        ("counted events", counted_events()),
        ("residual", residual()),
        ("delays and recurrence", sequence()),
        ("reshaped", reshaped()),
        ("wide", wide()),
        ("many inputs", many_inputs()),
        ("event lists", event_lists()),
        ("sparse", sparse()),
        ("sparse counts and potentials", sparse_counts()),
        ("norse", norse),
        ("sinabs", sinabs),
        ("snntorch", snntorch),
        ("padded pools", padded_pools()),
        ("normalised", normalised()),
        ("many spikes", many_spikes()),
        ("multiples", multiples()),
        ("driven circuit", circuits::driven()),
        ("circuit drawn again", circuits::drawn_again()),
        ("ties, >=", ties(Dialect::SpikingJelly, If::default())),
        ("ties, >", ties(Dialect::SnnTorch, Lif::beta(1.0))),
    ];
    let build = |(name, builder): (&'static str, Builder)| {
        let mut network = builder.build()?;
        network.init(7)?;
        network.nodes.iter_mut().for_each(|node| liven(&mut node.layer));
        if name.starts_with("ties") {
            network.nodes.iter_mut().for_each(|node| quarter(&mut node.layer));
        }
        Ok((name, network))
    };
    builders.into_iter().map(build).collect()
}

/// Weights under which about a third of the neurons fire when a third of the inputs do: silence would prove nothing.
fn liven(layer: &mut Layer) {
    if let Layer::BatchNorm(norm) = layer {
        for (at, (values, from)) in [
            (&mut norm.weight, 0.5),
            (&mut norm.bias, 0.0),
            (&mut norm.running_mean, -0.5),
            (&mut norm.running_var, 0.5),
        ]
        .into_iter()
        .enumerate()
        {
            let values = values.iter_mut().flat_map(|values| values.data_mut().iter_mut());
            values.enumerate().for_each(|(i, x)| *x = noise(100 * at + i) + from);
        }
    }
    if let Layer::SparseLinear(SparseLinear { weight: Some(weight), .. }) = layer {
        for row in 0..weight.rows() {
            let terms = weight.row(row).0.len() as f32;
            let weights = weight.row_values_mut(row).iter_mut().enumerate();
            weights.for_each(|(i, w)| *w = 4.0 * (noise(31 * row + i) - 0.5) / terms.sqrt() + 3.0 / terms);
        }
    }
    let (Layer::Conv(Conv { weight: Some(weight), .. }) | Layer::Linear(Linear { weight: Some(weight), .. })) = layer
    else {
        return;
    };
    let terms = (weight.len() / weight.shape()[0]) as f32;
    for (i, w) in weight.data_mut().iter_mut().enumerate() {
        *w = 4.0 * (noise(i) - 0.5) / terms.sqrt() + 3.0 / terms;
    }
}

/// Whole quarters, so that potentials meet thresholds to the bit.
fn quarter(layer: &mut Layer) {
    if let Layer::Linear(Linear { weight, bias, .. }) = layer {
        for values in [weight, bias].into_iter().flatten() {
            values.data_mut().iter_mut().for_each(|w| *w = (*w * 4.0).round() / 4.0);
        }
    }
}

pub(super) fn input(shape: &[usize], kind: InputKind) -> Builder {
    Network::new(shape).input(InputSpec { kind, ..Default::default() })
}

pub(super) fn lif() -> Lif {
    Lif::tau(2.0)
}

fn lif_with(changes: RuleChanges) -> Neuron {
    Neuron::from(lif()).with(changes)
}

/// Real input convolved once; channels that do not fill their words; pools inside; a read-out from counts.
fn images() -> Builder {
    let first = input(&[1, 12, 12], InputKind::Real).conv2d(40, 3).padding(1).batch_norm().spiking(lif()).max_pool(2);
    let second = first.conv2d(24, 3).padding(1).batch_norm().spiking(lif()).max_pool(3);
    second.flatten().linear(70).spiking(lif()).linear(10)
}

/// Bit planes in, several spikes per step, sums of them, an average, an output that is a potential.
fn counted_events() -> Builder {
    let many = RuleChanges { spikes: Some(SpikesPerStep::Many), reset: Some(Reset::Subtract), ..Default::default() };
    let floored = RuleChanges { form: Some(Form::Factor), v_min: Some(-0.1), ..Default::default() };
    let counts =
        input(&[2, 9, 9], InputKind::Counts).conv2d(10, 3).stride(2).spiking(Neuron::from(If::default()).with(many));
    let means = counts.sum_pool(2).conv2d(6, 2).no_bias().spiking(lif_with(floored)).avg_pool(1);
    means.flatten().linear(5).spiking(Li::default())
}

/// Groups whose channels straddle words, dilation, currents, a late reset, a branch.
fn residual() -> Builder {
    let late = RuleChanges { reset_delay: Some(1), ..Default::default() };
    let stem = input(&[6, 7, 5], InputKind::Bits).conv2d(12, 3).groups(3).dilation(2).padding(2);
    let stem = stem
        .spiking(CubaLif { decay_syn: Decay::Tau(3.0.into()), threshold: 0.3.into(), ..Default::default() })
        .name("stem");
    let sum = stem.conv2d(12, 1).spiking(lif_with(late)).add("stem").name("sew");
    sum.conv2d(8, 3).spiking(lif()).avg_pool(3).flatten().linear(4).spiking(lif())
}

/// One axis; delays for all and by element; a recurrent layer; currents at the output.
fn sequence() -> Builder {
    let pairs = Pool { kind: PoolKind::Max, kernel: vec![2], stride: vec![2], padding: vec![0] };
    let spikes = input(&[3, 20], InputKind::Bits).conv1d(9, 5).spiking(lif()).layer(Layer::Pool(pairs));
    let late = spikes.delay(3).layer(Layer::Delay((0..72).map(|i| i % 5).collect()));
    let recurrent = late
        .scale(Tensor::vector(vec![0.5; 9]))
        .flatten()
        .linear(33)
        .spiking(CubaLif { threshold: 0.1.into(), ..Default::default() })
        .recurrent(true);
    recurrent.linear(4).spiking(CubaLif::default())
}

/// A shape that does not lie in memory as it came; a convolution and a linear layer with no neurons right behind.
fn reshaped() -> Builder {
    let merged = input(&[4, 3, 5], InputKind::Bits).layer(Layer::Flatten { start: 0, end: Some(1) });
    let pairs = Pool { kind: PoolKind::Max, kernel: vec![2], stride: vec![2], padding: vec![0] };
    let pooled = merged.conv1d(5, 2).layer(Layer::Pool(pairs)).spiking(lif()).flatten();
    pooled.linear(6).scale(Tensor::vector(vec![1.5])).spiking(lif()).linear(3)
}

/// Pools with padding and overlap; groups that straddle words; a leak of the potential alone.
fn padded_pools() -> Builder {
    let pool = |kind| Layer::Pool(Pool { kind, kernel: vec![3, 3], stride: vec![2, 2], padding: vec![1, 1] });
    let spikes = input(&[2, 11, 9], InputKind::Real).conv2d(36, 3).spiking(Lif::tau(3.0)).layer(pool(PoolKind::Max));
    let whole = RuleChanges { input_gain: Some(InputGain::R), ..Default::default() };
    spikes
        .conv2d(6, 1)
        .groups(2)
        .spiking(Neuron::from(Lif::tau(3.0)).with(whole))
        .layer(pool(PoolKind::Average))
        .flatten()
        .linear(5)
        .spiking(lif())
}

/// A scale and shift of reals that nothing can take in; potentials that would fall below their bound.
fn normalised() -> Builder {
    let bounded = Neuron::from(Lif::tau(3.0)).with(RuleChanges { v_min: Some(-0.01), ..Default::default() });
    input(&[3, 5, 4], InputKind::Real).batch_norm().spiking(bounded).flatten().linear(4).spiking(lif())
}

/// More spikes in a step than eight bit planes hold, of a threshold whose reciprocal is not exact.
fn many_spikes() -> Builder {
    let many = RuleChanges { spikes: Some(SpikesPerStep::Many), reset: Some(Reset::Subtract), ..Default::default() };
    let neuron = If { threshold: 0.003.into(), ..Default::default() };
    input(&[9], InputKind::Counts).linear(37).spiking(Neuron::from(neuron).with(many)).linear(5)
}

/// Potentials that are multiples of the threshold to the bit, where a product with its reciprocal is not always.
fn multiples() -> Builder {
    let thresholds: Vec<f32> = (1..=40).map(|i| i as f32 / 37.0).collect();
    let many = RuleChanges { spikes: Some(SpikesPerStep::Many), reset: Some(Reset::Subtract), ..Default::default() };
    let neuron =
        If { threshold: thresholds.iter().map(|&x| f64::from(x)).collect::<Vec<_>>().into(), ..Default::default() };
    let counts = input(&[40], InputKind::Counts).scale(Tensor::vector(thresholds));
    counts.spiking(Neuron::from(neuron).with(many)).linear(5)
}

/// Potentials that are exactly at the threshold; dialects part there.
fn ties(dialect: Dialect, neuron: impl Into<Neuron>) -> Builder {
    let neuron = neuron.into();
    input(&[16], InputKind::Bits).dialect(dialect).linear(40).spiking(neuron.clone()).linear(6).spiking(neuron)
}

/// More inputs than block sums are kept at once for; outputs that do not fill a workgroup.
fn many_inputs() -> Builder {
    input(&[40, 5, 6], InputKind::Bits).flatten().linear(68).spiking(lif()).linear(12).spiking(lif())
}

/// Layers that read lists of events, each in another form of its kernel: currents shared, each for itself, without neurons.
/// As many inputs fire in a step as lists hold at most, sometimes more.
fn event_lists() -> Builder {
    let easy = |threshold: f64| Lif { threshold: threshold.into(), ..lif() };
    let shared = input(&[40, 5, 6], InputKind::Bits).flatten().linear(100).spiking(easy(0.8));
    let alone = shared.linear(70).spiking(easy(0.7)).linear(20).scale(Tensor::vector(vec![1.5])).spiking(easy(0.6));
    alone.linear(3).spiking(lif())
}

/// Synapses by target over cells whose channels straddle words, more of them than come near at once, for more targets than one
/// slice, in several blocks.
fn sparse() -> Builder {
    let easy = |threshold: f64| Lif { threshold: threshold.into(), ..lif() };
    let many = input(&[40, 12, 13], InputKind::Bits).flatten().sparse_linear(130).fan_in(90, 3).spiking(easy(0.8));
    many.sparse_linear(70).fan_out(20, 4).no_bias().spiking(easy(0.7)).linear(3).spiking(lif())
}

/// Synapses from bit planes, and from reals.
fn sparse_counts() -> Builder {
    let potentials =
        input(&[3, 6, 6], InputKind::Counts).flatten().sparse_linear(72).fan_in(40, 1).spiking(Li::default());
    potentials.sparse_linear(20).fan_in(30, 2).spiking(lif()).linear(3)
}

/// More channels than a workgroup takes, more terms than one block of the canonical sum.
fn wide() -> Builder {
    let deep = input(&[70, 4, 4], InputKind::Bits).conv2d(130, 3).padding(1).spiking(lif()).max_pool(2);
    deep.conv2d(132, 1).spiking(lif()).conv2d(5, 2).spiking(lif()).flatten().linear(9)
}
