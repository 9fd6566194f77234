//! Neurons of a block of channels, side by side.

use super::BLOCK;
use crate::kernel::{Edge, Population, Window};
use crate::neuron::affine::{Coefficients, flag};

/// What this room computes of the affine core: one spike a step at most, reset in its step, no synaptic current.
const TAKEN: u32 = flag::FORM_LEAK_ALL
    | flag::FORM_LEAK_POTENTIAL
    | flag::FIRES
    | flag::FIRE_GE
    | flag::RESET_HARD
    | flag::RESET_SUBTRACT;
/// Flags of no effect where resets are not late.
const IDLE: u32 = flag::RESET_KEEPS_INPUT | flag::VOLTAGE_FIRST;

/// In which form the potential is computed: as [`Coefficients::step`] has them.
const LEAK_ALL: u8 = 0;
const LEAK_POTENTIAL: u8 = 1;
const FACTOR: u8 = 2;

/// The coefficients of a block of channels, one array for each.
#[derive(Clone, Debug)]
struct Lanes {
    leak: [f32; BLOCK],
    input: [f32; BLOCK],
    rest: [f32; BLOCK],
    /// The lowest potential that fires: theta, or the next number above it.
    fires_at: [f32; BLOCK],
    /// What a spike subtracts: theta or nothing.
    subtract: [f32; BLOCK],
    v_reset: [f32; BLOCK],
    v_min: [f32; BLOCK],
    v_init: [f32; BLOCK],
}

/// The neurons of a population, in blocks.
#[derive(Debug)]
pub(super) struct Neurons {
    form: u8,
    /// Whether all channels have the same coefficients, and fill their blocks.
    alike: bool,
    /// Whether a spike sets the potential to `v_reset`.
    hard: bool,
    blocks: Vec<Lanes>,
    pub population: Population,
}

/// What neurons did, to be added to the tally: spikes, and changed potentials in each of 32 lanes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    spikes: u32,
    updates: [u32; BLOCK],
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
        let is = |bit: u32| flags & bit != 0;
        let (ge, soft) = (is(flag::FIRE_GE), is(flag::RESET_SUBTRACT));
        let block = |start: usize| {
            // Channels that are not there never fire.
            let none = Coefficients { threshold: f32::MAX, v_min: f32::MIN, ..Coefficients::default() };
            let at = |i: usize| if start + i < count { row(start + i) } else { none };
            let all = |field: fn(&Coefficients) -> f32| std::array::from_fn(|i| field(&at(i)));
            Lanes {
                leak: all(|c| c.leak),
                input: all(|c| c.input),
                rest: all(|c| c.rest),
                fires_at: all(|c| c.threshold).map(|theta| if ge { theta } else { theta.next_up() }),
                subtract: all(|c| c.threshold).map(|theta| if soft { theta } else { 0.0 }),
                v_reset: all(|c| c.v_reset),
                v_min: all(|c| c.v_min),
                v_init: all(|c| c.v_init),
            }
        };
        let blocks = (0..count).step_by(BLOCK).map(block).collect();
        let form = match (is(flag::FORM_LEAK_ALL), is(flag::FORM_LEAK_POTENTIAL)) {
            (true, _) => LEAK_ALL,
            (_, true) => LEAK_POTENTIAL,
            _ => FACTOR,
        };
        let alike = population.grain == 0 && count.is_multiple_of(BLOCK);
        Some(Neurons { form, alike, hard: is(flag::RESET_HARD), blocks, population: *population })
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
        match (self.form, self.hard, self.alike) {
            (LEAK_ALL, true, true) => stepped::<LEAK_ALL, true, true>(lanes, v, x, counted),
            (LEAK_ALL, true, false) => stepped::<LEAK_ALL, true, false>(lanes, v, x, counted),
            (LEAK_ALL, false, true) => stepped::<LEAK_ALL, false, true>(lanes, v, x, counted),
            (LEAK_ALL, false, false) => stepped::<LEAK_ALL, false, false>(lanes, v, x, counted),
            (LEAK_POTENTIAL, true, _) => stepped::<LEAK_POTENTIAL, true, false>(lanes, v, x, counted),
            (LEAK_POTENTIAL, false, _) => stepped::<LEAK_POTENTIAL, false, false>(lanes, v, x, counted),
            (_, true, true) => stepped::<FACTOR, true, true>(lanes, v, x, counted),
            (_, true, false) => stepped::<FACTOR, true, false>(lanes, v, x, counted),
            (_, false, true) => stepped::<FACTOR, false, true>(lanes, v, x, counted),
            (_, false, false) => stepped::<FACTOR, false, false>(lanes, v, x, counted),
        }
    }
}

/// One step of a block in a form; where all channels are alike, the coefficients of the first are everyone's, so that they
/// stay in registers. The equations are those of [`Coefficients::step`], without branches by neuron.
#[inline(always)]
fn stepped<const FORM: u8, const HARD: bool, const ALIKE: bool>(
    l: &Lanes,
    v: &mut [f32; BLOCK],
    x: &[f32; BLOCK],
    counted: &mut Counted,
) -> u32 {
    let mut fired = [0u32; BLOCK];
    for i in 0..BLOCK {
        let c = if ALIKE { 0 } else { i };
        let drive = l.input[c] * x[i];
        let h = match FORM {
            LEAK_ALL => v[i] + l.leak[c] * (drive - (v[i] - l.rest[c])),
            LEAK_POTENTIAL => (v[i] - l.leak[c] * (v[i] - l.rest[c])) + drive,
            _ => l.leak[c] * v[i] + drive + l.rest[c],
        };
        let fires = h >= l.fires_at[c];
        let reset = if HARD { l.v_reset[c] } else { h - l.subtract[c] };
        let after = if fires { reset } else { h };
        let after = if after < l.v_min[c] { l.v_min[c] } else { after };
        let after = if after.abs() < f32::MIN_POSITIVE { 0.0 } else { after };
        fired[i] = if fires { 1 << i } else { 0 };
        counted.updates[i] += u32::from(after != v[i]);
        v[i] = after;
    }
    let word = fired.iter().fold(0, |word, bit| word | bit);
    counted.spikes += word.count_ones();
    word
}

impl Counted {
    /// Adds this to the tally of a sample.
    pub fn add_to(self, tally: &mut [u32]) {
        tally[0] = tally[0].wrapping_add(self.spikes);
        tally[1] = tally[1].wrapping_add(self.spikes);
        tally[2] = tally[2].wrapping_add(self.updates.iter().sum());
        tally[3] = tally[3].max(u32::from(self.spikes > 0));
    }
}
