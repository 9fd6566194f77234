//! What cells compute with, out of the parameters people write.

use super::{
    EifCondExp, EifCurrExp, IfCondExp, IfCurrDelta, IfCurrExp, IfCurrExpThreshold, Izhikevich, QifCurrExp,
    SpikeSourcePoisson,
};
use crate::error::{Error, Result};
use crate::neuron::cell::{Cell, flag};
use crate::random::random_below;

/// What a step leaves of something that decays with a time constant.
fn kept(tau: f64, dt: f64) -> f64 {
    (-dt / tau).exp()
}

/// Whole steps of a refractory period.
fn refractory(period: f64, dt: f64) -> u32 {
    (period / dt).round() as u32
}

/// Leak and input of a membrane whose equation is linear, exact over a step.
struct Membrane {
    /// What a step leaves of the distance from rest.
    kept: f64,
    cm: f64,
    tau_m: f64,
    dt: f64,
}

impl Membrane {
    fn new(tau_m: f64, cm: f64, dt: f64) -> Membrane {
        Membrane { kept: kept(tau_m, dt), cm, tau_m, dt }
    }

    /// Factor from a constant current to the potential.
    fn of_current(&self) -> f64 {
        self.tau_m / self.cm * (1.0 - self.kept)
    }

    /// Factor from a current that decays to the potential (Rotter and Diesmann 1999).
    fn of_synapse(&self, tau: f64) -> f64 {
        let rates = 1.0 / self.tau_m - 1.0 / tau;
        // Equal time constants have their own limit; near them the difference quotient would lose all its digits.
        let integral =
            if (rates * self.dt).abs() < 1e-6 { self.dt * self.kept } else { (kept(tau, self.dt) - self.kept) / rates };
        integral / self.cm
    }

    pub(super) fn cell(&self, v_rest: f64, i_offset: f64) -> Cell {
        Cell {
            linear: (self.kept - 1.0) as f32,
            rest: v_rest as f32,
            constant: (self.of_current() * i_offset) as f32,
            current: self.of_current() as f32,
            ..Cell::default()
        }
    }
}

/// What cells have in common whose currents, those of synapses too, are added in Euler's steps: `of_current` is the factor
/// from a current, or a conductance times a potential, to the potential.
fn euler(of_current: f64, i_offset: f64, [tau_e, tau_i]: [f64; 2], dt: f64) -> Cell {
    Cell {
        constant: (of_current * i_offset) as f32,
        current: of_current as f32,
        drive_e: of_current as f32,
        drive_i: of_current as f32,
        keep_e: kept(tau_e, dt) as f32,
        keep_i: kept(tau_i, dt) as f32,
        ..Cell::default()
    }
}

impl IfCurrExp {
    pub(super) fn cell(&self, dt: f64) -> Cell {
        let membrane = Membrane::new(self.tau_m, self.cm, dt);
        let adapts = self.a != 0.0 || self.b != 0.0;
        Cell {
            flags: if adapts { flag::ADAPTS } else { 0 },
            refractory: refractory(self.tau_refrac, dt),
            drive_e: membrane.of_synapse(self.tau_syn_e) as f32,
            drive_i: membrane.of_synapse(self.tau_syn_i) as f32,
            keep_e: kept(self.tau_syn_e, dt) as f32,
            keep_i: kept(self.tau_syn_i, dt) as f32,
            w_drive: -membrane.of_current() as f32,
            w_rate: (1.0 - kept(self.tau_w, dt)) as f32,
            w_coupling: self.a as f32,
            w_rest: self.v_rest as f32,
            w_jump: self.b as f32,
            threshold: self.v_thresh as f32,
            v_reset: self.v_reset as f32,
            ..membrane.cell(self.v_rest, self.i_offset)
        }
    }
}

impl IfCurrExpThreshold {
    pub(super) fn cell(&self, dt: f64) -> Cell {
        let membrane = Membrane::new(self.tau_m, self.cm, dt);
        Cell {
            flags: flag::ADAPTS | flag::RAISES_THRESHOLD,
            refractory: refractory(self.tau_refrac, dt),
            drive_e: membrane.of_synapse(self.tau_syn_e) as f32,
            drive_i: membrane.of_synapse(self.tau_syn_i) as f32,
            keep_e: kept(self.tau_syn_e, dt) as f32,
            keep_i: kept(self.tau_syn_i, dt) as f32,
            w_rate: (1.0 - kept(self.tau_theta, dt)) as f32,
            w_jump: self.theta_jump as f32,
            threshold: self.v_thresh as f32,
            v_reset: self.v_reset as f32,
            ..membrane.cell(self.v_rest, self.i_offset)
        }
    }
}

impl IfCurrDelta {
    pub(super) fn cell(&self, dt: f64) -> Cell {
        Cell {
            flags: flag::JUMPS,
            refractory: refractory(self.tau_refrac, dt),
            threshold: self.v_thresh as f32,
            v_reset: self.v_reset as f32,
            ..Membrane::new(self.tau_m, self.cm, dt).cell(self.v_rest, self.i_offset)
        }
    }
}

