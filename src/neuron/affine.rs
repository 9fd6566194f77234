//! The one affine core: one step of one neuron. Its coefficients come from `bind`.
//!
//! Equations: the module [`crate::neuron`]. Each product and sum below is rounded on its own, in this order;
//! `shaders/neuron/affine.wgsl` is its twin.

use bytemuck::{Pod, Zeroable};

use super::param::Grain;

/// What one neuron (or channel, or all) computes with: f32, derived on the host in f64 and rounded once.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Coefficients {
    /// Leak form: the factor k of the leak. Factor form: the decay a.
    pub leak: f32,
    /// Factor b on the input or current.
    pub input: f32,
    /// Leak form: the potential leaked to. Factor form: the constant c.
    pub rest: f32,
    /// Threshold theta.
    pub threshold: f32,
    /// 1 / theta.
    pub inverse_threshold: f32,
    /// Potential after a hard reset.
    pub v_reset: f32,
    /// Floor on the potential after the reset; the lowest number where there is none (shaders know no infinity).
    pub v_min: f32,
    /// Potential before the first step.
    pub v_init: f32,
    /// Factor on the current kept from the last step.
    pub current_keep: f32,
    /// Factor on the input of the current.
    pub current_input: f32,
    /// Factor on the current once the membrane has seen it.
    pub current_decay: f32,
    /// Unused; keeps the size a multiple of 16 bytes.
    pub padding: f32,
}

/// The flags of [`Core::flags`]: the branches a kernel takes.
pub mod flag {
    /// `h = v + k (b j - (v - v_leak))`.
    pub const FORM_LEAK_ALL: u32 = 1 << 0;
    /// `h = (v - k (v - v_leak)) + b j`. Neither of the two: `h = a v + b j + c`.
    pub const FORM_LEAK_POTENTIAL: u32 = 1 << 1;
    /// There is a synaptic current.
    pub const CURRENT: u32 = 1 << 2;
    /// The membrane sees the current of the last step.
    pub const VOLTAGE_FIRST: u32 = 1 << 3;
    /// The neuron fires; otherwise its output is its potential.
    pub const FIRES: u32 = 1 << 4;
    /// It fires at `h >= theta`; otherwise at `h > theta`.
    pub const FIRE_GE: u32 = 1 << 5;
    /// Several spikes per step.
    pub const MANY: u32 = 1 << 6;
    /// Hard reset.
    pub const RESET_HARD: u32 = 1 << 7;
    /// Reset by subtraction. Neither of the two: no reset.
    pub const RESET_SUBTRACT: u32 = 1 << 8;
    /// The reset comes at the start of the next step.
    pub const RESET_LATE: u32 = 1 << 9;
    /// A late hard reset keeps the step's input.
    pub const RESET_KEEPS_INPUT: u32 = 1 << 10;
    /// A residual above threshold is reset again at the start of the next step.
    pub const RESET_RESIDUAL: u32 = 1 << 11;
    /// A hard reset adds `v_reset` in every step.
    pub const RESET_ADDS: u32 = 1 << 12;

    /// Every flag with the name it has in shaders.
    pub const ALL: &[(&str, u32)] = &[
        ("FORM_LEAK_ALL", FORM_LEAK_ALL),
        ("FORM_LEAK_POTENTIAL", FORM_LEAK_POTENTIAL),
        ("CURRENT", CURRENT),
        ("VOLTAGE_FIRST", VOLTAGE_FIRST),
        ("FIRES", FIRES),
        ("FIRE_GE", FIRE_GE),
        ("MANY", MANY),
        ("RESET_HARD", RESET_HARD),
        ("RESET_SUBTRACT", RESET_SUBTRACT),
        ("RESET_LATE", RESET_LATE),
        ("RESET_KEEPS_INPUT", RESET_KEEPS_INPUT),
        ("RESET_RESIDUAL", RESET_RESIDUAL),
        ("RESET_ADDS", RESET_ADDS),
    ];
}

/// An affine model bound to rules and dt: what kernels read.
#[derive(Clone, Debug, PartialEq)]
pub struct Core {
    /// Branches taken, see [`flag`].
    pub flags: u32,
    /// Whether there is one row, one per channel, or one per neuron.
    pub grain: Grain,
    /// The rows; per neuron in the order of [`super::bind::Affine::bind`]'s `shape`.
    pub rows: Vec<Coefficients>,
}

