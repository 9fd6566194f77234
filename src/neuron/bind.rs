//! From the parameters that people write, under the rules of a framework and a time step, to the coefficients that the
//! affine core computes with: in f64, rounded once.

use super::affine::{Coefficients, Core, flag};
use super::param::{Decay, Grain, Param};
use super::rules::{
    Current, Fire, Form, IfGain, InputGain, Integrator, LeakTo, Order, Reset, Rules, SpikesPerStep, VInit,
};
use crate::error::{Error, Result};

/// A model as the core sees it: people's parameters, not yet bound to rules and dt.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// How the membrane leaks; `None`: not at all.
    pub leak: Option<Decay>,
    /// The membrane time constant is in steps, whatever dt.
    pub leak_in_steps: bool,
    /// The potential is forgotten in every step.
    pub memoryless: bool,
    /// Resistance.
    pub r: Param,
    /// Potential the membrane leaks to; `None`: as the rules say.
    pub v_leak: Option<Param>,
    /// Potentials before the first step; `None`: as the rules say.
    pub v_init: Option<Param>,
    /// Decay of the synaptic current and weight of its input; `None`: the membrane sees the input itself.
    pub synapse: Option<(Decay, Param)>,
    /// Threshold and reset potential; `None`: a read-out that never fires.
    pub firing: Option<Firing>,
}

/// What a firing neuron needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// Threshold theta.
    pub threshold: Param,
    /// Potential after a hard reset.
    pub v_reset: Param,
}

impl Affine {
    /// A read-out that integrates its input: the start for every model.
    pub fn integrator() -> Self {
        Affine {
            leak: None,
            leak_in_steps: false,
            memoryless: false,
            r: Param::Shared(1.0),
            v_leak: None,
            v_init: None,
            synapse: None,
            firing: None,
        }
    }

    /// The coefficients for a population of `shape` (channels first) under `rules` with a step of `dt`.
    ///
    /// # Errors
    /// Where a parameter's shape does not fit, or its value has no meaning (NaN, tau or threshold not above zero).
    pub fn bind(&self, rules: &Rules, dt: f64, shape: &[usize]) -> Result<Core> {
        self.check(rules, dt)?;
        let mut grain = Grain::Shared;
        for (what, param) in self.params() {
            grain = grain.max(param.grain(what, shape)?);
        }
        let channels = shape.first().copied().unwrap_or(1);
        let neurons: usize = shape.iter().product();
        let per_channel = (neurons / channels.max(1)).max(1);
        let count = match grain {
            Grain::Shared => 1,
            Grain::Channel => channels,
            Grain::Neuron => neurons,
        };
        let mut flags = self.flags(rules);
        let neuron = |row: usize| match grain {
            Grain::Shared => (0, 0),
            Grain::Channel => (row, row * per_channel),
            Grain::Neuron => (row / per_channel, row),
        };
        let values: Vec<RowValues> = (0..count).map(|row| self.row(rules, dt, channels, neuron(row))).collect();
        // Input scaled by the leak factor itself: the framework wrote r = 1 / k because its input is not scaled.
        if flags & flag::FORM_LEAK_ALL != 0 && values.iter().all(|v| (v.input * v.k - 1.0).abs() < 1e-6 && v.k != 1.0) {
            flags = flags & !flag::FORM_LEAK_ALL | flag::FORM_LEAK_POTENTIAL;
        }
        let rows = values.iter().map(|v| v.coefficients(flags)).collect();
        Ok(Core { flags, grain, rows })
    }

    /// The coefficients of every row of [`Affine::bind`]'s core before they are rounded, in the order of their gradients.
    ///
    /// # Errors
    /// As [`Affine::bind`].
    pub(crate) fn exact_rows(
        &self,
        rules: &Rules,
        dt: f64,
        shape: &[usize],
    ) -> Result<Vec<[f64; super::backward::COEFFICIENT_GRADIENTS]>> {
        let core = self.bind(rules, dt, shape)?;
        let channels = shape.first().copied().unwrap_or(1);
        let per_row = shape.iter().product::<usize>() / core.rows.len().max(1);
        let per_channel = (shape.iter().product::<usize>() / channels.max(1)).max(1);
        let row = |row: usize| {
            let index = row * per_row;
            let v = self.row(rules, dt, channels, (index / per_channel, index));
            let [leak, input, rest] = v.membrane(core.flags);
            [leak, input, rest, v.threshold, v.v_reset, v.current_keep, v.current_input, v.current_decay]
        };
        Ok((0..core.rows.len()).map(row).collect())
    }