impl IfCondExp {
    pub(super) fn cell(&self, dt: f64) -> Cell {
        let of_current = dt / self.cm;
        Cell {
            flags: flag::CONDUCTANCE,
            refractory: refractory(self.tau_refrac, dt),
            linear: (-dt / self.tau_m) as f32,
            rest: self.v_rest as f32,
            reversal_e: self.e_rev_e as f32,
            reversal_i: self.e_rev_i as f32,
            threshold: self.v_thresh as f32,
            v_reset: self.v_reset as f32,
            ..euler(of_current, self.i_offset, [self.tau_syn_e, self.tau_syn_i], dt)
        }
    }
}

impl EifCondExp {
    pub(super) fn cell(&self, dt: f64) -> Cell {
        let of_current = dt / self.cm;
        // nS times mV are pA, currents are in nA.
        const NANO: f64 = 1e-3;
        Cell {
            flags: flag::CONDUCTANCE | flag::EXPONENTIAL | flag::ADAPTS,
            refractory: refractory(self.tau_refrac, dt),
            linear: (-dt / self.tau_m) as f32,
            rest: self.v_rest as f32,
            sharp: (self.delta_t * dt / self.tau_m) as f32,
            v_sharp: self.v_thresh as f32,
            inverse_delta: (1.0 / self.delta_t) as f32,
            reversal_e: self.e_rev_e as f32,
            reversal_i: self.e_rev_i as f32,
            w_drive: -of_current as f32,
            w_rate: (dt / self.tau_w) as f32,
            w_coupling: (self.a * NANO) as f32,
            w_rest: self.v_rest as f32,
            w_jump: self.b as f32,
            threshold: self.v_spike as f32,
            v_reset: self.v_reset as f32,
            ..euler(of_current, self.i_offset, [self.tau_syn_e, self.tau_syn_i], dt)
        }
    }
}

impl EifCurrExp {
    pub(super) fn cell(&self, dt: f64) -> Cell {
        let of_current = self.r * dt / self.tau_m;
        Cell {
            flags: flag::EXPONENTIAL,
            refractory: refractory(self.tau_refrac, dt),
            linear: (-dt / self.tau_m) as f32,
            rest: self.v_rest as f32,
            sharp: (self.delta_t * dt / self.tau_m) as f32,
            v_sharp: self.v_thresh as f32,
            inverse_delta: (1.0 / self.delta_t) as f32,
            threshold: self.v_spike as f32,
            v_reset: self.v_reset as f32,
            ..euler(of_current, self.i_offset, [self.tau_syn_e, self.tau_syn_i], dt)
        }
    }
}

impl QifCurrExp {
    pub(super) fn cell(&self, dt: f64) -> Cell {
        let of_current = self.r * dt / self.tau_m;
        let adapts = self.a != 0.0 || self.b != 0.0;
        Cell {
            flags: flag::QUADRATIC | if adapts { flag::ADAPTS | flag::ADAPTS_LATE } else { 0 },
            refractory: refractory(self.tau_refrac, dt),
            rest: self.v_rest as f32,
            quadratic: (self.a0 * dt / self.tau_m) as f32,
            critical: self.v_c as f32,
            w_drive: (-dt / self.tau_m) as f32,
            w_rate: (dt / self.tau_w) as f32,
            w_coupling: self.a as f32,
            w_rest: self.v_rest as f32,
            w_jump: self.b as f32,
            threshold: self.v_spike as f32,
            v_reset: self.v_reset as f32,
            ..euler(of_current, self.i_offset, [self.tau_syn_e, self.tau_syn_i], dt)
        }
    }
}

impl Izhikevich {
    pub(super) fn cell(&self, dt: f64) -> Cell {
        // 0.04 v^2 + 5 v + 140 by its zeros.
        let root = (25.0f64 - 4.0 * 0.04 * 140.0).sqrt();
        Cell {
            flags: flag::QUADRATIC | flag::ADAPTS | flag::JUMPS,
            rest: ((-5.0 - root) / 0.08) as f32,
            quadratic: (0.04 * dt) as f32,
            critical: ((-5.0 + root) / 0.08) as f32,
            constant: (dt * self.i_offset) as f32,
            current: dt as f32,
            w_drive: -dt as f32,
            w_rate: (self.a * dt) as f32,
            w_coupling: self.b as f32,
            w_jump: self.d as f32,
            w_init: (self.b * -70.0) as f32,
            threshold: 30.0,
            v_reset: self.c as f32,
            ..Cell::default()
        }
    }
}

impl SpikeSourcePoisson {
    pub(super) fn cell(&self, dt: f64) -> Result<Cell> {
        let chance = self.rate * dt / 1000.0;
        if !(0.0..=1.0).contains(&chance) {
            return Err(Error::Request(format!(
                "`rate`: expected between 0 and {} spikes a second, one in every step of {dt} ms, got {}",
                1000.0 / dt,
                self.rate
            )));
        }
        Ok(Cell { flags: flag::POISSON, rate: random_below(chance), ..Cell::default() })
    }
}
