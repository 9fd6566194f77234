//! One step of all cells of a circuit: what has arrived, the background, currents; who fires.
//! Twin of `shaders/cells.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::propagate::ring_slot;
use super::shader::{CELL, RANDOM, Shader};
use super::{Bindings, Edge, Element, SlotInfo, Window};
use crate::neuron::cell::{Arrived, Cell, CellState, flag};
use crate::random::Stream;
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Params {
    /// What comes in: bits, by which the cells from `first_input` on fire, or reals, currents of these cells.
    pub input: Edge,
    /// The first cell that the input is for.
    pub first_input: u32,
    /// Where in the tables the kinds of cells begin: a [`Cell`] each.
    pub rows: u32,
    /// Where potentials before the first step begin.
    pub initial: u32,
    /// Steps that accumulators look ahead, a power of two.
    pub ring: u32,
    /// The stream that sources and the background draw from.
    pub key: [u32; 2],
    /// Spikes, a channel for each cell.
    pub output: Edge,
}

shared!(Params as "Params" {
    input: Edge, first_input: u32, rows: u32, initial: u32, ring: u32, key: [u32; 2], output: Edge,
});

/// 32-bit words that a cell remembers: potential, adaptation, both synapses, steps of rest.
pub const STATE_WORDS: usize = 5;

/// What the tables begin with, for each word of cells: their row, whether each has one of its own, how many there are.
pub const GROUP_WORDS: usize = 3;

/// Draws of one cell in one step.
const DRAWS: u32 = 2;
/// The draw of a source, and of the background.
const SOURCE: u32 = 0;
const BACKGROUND: u32 = 1;

/// Input; tables; accumulators `[step, inhibition, cell]`; what cells remember `[value, cell]`; spikes.
pub const SLOTS: &[SlotInfo] = &[
    read("input", Element::Words),
    read("tables", Element::Words),
    write("ring", Element::Words),
    write("state", Element::Words),
    write("output", Element::Words),
];

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../shaders/cells.wgsl"), CELL, RANDOM], reads: &["input"] }
}

/// Workgroups of a sample for so many steps: an invocation is a cell.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    u64::from(p.output.channels).div_ceil(64)
}

/// One sample in one step.
struct Step<'a> {
    p: &'a Params,
    tables: &'a [u32],
    ring: &'a mut [u32],
    state: &'a mut [u32],
    /// The step's words of the input.
    input: &'a [u32],
    clock: u64,
    /// The step's random numbers.
    random: Stream,
}

/// The plain twin: of the first step of the window.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, tables) = (slots.words(0), slots.words(1));
    let (ring, state, output) = (slots.words_mut(2), slots.words_mut(3), slots.words_mut(4));
    let cells = p.output.channels as usize;
    let of_ring = 2 * cells * p.ring as usize;
    for sample in 0..window.batch {
        let mut step = Step {
            p,
            tables,
            ring: &mut ring[sample * of_ring..][..of_ring],
            state: &mut state[sample * STATE_WORDS * cells..][..STATE_WORDS * cells],
            input: if p.input.elements() == 0 { &[] } else { p.input.step(input, window, 0, sample) },
            clock: window.clock,
            random: Stream::from(p.key).at(sample_place(window.clock)),
        };
        if window.clock == 0 {
            step.ring.fill(0);
        }
        let out = p.output.step_mut(output, window, 0, sample);
        for (word, out) in out.iter_mut().enumerate() {
            *out = step.word(word);
        }
    }
}

/// The place of a step among those that random numbers are drawn for.
fn sample_place(clock: u64) -> u32 {
    clock as u32
}

