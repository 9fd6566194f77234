//! Neurons of a block of channels, side by side.

use super::prefetch::prefetch;
use super::{BLOCK, rare};
use crate::kernel::{Edge, Population, Window};
use crate::neuron::affine::{Coefficients, flag};

/// The common case of the affine core: one spike a step at most, reset in its step, no synaptic current.
const COMMON: u32 = flag::FORM_LEAK_ALL
    | flag::FORM_LEAK_POTENTIAL
    | flag::FIRES
    | flag::FIRE_GE
    | flag::RESET_HARD
    | flag::RESET_SUBTRACT;
/// Flags of no effect in the common case.
const IDLE: u32 = flag::RESET_KEEPS_INPUT | flag::VOLTAGE_FIRST;

/// In which form the potential is computed: as [`Coefficients::step`] has them.
pub(super) const LEAK_ALL: u8 = 0;
pub(super) const LEAK_POTENTIAL: u8 = 1;
pub(super) const FACTOR: u8 = 2;
/// All that is not common.
const RARE: u8 = 3;

/// The coefficients of a block of channels, one array for each.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    pub leak: [f32; BLOCK],
    pub input: [f32; BLOCK],
    pub rest: [f32; BLOCK],
    /// The lowest potential that fires: theta, or the next number above it.
    pub fires_at: [f32; BLOCK],
    /// What a spike subtracts: theta or nothing.
    pub subtract: [f32; BLOCK],
    pub v_reset: [f32; BLOCK],
    pub v_min: [f32; BLOCK],
    pub v_init: [f32; BLOCK],
    pub current_keep: [f32; BLOCK],
    pub current_input: [f32; BLOCK],
    pub current_decay: [f32; BLOCK],
}

/// What the neurons of a block remember: potentials, and synaptic currents where there are any.
#[derive(Clone, Copy, Debug)]
pub(super) struct States {
    pub v: [f32; BLOCK],
    pub i: [f32; BLOCK],
}

