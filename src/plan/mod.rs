//! How a network is computed, as data: steps over buffers, ready for any machine, and readable as text.
//!
//! A plan is made by `network::compile` for a request (steps, what is observed, batch or stream) and never changes.
//! Buffers have sizes per sample; the batch is chosen when it runs. Steps outside a loop run over the whole window
//! of time at once; those of a loop (recurrence) one step at a time, with state kept in between.
//!
//! ```text
//! plan network  T=4  input 784 of 1, real, constant  mean 10  weights 1.6 MiB  work 6.3 KiB a sample
//!   0 conv_spike      input, conv2d1.w, lif3.c -> lif3, lif3.n     currents once, max pool 2x2 inside
//!   1 conv_spike      lif3, conv2d5.w, lif7.c -> lif7, lif7.n      max pool 2x2 inside
//!   2 linear_spike    lif7, linear10.w, lif11.c -> lif11, lif11.n
//!   ...
//! ```

mod cost;
mod events;
mod info;
mod memory;
mod text;
mod training;

use crate::error::{Error, Result};
use crate::kernel::probe::PROBE_VALUES;
use crate::kernel::{Access, Edge, Kernel, METER_WORDS, TALLY_WORDS, TRACE_VALUES, Window, compact};
use crate::network::Readout;

/// What a plan is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Steps per sample.
    pub steps: usize,
    /// The input is one frame that holds for all steps.
    pub constant_input: bool,
    /// How the output is reduced over time.
    pub readout: Readout,
    /// States outlive a run: the next goes on with them.
    pub streaming: bool,
    /// Steps that every layer computes before the next slice of time begins, with state kept; `None`: all of them.
    pub slice: Option<usize>,
    /// Spikes and potentials of every spiking layer are kept.
    pub record: bool,
    /// Spikes and synaptic operations are counted.
    pub meter: bool,
    /// Bit planes of a neuron that may fire several times in a step.
    pub count_planes: u32,
    /// Bit planes of an input of counts, at most the 8 of its kind: as many as the samples need. Of no effect on results.
    pub input_planes: u32,
    /// The most bytes that one sample may take.
    pub memory_limit: usize,
    /// The most bytes that one binding of the device holds: larger weights are split by outputs.
    pub binding_limit: usize,
    /// When linear layers read lists of the inputs that fired. Of no effect on results.
    pub event_lists: EventLists,
}

impl Default for Request {
    fn default() -> Self {
        Request {
            steps: 1,
            constant_input: true,
            readout: Readout::Mean,
            streaming: false,
            slice: None,
            record: false,
            meter: true,
            count_planes: 8,
            input_planes: Request::MOST_INPUT_PLANES,
            memory_limit: 16 << 30,
            binding_limit: usize::MAX,
            event_lists: EventLists::Never,
        }
    }
}

/// A compiled network.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The network's name.
    pub name: String,
    /// What was asked for.
    pub request: Request,
    /// Memory that steps work on.
    pub buffers: Vec<Buffer>,
    /// Memory that all samples share: weights, coefficients, tables. It never changes but in training.
    pub constants: Vec<Constant>,
    /// What is done, in order.
    pub stages: Vec<Stage>,
    /// The buffer that takes the input.
    pub input: usize,
    /// The buffer that holds the scores.
    pub scores: usize,
    /// Shape of the scores of one sample (of one step of it, for a trace or a stream).
    pub score_shape: Vec<usize>,
    /// The spiking layers, in order.
    pub populations: Vec<PopulationInfo>,
    /// The circuits, in order.
    pub circuits: Vec<CircuitInfo>,
    /// The weighted layers, in order.
    pub weighted: Vec<WeightedInfo>,
    /// What outlives a window, and in a stream the run.
    pub states: Vec<StateInfo>,
    /// Words of each memory slot for one sample; buffers whose lives do not overlap share one.
    pub slots: Vec<usize>,
}

/// A piece of working memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffer {
    /// For people.
    pub name: String,
    /// What it holds, which gives its size.
    pub holds: Holds,
    /// The memory slot it lives in.
    pub slot: usize,
    /// Whether it lives as long as the plan runs (states, counters, outputs) rather than from first to last use.
    pub permanent: bool,
}

/// What a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Values on an edge.
    Edge(Edge),
    /// Potential and current of so many neurons.
    State(usize),
    /// Recorded values of so many neurons, in every step.
    Traces(usize),
    /// The last steps of an edge.
    Ring(Edge, u32),
    /// Counters of a spiking layer.
    Tally,
    /// Counters of a weighted layer.
    Meter,
    /// Scores: so many, once or in every step.
    Scores(usize, bool),
    /// So many words that a kernel has for itself: lists, what cells remember, what is to arrive at them.
    Words(usize),
    /// What so many cells remember, in every step.
    Probes(usize),
    /// Lists of up to so many events, in every step.
    Lists(usize),
}

impl Holds {
    /// 32-bit words for `batch` samples of `steps` steps.
    pub fn words(&self, steps: usize, batch: usize) -> usize {
        batch * self.sample_words(steps)
    }