impl Step<'_> {
    /// The spikes of 32 neighbours.
    fn word(&mut self, word: usize) -> u32 {
        let [row, own, count] = [0, 1, 2].map(|at| self.tables[GROUP_WORDS * word + at] as usize);
        let mut bits = 0;
        for lane in 0..count {
            let row = self.p.rows as usize + (row + own * lane) * crate::neuron::cell::CELL_WORDS;
            let cell: &Cell =
                bytemuck::from_bytes(bytemuck::cast_slice(&self.tables[row..row + crate::neuron::cell::CELL_WORDS]));
            bits |= u32::from(self.cell(*cell, 32 * word + lane)) << lane;
        }
        bits
    }

    fn cell(&mut self, cell: Cell, at: usize) -> bool {
        let random = |draw: u32| self.random.bits(DRAWS * at as u32 + draw);
        if cell.flags & flag::POISSON != 0 {
            return random(SOURCE) < cell.rate;
        }
        if cell.flags & flag::INPUT != 0 {
            let channel = at - self.p.first_input as usize;
            return channel < self.p.input.channels as usize && self.p.input.value(self.input, channel) != 0.0;
        }
        let cells = self.p.output.channels as usize;
        if cell.flags & flag::TIMES != 0 {
            let times = cell.currents;
            return self.fires_now(times, at);
        }
        let slot = 2 * cells * ring_slot(self.clock, self.p.ring) + at;
        let mut arrived = [slot, slot + cells].map(|place| std::mem::take(&mut self.ring[place]));
        if cell.chances[1] > 0 {
            let spikes = self.background(cell.chances, random(BACKGROUND));
            let place = usize::from(cell.flags & flag::BACKGROUND_INHIBITS != 0);
            arrived[place] = arrived[place].wrapping_add(spikes.wrapping_mul(cell.background as u32));
        }
        let [e, i] = arrived.map(|sum| sum as i32 as f32 * cell.unit);
        let current = self.current(&cell, at);
        let mut state = self.load(&cell, at);
        let fires = cell.step(&mut state, Arrived { e, i, current });
        self.store(&state, at);
        fires
    }

    /// Spikes of the background, by their cumulative chances.
    fn background(&self, [first, count]: [u32; 2], random: u32) -> u32 {
        let chances = &self.tables[first as usize..][..count as usize];
        chances.partition_point(|&chance| chance <= random) as u32
    }

    /// Whether this step is among a cell's times: `first` has the first of each, from the population's start on.
    fn fires_now(&self, [first, start]: [u32; 2], at: usize) -> bool {
        let row = first as usize + at - start as usize;
        let (begin, end) = (self.tables[row] as usize, self.tables[row + 1] as usize);
        self.tables[begin..end].binary_search(&(self.clock as u32)).is_ok()
    }

    /// The current from outside: by the last change so far, and by the input.
    fn current(&self, cell: &Cell, at: usize) -> f32 {
        let [first, count] = cell.currents;
        let mut current = 0.0;
        for change in self.tables[first as usize..][..2 * count as usize].chunks_exact(2) {
            if u64::from(change[0]) <= self.clock {
                current = f32::from_bits(change[1]);
            }
        }
        let channel = at.wrapping_sub(self.p.first_input as usize);
        if self.p.input.is_real() && channel < self.p.input.channels as usize {
            current += self.p.input.value(self.input, channel);
        }
        current
    }

    fn load(&self, cell: &Cell, at: usize) -> CellState {
        let cells = self.p.output.channels as usize;
        if self.clock == 0 {
            let v = f32::from_bits(self.tables[self.p.initial as usize + at]);
            return CellState { v, w: cell.w_init, ..CellState::default() };
        }
        let [v, w, e, i] = [0, 1, 2, 3].map(|value| f32::from_bits(self.state[value * cells + at]));
        CellState { v, w, e, i, refractory: self.state[4 * cells + at] }
    }

    fn store(&mut self, state: &CellState, at: usize) {
        let cells = self.p.output.channels as usize;
        let values = [state.v, state.w, state.e, state.i].map(f32::to_bits);
        for (value, bits) in values.into_iter().chain([state.refractory]).enumerate() {
            self.state[value * cells + at] = bits;
        }
    }
}