    fn params(&self) -> Vec<(&'static str, &Param)> {
        let decay = |d: &'_ Decay| match d {
            Decay::Tau(_) => "tau",
            Decay::Factor(_) => "the decay",
        };
        let mut params = vec![("r", &self.r)];
        for (what, d) in [("", self.leak.as_ref()), ("_syn", self.synapse.as_ref().map(|s| &s.0))] {
            if let Some(Decay::Tau(p) | Decay::Factor(p)) = d {
                let name = d.map_or("", decay);
                params.push((if what.is_empty() { name } else { "the synaptic decay or tau" }, p));
            }
        }
        params.extend(self.v_leak.as_ref().map(|p| ("v_leak", p)));
        params.extend(self.v_init.as_ref().map(|p| ("v_init", p)));
        params.extend(self.synapse.as_ref().map(|s| ("w_in", &s.1)));
        if let Some(f) = &self.firing {
            params.extend([("the threshold", &f.threshold), ("v_reset", &f.v_reset)]);
        }
        params
    }

    fn check(&self, rules: &Rules, dt: f64) -> Result<()> {
        if !(dt > 0.0 && dt.is_finite()) {
            return Err(Error::Request(format!("dt must be above zero, got {dt}")));
        }
        if rules.reset_delay > 1 {
            return Err(Error::Request(format!("reset_delay must be 0 or 1, got {}", rules.reset_delay)));
        }
        if rules.v_min.is_some_and(f64::is_nan) || matches!(rules.v_init, VInit::Value(v) if !v.is_finite()) {
            return Err(Error::Request("v_min and v_init must be numbers, got NaN or infinity".into()));
        }
        for (what, param) in self.params() {
            if let Some(bad) = param.values().iter().find(|v| !v.is_finite()) {
                return Err(Error::Request(format!("{what} must be finite, got {bad}")));
            }
        }
        for decay in self.leak.iter().chain(self.synapse.iter().map(|s| &s.0)) {
            if let Decay::Tau(tau) = decay
                && let Some(bad) = tau.values().iter().find(|&&t| t <= 0.0)
            {
                return Err(Error::Request(format!("tau must be above zero, got {bad}")));
            }
        }
        if let Some(f) = &self.firing
            && rules.spikes == SpikesPerStep::Many
            && let Some(bad) = f.threshold.values().iter().find(|&&t| t <= 0.0)
        {
            return Err(Error::Request(format!("several spikes per step need a threshold above zero, got {bad}")));
        }
        Ok(())
    }

    fn flags(&self, rules: &Rules) -> u32 {
        let mut flags = 0;
        let mut set = |condition: bool, bit: u32| flags |= if condition { bit } else { 0 };
        let leak_form = rules.form == Form::Leak
            && rules.integrator == Integrator::Euler
            && matches!(self.leak, Some(Decay::Tau(_)));
        let scaled = rules.input_gain == InputGain::DtOverTau;
        set(leak_form && scaled, flag::FORM_LEAK_ALL);
        set(leak_form && !scaled, flag::FORM_LEAK_POTENTIAL);
        set(self.synapse.is_some(), flag::CURRENT);
        set(rules.order == Order::VoltageFirst, flag::VOLTAGE_FIRST);
        if self.firing.is_some() {
            set(true, flag::FIRES);
            set(rules.fire == Fire::Ge, flag::FIRE_GE);
            set(rules.spikes == SpikesPerStep::Many && !self.memoryless, flag::MANY);
            set(rules.reset == Reset::Hard, flag::RESET_HARD);
            set(rules.reset == Reset::Subtract, flag::RESET_SUBTRACT);
            set(rules.reset_delay == 1 && !self.memoryless, flag::RESET_LATE);
            set(rules.reset_keeps_input, flag::RESET_KEEPS_INPUT);
            set(rules.reset_residual && !self.memoryless, flag::RESET_RESIDUAL);
            set(rules.reset_adds, flag::RESET_ADDS);
        }
        flags
    }

    /// One row of coefficients before it is rounded, for the neuron of this channel and index.
    pub(crate) fn row(&self, rules: &Rules, dt: f64, channels: usize, (channel, index): (usize, usize)) -> RowValues {
        let get = |p: &Param| p.at(channel, index, channels);
        let v_reset = self.firing.as_ref().map_or(0.0, |f| get(&f.v_reset));
        let v_leak = match (&self.v_leak, rules.leak_to) {
            (Some(p), _) => get(p),
            // A decay that is given multiplies the potential itself: SpikingJelly's CUBALIF knows no other rest.
            (None, LeakTo::VReset) if !matches!(self.leak, Some(Decay::Factor(_))) => v_reset,
            (None, _) => 0.0,
        };
        let r = get(&self.r);
        let step = if self.leak_in_steps { 1.0 } else { dt };
        let (k, decay, gain) = match &self.leak {
            None if self.memoryless => (1.0, 0.0, 1.0),
            None => (0.0, 1.0, if rules.if_gain == IfGain::RDt { dt } else { 1.0 }),
            Some(leak) => {
                let (k, a) = decay_of(leak, &get, rules, step);
                let gain = match (rules.input_gain, leak) {
                    (InputGain::DtOverTau, Decay::Tau(_)) => k_of(leak, &get, step),
                    (InputGain::OneMinusDecay, _) => 1.0 - a,
                    (InputGain::DtOverTau, Decay::Factor(_)) | (InputGain::R | InputGain::One, _) => 1.0,
                };
                (k, a, gain)
            }
        };
        let r = if self.leak.is_some() && rules.input_gain == InputGain::One { 1.0 } else { r };
        let (current_keep, current_input, current_decay) = match &self.synapse {
            None => (0.0, 0.0, 0.0),
            Some((leak, w_in)) => {
                let (_, a) = decay_of(leak, &get, rules, dt);
                let w_in = get(w_in);
                match rules.current {
                    Current::Filter if matches!(leak, Decay::Tau(_)) => (a, w_in * k_of(leak, &get, dt), 1.0),
                    Current::Filter | Current::Jump => (a, w_in, 1.0),
                    Current::JumpThenDecay => (1.0, w_in, a),
                    Current::JumpAndDecay => (a, a * w_in, 1.0),
                }
            }
        };
        let v_init = match (&self.v_init, rules.v_init) {
            (Some(given), _) => get(given),
            (None, VInit::Zero) => 0.0,
            (None, VInit::VReset) => v_reset,
            (None, VInit::VLeak) if self.leak.is_some() => v_leak,
            (None, VInit::VLeak) => v_reset,
            (None, VInit::Value(v)) => v,
        };
        RowValues {
            k,
            decay,
            gain,
            r,
            input: r,
            v_leak,
            threshold: self.firing.as_ref().map_or(f64::from(f32::MAX), |f| get(&f.threshold)),
            v_reset,
            v_min: rules.v_min.map_or(f64::from(f32::MIN), |v| v.max(f64::from(f32::MIN))),
            v_init,
            current_keep,
            current_input,
            current_decay,
        }
    }
}