    /// The words of one of `batch` samples over `steps` steps, out of a buffer that holds all of them.
    pub fn of_sample(&self, words: &[u32], steps: usize, batch: usize, sample: usize) -> Vec<u32> {
        let rows = if self.is_series() { steps } else { 1 };
        let row = self.sample_words(steps) / rows;
        (0..rows).flat_map(|t| &words[(t * batch + sample) * row..][..row]).copied().collect()
    }

    /// The words of one of `batch` samples in a buffer that holds one step of all of them.
    #[cfg(feature = "gpu")]
    pub(crate) fn row<'a>(&self, words: &'a [u32], batch: usize, sample: usize) -> &'a [u32] {
        let row = words.len() / batch.max(1);
        &words[sample * row..][..row]
    }

    /// What a buffer of `batch` samples holds where all of them have the words of one: states, past steps.
    #[cfg(feature = "gpu")]
    pub(crate) fn for_all(&self, words: &[u32], batch: usize) -> Vec<u32> {
        let row = match self {
            Holds::Ring(edge, _) => edge.step_words(),
            _ => words.len(),
        };
        words.chunks(row.max(1)).flat_map(|row| row.repeat(batch)).collect()
    }

    fn sample_words(&self, steps: usize) -> usize {
        match *self {
            Holds::Edge(edge) => edge.step_words() * if edge.series == 1 { steps } else { 1 },
            Holds::State(neurons) => 2 * neurons,
            Holds::Traces(neurons) => TRACE_VALUES * neurons * steps,
            Holds::Ring(edge, slots) => edge.step_words() * slots as usize,
            Holds::Tally => TALLY_WORDS,
            Holds::Meter => METER_WORDS,
            Holds::Scores(scores, series) => scores * if series { steps } else { 1 },
            Holds::Words(words) => words,
            Holds::Probes(cells) => PROBE_VALUES * cells * steps,
            Holds::Lists(most) => compact::list_words(most) * steps,
        }
    }
}

/// A piece of memory that all samples share.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// For people.
    pub name: String,
    /// The words; f32 as their bits.
    pub words: Vec<u32>,
}

/// Something bound to a slot of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Nothing: the kernel does not use it.
    Empty,
    /// A buffer, by index.
    Buffer(usize),
    /// A constant, by index.
    Constant(usize),
}

/// In which windows of time a step runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// In all of them.
    #[default]
    Always,
    /// In the first: what it does holds for all steps.
    First,
    /// In all of them, once the gradient of the output is there: the way back, where the loss is the host's own.
    Back,
    /// After a window at whose end scores are wanted: it needs what all steps so far have left.
    Scores,
    /// After the last.
    End,
}

/// A part of the work on a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All steps of time, one layer after the other.
    Steps,
    /// The way back, where it waits for a gradient that the host gives.
    Back,
    /// Scores as if the samples ended with the window, where that takes more.
    Scores,
    /// What is done once, when they have ended.
    End,
}

impl Part {
    /// All of them, in order.
    pub const ALL: [Part; 4] = [Part::Steps, Part::Back, Part::Scores, Part::End];

    /// Those of a window, with which the samples end or not.
    pub fn of_window(ends: bool) -> impl Iterator<Item = Part> {
        Part::ALL.into_iter().filter(move |&part| part == Part::Steps || ends)
    }
}

/// One dispatch.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The layer it computes.
    pub layer: String,
    /// What is done.
    pub kernel: Kernel,
    /// With what, in binding order.
    pub bind: Vec<Slot>,
    /// In which windows it runs.
    pub when: When,
    /// Why it is done this way, for people.
    pub note: String,
}

/// Steps that run over a whole window of time, or step by step.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Over the whole window.
    Window(Step),
    /// All of them for one step of time, then for the next: a cycle of the network.
    Loop(Vec<Step>),
    /// As a loop, the last step of time first: gradients of a cycle.
    Back(Vec<Step>),
}

impl Stage {
    /// Its steps, in order.
    pub fn steps(&self) -> &[Step] {
        match self {
            Stage::Window(step) => std::slice::from_ref(step),
            Stage::Loop(steps) | Stage::Back(steps) => steps,
        }
    }
}

impl Request {
    /// The most bit planes of a neuron that may fire several times in a step.
    pub const MOST_COUNT_PLANES: u32 = 16;
    /// The most bit planes of an input of counts.
    pub const MOST_INPUT_PLANES: u32 = 8;

    /// Steps of time that a window covers.
    pub fn window_steps(&self) -> usize {
        self.slice.map_or(self.steps, |slice| slice.clamp(1, self.steps))
    }

    /// Whether states outlive a window.
    pub fn keeps_state(&self) -> bool {
        self.streaming || self.window_steps() < self.steps
    }
}

