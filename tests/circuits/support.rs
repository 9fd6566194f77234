//! Running a circuit, and circuits to run.

use saltatory::circuit::{Circuit, Connector, Distribution, Population, Projection, Receptor};
use saltatory::neuron::cell::CellType;
use saltatory::neuron::cell::models::{
    EifCondExp, EifCurrExp, IfCondExp, IfCurrDelta, IfCurrExp, IfCurrExpThreshold, Izhikevich, QifCurrExp,
    SpikeSourcePoisson,
};
use saltatory::run::{Device, Simulation, SimulationOptions};

pub const DT: f64 = 0.1;

/// What a circuit did: every spike, and what probed cells remember in every step.
#[derive(Debug, Default, PartialEq)]
pub struct Done {
    pub spikes: Vec<(u64, usize, usize)>,
    pub probes: Vec<Vec<[f32; 4]>>,
}

impl Done {
    /// Spikes of a population.
    pub fn count(&self, population: usize) -> usize {
        self.spikes.iter().filter(|spike| spike.1 == population).count()
    }
}

/// Runs a circuit for so many steps, in parts of two lengths.
pub fn run(circuit: &Circuit, steps: usize, device: &Device, window: usize) -> Done {
    let options = SimulationOptions { device: device.clone(), window: Some(window), ..Default::default() };
    let mut simulation = Simulation::new(circuit.clone(), DT, &options).unwrap();
    let mut done = Done::default();
    for steps in [steps / 3, steps - steps / 3] {
        let take = |activity: &saltatory::run::Activity<'_>| {
            done.spikes.extend(activity.spikes());
            done.probes.extend(activity.probes().map(<[_]>::to_vec));
            Ok(())
        };
        simulation.advance(steps, take).unwrap();
    }
    assert_eq!(simulation.step(), steps as u64);
    done
}

/// Cells that fire now and then when they are driven, one of each kind.
pub fn cells() -> Vec<CellType> {
    let lif = IfCurrExp { tau_refrac: 2.0, i_offset: 0.7, ..Default::default() };
    vec![
        lif.into(),
        IfCurrExp { a: 0.002, b: 0.05, tau_w: 60.0, i_offset: 0.9, tau_syn_i: 8.0, ..lif }.into(),
        IfCurrExpThreshold { i_offset: 0.85, theta_jump: 2.0, ..Default::default() }.into(),
        IfCurrDelta { i_offset: 0.72, tau_refrac: 1.0, ..Default::default() }.into(),
        IfCondExp { i_offset: 0.8, tau_refrac: 3.0, ..Default::default() }.into(),
        EifCondExp { i_offset: 0.6, ..Default::default() }.into(),
        EifCurrExp { i_offset: 0.8, ..Default::default() }.into(),
        QifCurrExp { i_offset: 0.6, a: 0.05, b: 0.4, tau_refrac: 1.0, ..Default::default() }.into(),
        Izhikevich { d: 8.0, i_offset: 6.0, ..Default::default() }.into(),
    ]
}

/// Whether what arrives at such cells are conductances, or jumps of the potential.
pub fn is_conductance(cell: &CellType) -> bool {
    matches!(cell, CellType::IfCondExp(_) | CellType::EifCondExp(_))
}

/// A weight of a size that such cells notice.
pub fn weight(cell: &CellType) -> f64 {
    match cell {
        _ if is_conductance(cell) => 0.01,
        CellType::IfCurrDelta(_) | CellType::Izhikevich(_) => 1.0,
        _ => 0.25,
    }
}

/// All kinds of cells, joined in all ways that can be drawn again, driven in all ways there are.
pub fn zoo(seed: u64, procedural: bool) -> Circuit {
    let mut circuit = Circuit::new(seed)
        .population(Population::new("noise", 70, SpikeSourcePoisson { rate: 200.0 }))
        .population(Population::new(
            "times",
            3,
            CellType::SpikeSourceArray { spike_times: vec![vec![1.0, 2.5, 2.5, 7.0], vec![], vec![0.0, 9.9]] },
        ));
    for (at, cell) in cells().into_iter().enumerate() {
        let weight = weight(&cell);
        let population = Population::new(format!("p{at}"), 33 + 8 * at, cell.clone())
            .background(400.0, if at == 1 { -weight } else { weight })
            .current(3.0, 0.05)
            .current(11.0, -0.02)
            .probes([0, 32]);
        let population = match (at % 2, &cell) {
            (1, CellType::Izhikevich(_)) => population,
            (1, _) => population.i_offset(Distribution::uniform(0.5, 0.9)),
            (_, CellType::Izhikevich(_)) => population,
            _ => population.v_init(Distribution::clipped_normal(-60.0, 5.0, -70.0, -51.0)),
        };
        circuit = circuit.population(population);
    }
    let names: Vec<String> = circuit.populations.iter().map(|p| p.name.clone()).collect();
    let ways = [
        Connector::FixedProbability(0.1),
        Connector::FixedNumberPost(7),
        Connector::AllToAll,
        Connector::FixedProbability(0.6),
    ];
    for (to, name) in names.iter().enumerate().skip(2) {
        let cell = circuit.populations[to].cell.clone();
        for (from, connector) in [0, 1, 2 + (to + 1) % 9, to].into_iter().zip(&ways) {
            let scale = if from == 0 { 1.0 } else { 0.1 };
            let mean = scale * weight(&cell);
            let inhibits = from == to;
            let sign = if inhibits && !is_conductance(&cell) { -1.0 } else { 1.0 };
            let (low, high) = (0.5 * mean * sign, 2.0 * mean * sign);
            let weights = Distribution::clipped_normal(mean * sign, mean, low.min(high), low.max(high));
            let mut projection = Projection::new(&names[from], name, connector.clone())
                .weight(weights)
                .delay(Distribution::uniform(0.1, 3.0));
            if inhibits {
                projection = projection.receptor(Receptor::Inhibitory).no_self_connections();
            }
            circuit = circuit.projection(if procedural { projection.procedural() } else { projection });
        }
    }
    circuit.projection(Projection::new("p0", "p0", Connector::OneToOne).weight(0.1).delay(0.3))
}
