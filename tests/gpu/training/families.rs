//! Cases that differ in one thing: the surrogate, the loss, the neuron, what of it is learned.

use saltatory::network::{Builder, InputKind};
use saltatory::neuron::rules::{Reset, RuleChanges};
use saltatory::neuron::{
    CubaLi, CubaLif, Decay, Dialect, If, Integrator, Li, Lif, Neuron, Param, ParametricLif, Threshold,
};
use saltatory::train::{LossKind, Optimiser, Over, SurrogateKind, TrainOptions};

use super::cases::{Case, input, loss, sgd};

/// Each surrogate.
pub fn surrogates() -> impl Iterator<Item = Case> {
    SurrogateKind::ALL.into_iter().map(|kind| {
        let builder = input(&[9], InputKind::Bits).linear(33).spiking(Lif::tau(2.0)).linear(4).spiking(Lif::tau(3.0));
        let options = TrainOptions {
            loss: loss(LossKind::Mse, Over::Mean),
            optimiser: sgd(),
            surrogate: kind.into(),
            ..Default::default()
        };
        Case::new(format!("surrogate {kind:?}"), builder, false, options)
    })
}

/// Each loss, of spikes, of potentials, and of an output that holds for all steps.
pub fn losses() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in [LossKind::CrossEntropy, LossKind::Mse] {
        for over in [Over::Mean, Over::Sum, Over::Last, Over::EachStep] {
            let spikes = input(&[6], InputKind::Bits).linear(17).spiking(Lif::tau(2.0)).linear(5);
            for (what, builder) in [
                ("spikes", spikes.clone().spiking(Lif::tau(2.0))),
                ("potentials", spikes.spiking(Li::default())),
                ("a constant", input(&[6], InputKind::Real).linear(8).linear(5)),
            ] {
                let options = TrainOptions {
                    loss: loss(kind, over),
                    optimiser: sgd(),
                    surrogate: SurrogateKind::Triangle.into(),
                    ..Default::default()
                };
                cases.push(Case::new(
                    format!("{kind:?} over {over:?} of {what}"),
                    builder,
                    what == "a constant",
                    options,
                ));
            }
        }
    }
    cases
}

/// Parameters of neurons: one for all, for each channel, for each neuron; in a cycle.
pub fn learned() -> Vec<Case> {
    let options = TrainOptions {
        optimiser: Optimiser::Sgd { lr: 0.02, momentum: 0.9, nesterov: true, weight_decay: 0.0 },
        surrogate: SurrogateKind::Sigmoid.into(),
        clip_norm: Some(1.0),
        ..Default::default()
    };
    let stem = || input(&[2, 4, 3], InputKind::Bits).conv2d(5, 2);
    let each = |shape: &[usize]| Param::Each {
        shape: shape.to_vec(),
        values: (0..shape.iter().product()).map(|i: usize| 0.5 + 0.01 * i as f64).collect(),
    };
    let lif =
        |shape: &[usize]| Neuron::from(Lif { threshold: each(shape), ..Lif::tau(2.0) }).learning(&["threshold", "tau"]);
    let cycle = Neuron::from(CubaLif { threshold: 0.4.into(), ..Default::default() }).learning(&["threshold"]);
    let with = |name: &str, builder: Builder| {
        Case::new(
            format!("learned: {name}"),
            builder.flatten().linear(3).spiking(Lif::tau(2.0)),
            false,
            options.clone(),
        )
    };
    vec![
        with("one for all", stem().spiking(ParametricLif::default())),
        with("each channel", stem().spiking(lif(&[5]))),
        with("each neuron", stem().spiking(lif(&[5, 3, 2]))),
        with("in a cycle", stem().flatten().linear(6).spiking(cycle).recurrent(true)),
    ]
}

/// Families and dialects of neurons.
pub fn neurons() -> impl Iterator<Item = Case> {
    use Dialect::{Norse, Sinabs, SnnTorch, SpikingJelly};
    let changed = |changes: RuleChanges| Neuron::from(Lif::tau(2.0)).with(changes);
    let tau = |tau: f64| Decay::Tau(tau.into());
    let norse = CubaLif { decay_syn: tau(5e-3), decay_mem: tau(3e-3), ..Default::default() };
    let late = RuleChanges { reset_delay: Some(1), ..Default::default() };
    let subtract = RuleChanges { reset: Some(Reset::Subtract), ..Default::default() };
    let kinds: Vec<(&str, Dialect, Neuron)> = vec![
        ("if", SpikingJelly, If::default().into()),
        ("lif", SpikingJelly, Lif::tau(2.0).into()),
        ("lif, subtracted", SpikingJelly, changed(subtract)),
        ("lif, late", SpikingJelly, changed(late)),
        ("lif, late and subtracted", SpikingJelly, changed(late.over(&subtract))),
        ("lif, input kept", SpikingJelly, changed(RuleChanges { reset_keeps_input: Some(true), ..late })),
        ("lif, residual", SpikingJelly, changed(RuleChanges { reset_residual: Some(true), ..subtract })),
        (
            "lif, residual, hard",
            SpikingJelly,
            changed(RuleChanges { reset_residual: Some(true), ..Default::default() }),
        ),
        ("lif, reset adds", SpikingJelly, changed(RuleChanges { reset_adds: Some(true), ..Default::default() })),
        ("lif, floored", SpikingJelly, changed(RuleChanges { v_min: Some(-0.05), ..Default::default() })),
        ("lif, detached", SpikingJelly, changed(RuleChanges { detach_reset: Some(true), ..Default::default() })),
        ("lif", SnnTorch, Lif::beta(0.8).into()),
        ("cuba", SnnTorch, CubaLif::default().into()),
        ("cuba", Norse, norse.into()),
        ("lif", Sinabs, Lif::tau(3.0).into()),
        ("cuba", Sinabs, CubaLif::default().into()),
        ("plif", SpikingJelly, ParametricLif::default().into()),
        ("threshold", SpikingJelly, Threshold::default().into()),
        ("li", SpikingJelly, Li::default().into()),
        ("cuba li", SpikingJelly, CubaLi::default().into()),
        ("integrator", SpikingJelly, Integrator::default().into()),
    ];
    kinds.into_iter().map(|(name, dialect, neuron)| {
        let builder = input(&[8], InputKind::Real).dialect(dialect).linear(20).spiking(neuron).linear(4);
        let options = TrainOptions {
            loss: loss(LossKind::Mse, Over::Mean),
            optimiser: sgd(),
            surrogate: SurrogateKind::Triangle.into(),
            ..Default::default()
        };
        Case::new(format!("{name} of {dialect:?}"), builder, false, options)
    })
}
