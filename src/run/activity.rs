//! What circuits did in one sample: spikes as bits, what probed cells remember.

use crate::plan::Plan;

/// What the cells of a circuit did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CircuitActivity {
    /// Steps.
    pub steps: usize,
    /// Words of spikes, a bit for each cell: `[step, word]`.
    pub spikes: Vec<u32>,
    /// Potential, adaptation, excitatory and inhibitory synapse of every probed cell: `[step, probe, value]`.
    pub probes: Vec<f32>,
}

/// Adds what a window of so many steps left in the buffers of every circuit.
pub(super) fn read<'a>(plan: &Plan, steps: usize, buffer: impl Fn(usize) -> &'a [u32], to: &mut Vec<CircuitActivity>) {
    if !plan.request.record {
        return;
    }
    to.resize_with(plan.circuits.len(), CircuitActivity::default);
    for (circuit, activity) in plan.circuits.iter().zip(to) {
        activity.steps += steps;
        activity.spikes.extend(&buffer(circuit.spikes)[..steps * circuit.edge.step_words()]);
        if let Some(probes) = circuit.probes {
            let values = plan.buffers[probes].holds.words(steps, 1);
            activity.probes.extend(buffer(probes)[..values].iter().map(|&word| f32::from_bits(word)));
        }
    }
}
