//! Plans as text: what is fused, hoisted, looped and kept. After a deliberate change: `INSTA_UPDATE=always cargo test
//! --test plans`, and read the difference.

#![allow(clippy::unwrap_used)]

use insta::assert_snapshot;
use saltatory::layer::{Layer, PoolKind};
use saltatory::network::{Builder, InputKind, InputSpec, Readout, compile};
use saltatory::neuron::rules::SpikesPerStep;
use saltatory::neuron::{CubaLif, Dialect, If, Li, Lif, Neuron, RuleChanges};
use saltatory::plan::Request;
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
