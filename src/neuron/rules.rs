//! The choices in which frameworks differ, as data: one key each, and named sets of them (dialects).
//!
//! A `.nir` file holds none of these, and a network run under the wrong ones is silently wrong, so they are
//! stated for a whole network and may be changed for single nodes.

use serde::{Deserialize, Serialize};

/// When a neuron fires, given its potential `h` and threshold `theta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fire {
    /// At `h >= theta`.
    Ge,
    /// At `h > theta`.
    Gt,
}

/// How a time constant becomes a decay per step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrator {
    /// `1 - dt / tau`.
    Euler,
    /// `exp(-dt / tau)`.
    Exponential,
}

/// The factor on the input of a leaky membrane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputGain {
    /// `r dt / tau` (`r` where the decay itself is given and there is no tau).
    #[serde(rename = "dt/tau")]
    DtOverTau,
    /// `r (1 - decay)`.
    #[serde(rename = "1-decay")]
    OneMinusDecay,
    /// `r`, whatever the step.
    #[serde(rename = "r")]
    R,
    /// One: the input is added as it is.
    #[serde(rename = "one", alias = "1")]
    One,
}

/// The factor on the input of a membrane without leak (IF, integrator).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IfGain {
    /// `r dt`.
    #[serde(rename = "r dt")]
    RDt,
    /// `r`: the file's author meant a step, not a second.
    #[serde(rename = "r")]
    R,
}

/// How a synaptic current takes its input `x` and decays by the factor `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Current {
    /// `i = a i + g w_in x`, with `g = dt / tau_syn`, or 1 where the decay itself is given.
    Filter,
    /// `i = a i + w_in x`.
    Jump,
    /// The membrane sees `i + w_in x`, and what is kept is `a (i + w_in x)` (Norse).
    JumpThenDecay,
    /// `i = a (i + w_in x)`, seen by the membrane and kept (Sinabs).
    JumpAndDecay,
}

/// Which current the membrane sees within a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The current is updated first, the membrane sees the new one.
    CurrentFirst,
    /// The membrane sees the current of the last step.
    VoltageFirst,
}

/// What a spike does to the potential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// It becomes `v_reset` (with a delay of one step: the leaked potential is dropped).
    #[serde(alias = "zero")]
    Hard,
    /// `theta` is subtracted for each spike.
    #[serde(alias = "soft")]
    Subtract,
    /// Nothing.
    None,
}

/// How many spikes a neuron may fire in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpikesPerStep {
    /// At most one.
    #[serde(alias = "single")]
    One,
    /// `trunc(h / theta)` where `h > 0`, else none.
    #[serde(alias = "multi")]
    Many,
}

/// The potential before the first step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VInit {
    /// 0.
    Zero,
    /// `v_reset`.
    VReset,
    /// `v_leak` (`v_reset` for a neuron without leak).
    VLeak,
    /// This value.
    #[serde(untagged)]
    Value(f64),
}

/// Where a membrane leaks to whose neuron states no `v_leak`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeakTo {
    /// To `v_reset` (SpikingJelly); to 0 where the decay itself is given (its CUBALIF).
    VReset,
    /// To 0.
    Zero,
}

/// In which arithmetic form a leaky membrane is computed; the real numbers are the same, the rounding is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `h = v + k (x - (v - v_leak))`, or `h = v - k (v - v_leak) + x` where the input is not scaled by k.
    Leak,
    /// `h = a v + b x + c`.
    Factor,
}

/// Every choice, made. Equations: the module [`crate::neuron`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// When a neuron fires.
    pub fire: Fire,
    /// How a time constant becomes a decay.
    pub integrator: Integrator,
    /// The factor on the input of a leaky membrane.
    pub input_gain: InputGain,
    /// The factor on the input of a membrane without leak.
    pub if_gain: IfGain,
    /// How a synaptic current takes its input.
    pub current: Current,
    /// Which current the membrane sees.
    pub order: Order,
    /// What a spike does to the potential.
    pub reset: Reset,
    /// 0: the reset happens in the step of the spike. 1: at the start of the next step.
    pub reset_delay: u8,
    /// On a delayed hard reset: the step's input survives (snnTorch `Leaky`) or is dropped (`RLeaky`, `Synaptic`).
    pub reset_keeps_input: bool,
    /// With `reset_delay` 0: a residual still above threshold is reset again before the next threshold test (snnTorch).
    pub reset_residual: bool,
    /// On a hard reset: `v_reset` is added in every step, spike or not (Sinabs `MembraneReset`).
    pub reset_adds: bool,
    /// Gradients do not flow through a reset in the step of the spike. Of no effect on inference. Through one that is a step
    /// late they never flow (snnTorch).
    pub detach_reset: bool,
    /// How many spikes a neuron may fire in one step.
    pub spikes: SpikesPerStep,
    /// A floor on the potential after the reset.
    pub v_min: Option<f64>,
    /// The potential before the first step.
    pub v_init: VInit,
    /// Where a membrane leaks to whose neuron states no `v_leak`.
    pub leak_to: LeakTo,
    /// Decays are clamped to [0, 1] (snnTorch).
    pub clamp_decay: bool,
    /// In which arithmetic form a leaky membrane is computed.
    pub form: Form,
}

