//! The cells of circuits with the parameters people write: names, units and defaults as in PyNN, where it has them.
//!
//! Potentials are in mV, times in ms, currents in nA, capacities in nF, conductances in uS. The models of point neurons
//! without units (QIF, EIF, Izhikevich) take whatever units the equations agree on.

use serde::{Deserialize, Serialize};

use super::{Cell, flag};
use crate::error::{Error, Result};

/// Declares the parameters of a cell: names in files, defaults.
macro_rules! parameters {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident $key:literal = $default:expr),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* #[serde(rename = $key)] pub $field: f64,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default,)* }
            }
        }

        impl $name {
            /// The parameters by their names in files.
            fn parameters(&self) -> Vec<(&'static str, f64)> {
                vec![$(($key, self.$field)),*]
            }
        }
    };
}

parameters! {
    /// Leaky integrate and fire, currents that decay exponentially. The integration is exact.
    IfCurrExp {
        /// Resting potential, mV.
        v_rest "v_rest" = -65.0,
        /// Capacity, nF.
        cm "cm" = 1.0,
        /// Time constant of the membrane, ms.
        tau_m "tau_m" = 20.0,
        /// Refractory period, ms.
        tau_refrac "tau_refrac" = 0.1,
        /// Decay of excitatory currents, ms.
        tau_syn_e "tau_syn_E" = 5.0,
        /// Decay of inhibitory currents, ms.
        tau_syn_i "tau_syn_I" = 5.0,
        /// Current in every step, nA.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike, mV.
        v_reset "v_reset" = -65.0,
        /// Threshold, mV.
        v_thresh "v_thresh" = -50.0,
        /// Added to the adaptation current by a spike, nA; the current is taken from the input.
        b "b" = 0.0,
        /// Conductance from the potential to the adaptation current, uS.
        a "a" = 0.0,
        /// Time constant of the adaptation, ms.
        tau_w "tau_w" = 100.0,
    }
}

parameters! {
    /// Leaky integrate and fire with a threshold that rises with every spike and comes down again; currents that decay
    /// exponentially. The integration is exact.
    IfCurrExpThreshold {
        /// Resting potential, mV.
        v_rest "v_rest" = -65.0,
        /// Capacity, nF.
        cm "cm" = 1.0,
        /// Time constant of the membrane, ms.
        tau_m "tau_m" = 20.0,
        /// Refractory period, ms.
        tau_refrac "tau_refrac" = 0.1,
        /// Decay of excitatory currents, ms.
        tau_syn_e "tau_syn_E" = 5.0,
        /// Decay of inhibitory currents, ms.
        tau_syn_i "tau_syn_I" = 5.0,
        /// Current in every step, nA.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike, mV.
        v_reset "v_reset" = -65.0,
        /// Threshold at rest, mV.
        v_thresh "v_thresh" = -50.0,
        /// Added to the threshold by a spike, mV.
        theta_jump "theta_jump" = 1.0,
        /// Time constant with which the threshold comes down, ms.
        tau_theta "tau_theta" = 100.0,
    }
}

parameters! {
    /// Leaky integrate and fire, whose potential jumps by the weight of what arrives. The integration is exact.
    IfCurrDelta {
        /// Resting potential, mV.
        v_rest "v_rest" = -65.0,
        /// Capacity, nF.
        cm "cm" = 1.0,
        /// Time constant of the membrane, ms.
        tau_m "tau_m" = 20.0,
        /// Refractory period, ms.
        tau_refrac "tau_refrac" = 0.1,
        /// Current in every step, nA.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike, mV.
        v_reset "v_reset" = -65.0,
        /// Threshold, mV.
        v_thresh "v_thresh" = -50.0,
    }
}

parameters! {
    /// Leaky integrate and fire, conductances that decay exponentially. Forward Euler.
    IfCondExp {
        /// Resting potential, mV.
        v_rest "v_rest" = -65.0,
        /// Capacity, nF.
        cm "cm" = 1.0,
        /// Time constant of the membrane, ms.
        tau_m "tau_m" = 20.0,
        /// Refractory period, ms.
        tau_refrac "tau_refrac" = 0.1,
        /// Decay of excitatory conductances, ms.
        tau_syn_e "tau_syn_E" = 5.0,
        /// Decay of inhibitory conductances, ms.
        tau_syn_i "tau_syn_I" = 5.0,
        /// Reversal potential of excitation, mV.
        e_rev_e "e_rev_E" = 0.0,
        /// Reversal potential of inhibition, mV.
        e_rev_i "e_rev_I" = -70.0,
        /// Current in every step, nA.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike, mV.
        v_reset "v_reset" = -65.0,
        /// Threshold, mV.
        v_thresh "v_thresh" = -50.0,
    }
}

