//! Circuits on their own: no samples come in, time goes on.

use std::sync::Arc;

use super::activity::CircuitActivity;
use super::machine::{Device, Machine};
use super::profile::Profiler;
use super::state::State;
use crate::circuit::Circuit;
use crate::error::{Error, Result};
use crate::kernel::probe::PROBE_VALUES;
use crate::layer::Layer;
use crate::network::{Network, Readout, compile};
use crate::plan::{Plan, Request};

/// How a simulation runs.
#[derive(Clone, Debug, Default)]
pub struct SimulationOptions {
    /// Where; the CPU by default.
    pub device: Device,
    /// Threads; `None`: one for each core.
    pub threads: Option<usize>,
    /// Steps that run before their spikes are handed out; `None`: as many as 4 MiB of spikes hold, at most 256.
    pub window: Option<usize>,
    /// The most bytes that it may take beside stored synapses; `None`: 16 GiB.
    pub memory_limit: Option<usize>,
    /// What times every step of the plan; `None`: nothing does.
    pub profile: Option<Profiler>,
}

/// A circuit that runs.
///
/// ```
/// use saltatory::circuit::{Circuit, Connector, Population, Projection};
/// use saltatory::neuron::cell::models::{IfCurrExp, SpikeSourcePoisson};
/// use saltatory::run::{Simulation, SimulationOptions};
///
/// let circuit = Circuit::new(1)
///     .population(Population::new("noise", 100, SpikeSourcePoisson { rate: 300.0 }))
///     .population(Population::new("neurons", 50, IfCurrExp::default()))
///     .projection(Projection::new("noise", "neurons", Connector::AllToAll).weight(0.2).delay(1.0));
/// let mut simulation = Simulation::new(circuit, 0.1, &SimulationOptions::default())?;
/// let mut spikes = 0;
/// simulation.advance(1000, |activity| {
///     spikes += activity.spikes().filter(|&(_, population, _)| population == 1).count();
///     Ok(())
/// })?;
/// assert!(spikes > 0);
/// # Ok::<(), saltatory::Error>(())
/// ```
#[derive(Debug)]
pub struct Simulation {
    machine: Machine,
    circuit: Arc<Circuit>,
    dt: f64,
    step: u64,
    window: usize,
}

/// What happened in some steps.
#[derive(Debug)]
pub struct Activity<'a> {
    /// The first of them, from the simulation's start.
    pub first_step: u64,
    /// How many.
    pub steps: usize,
    circuit: &'a Circuit,
    starts: Vec<usize>,
    of: &'a CircuitActivity,
}

/// Words of spikes that a window may hold: 4 MiB.
const WINDOW_WORDS: usize = 1 << 20;
/// Steps of a window at most.
const MOST_WINDOW: usize = 256;

impl Simulation {
    /// Draws the synapses, and gets memory for everything.
    ///
    /// # Errors
    /// As [`Circuit::check`]; more memory than is allowed or there is, threads that cannot be had.
    pub fn new(circuit: Circuit, dt: f64, options: &SimulationOptions) -> Result<Simulation> {
        Self::of(&Network::of_circuit("circuit", circuit, dt), options)
    }

    /// Of a network that is a circuit alone.
    ///
    /// # Errors
    /// As [`Simulation::new`]; a network that is something else.
    pub fn of(network: &Network, options: &SimulationOptions) -> Result<Simulation> {
        let [Layer::Circuit(circuit)] = network.nodes.iter().map(|node| &node.layer).collect::<Vec<_>>()[..] else {
            let message = "expected a network that is a circuit alone: others are run on samples, by `saltatory run`";
            return Err(Error::Request(message.into()));
        };
        circuit.check(network.dt)?;
        let threads = super::session::threads(options.threads)?;
        let words = circuit.cells() / 32;
        let window = options.window.unwrap_or((WINDOW_WORDS / words.max(1)).clamp(1, MOST_WINDOW));
        let request = Request {
            steps: window,
            readout: Readout::Last,
            streaming: true,
            record: true,
            meter: false,
            memory_limit: options.memory_limit.unwrap_or(Request::default().memory_limit),
            binding_limit: options.device.binding_limit(),
            ..Request::default()
        };
        // Not the machine itself: on the web a device belongs to its thread.
        let draw = || compile(network, &request);
        let plan = threads.as_ref().map_or_else(draw, |threads| threads.install(draw))?;
        let machine = Machine::new(&options.device, Arc::new(plan), threads, options.profile.clone())?;
        Ok(Simulation { machine, circuit: circuit.clone(), dt: network.dt, step: 0, window })
    }

