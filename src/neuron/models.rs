//! The neuron models as people write them. Units: time constants in the unit of the network's dt.

use super::bind::{Affine, Firing};
use super::param::{Decay, Param};

/// Integrate and fire: `h = v + g x`.
#[derive(Clone, Debug, PartialEq)]
pub struct If {
    /// Resistance: scales the input (1).
    pub r: Param,
    /// Threshold theta (1).
    pub threshold: Param,
    /// Potential after a hard reset (0).
    pub v_reset: Param,
}

/// Leaky integrate and fire: `tau v' = (v_leak - v) + r x`.
#[derive(Clone, Debug, PartialEq)]
pub struct Lif {
    /// Membrane time constant (2 steps) or decay.
    pub decay: Decay,
    /// Resistance: scales the input (1).
    pub r: Param,
    /// Potential the membrane leaks to; `None`: as the rule `leak_to` says.
    pub v_leak: Option<Param>,
    /// Threshold theta (1).
    pub threshold: Param,
    /// Potential after a hard reset (0).
    pub v_reset: Param,
}

/// Leaky integrate and fire whose time constant is learned: `1 / tau = sigmoid(w)` (SpikingJelly `ParametricLIFNode`).
#[derive(Clone, Debug, PartialEq)]
pub struct ParametricLif {
    /// The learned parameter; tau = 1 + exp(-w) steps (0, so tau is 2).
    pub w: Param,
    /// Potential the membrane leaks to; `None`: as the rule `leak_to` says.
    pub v_leak: Option<Param>,
    /// Threshold theta (1).
    pub threshold: Param,
    /// Potential after a hard reset (0).
    pub v_reset: Param,
}

/// Current-based leaky integrate and fire: `tau_syn i' = -i + w_in x`, `tau_mem v' = (v_leak - v) + r i`.
#[derive(Clone, Debug, PartialEq)]
pub struct CubaLif {
    /// Synaptic time constant (2 steps) or decay (snnTorch `alpha`).
    pub decay_syn: Decay,
    /// Membrane time constant (2 steps) or decay (snnTorch `beta`).
    pub decay_mem: Decay,
    /// Weight on the input of the current (1).
    pub w_in: Param,
    /// Resistance: scales the current (1).
    pub r: Param,
    /// Potential the membrane leaks to; `None`: as the rule `leak_to` says.
    pub v_leak: Option<Param>,
    /// Threshold theta (1).
    pub threshold: Param,
    /// Potential after a hard reset (0).
    pub v_reset: Param,
}

/// Leaky integrator: [`Lif`] that never fires. Its output is its potential.
#[derive(Clone, Debug, PartialEq)]
pub struct Li {
    /// Membrane time constant (2 steps) or decay.
    pub decay: Decay,
    /// Resistance: scales the input (1).
    pub r: Param,
    /// Potential the membrane leaks to (0).
    pub v_leak: Param,
}

/// Current-based leaky integrator: [`CubaLif`] that never fires. Its output is its potential.
#[derive(Clone, Debug, PartialEq)]
pub struct CubaLi {
    /// Synaptic time constant (2 steps) or decay.
    pub decay_syn: Decay,
    /// Membrane time constant (2 steps) or decay.
    pub decay_mem: Decay,
    /// Weight on the input of the current (1).
    pub w_in: Param,
    /// Resistance: scales the current (1).
    pub r: Param,
    /// Potential the membrane leaks to (0).
    pub v_leak: Param,
}

/// Integrator: [`If`] that never fires. Its output is its potential.
#[derive(Clone, Debug, PartialEq)]
pub struct Integrator {
    /// Resistance: scales the input (1).
    pub r: Param,
}

/// Fires in every step whose input is above the threshold; keeps nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// Threshold theta (1).
    pub threshold: Param,
}

impl Default for If {
    fn default() -> Self {
        If { r: 1.0.into(), threshold: 1.0.into(), v_reset: 0.0.into() }
    }
}

impl Default for Lif {
    fn default() -> Self {
        Lif { decay: Decay::Tau(2.0.into()), r: 1.0.into(), v_leak: None, threshold: 1.0.into(), v_reset: 0.0.into() }
    }
}

