//! Neurons of a block of channels, side by side.

use super::BLOCK;
use crate::kernel::{Edge, Population, Window};
use crate::neuron::affine::{Coefficients, State, flag};

/// What this room computes of the affine core: one spike a step at most, reset in its step, no synaptic current.
const FORMS: u32 = flag::FORM_LEAK_ALL | flag::FORM_LEAK_POTENTIAL;
const RESETS: u32 = flag::RESET_HARD | flag::RESET_SUBTRACT;
const TAKEN: u32 = FORMS | flag::FIRES | flag::FIRE_GE | RESETS;
/// Flags of no effect where resets are not late.
const IDLE: u32 = flag::RESET_KEEPS_INPUT | flag::VOLTAGE_FIRST;

/// The coefficients of a block of channels, one array for each.
#[derive(Clone, Debug)]
struct Lanes {
    leak: [f32; BLOCK],
    input: [f32; BLOCK],
    rest: [f32; BLOCK],
    threshold: [f32; BLOCK],
    v_reset: [f32; BLOCK],
    v_min: [f32; BLOCK],
    v_init: [f32; BLOCK],
}

/// The neurons of a population, in blocks.
#[derive(Debug)]
pub(super) struct Neurons {
    flags: u32,
    blocks: Vec<Lanes>,
    pub population: Population,
}

/// What a block of neurons did, to be added to the tally.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub spikes: u32,
    pub updates: u32,
}

impl Neurons {
    /// The neurons of a population, or `None` where they need more than this room computes.
    pub fn new(population: &Population, coefficients: &[u32]) -> Option<Neurons> {
        let flags = population.flags & !IDLE;
        let single = flags & flag::FIRES != 0 && population.output.planes == 1;
        if flags & !TAKEN != 0 || !single || population.records == 1 || population.grain > 1 {
            return None;
        }
        let rows: &[Coefficients] = bytemuck::cast_slice(coefficients);
        let (first, count) = (population.first as usize, population.count as usize);
        let row = |channel: usize| if population.grain == 0 { rows[0] } else { rows[first + channel] };
        let block = |start: usize| {
            // Channels that are not there never fire.
            let none = Coefficients { threshold: f32::MAX, v_min: f32::MIN, ..Coefficients::default() };
            let at = |i: usize| if start + i < count { row(start + i) } else { none };
            let all = |field: fn(&Coefficients) -> f32| std::array::from_fn(|i| field(&at(i)));
            Lanes {
                leak: all(|c| c.leak),
                input: all(|c| c.input),
                rest: all(|c| c.rest),
                threshold: all(|c| c.threshold),
                v_reset: all(|c| c.v_reset),
                v_min: all(|c| c.v_min),
                v_init: all(|c| c.v_init),
            }
        };
        let blocks = (0..count).step_by(BLOCK).map(block).collect();
        Some(Neurons { flags, blocks, population: *population })
    }

    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Words between the start of a cell and the own words of a block.
    pub fn word(&self, block: usize) -> usize {
        self.population.first as usize / 32 + block
    }

    /// Where the state of a block at a cell is kept.
    fn state_at(&self, sample: usize, cell: usize, block: usize) -> usize {
        let edge: &Edge = &self.population.output;
        let neuron = (sample * edge.cells as usize + cell) * edge.channels as usize;
        2 * (neuron + self.population.first as usize + block * BLOCK)
    }

    fn width(&self, block: usize) -> usize {
        (self.population.count as usize - block * BLOCK).min(BLOCK)
    }

    /// The potentials of a block at the start of a window.
    #[inline(always)]
    pub fn start(&self, window: Window, state: &[f32], sample: usize, cell: usize, block: usize) -> [f32; BLOCK] {
        let mut v = self.blocks[block].v_init;
        if self.population.keeps_state == 1 && window.clock > 0 {
            let kept = &state[self.state_at(sample, cell, block)..];
            for i in 0..self.width(block) {
                v[i] = kept[2 * i];
            }
        }
        v
    }

    /// Keeps the potentials of a block for the next window.
    #[inline(always)]
    pub fn finish(&self, state: &mut [f32], sample: usize, cell: usize, block: usize, v: &[f32; BLOCK]) {
        if self.population.keeps_state == 1 {
            let kept = &mut state[self.state_at(sample, cell, block)..];
            for i in 0..self.width(block) {
                kept[2 * i] = v[i];
                kept[2 * i + 1] = 0.0;
            }
        }
    }

    /// One step of a block: its spikes as a word.
    #[inline(always)]
    pub fn step(&self, block: usize, v: &mut [f32; BLOCK], x: &[f32; BLOCK], counted: &mut Counted) -> u32 {
        let lanes = &self.blocks[block];
        macro_rules! forms {
            ($($flags:expr),* $(,)?) => {
                match self.flags {
                    $(flags if flags == $flags => stepped::<{ $flags }>(lanes, v, x, counted),)*
                    _ => unreachable!("flags that `new` refuses"),
                }
            };
        }
        const ALL: u32 = flag::FIRES | flag::FORM_LEAK_ALL;
        const POTENTIAL: u32 = flag::FIRES | flag::FORM_LEAK_POTENTIAL;
        const FACTOR: u32 = flag::FIRES;
        const GE: u32 = flag::FIRE_GE;
        const HARD: u32 = flag::RESET_HARD;
        const SOFT: u32 = flag::RESET_SUBTRACT;
        forms!(
            ALL | GE | HARD,
            ALL | GE | SOFT,
            ALL | GE,
            ALL | HARD,
            ALL | SOFT,
            ALL,
            POTENTIAL | GE | HARD,
            POTENTIAL | GE | SOFT,
            POTENTIAL | GE,
            POTENTIAL | HARD,
            POTENTIAL | SOFT,
            POTENTIAL,
            FACTOR | GE | HARD,
            FACTOR | GE | SOFT,
            FACTOR | GE,
            FACTOR | HARD,
            FACTOR | SOFT,
            FACTOR,
        )
    }
}

/// One step of a block under known flags. The equations are those of [`Coefficients::step`]: with the branches known the
/// compiler makes vectors of them.
#[inline(always)]
fn stepped<const FLAGS: u32>(l: &Lanes, v: &mut [f32; BLOCK], x: &[f32; BLOCK], counted: &mut Counted) -> u32 {
    let mut fired = [0u32; BLOCK];
    let mut changed = [0u32; BLOCK];
    for i in 0..BLOCK {
        let c = Coefficients {
            leak: l.leak[i],
            input: l.input[i],
            rest: l.rest[i],
            threshold: l.threshold[i],
            v_reset: l.v_reset[i],
            v_min: l.v_min[i],
            ..Coefficients::default()
        };
        let mut state = State { v: v[i], i: 0.0 };
        let stepped = c.step(FLAGS, &mut state, x[i]);
        fired[i] = u32::from(stepped.spikes > 0.0) << i;
        changed[i] = u32::from(state.v != v[i]);
        v[i] = state.v;
    }
    let word = fired.iter().fold(0, |word, bit| word | bit);
    counted.spikes += word.count_ones();
    counted.updates += changed.iter().sum::<u32>();
    word
}

impl Counted {
    /// Adds this to the tally of a sample.
    pub fn add_to(self, tally: &mut [u32]) {
        tally[0] = tally[0].wrapping_add(self.spikes);
        tally[1] = tally[1].wrapping_add(self.spikes);
        tally[2] = tally[2].wrapping_add(self.updates);
        tally[3] = tally[3].max(u32::from(self.spikes > 0));
    }
}
