//! One step of all cells of a circuit: what has arrived, the background, currents; who fires.
//! Twin of `shaders/cells.wgsl`.

use bytemuck::{Pod, Zeroable};

use super::bindings::{read, write};
use super::propagate::ring_slot;
use super::shader::{CELL, RANDOM, Shader, TABLES};
use super::{Bindings, Edge, Element, SlotInfo, Window};
use crate::neuron::cell::{Arrived, CELL_WORDS, Cell, CellState, flag};
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
    Shader { pieces: &[include_str!("../../shaders/cells.wgsl"), CELL, RANDOM, TABLES], reads: &["input"] }
}

/// Workgroups of a sample for so many steps: an invocation is a cell.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    u64::from(p.output.channels).div_ceil(64)
}

/// One sample in one step: what does not change in it.
pub(crate) struct Step<'a> {
    pub p: &'a Params,
    pub tables: &'a [u32],
    /// The step's words of the input.
    input: &'a [u32],
    pub clock: u64,
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
        let step = Step::new(p, tables, input, window, sample);
        let ring = &mut ring[sample * of_ring..][..of_ring];
        let state = &mut state[sample * STATE_WORDS * cells..][..STATE_WORDS * cells];
        if window.clock == 0 {
            ring.fill(0);
        }
        let out = p.output.step_mut(output, window, 0, sample);
        for (word, out) in out.iter_mut().enumerate() {
            *out = 0;
            for lane in 0..tables[GROUP_WORDS * word + 2] as usize {
                let fires = step.cell(&step.row(word, lane), 32 * word + lane, ring, state);
                *out |= u32::from(fires) << lane;
            }
        }
    }
}

impl<'a> Step<'a> {
    /// The first step of a window, of one sample. No input at all: only what does not depend on it is asked for.
    pub fn new(p: &'a Params, tables: &'a [u32], input: &'a [u32], window: Window, sample: usize) -> Step<'a> {
        let none = p.input.elements() == 0 || input.is_empty();
        let input = if none { &[] } else { p.input.step(input, window, 0, sample) };
        let random = Stream::from(p.key).at(window.clock as u32);
        Step { p, tables, input, clock: window.clock, random }
    }

    /// What a cell of a word computes with.
    pub fn row(&self, word: usize, lane: usize) -> Cell {
        let [row, own] = [0, 1].map(|at| self.tables[GROUP_WORDS * word + at] as usize);
        let at = self.p.rows as usize + (row + own * lane) * CELL_WORDS;
        bytemuck::pod_read_unaligned(bytemuck::cast_slice(&self.tables[at..at + CELL_WORDS]))
    }

    fn cell(&self, cell: &Cell, at: usize, ring: &mut [u32], state: &mut [u32]) -> bool {
        if let Some(fires) = self.source(cell, at) {
            return fires;
        }
        let cells = self.p.output.channels as usize;
        let slot = 2 * cells * ring_slot(self.clock, self.p.ring) + at;
        let sums = [slot, slot + cells].map(|place| std::mem::take(&mut ring[place]));
        let arrived = self.arrived(cell, at, sums);
        let mut own = if self.clock == 0 { self.initial(cell, at) } else { load(state, cells, at) };
        let fires = cell.step(&mut own, arrived);
        let values = [own.v, own.w, own.e, own.i].map(f32::to_bits);
        for (value, bits) in values.into_iter().chain([own.refractory]).enumerate() {
            state[value * cells + at] = bits;
        }
        fires
    }

    /// The draw of a source.
    #[inline(always)]
    pub fn random_of_source(&self, at: usize) -> u32 {
        self.random.bits(DRAWS * at as u32 + SOURCE)
    }

    /// The draw for the background of a cell.
    #[inline(always)]
    pub fn random_of_background(&self, at: usize) -> u32 {
        self.random.bits(DRAWS * at as u32 + BACKGROUND)
    }

    /// Whether a cell that needs no potential fires; `None`: it needs one.
    pub fn source(&self, cell: &Cell, at: usize) -> Option<bool> {
        if cell.flags & flag::POISSON != 0 {
            return Some(self.random_of_source(at) < cell.rate);
        }
        if cell.flags & flag::INPUT != 0 {
            let channel = at - self.p.first_input as usize;
            let is_given = channel < self.p.input.channels as usize;
            return Some(is_given && self.p.input.value(self.input, channel) != 0.0);
        }
        (cell.flags & flag::TIMES != 0).then(|| self.fires_now(cell.currents, at))
    }

    /// What arrives at a cell, with the background and currents.
    pub fn arrived(&self, cell: &Cell, at: usize, mut sums: [u32; 2]) -> Arrived {
        if cell.chances[1] > 0 {
            let random = self.random_of_background(at);
            let chances = &self.tables[cell.chances[0] as usize..][..cell.chances[1] as usize];
            let spikes = chances.partition_point(|&chance| chance <= random) as u32;
            let sum = &mut sums[usize::from(cell.flags & flag::BACKGROUND_INHIBITS != 0)];
            *sum = sum.wrapping_add(spikes.wrapping_mul(cell.background as u32));
        }
        let [e, i] = sums.map(|sum| sum as i32 as f32 * cell.unit);
        Arrived { e, i, current: self.current_of_input(at, self.changed_current(cell)) }
    }

    /// Whether this step is among a cell's times: the tables have where those of each begin.
    fn fires_now(&self, [first, start]: [u32; 2], at: usize) -> bool {
        let row = first as usize + at - start as usize;
        let (begin, end) = (self.tables[row] as usize, self.tables[row + 1] as usize);
        self.tables[begin..end].binary_search(&(self.clock as u32)).is_ok()
    }

    /// The current from outside, by the last change so far.
    pub fn changed_current(&self, cell: &Cell) -> f32 {
        let [first, count] = cell.currents;
        let mut current = 0.0;
        for change in self.tables[first as usize..][..2 * count as usize].chunks_exact(2) {
            if u64::from(change[0]) <= self.clock {
                current = f32::from_bits(change[1]);
            }
        }
        current
    }

    /// A current, with that of the input, if it is for this cell.
    pub fn current_of_input(&self, at: usize, current: f32) -> f32 {
        let channel = at.wrapping_sub(self.p.first_input as usize);
        if self.p.input.is_real() && channel < self.p.input.channels as usize {
            return current + self.p.input.value(self.input, channel);
        }
        current
    }

    /// The state of a cell before the first step.
    pub fn initial(&self, cell: &Cell, at: usize) -> CellState {
        let v = f32::from_bits(self.tables[self.p.initial as usize + at]);
        CellState { v, w: cell.w_init, ..CellState::default() }
    }
}

fn load(state: &[u32], cells: usize, at: usize) -> CellState {
    let [v, w, e, i] = [0, 1, 2, 3].map(|value| f32::from_bits(state[value * cells + at]));
    CellState { v, w, e, i, refractory: state[4 * cells + at] }
}