/// The neurons of a population, in blocks.
#[derive(Debug)]
pub(super) struct Neurons {
    form: u8,
    /// Whether all channels have the same coefficients, and fill their blocks.
    alike: bool,
    /// Whether a spike sets the potential to `v_reset`.
    hard: bool,
    /// By block; where all channels are alike the first is everyone's.
    lanes: Vec<Lanes>,
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
        let flags = population.flags;
        let single = flags & (flag::FIRES | flag::MANY) == flag::FIRES && population.output.planes == 1;
        if !single || population.records == 1 || population.grain > 1 {
            return None;
        }
        let rows: &[Coefficients] = bytemuck::cast_slice(coefficients);
        let (first, count) = (population.first as usize, population.count as usize);
        let row = |channel: usize| if population.grain == 0 { rows[0] } else { rows[first + channel] };
        let block = |start: usize| {
            // Channels that are not there never fire.
            let none = Coefficients { threshold: f32::MAX, v_min: f32::MIN, ..Coefficients::default() };
            let at = |i: usize| if start + i < count { row(start + i) } else { none };
            Lanes::new(flags, &std::array::from_fn(at))
        };
        let is = |bit: u32| flags & bit != 0;
        let form = if flags & !(COMMON | IDLE) != 0 { RARE } else { form(flags) };
        let alike = form != RARE && population.grain == 0 && count.is_multiple_of(BLOCK);
        let blocks = if alike { 1 } else { count.div_ceil(BLOCK) };
        let lanes = (0..blocks).map(|at| block(at * BLOCK)).collect();
        Some(Neurons { form, alike, hard: is(flag::RESET_HARD), lanes, population: *population })
    }

    pub fn blocks(&self) -> usize {
        (self.population.count as usize).div_ceil(BLOCK)
    }

    /// The coefficients of a block.
    #[inline(always)]
    fn lanes(&self, block: usize) -> &Lanes {
        &self.lanes[if self.alike { 0 } else { block }]
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

    /// The states of a block at the start of a window.
    #[inline(always)]
    pub fn start(&self, window: Window, state: &[f32], sample: usize, cell: usize, block: usize) -> States {
        self.begin(window, state.get(self.state_at(sample, cell, block)..).unwrap_or_default(), block)
    }

    /// The states of a block at the start of a window; those kept of it are the first of `kept`.
    #[inline(always)]
    pub fn begin(&self, window: Window, kept: &[f32], block: usize) -> States {
        let mut states = States { v: self.lanes(block).v_init, i: [0.0; BLOCK] };
        if self.population.keeps_state == 1 && window.clock > 0 {
            for (i, pair) in kept.as_chunks::<2>().0[..self.width(block)].iter().enumerate() {
                [states.v[i], states.i[i]] = *pair;
            }
        }
        states
    }

    /// Keeps the states of a block for the next window.
    #[inline(always)]
    pub fn finish(&self, state: &mut [f32], sample: usize, cell: usize, block: usize, states: &States) {
        self.end(state.get_mut(self.state_at(sample, cell, block)..).unwrap_or_default(), block, states);
    }

    /// Keeps the states of a block as the first of `kept`.
    #[inline(always)]
    pub fn end(&self, kept: &mut [f32], block: usize, states: &States) {
        if self.population.keeps_state == 1 {
            for (i, pair) in kept.as_chunks_mut::<2>().0[..self.width(block)].iter_mut().enumerate() {
                *pair = [states.v[i], states.i[i]];
            }
        }
    }

    /// Whether [`Neurons::step_all`] has a form for these.
    pub fn are_alike(&self) -> bool {
        self.alike
    }

    /// One step of a block: its spikes as a word.
    #[inline(always)]
    pub fn step(&self, block: usize, states: &mut States, x: &[f32; BLOCK], counted: &mut Counted) -> u32 {
        let (lanes, v) = (self.lanes(block), &mut states.v);
        match (self.form, self.hard, self.alike) {
            (LEAK_ALL, true, true) => stepped::<LEAK_ALL, true, true>(lanes, v, x, counted),
            (LEAK_ALL, true, false) => stepped::<LEAK_ALL, true, false>(lanes, v, x, counted),
            (LEAK_ALL, false, true) => stepped::<LEAK_ALL, false, true>(lanes, v, x, counted),
            (LEAK_ALL, false, false) => stepped::<LEAK_ALL, false, false>(lanes, v, x, counted),
            (LEAK_POTENTIAL, true, _) => stepped::<LEAK_POTENTIAL, true, false>(lanes, v, x, counted),
            (LEAK_POTENTIAL, false, _) => stepped::<LEAK_POTENTIAL, false, false>(lanes, v, x, counted),
            (FACTOR, true, true) => stepped::<FACTOR, true, true>(lanes, v, x, counted),
            (FACTOR, true, false) => stepped::<FACTOR, true, false>(lanes, v, x, counted),
            (FACTOR, false, true) => stepped::<FACTOR, false, true>(lanes, v, x, counted),
            (FACTOR, false, false) => stepped::<FACTOR, false, false>(lanes, v, x, counted),
            _ => rare::step(self.population.flags, lanes, states, x, counted),
        }
    }

    /// One step of neighbouring blocks that are alike: coefficients stay in registers from block to block. `x` are the
    /// currents of this step and of the next.
    #[inline(always)]
    pub fn step_all(&self, states: &mut [States], x: [&[[f32; BLOCK]]; 2], out: &mut [u32], counted: &mut Counted) {
        let lanes = self.lanes(0);
        match (self.form, self.hard) {
            (LEAK_ALL, true) => stepped_all::<LEAK_ALL, true>(lanes, states, x, out, counted),
            (LEAK_ALL, false) => stepped_all::<LEAK_ALL, false>(lanes, states, x, out, counted),
            (LEAK_POTENTIAL, true) => stepped_all::<LEAK_POTENTIAL, true>(lanes, states, x, out, counted),
            (LEAK_POTENTIAL, false) => stepped_all::<LEAK_POTENTIAL, false>(lanes, states, x, out, counted),
            (_, true) => stepped_all::<FACTOR, true>(lanes, states, x, out, counted),
            (_, false) => stepped_all::<FACTOR, false>(lanes, states, x, out, counted),
        }
    }
}