/// Some of the choices, to be laid over others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)] // the fields are those of `Rules`
pub struct RuleChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fire: Option<Fire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrator: Option<Integrator>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_gain: Option<InputGain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_gain: Option<IfGain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Current>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<Reset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_delay: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_keeps_input: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_residual: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_adds: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detach_reset: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spikes: Option<SpikesPerStep>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v_min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v_init: Option<VInit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leak_to: Option<LeakTo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clamp_decay: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
}

impl RuleChanges {
    /// The key of every choice, as it stands in a file: these are what `--dialect FILE.toml` and a layer may set.
    pub const KEYS: [&'static str; 18] = [
        "fire",
        "integrator",
        "input_gain",
        "if_gain",
        "current",
        "order",
        "reset",
        "reset_delay",
        "reset_keeps_input",
        "reset_residual",
        "reset_adds",
        "detach_reset",
        "spikes",
        "v_min",
        "v_init",
        "leak_to",
        "clamp_decay",
        "form",
    ];

    /// These changes, and where they are silent those of `below`.
    pub fn over(&self, below: &RuleChanges) -> RuleChanges {
        RuleChanges {
            fire: self.fire.or(below.fire),
            integrator: self.integrator.or(below.integrator),
            input_gain: self.input_gain.or(below.input_gain),
            if_gain: self.if_gain.or(below.if_gain),
            current: self.current.or(below.current),
            order: self.order.or(below.order),
            reset: self.reset.or(below.reset),
            reset_delay: self.reset_delay.or(below.reset_delay),
            reset_keeps_input: self.reset_keeps_input.or(below.reset_keeps_input),
            reset_residual: self.reset_residual.or(below.reset_residual),
            reset_adds: self.reset_adds.or(below.reset_adds),
            detach_reset: self.detach_reset.or(below.detach_reset),
            spikes: self.spikes.or(below.spikes),
            v_min: self.v_min.or(below.v_min),
            v_init: self.v_init.or(below.v_init),
            leak_to: self.leak_to.or(below.leak_to),
            clamp_decay: self.clamp_decay.or(below.clamp_decay),
            form: self.form.or(below.form),
        }
    }
}

impl Rules {
    /// These rules with `changes` laid over them.
    pub fn with(&self, changes: &RuleChanges) -> Rules {
        Rules {
            fire: changes.fire.unwrap_or(self.fire),
            integrator: changes.integrator.unwrap_or(self.integrator),
            input_gain: changes.input_gain.unwrap_or(self.input_gain),
            if_gain: changes.if_gain.unwrap_or(self.if_gain),
            current: changes.current.unwrap_or(self.current),
            order: changes.order.unwrap_or(self.order),
            reset: changes.reset.unwrap_or(self.reset),
            reset_delay: changes.reset_delay.unwrap_or(self.reset_delay),
            reset_keeps_input: changes.reset_keeps_input.unwrap_or(self.reset_keeps_input),
            reset_residual: changes.reset_residual.unwrap_or(self.reset_residual),
            reset_adds: changes.reset_adds.unwrap_or(self.reset_adds),
            detach_reset: changes.detach_reset.unwrap_or(self.detach_reset),
            spikes: changes.spikes.unwrap_or(self.spikes),
            v_min: changes.v_min.or(self.v_min),
            v_init: changes.v_init.unwrap_or(self.v_init),
            leak_to: changes.leak_to.unwrap_or(self.leak_to),
            clamp_decay: changes.clamp_decay.unwrap_or(self.clamp_decay),
            form: changes.form.unwrap_or(self.form),
        }
    }
}

