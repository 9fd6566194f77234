//! Circuits in which every kind of cell fires, joined in every way that can be drawn again.

use std::sync::Arc;

use super::networks::{input, lif};
use crate::circuit::{Circuit, Connector, Distribution, Population, Projection, Receptor};
use crate::layer::Layer;
use crate::network::{Builder, InputKind};
use crate::neuron::Lif;
use crate::neuron::cell::CellType;
use crate::neuron::cell::models::{
    EifCondExp, EifCurrExp, IfCondExp, IfCurrDelta, IfCurrExp, IfCurrExpThreshold, Izhikevich, QifCurrExp,
    SpikeSourcePoisson,
};

/// Real currents into a circuit of stored synapses.
pub(super) fn driven() -> Builder {
    let cells = IfCurrExp { i_offset: 2.0, tau_refrac: 1.0, b: 0.5, ..Default::default() };
    let first = Population::new("first", 12, cells).v_init(Distribution::normal(-52.0, 2.0)).probes([3, 5]);
    circuit(InputKind::Real, cells_of(Circuit::new(3).population(first), "first", false))
}

/// Spikes into a circuit whose synapses are drawn again by every spike.
pub(super) fn drawn_again() -> Builder {
    let first = Population::new("first", 12, CellType::Input {});
    circuit(InputKind::Bits, cells_of(Circuit::new(4).population(first), "first", true))
}

/// A circuit, with a layer behind it that listens to all its cells.
fn circuit(kind: InputKind, circuit: Circuit) -> Builder {
    input(&[12], kind)
        .layer(Layer::Circuit(Arc::new(circuit)))
        .linear(20)
        .spiking(Lif { threshold: 0.05.into(), ..lif() })
        .linear(3)
}

/// The other populations, all near their thresholds, and what joins them.
fn cells_of(circuit: Circuit, first: &str, procedural: bool) -> Circuit {
    let cells: [(CellType, f64, f64); 9] = [
        (IfCurrExp { tau_syn_i: 8.0, ..Default::default() }.into(), -50.5, 0.8),
        (IfCurrExpThreshold { i_offset: 1.0, ..Default::default() }.into(), -50.5, 0.8),
        (IfCurrDelta { i_offset: 0.8, ..Default::default() }.into(), -50.5, 0.7),
        (IfCondExp { tau_refrac: 2.0, ..Default::default() }.into(), -50.5, 0.02),
        (EifCondExp::default().into(), -47.0, 0.02),
        (EifCurrExp::default().into(), -47.0, 0.8),
        (QifCurrExp { a: 0.05, b: 0.4, ..Default::default() }.into(), -47.0, 0.8),
        (Izhikevich { i_offset: 8.0, ..Default::default() }.into(), -48.0, 2.0),
        (SpikeSourcePoisson { rate: 200.0 }.into(), 0.0, 0.0),
    ];
    let times = CellType::SpikeSourceArray { spike_times: vec![vec![0.0, 2.0], vec![1.0, 3.0, 4.0]] };
    let mut circuit = circuit.population(Population::new("times", 2, times));
    for (at, (cell, near, weight)) in cells.iter().enumerate() {
        let mut population = Population::new(cell.name(), 20 + 5 * at, cell.clone());
        if !cell.is_source() {
            population = population.v_init(Distribution::normal(*near, 2.0)).background(300.0, *weight);
            population = population.current(2.0, 0.1);
        }
        if at == 2 {
            population = population.i_offset(Distribution::uniform(0.5, 1.0));
        }
        circuit = circuit.population(population);
    }
    for (at, (cell, _, weight)) in cells.iter().enumerate().filter(|(_, (cell, ..))| !cell.is_source()) {
        let ways = [
            (first, Connector::FixedProbability(0.3), 1.0),
            ("times", Connector::AllToAll, 0.3),
            (cells[(at + 3) % 9].0.name(), Connector::FixedNumberPost(6), 0.4),
            (cell.name(), Connector::FixedNumberPost(4), -0.5),
            (cell.name(), Connector::OneToOne, 0.1),
        ];
        for (from, connector, part) in ways {
            let conductances = matches!(cell, CellType::IfCondExp(_) | CellType::EifCondExp(_));
            let inhibits = part < 0.0;
            let part = if conductances { f64::abs(part) } else { part };
            let receptor = if inhibits { Receptor::Inhibitory } else { Receptor::Excitatory };
            // Many tables would not fit small devices.
            let weights = match connector {
                Connector::FixedProbability(_) => Distribution::uniform(0.5 * weight, 1.5 * weight),
                _ => Distribution::Constant(part * weight),
            };
            let mut projection = Projection::new(from, cell.name(), connector)
                .weight(weights)
                .delay(Distribution::uniform(1.0, 4.0))
                .receptor(receptor);
            projection.procedural = procedural;
            projection.allow_self_connections = !inhibits;
            circuit = circuit.projection(projection);
        }
    }
    circuit
}
