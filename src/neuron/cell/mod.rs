//! The mathematics of one cell of a circuit: a neuron with synapses that decay, a refractory period, adaptation.
//!
//! One step of one cell, forward Euler but for what is linear in the potential and is exact where the model says so. With
//! potential `v`, adaptation `w`, excitatory and inhibitory synapses `e` and `i`, and what arrives for them:
//!
//! ```text
//! f = linear (v - rest) + quadratic (v - rest) (v - critical) + sharp exp((v - v_sharp) / delta)
//! d = drive_e e + drive_i i                            of currents
//!   = drive_e e (reversal_e - v) + drive_i i (reversal_i - v)      of conductances
//! h = v + f + d + w_drive w + constant + current
//! s = [h >= threshold]  (or threshold + w), and not refractory
//! w = w + w_rate (w_coupling (v - w_rest) - w) + w_jump s          of h in place of v where it is late
//! e = keep_e e + arrived,  i = keep_i i + arrived;  where synapses are jumps: h = h + arrived
//! v = v_reset where s, else h
//! ```
//!
//! What arrives in a step is seen by the potential in the next; a refractory cell keeps its potential, and jumps that arrive
//! meanwhile are lost. The order is that of Brian 2's default schedule (state, threshold, synapses, reset).
//!
//! # How to add a cell
//!
//! If these equations can say it: a struct in [`models`] and a line in its list. If not: terms here and in
//! `shaders/neuron/cell.wgsl`.

mod exponential;
pub mod models;

pub(crate) use exponential::exponential;
pub use models::CellType;

use bytemuck::{Pod, Zeroable};

use crate::shared::shared;

/// What a cell, or all cells of a population, compute with: factors of a step of `dt`, derived in f64 and rounded once.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Cell {
    /// Branches, see [`flag`].
    pub flags: u32,
    /// Steps after a spike in which the potential stays.
    pub refractory: u32,
    /// Of a Poisson source: it fires where a random word is below.
    pub rate: u32,
    /// Weight of a spike of the background, in units of the accumulators.
    pub background: i32,
    /// Where in the tables the cumulative chances of so many spikes of the background are, and how many.
    pub chances: [u32; 2],
    /// Where in the tables changes of the external current are, `[step, current]` each, and how many.
    pub currents: [u32; 2],
    /// Factor on `v - rest`.
    pub linear: f32,
    /// Potential at rest.
    pub rest: f32,
    /// Factor on `(v - rest) (v - critical)`.
    pub quadratic: f32,
    /// Where that changes its sign.
    pub critical: f32,
    /// Factor on the exponential.
    pub sharp: f32,
    /// Where the exponential is 1.
    pub v_sharp: f32,
    /// 1 over the potential in which it grows by e.
    pub inverse_delta: f32,
    /// Added in every step.
    pub constant: f32,
    /// Factor on the excitatory synapse.
    pub drive_e: f32,
    /// Factor on the inhibitory synapse.
    pub drive_i: f32,
    /// Reversal potential of the excitatory synapse.
    pub reversal_e: f32,
    /// Reversal potential of the inhibitory synapse.
    pub reversal_i: f32,
    /// What a step leaves of the excitatory synapse.
    pub keep_e: f32,
    /// What a step leaves of the inhibitory synapse.
    pub keep_i: f32,
    /// What one unit of the accumulators stands for.
    pub unit: f32,
    /// Factor on the adaptation.
    pub w_drive: f32,
    /// How fast the adaptation follows.
    pub w_rate: f32,
    /// Factor from `v - w_rest` to where it goes.
    pub w_coupling: f32,
    /// The potential at which it goes to zero.
    pub w_rest: f32,
    /// Added to the adaptation by a spike.
    pub w_jump: f32,
    /// It fires at this potential.
    pub threshold: f32,
    /// Potential after a spike.
    pub v_reset: f32,
    /// Adaptation before the first step.
    pub w_init: f32,
    /// Factor on the external current.
    pub current: f32,
}

shared!(Cell as "Cell" {
    flags: u32, refractory: u32, rate: u32, background: i32, chances: [u32; 2], currents: [u32; 2],
    linear: f32, rest: f32, quadratic: f32, critical: f32, sharp: f32, v_sharp: f32, inverse_delta: f32, constant: f32,
    drive_e: f32, drive_i: f32, reversal_e: f32, reversal_i: f32, keep_e: f32, keep_i: f32, unit: f32, w_drive: f32,
    w_rate: f32, w_coupling: f32, w_rest: f32, w_jump: f32, threshold: f32, v_reset: f32, w_init: f32, current: f32,
});

/// 32-bit words of a [`Cell`].
pub const CELL_WORDS: usize = size_of::<Cell>() / 4;