/// A named set of rules: how a framework computes by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// SpikingJelly 2.0 (`LIFNode` with `decay_input`; its soft reset is `reset = "subtract"`).
    #[default]
    SpikingJelly,
    /// snnTorch 1.0 (`Leaky`: reset by subtraction, one step late).
    SnnTorch,
    /// Norse 1.1.
    Norse,
    /// Sinabs 2.0 (several spikes per step, reset by subtraction).
    Sinabs,
    /// The NIR specification: forward Euler, fires above threshold, hard reset.
    Nir,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Dialect; 5] =
        [Dialect::SpikingJelly, Dialect::SnnTorch, Dialect::Norse, Dialect::Sinabs, Dialect::Nir];

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::SpikingJelly => "spikingjelly",
            Dialect::SnnTorch => "snntorch",
            Dialect::Norse => "norse",
            Dialect::Sinabs => "sinabs",
            Dialect::Nir => "nir",
        }
    }

    /// The dialect of that name.
    pub fn from_name(name: &str) -> Option<Dialect> {
        Self::ALL.into_iter().find(|d| d.name() == name)
    }

    /// Seconds (or steps) per step in the framework itself, where time constants are its own.
    pub fn native_dt(self) -> f64 {
        match self {
            Dialect::SpikingJelly | Dialect::SnnTorch | Dialect::Sinabs => 1.0,
            Dialect::Norse => 1e-3,
            Dialect::Nir => 1e-4,
        }
    }

    /// Seconds per step that the framework means when it writes a `.nir` file, where tau is in seconds.
    pub fn nir_dt(self) -> f64 {
        match self {
            Dialect::SpikingJelly | Dialect::SnnTorch | Dialect::Nir => 1e-4,
            Dialect::Norse => 1e-3,
            Dialect::Sinabs => 1.0,
        }
    }

    /// The choices this framework makes by default.
    pub fn rules(self) -> Rules {
        let nir = Rules {
            fire: Fire::Gt,
            integrator: Integrator::Euler,
            input_gain: InputGain::DtOverTau,
            if_gain: IfGain::RDt,
            current: Current::Filter,
            order: Order::CurrentFirst,
            reset: Reset::Hard,
            reset_delay: 0,
            reset_keeps_input: true,
            reset_residual: false,
            reset_adds: false,
            detach_reset: false,
            spikes: SpikesPerStep::One,
            v_min: None,
            v_init: VInit::VLeak,
            leak_to: LeakTo::Zero,
            clamp_decay: false,
            form: Form::Leak,
        };
        match self {
            Dialect::Nir => nir,
            Dialect::SpikingJelly => Rules { fire: Fire::Ge, v_init: VInit::VReset, leak_to: LeakTo::VReset, ..nir },
            Dialect::SnnTorch => Rules {
                reset: Reset::Subtract,
                reset_delay: 1,
                reset_residual: true,
                v_init: VInit::Zero,
                clamp_decay: true,
                form: Form::Factor,
                ..nir
            },
            Dialect::Norse => Rules { if_gain: IfGain::R, current: Current::JumpThenDecay, ..nir },
            Dialect::Sinabs => Rules {
                fire: Fire::Ge,
                integrator: Integrator::Exponential,
                input_gain: InputGain::OneMinusDecay,
                if_gain: IfGain::R,
                current: Current::JumpAndDecay,
                reset: Reset::Subtract,
                reset_adds: true,
                spikes: SpikesPerStep::Many,
                v_init: VInit::Zero,
                form: Form::Factor,
                ..nir
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_fields_that_serde_reads() {
        for key in RuleChanges::KEYS {
            let value = match key {
                "fire" => "\"ge\"",
                "integrator" => "\"exponential\"",
                "input_gain" => "\"1-decay\"",
                "if_gain" => "\"r dt\"",
                "current" => "\"jump\"",
                "order" => "\"voltage_first\"",
                "reset" => "\"zero\"",
                "reset_delay" => "1",
                "spikes" => "\"multi\"",
                "v_min" => "-1.0",
                "v_init" => "0.25",
                "leak_to" => "\"v_reset\"",
                "form" => "\"factor\"",
                _ => "true",
            };
            let changes: RuleChanges = toml::from_str(&format!("{key} = {value}")).unwrap();
            assert_ne!(changes, RuleChanges::default(), "{key} was read but sets nothing");
            let back: RuleChanges = toml::from_str(&toml::to_string(&changes).unwrap()).unwrap();
            assert_eq!(changes, back, "{key}");
        }
        assert!(toml::from_str::<RuleChanges>("fires = \"ge\"").is_err());
    }

    #[test]
    fn changes_lie_over_each_other() {
        let node = RuleChanges { reset: Some(Reset::None), ..Default::default() };
        let network = RuleChanges { reset: Some(Reset::Hard), spikes: Some(SpikesPerStep::One), ..Default::default() };
        let rules = Dialect::Sinabs.rules().with(&node.over(&network));
        assert_eq!((rules.reset, rules.spikes, rules.fire), (Reset::None, SpikesPerStep::One, Fire::Ge));
    }
}