/// `dt / tau`, or 1 minus the factor.
fn k_of(decay: &Decay, get: &impl Fn(&Param) -> f64, dt: f64) -> f64 {
    match decay {
        Decay::Tau(tau) => dt / get(tau),
        Decay::Factor(factor) => 1.0 - get(factor),
    }
}

/// The leak factor k and the decay a = 1 - k of a step.
fn decay_of(decay: &Decay, get: &impl Fn(&Param) -> f64, rules: &Rules, dt: f64) -> (f64, f64) {
    let a = match (decay, rules.integrator) {
        (Decay::Tau(tau), Integrator::Exponential) => (-dt / get(tau)).exp(),
        (Decay::Tau(_), Integrator::Euler) => 1.0 - k_of(decay, get, dt),
        (Decay::Factor(factor), _) => get(factor),
    };
    let a = if rules.clamp_decay { a.clamp(0.0, 1.0) } else { a };
    match (decay, rules.integrator) {
        // 1 - a would round: k is exact where dt / tau is.
        (Decay::Tau(_), Integrator::Euler) if !rules.clamp_decay => (k_of(decay, get, dt), a),
        _ => (1.0 - a, a),
    }
}

/// One row before it is rounded to f32.
pub(crate) struct RowValues {
    pub k: f64,
    pub decay: f64,
    pub gain: f64,
    pub r: f64,
    input: f64,
    pub v_leak: f64,
    pub threshold: f64,
    pub v_reset: f64,
    v_min: f64,
    pub v_init: f64,
    pub current_keep: f64,
    pub current_input: f64,
    pub current_decay: f64,
}

impl RowValues {
    /// Leak, input and rest, in the form that the flags say.
    fn membrane(&self, flags: u32) -> [f64; 3] {
        if flags & flag::FORM_LEAK_ALL != 0 {
            [self.k, self.r, self.v_leak]
        } else if flags & flag::FORM_LEAK_POTENTIAL != 0 {
            let b = self.gain * self.r;
            [self.k, if (b - 1.0).abs() < 1e-6 { 1.0 } else { b }, self.v_leak]
        } else {
            [self.decay, self.gain * self.r, (1.0 - self.decay) * self.v_leak]
        }
    }

    fn coefficients(&self, flags: u32) -> Coefficients {
        let [leak, input, rest] = self.membrane(flags);
        Coefficients {
            leak: leak as f32,
            input: input as f32,
            rest: rest as f32,
            threshold: self.threshold as f32,
            inverse_threshold: (1.0 / self.threshold) as f32,
            v_reset: self.v_reset as f32,
            v_min: self.v_min as f32,
            v_init: self.v_init as f32,
            current_keep: self.current_keep as f32,
            current_input: self.current_input as f32,
            current_decay: self.current_decay as f32,
            padding: 0.0,
        }
    }
}