    /// The circuit.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// The plan of a window.
    pub fn plan(&self) -> &Arc<Plan> {
        self.machine.plan()
    }

    /// The time step, ms.
    pub fn dt(&self) -> f64 {
        self.dt
    }

    /// Steps so far.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// What the steps so far have left; `None` where there were none. With it another simulation of the same circuit goes on
    /// as this one would.
    ///
    /// # Errors
    /// A device that is lost.
    pub fn state(&self) -> Result<Option<State>> {
        let words = pollster::block_on(self.machine.state())?;
        words.map(|words| words.named(self.machine.plan())).transpose()
    }

    /// Goes on from a state of [`Simulation::state`].
    ///
    /// # Errors
    /// Names that the circuit does not have, shapes that do not fit; a device that is lost.
    pub fn set_state(&mut self, state: &State) -> Result<()> {
        let words = state.words(self.machine.plan())?;
        pollster::block_on(self.machine.set_state(&words))?;
        self.step = words.clock;
        Ok(())
    }

    /// Goes on for so many steps; `each` sees what happens, window by window.
    ///
    /// # Errors
    /// Those of `each`, which end it, and of the device.
    pub fn advance(&mut self, steps: usize, mut each: impl FnMut(&Activity<'_>) -> Result<()>) -> Result<()> {
        let mut left = steps;
        while left > 0 {
            let now = left.min(self.window);
            let result = pollster::block_on(self.machine.advance(&vec![0.0; now]))?;
            if let Some(of) = result.activity.first() {
                let starts = self.circuit.starts();
                each(&Activity { first_step: self.step, steps: now, circuit: &self.circuit, starts, of })?;
            }
            self.step += now as u64;
            left -= now;
        }
        Ok(())
    }
}

impl Activity<'_> {
    /// Every spike, by step: the step from the simulation's start, the population, the cell in it.
    pub fn spikes(&self) -> impl Iterator<Item = (u64, usize, usize)> + '_ {
        let words = self.of.spikes.len() / self.steps.max(1);
        self.of.spikes.iter().enumerate().filter(|(_, bits)| **bits != 0).flat_map(move |(at, &bits)| {
            let (step, first) = (self.first_step + (at / words) as u64, 32 * (at % words));
            let population = self.starts.partition_point(|&start| start <= first) - 1;
            let start = self.starts[population];
            set_bits(bits).map(move |bit| (step, population, first + bit - start))
        })
    }

    /// Spikes of every population.
    pub fn counts(&self) -> Vec<u64> {
        let words = self.of.spikes.len() / self.steps.max(1);
        let mut counts = vec![0; self.circuit.populations.len()];
        for step in self.of.spikes.chunks_exact(words.max(1)) {
            for (count, range) in counts.iter_mut().zip(self.starts.windows(2)) {
                *count +=
                    step[range[0] / 32..range[1] / 32].iter().map(|bits| u64::from(bits.count_ones())).sum::<u64>();
            }
        }
        counts
    }

    /// What is probed, step by step: the cells in the order of populations and of their probes, with potential, adaptation,
    /// excitatory and inhibitory synapse of each.
    pub fn probes(&self) -> impl Iterator<Item = &[[f32; PROBE_VALUES]]> + '_ {
        let cells: usize = self.circuit.populations.iter().map(|population| population.probes.len()).sum();
        let values: &[[f32; PROBE_VALUES]] = bytemuck::cast_slice(&self.of.probes);
        values.chunks_exact(cells.max(1))
    }
}

fn set_bits(mut bits: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = bits.trailing_zeros();
        (bits != 0).then(|| {
            bits &= bits - 1;
            bit as usize
        })
    })
}
