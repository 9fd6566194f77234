//! Plans in which every kernel appears, in all its forms.

use std::collections::BTreeMap;

use saltatory::kernel::Kernel;
use saltatory::layer::{Layer, Pool, PoolKind};
use saltatory::network::{Builder, InputKind, InputSpec, Readout, compile};
use saltatory::neuron::rules::{Form, Reset, RuleChanges, SpikesPerStep};
use saltatory::neuron::{CubaLif, Dialect, If, Li, Lif, Neuron};
use saltatory::plan::{Plan, Request};
use saltatory::{Network, Tensor};

/// Small networks by name.
pub fn networks() -> Vec<(&'static str, Network)> {
    let input = |shape: &[usize], kind| Network::new(shape).input(InputSpec { kind, ..Default::default() });
    let lif = || Lif::tau(2.0);
    let rules = |changes: RuleChanges| changes;
    let build = |builder: Builder| {
        let mut network = builder.build().unwrap();
        network.init(7).unwrap();
        network
    };
    let many =
        rules(RuleChanges { spikes: Some(SpikesPerStep::Many), reset: Some(Reset::Subtract), ..Default::default() });
    let factor = RuleChanges { form: Some(Form::Factor), v_min: Some(-1.0), ..Default::default() };
    let late = RuleChanges { reset_delay: Some(1), ..Default::default() };
    let cnn = input(&[1, 12, 12], InputKind::Real)
        .conv2d(40, 3)
        .padding(1)
        .batch_norm()
        .spiking(lif())
        .max_pool(2)
        .conv2d(24, 3)
        .padding(1)
        .batch_norm()
        .spiking(lif())
        .max_pool(3)
        .flatten()
        .linear(70)
        .spiking(lif())
        .linear(10);
    let events = input(&[2, 9, 9], InputKind::Counts)
        .conv2d(10, 3)
        .stride(2)
        .spiking(Neuron::from(If::default()).with(many))
        .sum_pool(2)
        .conv2d(6, 2)
        .no_bias()
        .spiking(Neuron::from(lif()).with(factor))
        .avg_pool(1)
        .flatten()
        .linear(5)
        .spiking(Li::default());
    let grouped = input(&[6, 7, 5], InputKind::Bits)
        .conv2d(12, 3)
        .groups(3)
        .dilation(2)
        .padding(2)
        .spiking(CubaLif::default())
        .name("a")
        .conv2d(12, 1)
        .spiking(Neuron::from(lif()).with(late))
        .add("a")
        .name("sew")
        .conv2d(8, 3)
        .spiking(lif())
        .avg_pool(3)
        .flatten()
        .linear(4)
        .spiking(lif());
    let sequence = input(&[3, 20], InputKind::Bits)
        .conv1d(9, 5)
        .spiking(lif())
        .layer(Layer::Pool(Pool { kind: PoolKind::Max, kernel: vec![2], stride: vec![2], padding: vec![0] }))
        .delay(3)
        .layer(Layer::Delay((0..72).map(|i| i % 5).collect()))
        .scale(Tensor::vector(vec![0.5; 9]))
        .flatten()
        .linear(33)
        .spiking(lif())
        .recurrent(true)
        .linear(4)
        .spiking(Neuron::from(CubaLif::default()));
    let reshaped = input(&[4, 3, 5], InputKind::Bits)
        .layer(Layer::Flatten { start: 0, end: Some(1) })
        .conv1d(5, 2)
        .spiking(lif())
        .flatten()
        .linear(3);
    vec![
        ("reshaped", build(reshaped)),
        ("cnn", build(cnn)),
        ("events", build(events)),
        ("grouped", build(grouped)),
        ("sequence", build(sequence)),
        (
            "norse",
            build(
                input(&[12], InputKind::Real).dialect(Dialect::Norse).linear(20).spiking(CubaLif::default()).linear(3),
            ),
        ),
        (
            "sinabs",
            build(
                input(&[12], InputKind::Bits)
                    .dialect(Dialect::Sinabs)
                    .linear(20)
                    .spiking(lif())
                    .linear(3)
                    .spiking(lif()),
            ),
        ),
        (
            "snntorch",
            build(
                input(&[12], InputKind::Bits)
                    .dialect(Dialect::SnnTorch)
                    .linear(20)
                    .spiking(lif())
                    .recurrent(false)
                    .linear(3),
            ),
        ),
    ]
}

/// Requests that make different plans of one network.
pub fn requests() -> Vec<Request> {
    let series = Request { steps: 6, constant_input: false, ..Default::default() };
    vec![
        Request { steps: 6, ..Default::default() },
        series,
        Request { readout: Readout::Trace, record: true, ..series },
        Request { readout: Readout::Max, slice: Some(4), ..series },
        Request { streaming: true, readout: Readout::Last, ..series },
    ]
}

/// All plans.
pub fn plans() -> Vec<Plan> {
    let networks = networks();
    let plans = networks.iter().flat_map(|(_, n)| requests().into_iter().map(move |r| compile(n, &r).unwrap()));
    plans.collect()
}

/// Every different kernel in them: its shader's text by a label.
pub fn shaders() -> BTreeMap<String, Kernel> {
    let plans = plans();
    let steps = plans.iter().flat_map(Plan::steps);
    steps.map(|step| (step.kernel.shader().text(&step.kernel.constants()), step.kernel)).collect()
}