parameters! {
    /// Exponential integrate and fire with adaptation (AdEx; Brette and Gerstner 2005), conductances that decay
    /// exponentially. Forward Euler.
    EifCondExp {
        /// Resting potential, mV.
        v_rest "v_rest" = -70.6,
        /// Capacity, nF.
        cm "cm" = 0.281,
        /// Time constant of the membrane, ms.
        tau_m "tau_m" = 9.3667,
        /// Refractory period, ms.
        tau_refrac "tau_refrac" = 0.1,
        /// Decay of excitatory conductances, ms.
        tau_syn_e "tau_syn_E" = 5.0,
        /// Decay of inhibitory conductances, ms.
        tau_syn_i "tau_syn_I" = 5.0,
        /// Reversal potential of excitation, mV.
        e_rev_e "e_rev_E" = 0.0,
        /// Reversal potential of inhibition, mV.
        e_rev_i "e_rev_I" = -80.0,
        /// Current in every step, nA.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike, mV.
        v_reset "v_reset" = -70.6,
        /// Where the exponential takes over, mV.
        v_thresh "v_thresh" = -50.4,
        /// It fires at this potential, mV.
        v_spike "v_spike" = -40.0,
        /// How sharp the exponential is, mV.
        delta_t "delta_T" = 2.0,
        /// Conductance from the potential to the adaptation current, nS.
        a "a" = 4.0,
        /// Added to the adaptation current by a spike, nA.
        b "b" = 0.0805,
        /// Time constant of the adaptation, ms.
        tau_w "tau_w" = 144.0,
    }
}

parameters! {
    /// Exponential integrate and fire, `tau_m v' = v_rest - v + delta_T exp((v - v_thresh) / delta_T) + r i`, currents that
    /// decay exponentially. Forward Euler.
    EifCurrExp {
        /// Resting potential.
        v_rest "v_rest" = -65.0,
        /// Resistance: from current to potential.
        r "r" = 20.0,
        /// Time constant of the membrane.
        tau_m "tau_m" = 20.0,
        /// Refractory period.
        tau_refrac "tau_refrac" = 0.1,
        /// Decay of excitatory currents.
        tau_syn_e "tau_syn_E" = 5.0,
        /// Decay of inhibitory currents.
        tau_syn_i "tau_syn_I" = 5.0,
        /// Current in every step.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike.
        v_reset "v_reset" = -65.0,
        /// Where the exponential takes over.
        v_thresh "v_thresh" = -50.0,
        /// It fires at this potential.
        v_spike "v_spike" = -40.0,
        /// How sharp the exponential is.
        delta_t "delta_T" = 2.0,
    }
}

parameters! {
    /// Quadratic integrate and fire, `tau_m v' = a0 (v - v_rest) (v - v_c) - w + r i`, with adaptation
    /// `tau_w w' = a (v - v_rest) - w`, to which a spike adds b; currents that decay exponentially. Forward Euler, the
    /// adaptation after the potential.
    QifCurrExp {
        /// Resting potential.
        v_rest "v_rest" = -65.0,
        /// Above it the potential runs away.
        v_c "v_c" = -50.0,
        /// How steep it is.
        a0 "a0" = 0.1,
        /// Resistance: from current to potential.
        r "r" = 20.0,
        /// Time constant of the membrane.
        tau_m "tau_m" = 20.0,
        /// Refractory period.
        tau_refrac "tau_refrac" = 0.0,
        /// Decay of excitatory currents.
        tau_syn_e "tau_syn_E" = 5.0,
        /// Decay of inhibitory currents.
        tau_syn_i "tau_syn_I" = 5.0,
        /// Current in every step.
        i_offset "i_offset" = 0.0,
        /// Potential after a spike.
        v_reset "v_reset" = -65.0,
        /// It fires at this potential.
        v_spike "v_spike" = -40.0,
        /// Factor from the potential to the adaptation.
        a "a" = 0.0,
        /// Added to the adaptation by a spike.
        b "b" = 0.0,
        /// Time constant of the adaptation.
        tau_w "tau_w" = 100.0,
    }
}