impl Default for ParametricLif {
    fn default() -> Self {
        ParametricLif { w: 0.0.into(), v_leak: None, threshold: 1.0.into(), v_reset: 0.0.into() }
    }
}

impl Default for CubaLif {
    fn default() -> Self {
        CubaLif {
            decay_syn: Decay::Tau(2.0.into()),
            decay_mem: Decay::Tau(2.0.into()),
            w_in: 1.0.into(),
            r: 1.0.into(),
            v_leak: None,
            threshold: 1.0.into(),
            v_reset: 0.0.into(),
        }
    }
}

impl Default for Li {
    fn default() -> Self {
        Li { decay: Decay::Tau(2.0.into()), r: 1.0.into(), v_leak: 0.0.into() }
    }
}

impl Default for CubaLi {
    fn default() -> Self {
        CubaLi {
            decay_syn: Decay::Tau(2.0.into()),
            decay_mem: Decay::Tau(2.0.into()),
            w_in: 1.0.into(),
            r: 1.0.into(),
            v_leak: 0.0.into(),
        }
    }
}

impl Default for Integrator {
    fn default() -> Self {
        Integrator { r: 1.0.into() }
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Threshold { threshold: 1.0.into() }
    }
}

impl Lif {
    /// With this time constant, in the unit of dt.
    pub fn tau(tau: f64) -> Self {
        Lif { decay: Decay::Tau(tau.into()), ..Default::default() }
    }

    /// With this decay per step (snnTorch `beta`).
    pub fn beta(beta: f64) -> Self {
        Lif { decay: Decay::Factor(beta.into()), ..Default::default() }
    }
}

impl If {
    pub(super) fn affine(&self) -> Affine {
        Affine { r: self.r.clone(), firing: firing(&self.threshold, &self.v_reset), ..Affine::integrator() }
    }
}

impl Lif {
    pub(super) fn affine(&self) -> Affine {
        Affine {
            leak: Some(self.decay.clone()),
            r: self.r.clone(),
            v_leak: self.v_leak.clone(),
            firing: firing(&self.threshold, &self.v_reset),
            ..Affine::integrator()
        }
    }
}

impl ParametricLif {
    pub(super) fn affine(&self) -> Affine {
        let tau = self.w.map(|w| 1.0 + (-w).exp());
        Affine {
            // SpikingJelly keeps tau in steps whatever the dt of the rest.
            leak: Some(Decay::Tau(tau)),
            leak_in_steps: true,
            v_leak: self.v_leak.clone(),
            firing: firing(&self.threshold, &self.v_reset),
            ..Affine::integrator()
        }
    }
}

impl CubaLif {
    pub(super) fn affine(&self) -> Affine {
        Affine {
            leak: Some(self.decay_mem.clone()),
            synapse: Some((self.decay_syn.clone(), self.w_in.clone())),
            r: self.r.clone(),
            v_leak: self.v_leak.clone(),
            firing: firing(&self.threshold, &self.v_reset),
            ..Affine::integrator()
        }
    }
}

impl Li {
    pub(super) fn affine(&self) -> Affine {
        Affine {
            leak: Some(self.decay.clone()),
            r: self.r.clone(),
            v_leak: Some(self.v_leak.clone()),
            ..Affine::integrator()
        }
    }
}

impl CubaLi {
    pub(super) fn affine(&self) -> Affine {
        Affine {
            leak: Some(self.decay_mem.clone()),
            synapse: Some((self.decay_syn.clone(), self.w_in.clone())),
            r: self.r.clone(),
            v_leak: Some(self.v_leak.clone()),
            ..Affine::integrator()
        }
    }
}

impl Integrator {
    pub(super) fn affine(&self) -> Affine {
        Affine { r: self.r.clone(), ..Affine::integrator() }
    }
}

impl Threshold {
    pub(super) fn affine(&self) -> Affine {
        Affine { memoryless: true, firing: firing(&self.threshold, &Param::Shared(0.0)), ..Affine::integrator() }
    }
}

fn firing(threshold: &Param, v_reset: &Param) -> Option<Firing> {
    Some(Firing { threshold: threshold.clone(), v_reset: v_reset.clone() })
}