/// What one neuron remembers between steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct State {
    /// Membrane potential.
    pub v: f32,
    /// Synaptic current.
    pub i: f32,
}

/// What one step of one neuron gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stepped {
    /// Potential before the threshold test.
    pub h: f32,
    /// Number of spikes.
    pub spikes: f32,
}

impl Coefficients {
    /// The state before the first step.
    pub fn initial(&self) -> State {
        State { v: self.v_init, i: 0.0 }
    }

    /// One step with input current `x`: changes `state`, returns what is seen of it.
    #[inline(always)]
    pub fn step(&self, flags: u32, state: &mut State, x: f32) -> Stepped {
        let is = |bit: u32| flags & bit != 0;
        let seen = if is(flag::CURRENT) {
            let before = state.i;
            let i = self.current_keep * state.i + self.current_input * x;
            state.i = flushed(i * self.current_decay);
            if is(flag::VOLTAGE_FIRST) { before } else { i }
        } else {
            x
        };
        let late = (is(flag::RESET_LATE) || is(flag::RESET_RESIDUAL)) && is(flag::FIRES) && self.fires(flags, state.v);
        let late_hard = late && is(flag::RESET_HARD);
        let v = if late_hard { self.v_reset } else { state.v };
        let drive = self.input * seen;
        let mut h = if is(flag::FORM_LEAK_ALL) {
            v + self.leak * (drive - (v - self.rest))
        } else if is(flag::FORM_LEAK_POTENTIAL) {
            (v - self.leak * (v - self.rest)) + drive
        } else {
            self.leak * v + drive + self.rest
        };
        if late && is(flag::RESET_SUBTRACT) {
            h -= self.threshold;
        } else if late_hard && !is(flag::RESET_KEEPS_INPUT) {
            h = self.v_reset;
        }
        if !is(flag::FIRES) {
            state.v = flushed(self.floored(h));
            return Stepped { h, spikes: 0.0 };
        }
        let spikes = self.spikes(flags, h);
        let v = if is(flag::RESET_LATE) { h } else { self.reset(flags, h, spikes, late) };
        state.v = flushed(self.floored(v));
        Stepped { h, spikes }
    }

    /// A potential, not below the floor; of zeros of both signs the potential stays.
    #[inline(always)]
    fn floored(&self, v: f32) -> f32 {
        if v < self.v_min { self.v_min } else { v }
    }

    /// Whether a potential is above threshold.
    #[inline(always)]
    pub(super) fn fires(&self, flags: u32, v: f32) -> bool {
        if flags & flag::FIRE_GE != 0 { v >= self.threshold } else { v > self.threshold }
    }

    /// The number of spikes at potential `h`.
    #[inline(always)]
    fn spikes(&self, flags: u32, h: f32) -> f32 {
        if flags & flag::MANY == 0 {
            return if self.fires(flags, h) { 1.0 } else { 0.0 };
        }
        if h <= 0.0 {
            return 0.0;
        }
        // The product with 1 / theta may be off by one; comparing multiples of theta puts it right.
        let mut n = (h * self.inverse_threshold).trunc();
        if (n + 1.0) * self.threshold <= h {
            n += 1.0;
        }
        if n * self.threshold > h {
            n -= 1.0;
        }
        n
    }

    /// The potential after a reset in the step of the spike; `late`: one was due from the step before.
    #[inline(always)]
    pub(super) fn reset(&self, flags: u32, h: f32, spikes: f32, late: bool) -> f32 {
        let is = |bit: u32| flags & bit != 0;
        let again = if late { 1.0 } else { 0.0 };
        if is(flag::RESET_SUBTRACT) {
            h - (spikes - again) * self.threshold
        } else if is(flag::RESET_HARD) {
            if is(flag::RESET_RESIDUAL) && late {
                h - (spikes - again) * h
            } else if is(flag::RESET_ADDS) {
                (if spikes > 0.0 { 0.0 } else { h }) + self.v_reset
            } else if spikes > 0.0 {
                self.v_reset
            } else {
                h
            }
        } else {
            h
        }
    }
}

/// Subnormal values are set to zero: GPUs may flush them, CPUs crawl.
#[inline(always)]
fn flushed(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0 } else { x }
}