parameters! {
    /// Izhikevich (2003), `v' = 0.04 v^2 + 5 v + 140 - u + i`, `u' = a (b v - u)`, whose potential jumps by the weight of
    /// what arrives. Forward Euler.
    Izhikevich {
        /// How fast u follows, 1/ms.
        a "a" = 0.02,
        /// Factor from the potential to u.
        b "b" = 0.2,
        /// Potential after a spike, mV.
        c "c" = -65.0,
        /// Added to u by a spike.
        d "d" = 2.0,
        /// Current in every step, in the units of the equation.
        i_offset "i_offset" = 0.0,
    }
}

parameters! {
    /// Fires at random, each step with the same chance.
    SpikeSourcePoisson {
        /// Spikes a second.
        rate "rate" = 1.0,
    }
}

/// What the cells of a population are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "cell")]
#[allow(missing_docs)] // each variant is the struct of that name
pub enum CellType {
    #[serde(rename = "IF_curr_exp")]
    IfCurrExp(IfCurrExp),
    #[serde(rename = "IF_curr_exp_threshold")]
    IfCurrExpThreshold(IfCurrExpThreshold),
    #[serde(rename = "IF_curr_delta")]
    IfCurrDelta(IfCurrDelta),
    #[serde(rename = "IF_cond_exp")]
    IfCondExp(IfCondExp),
    #[serde(rename = "EIF_cond_exp_isfa_ista")]
    EifCondExp(EifCondExp),
    #[serde(rename = "EIF_curr_exp")]
    EifCurrExp(EifCurrExp),
    #[serde(rename = "QIF_curr_exp")]
    QifCurrExp(QifCurrExp),
    Izhikevich(Izhikevich),
    SpikeSourcePoisson(SpikeSourcePoisson),
    /// Fires at given times, in ms: a list for each cell.
    SpikeSourceArray {
        spike_times: Vec<Vec<f64>>,
    },
    /// Fires where the input of the circuit does.
    Input {},
}

impl CellType {
    /// The names of all types in files.
    pub const NAMES: [&str; 11] = [
        "IF_curr_exp",
        "IF_curr_exp_threshold",
        "IF_curr_delta",
        "IF_cond_exp",
        "EIF_cond_exp_isfa_ista",
        "EIF_curr_exp",
        "QIF_curr_exp",
        "Izhikevich",
        "SpikeSourcePoisson",
        Self::SPIKE_SOURCE_ARRAY,
        "Input",
    ];

    /// The name of the type whose parameter is not numbers but lists of them.
    pub(crate) const SPIKE_SOURCE_ARRAY: &str = "SpikeSourceArray";

    /// The names of a type's parameters in files; `None`: there is no such type.
    pub fn parameter_names(name: &str) -> Option<Vec<&'static str>> {
        let names = |parameters: Vec<(&'static str, f64)>| parameters.into_iter().map(|(name, _)| name).collect();
        Some(match name {
            "IF_curr_exp" => names(IfCurrExp::default().parameters()),
            "IF_curr_exp_threshold" => names(IfCurrExpThreshold::default().parameters()),
            "IF_curr_delta" => names(IfCurrDelta::default().parameters()),
            "IF_cond_exp" => names(IfCondExp::default().parameters()),
            "EIF_cond_exp_isfa_ista" => names(EifCondExp::default().parameters()),
            "EIF_curr_exp" => names(EifCurrExp::default().parameters()),
            "QIF_curr_exp" => names(QifCurrExp::default().parameters()),
            "Izhikevich" => names(Izhikevich::default().parameters()),
            "SpikeSourcePoisson" => names(SpikeSourcePoisson::default().parameters()),
            Self::SPIKE_SOURCE_ARRAY => vec!["spike_times"],
            "Input" => Vec::new(),
            _ => return None,
        })
    }

