//! Synapses from one population to another, or the same.

use serde::{Deserialize, Serialize};

use super::{Connector, Distribution};

/// Where spikes arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Receptor {
    /// At the excitatory synapse.
    Excitatory,
    /// At the inhibitory synapse.
    Inhibitory,
}

/// Synapses from one population to another, or the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// The population whose spikes it takes.
    pub from: String,
    /// The population that it reaches.
    pub to: String,
    /// Which cells are joined.
    pub connector: Connector,
    /// Weights: nA, uS of conductances, mV where potentials jump.
    pub weight: Distribution,
    /// Delays, ms: at least one step; they are rounded to whole steps.
    pub delay: Distribution,
    /// Where it arrives; `None`: by the sign of the weights.
    pub receptor: Option<Receptor>,
    /// Whether a cell may reach itself.
    pub allow_self_connections: bool,
    /// Synapses are not stored, but drawn again by every spike.
    pub procedural: bool,
}

impl Projection {
    /// Synapses of weight 0 and a delay of 1 ms.
    pub fn new(from: impl Into<String>, to: impl Into<String>, connector: Connector) -> Projection {
        Projection {
            from: from.into(),
            to: to.into(),
            connector,
            weight: Distribution::Constant(0.0),
            delay: Distribution::Constant(1.0),
            receptor: None,
            allow_self_connections: true,
            procedural: false,
        }
    }

    /// With these weights.
    pub fn weight(self, weight: impl Into<Distribution>) -> Self {
        Projection { weight: weight.into(), ..self }
    }

    /// With these delays, ms.
    pub fn delay(self, delay: impl Into<Distribution>) -> Self {
        Projection { delay: delay.into(), ..self }
    }

    /// Arriving there.
    pub fn receptor(self, receptor: Receptor) -> Self {
        Projection { receptor: Some(receptor), ..self }
    }

    /// No cell reaches itself.
    pub fn no_self_connections(self) -> Self {
        Projection { allow_self_connections: false, ..self }
    }

    /// Its synapses are drawn again by every spike, and not stored.
    pub fn procedural(self) -> Self {
        Projection { procedural: true, ..self }
    }

    /// Its name, for people.
    pub fn name(&self) -> String {
        format!("{} -> {}", self.from, self.to)
    }

    pub(crate) fn skips_self(&self) -> bool {
        !self.allow_self_connections && self.from == self.to
    }

    /// Where it arrives.
    pub fn arrives_at(&self) -> Receptor {
        let inhibits = || self.all_weights().iter().all(|&weight| weight <= 0.0);
        let by_sign =
            || if inhibits() && self.largest_weight() > 0.0 { Receptor::Inhibitory } else { Receptor::Excitatory };
        self.receptor.unwrap_or_else(by_sign)
    }

    /// Every weight that it may have.
    pub(super) fn all_weights(&self) -> Vec<f64> {
        match &self.connector {
            Connector::FromList(list) => list.iter().map(|synapse| synapse.2).collect(),
            _ => self.weight.values(),
        }
    }

    /// Every delay that it may have.
    pub(super) fn all_delays(&self) -> Vec<f64> {
        match &self.connector {
            Connector::FromList(list) => list.iter().map(|synapse| synapse.3).collect(),
            _ => self.delay.values(),
        }
    }

    /// The largest size of a weight.
    pub(crate) fn largest_weight(&self) -> f64 {
        self.all_weights().into_iter().fold(0.0, |most, weight| most.max(weight.abs()))
    }
}