/// The flags of [`Cell::flags`].
pub mod flag {
    /// Synapses are conductances; otherwise currents.
    pub const CONDUCTANCE: u32 = 1 << 0;
    /// What arrives is added to the potential at once.
    pub const JUMPS: u32 = 1 << 1;
    /// There is the quadratic term.
    pub const QUADRATIC: u32 = 1 << 2;
    /// There is the exponential term.
    pub const EXPONENTIAL: u32 = 1 << 3;
    /// There is adaptation.
    pub const ADAPTS: u32 = 1 << 4;
    /// Adaptation follows the potential after the step in place of that before.
    pub const ADAPTS_LATE: u32 = 1 << 5;
    /// Adaptation is added to the threshold.
    pub const RAISES_THRESHOLD: u32 = 1 << 6;
    /// No neuron: it fires at random.
    pub const POISSON: u32 = 1 << 7;
    /// No neuron: it fires at given times.
    pub const TIMES: u32 = 1 << 8;
    /// No neuron: it fires where the input of the circuit does.
    pub const INPUT: u32 = 1 << 9;
    /// Spikes of the background arrive at the inhibitory synapse.
    pub const BACKGROUND_INHIBITS: u32 = 1 << 10;

    /// Every flag with the name it has in shaders.
    pub const ALL: &[(&str, u32)] = &[
        ("CONDUCTANCE", CONDUCTANCE),
        ("JUMPS", JUMPS),
        ("QUADRATIC", QUADRATIC),
        ("EXPONENTIAL", EXPONENTIAL),
        ("ADAPTS", ADAPTS),
        ("ADAPTS_LATE", ADAPTS_LATE),
        ("RAISES_THRESHOLD", RAISES_THRESHOLD),
        ("POISSON", POISSON),
        ("TIMES", TIMES),
        ("INPUT", INPUT),
        ("BACKGROUND_INHIBITS", BACKGROUND_INHIBITS),
    ];
}

/// What a cell remembers between steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CellState {
    /// Membrane potential.
    pub v: f32,
    /// Adaptation.
    pub w: f32,
    /// Excitatory synapse.
    pub e: f32,
    /// Inhibitory synapse.
    pub i: f32,
    /// Steps in which the potential stays.
    pub refractory: u32,
}

/// What arrives at a cell in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Arrived {
    /// At the excitatory synapse.
    pub e: f32,
    /// At the inhibitory synapse.
    pub i: f32,
    /// External current.
    pub current: f32,
}

impl Cell {
    /// Whether it fires by itself, without a potential.
    pub fn is_source(&self) -> bool {
        self.flags & (flag::POISSON | flag::TIMES | flag::INPUT) != 0
    }

    /// One step of a neuron: changes `state`, says whether it fires.
    #[inline(always)]
    pub fn step(&self, state: &mut CellState, arrived: Arrived) -> bool {
        let is = |bit: u32| self.flags & bit != 0;
        let CellState { v, w, e, i, refractory } = *state;
        let active = refractory == 0;
        let h = if active { self.potential(v, w, (e, i), arrived.current) } else { v };
        let threshold = if is(flag::RAISES_THRESHOLD) { self.threshold + w } else { self.threshold };
        let fires = active && h >= threshold;
        if is(flag::ADAPTS) {
            let seen = if is(flag::ADAPTS_LATE) { h } else { v };
            let next = w + self.w_rate * (self.w_coupling * (seen - self.w_rest) - w);
            state.w = flushed(if fires { next + self.w_jump } else { next });
        }
        let mut next = h;
        if is(flag::JUMPS) {
            if active {
                next = h + (arrived.e + arrived.i);
            }
        } else {
            state.e = flushed(self.keep_e * e + arrived.e);
            state.i = flushed(self.keep_i * i + arrived.i);
        }
        state.v = flushed(if fires { self.v_reset } else { next });
        state.refractory = if fires { self.refractory } else { refractory.saturating_sub(1) };
        fires
    }

    /// The potential after a step, before anything is done to it.
    #[inline(always)]
    fn potential(&self, v: f32, w: f32, (e, i): (f32, f32), current: f32) -> f32 {
        let is = |bit: u32| self.flags & bit != 0;
        let from_rest = v - self.rest;
        let mut flow = self.linear * from_rest;
        if is(flag::QUADRATIC) {
            flow += (self.quadratic * from_rest) * (v - self.critical);
        }
        if is(flag::EXPONENTIAL) {
            flow += self.sharp * exponential((v - self.v_sharp) * self.inverse_delta);
        }
        if is(flag::ADAPTS) && !is(flag::RAISES_THRESHOLD) {
            flow += self.w_drive * w;
        }
        if is(flag::CONDUCTANCE) {
            flow += (self.drive_e * e) * (self.reversal_e - v) + (self.drive_i * i) * (self.reversal_i - v);
        } else if !is(flag::JUMPS) {
            flow += self.drive_e * e + self.drive_i * i;
        }
        v + (flow + (self.constant + self.current * current))
    }
}

/// Subnormal values are set to zero: GPUs may flush them, CPUs crawl.
#[inline(always)]
fn flushed(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0 } else { x }
}
