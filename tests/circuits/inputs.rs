//! Circuits as layers: what comes in from the layer before, and what goes on to the next.

use std::sync::Arc;

use saltatory::circuit::{Circuit, Connector, Population, Projection};
use saltatory::layer::Layer;
use saltatory::network::{InputKind, InputSpec, Network, Readout};
use saltatory::neuron::cell::CellType;
use saltatory::neuron::cell::models::IfCurrDelta;
use saltatory::run::Options;
use saltatory::{Session, Tensor};

/// Fires in every step in which something arrives, and at no other time.
fn relay() -> IfCurrDelta {
    IfCurrDelta { tau_m: 1e-3, v_rest: 0.0, v_reset: 0.0, v_thresh: 0.0, tau_refrac: 0.0, ..Default::default() }
}

fn network(kind: InputKind, circuit: Circuit) -> Network {
    let input = InputSpec { kind, ..Default::default() };
    Network::new([3]).input(input).layer(Layer::Circuit(Arc::new(circuit))).build().unwrap()
}

fn trace(network: Network, input: Vec<f32>) -> Vec<Vec<f32>> {
    let steps = input.len() / 3;
    let options = Options { readout: Some(Readout::Trace), ..Default::default() };
    let mut session = Session::new(network, options).unwrap();
    let output = session.run(&Tensor::new([1, steps, 3], input).unwrap()).unwrap();
    output.scores.data().chunks(output.scores.len() / steps).map(<[f32]>::to_vec).collect()
}

#[test]
fn spikes_come_in_travel_and_go_out() {
    // Two steps to the other population, a memory of none.
    let slow =
        IfCurrDelta { tau_m: 1e9, v_rest: 0.0, v_reset: 0.0, v_thresh: 2.0, tau_refrac: 0.0, ..Default::default() };
    let circuit = Circuit::new(0)
        .population(Population::new("in", 3, CellType::Input {}))
        .population(Population::new("out", 3, slow))
        .projection(Projection::new("in", "out", Connector::OneToOne).weight(2.0).delay(2.0));
    let steps = trace(
        network(InputKind::Bits, circuit),
        vec![1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    );
    let of = |start: usize| steps.iter().map(|step| step[start..start + 3].to_vec()).collect::<Vec<_>>();
    assert_eq!(of(0)[..2], [vec![1.0, 0.0, 1.0], vec![0.0, 1.0, 0.0]]);
    assert!(of(0)[2..].iter().flatten().all(|&spike| spike == 0.0));
    // It arrives after two steps, and is seen by the potential in the next.
    let none = vec![0.0; 3];
    assert_eq!(of(32), [none.clone(), none.clone(), none, vec![1.0, 0.0, 1.0], vec![0.0, 1.0, 0.0]]);
}

#[test]
fn reals_are_currents() {
    // One step of a membrane without leak takes the current whole.
    let cell = IfCurrDelta { tau_m: 1e6, cm: 1.0, v_rest: 0.0, v_reset: 0.0, v_thresh: 1.0, ..relay() };
    let circuit = Circuit::new(0).population(Population::new("cells", 3, cell));
    let steps = trace(network(InputKind::Real, circuit), vec![0.6, 1.5, 0.0, 0.6, 0.0, 0.0, 0.6, 0.0, -1.0]);
    let spikes: Vec<Vec<f32>> = steps.iter().map(|step| step[..3].to_vec()).collect();
    assert_eq!(spikes, [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]);
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let circuit = Circuit::new(0).population(Population::new("cells", 4, relay()));
    let error = Network::new([3]).layer(Layer::Circuit(Arc::new(circuit))).build().unwrap_err().to_string();
    assert!(error.contains("an input for each of 4 cells, got 3"), "{error}");
    let waits = Circuit::new(0).population(Population::new("in", 3, CellType::Input {}));
    let error = Network::of_circuit("waits", waits, 0.1).check().unwrap_err().to_string();
    assert!(error.contains("has no input"), "{error}");
}
