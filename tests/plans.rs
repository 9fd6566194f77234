//! Plans as text: what is fused, hoisted, looped and kept. After a deliberate change: `INSTA_UPDATE=always cargo test
//! --test plans`, and read the difference.

#![allow(clippy::unwrap_used)]

use insta::assert_snapshot;
use saltatory::layer::{Layer, PoolKind};
use saltatory::network::{Builder, InputKind, InputSpec, Readout, compile, compile_with};
use saltatory::neuron::rules::SpikesPerStep;
use saltatory::neuron::{CubaLif, Dialect, If, Li, Lif, Neuron, RuleChanges};
use saltatory::plan::{EventLists, LinearSize, Request};
use saltatory::{Network, layer};

/// The plan of a network with random weights: no text depends on them.
fn plan(builder: Builder, request: Request) -> String {
    let mut network = builder.build().unwrap();
    network.init(1).unwrap();
    compile(&network, &request).unwrap().to_string()
}

fn sequence(steps: usize) -> Request {
    Request { steps, constant_input: false, ..Default::default() }
}

fn bits(builder: Builder) -> Builder {
    builder.input(InputSpec { kind: InputKind::Bits, ..Default::default() })
}

fn spiking_cnn() -> Builder {
    Network::new([1, 28, 28])
        .conv2d(32, 3)
        .padding(1)
        .batch_norm()
        .spiking(Lif::tau(2.0))
        .max_pool(2)
        .conv2d(64, 3)
        .padding(1)
        .no_bias()
        .batch_norm()
        .spiking(Lif::tau(2.0))
        .max_pool(2)
        .flatten()
        .linear(128)
        .spiking(Lif::tau(2.0))
        .dropout(0.5)
        .linear(10)
}

/// A constant input is convolved once, batch norm is gone, pools are in the populations, the read-out counts first.
#[test]
fn spiking_cnn_on_a_static_image() {
    assert_snapshot!(plan(spiking_cnn(), Request { steps: 4, ..Default::default() }));
}

/// Recorded, and every step of the output asked for: nothing is counted first.
#[test]
fn spiking_cnn_recorded() {
    let request = Request { steps: 4, record: true, meter: false, readout: Readout::Trace, ..Default::default() };
    assert_snapshot!(plan(spiking_cnn(), request));
}

/// Events: the first convolution is fused too, and does not see the input once but in every step.
#[test]
fn event_cnn() {
    let builder = bits(Network::new([2, 34, 34]))
        .conv2d(16, 3)
        .stride(2)
        .spiking(If::default())
        .conv2d(16, 3)
        .padding(1)
        .spiking(If::default())
        .sum_pool(2)
        .conv2d(8, 3)
        .spiking(If::default())
        .avg_pool(2)
        .flatten()
        .linear(10)
        .spiking(If::default());
    assert_snapshot!(plan(builder, sequence(60)));
}

/// Spikes of two branches make counts of two bit planes.
#[test]
fn residual_block() {
    let builder = bits(Network::new([4, 8, 8]))
        .conv2d(32, 3)
        .padding(1)
        .spiking(Lif::default())
        .name("stem")
        .conv2d(32, 3)
        .padding(1)
        .spiking(Lif::default())
        .add("stem")
        .conv2d(8, 1)
        .spiking(Lif::default())
        .flatten()
        .linear(5);
    assert_snapshot!(plan(builder, sequence(6)));
}

fn recurrent() -> Builder {
    let lif: CubaLif = CubaLif::default();
    Network::new([12]).linear(40).spiking(lif).name("hidden").recurrent(true).linear(7).spiking(Li::default())
}

#[test]
fn recurrent_network() {
    assert_snapshot!(plan(recurrent(), sequence(77)));
}

#[test]
fn recurrent_network_as_a_stream() {
    assert_snapshot!(plan(recurrent(), Request { streaming: true, constant_input: false, ..Default::default() }));
}

/// Several spikes a step are counts; a delay outside a cycle needs no ring but in a stream.
#[test]
fn counts_and_delays() {
    let many: Neuron = If::default().into();
    let many = many.with(RuleChanges { spikes: Some(SpikesPerStep::Many), ..Default::default() });
    let pool = layer::Pool { padding: vec![1, 1], ..layer::Pool::square(PoolKind::Max, 3) };
    let builder = Network::new([2, 9, 9])
        .dialect(Dialect::Sinabs)
        .conv2d(4, 3)
        .padding(1)
        .spiking(many)
        .layer(Layer::Pool(pool))
        .delay(3)
        .linear(6)
        .spiking(Lif::tau(10.0))
        .readout(Readout::Count);
    assert_snapshot!(plan(builder.clone(), Request { readout: Readout::Count, ..sequence(10) }));
    let stream = Request { streaming: true, readout: Readout::Count, ..sequence(1) };
    assert_snapshot!("counts_and_delays_as_a_stream", plan(builder, stream));
}

/// Spikes of every step are listed where they were asked for; recorded spikes are the output.
#[test]
fn event_lists() {
    let builder =
        bits(Network::new([40, 4, 4])).flatten().linear(64).spiking(Lif::tau(2.0)).linear(8).spiking(Lif::tau(2.0));
    let lists = Request { event_lists: EventLists::UpTo(0.05), ..sequence(8) };
    assert_snapshot!(plan(builder.clone(), Request { record: true, ..lists }));
    // Constant inputs and counts have none.
    let lines = |text: &str| text.matches("compact").count();
    assert_eq!(lines(&plan(builder.clone(), Request { constant_input: true, ..lists })), 1);
    let counts = builder.clone().input(InputSpec { kind: InputKind::Counts, ..Default::default() });
    assert_eq!(lines(&plan(counts, lists)), 1);
    // Nor does a layer of which nothing is known, unless it is large.
    let measured = Request { event_lists: EventLists::Measured, ..lists };
    assert_eq!(lines(&plan(builder.clone(), measured)), 0);
    let large = bits(Network::new([1024])).linear(64).spiking(Lif::tau(2.0)).linear(8).spiking(Lif::tau(2.0));
    assert!(plan(large, measured).contains("event list up to 1.0 % of inputs (default)"));

    let mut network = builder.build().unwrap();
    network.init(1).unwrap();
    let sizes = std::cell::RefCell::new(Vec::new());
    let of = |size: LinearSize| {
        sizes.borrow_mut().push(size);
        (size.inputs == 640).then_some(0.031)
    };
    let text = compile_with(&network, &measured, &of).unwrap().to_string();
    assert_eq!(lines(&text), 1);
    assert!(text.contains("event list up to 3.1 % of inputs (measured)"), "{text}");
    let size = |inputs, outputs| LinearSize { inputs, outputs, steps: 8 };
    assert_eq!(sizes.into_inner(), [size(640, 64), size(64, 8)]);
    let refused = compile(&network, &Request { event_lists: EventLists::UpTo(1.5), ..measured });
    assert!(refused.is_err_and(|e| e.to_string().contains("1.5")));
}
