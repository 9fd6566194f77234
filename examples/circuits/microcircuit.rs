//! The cortical microcircuit of Potjans and Diesmann (2014): 1 mm^2 of early sensory cortex, four layers of excitatory and
//! inhibitory cells.
//!
//! T. C. Potjans, M. Diesmann, The cell-type specific cortical microcircuit, Cerebral Cortex 24 (2014); fewer cells with fewer
//! inputs as in S. J. van Albada, M. Helias, M. Diesmann, Scalability of asynchronous networks is limited by one-to-one
//! mapping between effective connectivity and correlations, PLoS Computational Biology 11 (2015).

use saltatory::circuit::{Circuit, Connector, Distribution, Population, Projection};
use saltatory::neuron::cell::models::IfCurrExp;

/// The populations, from the surface down.
pub const POPULATIONS: [&str; 8] = ["L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I"];
/// Their cells.
const SIZES: [usize; 8] = [20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948];
/// Spikes a second of a cell in the full network: `full_mean_rates` of the PyNEST microcircuit, NEST's own version of the
/// model. What is scaled down is compensated by these.
pub const RATES: [f64; 8] = [0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829];
/// Chance that a pair of cells is joined at least once: rows are targets, columns sources.
const CHANCES: [[f64; 8]; 8] = [
    [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
    [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
    [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0],
    [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
    [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
    [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0],
    [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
    [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
];
/// Inputs of a cell from outside, and how often each fires, Hz.
const EXTERNAL: [f64; 8] = [1600.0, 1500.0, 2100.0, 1900.0, 2000.0, 1900.0, 2900.0, 2100.0];
const EXTERNAL_RATE: f64 = 8.0;
/// Mean weight of excitation, nA; how much stronger inhibition is; relative deviation.
const WEIGHT: f64 = 0.0878;
const G: f64 = -4.0;
const WEIGHT_DEVIATION: f64 = 0.1;
/// Mean and deviation of delays of excitation and of inhibition, ms.
const DELAYS: [[f64; 2]; 2] = [[1.5, 0.75], [0.8, 0.4]];
/// Decay of synaptic currents, ms.
const TAU_SYN: f64 = 0.5;

/// The network, or a part of it: a share of its cells, with that share of their inputs.
#[derive(Clone, Copy, Debug)]
pub struct Microcircuit {
    /// The share; 1: in full.
    pub scale: f64,
}

impl Microcircuit {
    /// Cells of each population.
    pub fn sizes(&self) -> [usize; 8] {
        SIZES.map(|size| (size as f64 * self.scale).round() as usize)
    }

    /// Mean weight from one population to another, nA, in the full network.
    fn weight(target: usize, source: usize) -> f64 {
        match (target, source) {
            // From L4E to L23E twice the weight.
            (0, 2) => 2.0 * WEIGHT,
            (_, source) if source % 2 == 1 => G * WEIGHT,
            _ => WEIGHT,
        }
    }

    /// Synapses from one population to another in the full network, of which a pair may have several.
    fn full_synapses(target: usize, source: usize) -> f64 {
        let pairs = SIZES[target] as f64 * SIZES[source] as f64;
        (1.0 - CHANCES[target][source]).ln() / (1.0 - 1.0 / pairs).ln()
    }

    /// Synapses from one population to another.
    pub fn synapses(&self, target: usize, source: usize) -> usize {
        (Self::full_synapses(target, source) * self.scale * self.scale).round() as usize
    }

    /// Weights grow by the root of the scale, which keeps the deviation of the input; this current, nA, keeps its mean.
    fn compensation(&self, target: usize) -> f64 {
        let inputs = (0..8).map(|source| {
            Self::weight(target, source) * Self::full_synapses(target, source) / SIZES[target] as f64 * RATES[source]
        });
        let mean = inputs.sum::<f64>() + WEIGHT * EXTERNAL[target] * EXTERNAL_RATE;
        (1.0 - self.scale.sqrt()) * mean * TAU_SYN / 1000.0
    }

    /// The circuit for steps of `dt` ms: no delay is shorter.
    pub fn circuit(&self, seed: u64, dt: f64) -> Circuit {
        let cell = IfCurrExp {
            cm: 0.25,
            tau_m: 10.0,
            tau_refrac: 2.0,
            tau_syn_e: TAU_SYN,
            tau_syn_i: TAU_SYN,
            ..Default::default()
        };
        let sizes = self.sizes();
        let stronger = 1.0 / self.scale.sqrt();
        let mut circuit = Circuit::new(seed);
        for (at, name) in POPULATIONS.into_iter().enumerate() {
            let cell = IfCurrExp { i_offset: self.compensation(at), ..cell };
            let rate = EXTERNAL[at] * self.scale * EXTERNAL_RATE;
            let population = Population::new(name, sizes[at], cell).background(rate, WEIGHT * stronger);
            circuit = circuit.population(population.v_init(Distribution::normal(-58.0, 10.0)));
        }
        for (target, to) in POPULATIONS.into_iter().enumerate() {
            for (source, from) in POPULATIONS.into_iter().enumerate() {
                let synapses = self.synapses(target, source);
                if synapses == 0 {
                    continue;
                }
                let weight = Self::weight(target, source) * stronger;
                let [delay, deviation] = DELAYS[source % 2];
                let longest = delay + 10.0 * deviation;
                let projection = Projection::new(from, to, Connector::FixedTotalNumber(synapses))
                    .weight(Distribution::normal(weight, WEIGHT_DEVIATION * weight.abs()))
                    .delay(Distribution::clipped_normal(delay, deviation, dt, longest));
                circuit = circuit.projection(projection);
            }
        }
        circuit
    }
}