impl Lanes {
    pub fn new(flags: u32, rows: &[Coefficients; BLOCK]) -> Lanes {
        let all = |field: fn(&Coefficients) -> f32| rows.map(|row| field(&row));
        let theta = all(|c| c.threshold);
        Lanes {
            leak: all(|c| c.leak),
            input: all(|c| c.input),
            rest: all(|c| c.rest),
            fires_at: if flags & flag::FIRE_GE != 0 { theta } else { theta.map(f32::next_up) },
            subtract: if flags & flag::RESET_SUBTRACT != 0 { theta } else { [0.0; BLOCK] },
            v_reset: all(|c| c.v_reset),
            v_min: all(|c| c.v_min),
            v_init: all(|c| c.v_init),
            current_keep: all(|c| c.current_keep),
            current_input: all(|c| c.current_input),
            current_decay: all(|c| c.current_decay),
        }
    }
}

/// One step of blocks in a form.
#[inline(always)]
fn stepped_all<const FORM: u8, const HARD: bool>(
    lanes: &Lanes,
    states: &mut [States],
    [x, next]: [&[[f32; BLOCK]]; 2],
    out: &mut [u32],
    counted: &mut Counted,
) {
    // A copy of its own, so that it stays in registers too.
    let mut own = *counted;
    for (((states, x), next), out) in states.iter_mut().zip(x).zip(next).zip(out) {
        prefetch(next);
        *out = stepped::<FORM, HARD, true>(lanes, &mut states.v, x, &mut own);
    }
    *counted = own;
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
        let h = charged::<FORM>(v[i], x[i], [l.leak[c], l.input[c], l.rest[c]]);
        let fires = h >= l.fires_at[c];
        let reset = if HARD { l.v_reset[c] } else { h - l.subtract[c] };
        let after = if fires { reset } else { h };
        let after = kept(after, l.v_min[c]);
        fired[i] = if fires { 1 << i } else { 0 };
        counted.updates[i] += u32::from(after != v[i]);
        v[i] = after;
    }
    counted.word(&fired)
}

/// The form that flags say.
pub(super) fn form(flags: u32) -> u8 {
    match (flags & flag::FORM_LEAK_ALL != 0, flags & flag::FORM_LEAK_POTENTIAL != 0) {
        (true, _) => LEAK_ALL,
        (_, true) => LEAK_POTENTIAL,
        _ => FACTOR,
    }
}

/// The potential before the threshold test, in a form.
#[inline(always)]
pub(super) fn charged<const FORM: u8>(v: f32, x: f32, [leak, input, rest]: [f32; 3]) -> f32 {
    let drive = input * x;
    match FORM {
        LEAK_ALL => v + leak * (drive - (v - rest)),
        LEAK_POTENTIAL => (v - leak * (v - rest)) + drive,
        _ => leak * v + drive + rest,
    }
}

/// What is kept of a potential: not below the floor, and no subnormal.
#[inline(always)]
pub(super) fn kept(v: f32, v_min: f32) -> f32 {
    let v = if v < v_min { v_min } else { v };
    if v.abs() < f32::MIN_POSITIVE { 0.0 } else { v }
}

impl Counted {
    /// Counts potentials that differ from those before.
    #[inline(always)]
    pub fn update(&mut self, before: &[f32; BLOCK], after: &[f32; BLOCK]) {
        for i in 0..BLOCK {
            self.updates[i] += u32::from(before[i] != after[i]);
        }
    }

    /// The spikes of a block as a word, counted: of each lane its bit or 0.
    #[inline(always)]
    pub fn word(&mut self, fired: &[u32; BLOCK]) -> u32 {
        let word = fired.iter().fold(0, |word, bit| word | bit);
        self.spikes += word.count_ones();
        word
    }

    /// Adds this to the tally of a sample.
    pub fn add_to(self, tally: &mut [u32]) {
        tally[0] = tally[0].wrapping_add(self.spikes);
        tally[1] = tally[1].wrapping_add(self.spikes);
        tally[2] = tally[2].wrapping_add(self.updates.iter().sum());
        tally[3] = tally[3].max(u32::from(self.spikes > 0));
    }
}
