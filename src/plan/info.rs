//! Where in a plan's memory a layer's counters, recordings and states are.

use crate::kernel::Edge;

/// Where the counters and recordings of a spiking layer are.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationInfo {
    /// The layer.
    pub layer: String,
    /// Its shape, channels first.
    pub shape: Vec<usize>,
    /// Height times width, and channels, as they lie in memory.
    pub layout: Edge,
    /// The buffer of its counters.
    pub tally: usize,
    /// The buffer of its spikes before pooling, where they are recorded.
    pub spikes: Option<usize>,
    /// The buffer of its potentials, where they are recorded.
    pub traces: Option<usize>,
    /// Whether it fires; otherwise it is a read-out whose output is its potential.
    pub fires: bool,
    /// Whether there is a synaptic current.
    pub has_current: bool,
}

/// Where a circuit's spikes and recordings are.
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitInfo {
    /// The layer.
    pub layer: String,
    /// The buffer of its spikes.
    pub spikes: usize,
    /// How they lie there: a channel for each cell.
    pub edge: Edge,
    /// The buffer of what probed cells remember, if there are any.
    pub probes: Option<usize>,
}

/// Where a layer's state is.
#[derive(Clone, Debug, PartialEq)]
pub struct StateInfo {
    /// The layer.
    pub layer: String,
    /// Its shape, channels first.
    pub shape: Vec<usize>,
    /// Height times width, and channels, as they lie in memory.
    pub layout: Edge,
    /// The buffer.
    pub buffer: usize,
    /// What it is.
    pub kind: StateKind,
}

/// What a state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateKind {
    /// Potential and synaptic current of every neuron.
    Neurons {
        /// Whether there is a synaptic current.
        has_current: bool,
        /// The constant of the plan that has the neurons' coefficients, and with them what a fresh state is.
        coefficients: usize,
        /// Its rows: 0 one for all, 1 one per channel, 2 one per neuron `[cell, channel]`.
        grain: u32,
    },
    /// The output of the last step: what comes back in the next.
    Last,
    /// The last steps of a delayed input: so many, in a ring.
    Past(usize),
    /// What the cells of a circuit remember.
    Cells {
        /// The kernel's parameters, and the constant of the plan that has its tables: with them what a fresh state is.
        params: crate::kernel::cells::Params,
        /// The constant of the plan.
        tables: usize,
    },
    /// What is to arrive at them: so many steps, in a ring.
    Arriving(usize),
}

/// Where the counters of a weighted layer are.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedInfo {
    /// The layer.
    pub layer: String,
    /// The buffer of its counters, where they are asked for.
    pub meter: Option<usize>,
    /// Synaptic operations in one step if every input and weight were 1.
    pub dense: u64,
    /// Inputs in one step.
    pub inputs: u64,
    /// Whether one count stands for all steps, as the input is constant.
    pub constant: bool,
    /// Whether the input can only be spikes; otherwise the values decide whether an operation is a multiplication.
    pub spikes: bool,
    /// Weights that are zero, and weights.
    pub zero_weights: (u64, u64),
}