    /// The name in files.
    pub fn name(&self) -> &'static str {
        match self {
            CellType::IfCurrExp(_) => "IF_curr_exp",
            CellType::IfCurrExpThreshold(_) => "IF_curr_exp_threshold",
            CellType::IfCurrDelta(_) => "IF_curr_delta",
            CellType::IfCondExp(_) => "IF_cond_exp",
            CellType::EifCondExp(_) => "EIF_cond_exp_isfa_ista",
            CellType::EifCurrExp(_) => "EIF_curr_exp",
            CellType::QifCurrExp(_) => "QIF_curr_exp",
            CellType::Izhikevich(_) => "Izhikevich",
            CellType::SpikeSourcePoisson(_) => "SpikeSourcePoisson",
            CellType::SpikeSourceArray { .. } => "SpikeSourceArray",
            CellType::Input {} => "Input",
        }
    }

    /// Whether it fires by itself, without a potential.
    pub fn is_source(&self) -> bool {
        matches!(self, CellType::SpikeSourcePoisson(_) | CellType::SpikeSourceArray { .. } | CellType::Input {})
    }

    /// The potential before the first step, where a population says nothing else.
    pub fn v_init(&self) -> f64 {
        match self {
            CellType::IfCurrExp(p) => p.v_rest,
            CellType::IfCurrExpThreshold(p) => p.v_rest,
            CellType::IfCurrDelta(p) => p.v_rest,
            CellType::IfCondExp(p) => p.v_rest,
            CellType::EifCondExp(p) => p.v_rest,
            CellType::EifCurrExp(p) => p.v_rest,
            CellType::QifCurrExp(p) => p.v_rest,
            CellType::Izhikevich(_) => -70.0,
            _ => 0.0,
        }
    }

    fn parameters(&self) -> Vec<(&'static str, f64)> {
        match self {
            CellType::IfCurrExp(p) => p.parameters(),
            CellType::IfCurrExpThreshold(p) => p.parameters(),
            CellType::IfCurrDelta(p) => p.parameters(),
            CellType::IfCondExp(p) => p.parameters(),
            CellType::EifCondExp(p) => p.parameters(),
            CellType::EifCurrExp(p) => p.parameters(),
            CellType::QifCurrExp(p) => p.parameters(),
            CellType::Izhikevich(p) => p.parameters(),
            CellType::SpikeSourcePoisson(p) => p.parameters(),
            CellType::SpikeSourceArray { .. } | CellType::Input {} => Vec::new(),
        }
    }

    /// What its cells compute with in steps of `dt` ms. What concerns the circuit is filled in there: the unit of what
    /// arrives, the background, changes of the current.
    ///
    /// # Errors
    /// [`Error::Request`] naming a parameter that is not finite, or must be above zero and is not.
    pub fn cell(&self, dt: f64) -> Result<Cell> {
        for (name, value) in self.parameters() {
            let positive = name.starts_with("tau_") && name != "tau_refrac" || matches!(name, "cm" | "delta_T" | "r");
            if !value.is_finite() || (positive && value <= 0.0) || (name == "tau_refrac" && value < 0.0) {
                let expected = if positive { "a number above zero" } else { "a finite number, no time below zero" };
                return Err(Error::Request(format!("`{name}`: expected {expected}, got {value}")));
            }
        }
        Ok(match self {
            CellType::IfCurrExp(p) => p.cell(dt),
            CellType::IfCurrExpThreshold(p) => p.cell(dt),
            CellType::IfCurrDelta(p) => p.cell(dt),
            CellType::IfCondExp(p) => p.cell(dt),
            CellType::EifCondExp(p) => p.cell(dt),
            CellType::EifCurrExp(p) => p.cell(dt),
            CellType::QifCurrExp(p) => p.cell(dt),
            CellType::Izhikevich(p) => p.cell(dt),
            CellType::SpikeSourcePoisson(p) => p.cell(dt)?,
            CellType::SpikeSourceArray { .. } => Cell { flags: flag::TIMES, ..Cell::default() },
            CellType::Input {} => Cell { flags: flag::INPUT, ..Cell::default() },
        })
    }
}

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

    fn cell(&self, v_rest: f64, i_offset: f64) -> Cell {
        Cell {
            linear: (self.kept - 1.0) as f32,
            rest: v_rest as f32,
            constant: (self.of_current() * i_offset) as f32,
            current: self.of_current() as f32,
            ..Cell::default()
        }
    }
}

