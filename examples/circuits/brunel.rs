//! The balanced random network of Brunel (2000), model A: excitatory and inhibitory cells alike, joined sparsely.
//!
//! N. Brunel, Dynamics of sparsely connected networks of excitatory and inhibitory spiking neurons, Journal of Computational
//! Neuroscience 8 (2000).

use saltatory::circuit::{Circuit, Connector, Population, Projection};
use saltatory::neuron::cell::models::IfCurrDelta;

/// What distinguishes the network's states.
#[derive(Clone, Copy, Debug)]
pub struct Brunel {
    /// Cells; four of five are excitatory.
    pub cells: usize,
    /// Share of each population that a cell has its inputs from.
    pub connectivity: f64,
    /// Jump of the potential by an excitatory spike, mV.
    pub weight: f64,
    /// How much stronger inhibition is.
    pub g: f64,
    /// External rate, in units of that which brings a cell to its threshold on average.
    pub external: f64,
}

impl Default for Brunel {
    /// 10,000 cells in the asynchronous irregular state.
    fn default() -> Self {
        Brunel { cells: 10_000, connectivity: 0.1, weight: 0.1, g: 5.0, external: 2.0 }
    }
}

/// Membrane time constant, ms.
const TAU: f64 = 20.0;
/// Threshold, mV above rest.
const THRESHOLD: f64 = 20.0;
/// Synaptic delay, ms.
const DELAY: f64 = 1.5;

impl Brunel {
    /// The circuit; every cell has the same number of inputs, drawn with replacement.
    pub fn circuit(&self, seed: u64) -> Circuit {
        let cell = IfCurrDelta {
            v_rest: 0.0,
            tau_m: TAU,
            tau_refrac: 2.0,
            v_reset: 10.0,
            v_thresh: THRESHOLD,
            ..Default::default()
        };
        // The C_E external sources of a cell fire with nu_ext each: C_E nu_thr is theta / (J tau).
        let rate = self.external * THRESHOLD / (self.weight * TAU) * 1000.0;
        let excitatory = self.cells * 4 / 5;
        let sizes = [("E", excitatory, self.weight), ("I", self.cells - excitatory, -self.g * self.weight)];
        let mut circuit = Circuit::new(seed);
        for (name, size, _) in sizes {
            circuit = circuit.population(Population::new(name, size, cell).background(rate, self.weight));
        }
        for (from, size, weight) in sizes {
            let inputs = Connector::FixedNumberPre((size as f64 * self.connectivity).round() as usize);
            for (to, ..) in sizes {
                let projection = Projection::new(from, to, inputs.clone()).weight(weight).delay(DELAY);
                circuit = circuit.projection(projection);
            }
        }
        circuit
    }
}
