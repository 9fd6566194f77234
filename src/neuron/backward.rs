//! One step of one neuron backwards: from the gradients of what it gave to those of what it had.
//!
//! The derivatives are those of [`Coefficients::step`], with a [`Surrogate`](super::surrogate::Surrogate) in place of that
//! of the step function, as in backpropagation through time (Neftci, Mostafa, Zenke 2019). A reset that is one step
//! late never passes gradients on (snnTorch detaches it); one in the step of the spike does, unless it is detached.
//! `shaders/grad/neuron.wgsl` is the twin.

use super::affine::{Coefficients, State, Stepped, flag};

/// Gradients of the coefficients of a neuron, in this order: leak, input, rest, threshold, reset potential, and of the
/// current what it keeps, takes in and decays by.
pub const COEFFICIENT_GRADIENTS: usize = 8;

/// What flows back through a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Back {
    /// The gradient of the state before the step; of that after it, before the call.
    pub state: State,
    /// The gradient of the input.
    pub x: f32,
}

/// How spikes pass gradients on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passing {
    /// The derivative of the spike at the potential before the threshold test.
    pub surrogate: f32,
    /// Resets pass none on.
    pub detach: bool,
}

impl Coefficients {
    /// One step backwards. `before` is the state before it, `x` its input, `stepped` what it gave; `back.state` is the
    /// gradient of the state after it, `output` that of its spikes, or of its potential where it never fires. Returned is
    /// what the coefficients get.
    #[inline(always)]
    pub fn step_back(
        &self,
        flags: u32,
        before: State,
        x: f32,
        stepped: Stepped,
        passing: Passing,
        output: f32,
        back: &mut Back,
    ) -> [f32; COEFFICIENT_GRADIENTS] {
        let is = |bit: u32| flags & bit != 0;
        let mut of = [0.0; COEFFICIENT_GRADIENTS];
        let Stepped { h, spikes: s } = stepped;
        let late = (is(flag::RESET_LATE) || is(flag::RESET_RESIDUAL)) && is(flag::FIRES) && self.fires(flags, before.v);
        let late_hard = late && is(flag::RESET_HARD);

        // From the state after the step to the potential before the threshold test.
        let mut v = back.state.v;
        let gh;
        if is(flag::FIRES) {
            let z = passing.surrogate;
            let through = if passing.detach { 0.0 } else { z };
            let again = if late { 1.0 } else { 0.0 };
            let at_once = !is(flag::RESET_LATE);
            let kept = if at_once { self.reset(flags, h, s, late) } else { h };
            if kept < self.v_min {
                v = 0.0;
            }
            // Of the potential after the reset: by h itself, by the spikes, and by what else it is made of.
            let (mut by_h, mut by_spikes) = (1.0, 0.0);
            if at_once && is(flag::RESET_SUBTRACT) {
                by_spikes = -self.threshold;
                of[3] -= v * (s - again);
            } else if at_once && is(flag::RESET_HARD) && is(flag::RESET_RESIDUAL) && late {
                by_h = 1.0 - (s - again);
                by_spikes = -h;
            } else if at_once && is(flag::RESET_HARD) {
                // With several spikes there is one reset.
                let resets = s.min(1.0);
                by_h = 1.0 - resets;
                // Sinabs multiplies by `spikes == 0`, which has no gradient.
                let adds = is(flag::RESET_ADDS);
                by_spikes = if adds { 0.0 } else { self.v_reset - h };
                of[4] += v * if adds { 1.0 } else { resets };
            }
            let by_threshold = output * z + v * by_spikes * through;
            gh = v * by_h + by_threshold;
            of[3] -= by_threshold;
        } else {
            gh = if h < self.v_min { 0.0 } else { v + output };
        }

        // From there to the state before the step.
        let (before_i, i, seen) = if is(flag::CURRENT) {
            let i = self.current_keep * before.i + self.current_input * x;
            (before.i, i, if is(flag::VOLTAGE_FIRST) { before.i } else { i })
        } else {
            (0.0, 0.0, x)
        };
        let dropped = late_hard && !is(flag::RESET_KEEPS_INPUT);
        let g = if dropped { 0.0 } else { gh };
        if dropped {
            of[4] += gh;
        }
        let from = if late_hard { self.v_reset } else { before.v };
        let (by_v, by_seen);
        if is(flag::FORM_LEAK_ALL) {
            by_v = g * (1.0 - self.leak);
            by_seen = g * (self.leak * self.input);
            of[0] += g * (self.input * seen - (from - self.rest));
            of[1] += g * (self.leak * seen);
            of[2] += g * self.leak;
        } else if is(flag::FORM_LEAK_POTENTIAL) {
            by_v = g * (1.0 - self.leak);
            by_seen = g * self.input;
            of[0] -= g * (from - self.rest);
            of[1] += g * seen;
            of[2] += g * self.leak;
        } else {
            by_v = g * self.leak;
            by_seen = g * self.input;
            of[0] += g * from;
            of[1] += g * seen;
            of[2] += g;
        }
        if late && is(flag::RESET_SUBTRACT) {
            of[3] -= g;
        }
        if late_hard {
            of[4] += by_v;
        }
        back.state.v = if late_hard { 0.0 } else { by_v };
        if !is(flag::CURRENT) {
            back.x = by_seen;
            return of;
        }
        of[7] += back.state.i * i;
        let first = is(flag::VOLTAGE_FIRST);
        let gi = back.state.i * self.current_decay + if first { 0.0 } else { by_seen };
        of[5] += gi * before_i;
        of[6] += gi * x;
        back.state.i = gi * self.current_keep + if first { by_seen } else { 0.0 };
        back.x = gi * self.current_input;
        of
    }
}