impl Plan {
    /// Every step, in order, loops unrolled once.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flat_map(Stage::steps)
    }

    /// Steps of time that a window covers (the last may have fewer): all of them, or a slice.
    pub fn window_steps(&self) -> usize {
        self.request.window_steps()
    }

    /// The windows of a run of so many steps, in order, whose states have seen `clock` steps before.
    pub fn windows(&self, batch: usize, steps: usize, clock: u64) -> impl Iterator<Item = Window> + use<> {
        let most = self.window_steps();
        (0..steps).step_by(most).map(move |at| Window {
            batch,
            start: 0,
            steps: most.min(steps - at),
            at,
            clock: clock + at as u64,
        })
    }

    /// The buffers that a sample's results are read from when it has ended: scores and counters.
    pub fn results(&self) -> impl Iterator<Item = usize> + '_ {
        let tallies = self.populations.iter().map(|population| population.tally);
        let meters = self.weighted.iter().filter_map(|layer| layer.meter);
        std::iter::once(self.scores).chain(tallies).chain(meters)
    }

    /// Steps of a sample, out of its values.
    pub fn steps_of(&self, sample: &[f32]) -> usize {
        match self.buffers[self.input].holds {
            Holds::Edge(edge) if edge.series == 1 => sample.len() / edge.elements(),
            // Nothing comes in: a value for each step stands for it.
            Holds::Words(_) => sample.len(),
            _ => self.request.steps,
        }
    }

    /// What is dispatched in a part of the work on a window, in order: the number of the step, the step, and the part
    /// of the window that it covers: one step of time after the other in a loop.
    pub fn walk(&self, window: Window, part: Part) -> impl Iterator<Item = (usize, &Step, Window)> {
        let mut number = 0;
        let all = self.stages.iter().flat_map(move |stage| {
            let steps = stage.steps();
            let loops = (!matches!(stage, Stage::Window(_))).then_some(window.steps);
            let first = number;
            number += steps.len();
            (0..loops.unwrap_or(1)).flat_map(move |t| {
                let t = if matches!(stage, Stage::Back(_)) { window.steps - 1 - t } else { t };
                let one = Window { start: t, steps: 1, at: window.at + t, clock: window.clock + t as u64, ..window };
                let window = if loops.is_some() { one } else { window };
                steps.iter().enumerate().map(move |(at, step)| (first + at, step, window))
            })
        });
        all.filter(move |(_, step, window)| match step.when {
            When::Always => part == Part::Steps,
            When::First => part == Part::Steps && window.at == 0,
            When::Back => part == Part::Back,
            When::Scores => part == Part::Scores,
            When::End => part == Part::End,
        })
    }

    /// Bytes of working memory for one sample.
    pub fn sample_bytes(&self) -> usize {
        4 * self.slots.iter().sum::<usize>()
    }

    /// Bytes of weights, coefficients and tables.
    pub fn constant_bytes(&self) -> usize {
        4 * self.constants.iter().map(|c| c.words.len()).sum::<usize>()
    }

    /// Gives buffers their memory slots, and refuses what needs more than the request allows.
    ///
    /// # Errors
    /// [`Error::Request`] with what was needed and what is allowed.
    pub(crate) fn place(&mut self) -> Result<()> {
        let steps = self.window_steps();
        let needed = self.buffers.iter().try_fold(0u128, |sum, b| {
            let words = b.holds.sample_words(1) as u128 * if b.holds.is_series() { steps as u128 } else { 1 };
            Some(sum + 4 * words)
        });
        let limit = self.request.memory_limit;
        // Without sharing: an upper bound that cannot overflow, so that what follows cannot either.
        if needed.is_none_or(|bytes| bytes > limit as u128 * 16) {
            return Err(self.too_large(needed.unwrap_or(u128::MAX)));
        }
        memory::place(self);
        if self.sample_bytes() > limit {
            return Err(self.too_large(self.sample_bytes() as u128));
        }
        Ok(())
    }

    fn too_large(&self, bytes: u128) -> Error {
        Error::Request(format!(
            "one sample of `{}` with {} steps needs {} of memory, {} are allowed: use fewer steps, or record less",
            self.name,
            self.request.steps,
            text::bytes(bytes),
            text::bytes(self.request.memory_limit as u128)
        ))
    }

    /// The buffers a step touches, and whether it writes them.
    pub(crate) fn touched(step: &Step) -> impl Iterator<Item = (usize, bool)> + '_ {
        step.bind.iter().zip(step.kernel.slots()).filter_map(|(slot, info)| match slot {
            Slot::Buffer(b) => Some((*b, info.access == Access::Write)),
            _ => None,
        })
    }
}

impl Holds {
    fn is_series(&self) -> bool {
        match self {
            Holds::Edge(edge) => edge.series == 1,
            Holds::Traces(_) | Holds::Probes(_) | Holds::Lists(_) => true,
            Holds::Scores(_, series) => *series,
            _ => false,
        }
    }
}

pub use cost::Cost;
pub use events::{DEFAULT_INPUTS, DEFAULT_SHARE, EventLists, LinearSize};
pub use info::{CircuitInfo, PopulationInfo, StateInfo, StateKind, WeightedInfo};
pub use text::bytes as bytes_text;
pub use training::{
    Layout, LearnedPopulation, LossMemory, NormStatistics, Parameter, RatePenalty, TrainingMemory, TrainingPlan,
    TrainingRequest,
};