impl IfCurrExp {
    fn cell(&self, dt: f64) -> Cell {
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
    fn cell(&self, dt: f64) -> Cell {
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
    fn cell(&self, dt: f64) -> Cell {
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
    fn cell(&self, dt: f64) -> Cell {
        let of_current = dt / self.cm;
        Cell {
            flags: flag::CONDUCTANCE,
            refractory: refractory(self.tau_refrac, dt),
            linear: (-dt / self.tau_m) as f32,
            rest: self.v_rest as f32,
            constant: (of_current * self.i_offset) as f32,
            current: of_current as f32,
            drive_e: of_current as f32,
            drive_i: of_current as f32,
            reversal_e: self.e_rev_e as f32,
            reversal_i: self.e_rev_i as f32,
            keep_e: kept(self.tau_syn_e, dt) as f32,
            keep_i: kept(self.tau_syn_i, dt) as f32,
            threshold: self.v_thresh as f32,
            v_reset: self.v_reset as f32,
            ..Cell::default()
        }
    }
}

impl EifCondExp {
    fn cell(&self, dt: f64) -> Cell {
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
            constant: (of_current * self.i_offset) as f32,
            current: of_current as f32,
            drive_e: of_current as f32,
            drive_i: of_current as f32,
            reversal_e: self.e_rev_e as f32,
            reversal_i: self.e_rev_i as f32,
            keep_e: kept(self.tau_syn_e, dt) as f32,
            keep_i: kept(self.tau_syn_i, dt) as f32,
            w_drive: -of_current as f32,
            w_rate: (dt / self.tau_w) as f32,
            w_coupling: (self.a * NANO) as f32,
            w_rest: self.v_rest as f32,
            w_jump: self.b as f32,
            threshold: self.v_spike as f32,
            v_reset: self.v_reset as f32,
            ..Cell::default()
        }
    }
}

impl EifCurrExp {
    fn cell(&self, dt: f64) -> Cell {
        let of_current = self.r * dt / self.tau_m;
        Cell {
            flags: flag::EXPONENTIAL,
            refractory: refractory(self.tau_refrac, dt),
            linear: (-dt / self.tau_m) as f32,
            rest: self.v_rest as f32,
            sharp: (self.delta_t * dt / self.tau_m) as f32,
            v_sharp: self.v_thresh as f32,
            inverse_delta: (1.0 / self.delta_t) as f32,
            constant: (of_current * self.i_offset) as f32,
            current: of_current as f32,
            drive_e: of_current as f32,
            drive_i: of_current as f32,
            keep_e: kept(self.tau_syn_e, dt) as f32,
            keep_i: kept(self.tau_syn_i, dt) as f32,
            threshold: self.v_spike as f32,
            v_reset: self.v_reset as f32,
            ..Cell::default()
        }
    }
}

impl QifCurrExp {
    fn cell(&self, dt: f64) -> Cell {
        let of_current = self.r * dt / self.tau_m;
        let adapts = self.a != 0.0 || self.b != 0.0;
        Cell {
            flags: flag::QUADRATIC | if adapts { flag::ADAPTS | flag::ADAPTS_LATE } else { 0 },
            refractory: refractory(self.tau_refrac, dt),
            rest: self.v_rest as f32,
            quadratic: (self.a0 * dt / self.tau_m) as f32,
            critical: self.v_c as f32,
            constant: (of_current * self.i_offset) as f32,
            current: of_current as f32,
            drive_e: of_current as f32,
            drive_i: of_current as f32,
            keep_e: kept(self.tau_syn_e, dt) as f32,
            keep_i: kept(self.tau_syn_i, dt) as f32,
            w_drive: (-dt / self.tau_m) as f32,
            w_rate: (dt / self.tau_w) as f32,
            w_coupling: self.a as f32,
            w_rest: self.v_rest as f32,
            w_jump: self.b as f32,
            threshold: self.v_spike as f32,
            v_reset: self.v_reset as f32,
            ..Cell::default()
        }
    }
}

impl Izhikevich {
    fn cell(&self, dt: f64) -> Cell {
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
    fn cell(&self, dt: f64) -> Result<Cell> {
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

/// The number that a random word is below with this chance; certain is as near as it gets.
pub(crate) fn random_below(chance: f64) -> u32 {
    (chance * 2f64.powi(32)).round().clamp(0.0, f64::from(u32::MAX)) as u32
}
