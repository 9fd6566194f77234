//! A population of a network file: its model, parameters and rules.

use serde::Deserialize;

use super::Binding;
use super::table::Keys;
use crate::error::{Error, Result};
use crate::neuron::rules::{InputGain, Reset};
use crate::neuron::{
    CubaLi, CubaLif, Decay, If, Integrator, Li, Lif, Neuron, Param, ParametricLif, RuleChanges, Threshold,
};

/// The types of layers that are neurons.
pub(super) const TYPES: [&str; 8] = ["if", "lif", "plif", "cuba_lif", "li", "cuba_li", "integrator", "threshold"];

/// Reads a population and the rules in which it differs.
pub(super) fn read(
    bindings: &mut Vec<Binding>,
    node: usize,
    kind: &str,
    keys: &mut Keys,
) -> Result<(Neuron, Vec<&'static str>)> {
    let mut shorthand = RuleChanges::default();
    if let Some(decay_input) = keys.optional::<bool>("decay_input")? {
        shorthand.input_gain = Some(if decay_input { InputGain::DtOverTau } else { InputGain::R });
    }
    let mut reader = Reader { bindings, node, keys, known: vec!["decay_input", "recurrent"] };
    if reader.has_no_v_reset() {
        shorthand.reset = Some(Reset::Subtract);
    }
    let v_init = reader.initial()?;
    let mut neuron: Neuron = reader.model(kind)?;
    neuron.v_init = v_init;
    let mut known = reader.known;
    let rules = toml::Value::Table(keys.all(&RuleChanges::KEYS));
    let rules = RuleChanges::deserialize(rules).map_err(|e| Error::layer(&keys.of, e.message().trim().to_string()))?;
    neuron.rules = rules.over(&shorthand);
    known.extend(RuleChanges::KEYS);
    Ok((neuron, known))
}

/// Reads parameters: numbers, lists, or the names of tensors.
struct Reader<'a> {
    bindings: &'a mut Vec<Binding>,
    node: usize,
    keys: &'a mut Keys,
    known: Vec<&'static str>,
}

impl Reader<'_> {
    fn model(&mut self, kind: &str) -> Result<Neuron> {
        Ok(match kind {
            "if" => {
                If { r: self.or("r", 1.0)?, threshold: self.or("threshold", 1.0)?, v_reset: self.or("v_reset", 0.0)? }
                    .into()
            }
            "lif" => Lif {
                decay: self.decay(&["tau", "tau_mem"], &["decay", "beta"])?,
                r: self.or("r", 1.0)?,
                v_leak: self.given("v_leak")?,
                threshold: self.or("threshold", 1.0)?,
                v_reset: self.or("v_reset", 0.0)?,
            }
            .into(),
            "plif" => {
                let tau = self.given("tau")?.map(|tau| tau.map(|tau| -(tau - 1.0).ln()));
                let w = self.given("w")?.or(tau).unwrap_or(Param::Shared(0.0));
                let v_leak = self.given("v_leak")?;
                ParametricLif { w, v_leak, threshold: self.or("threshold", 1.0)?, v_reset: self.or("v_reset", 0.0)? }
                    .into()
            }
            "cuba_lif" => CubaLif {
                decay_syn: self.decay(&["tau_syn"], &["decay_syn", "alpha"])?,
                decay_mem: self.decay(&["tau", "tau_mem"], &["decay", "beta"])?,
                w_in: self.or("w_in", 1.0)?,
                r: self.or("r", 1.0)?,
                v_leak: self.given("v_leak")?,
                threshold: self.or("threshold", 1.0)?,
                v_reset: self.or("v_reset", 0.0)?,
            }
            .into(),
            "li" => Li {
                decay: self.decay(&["tau", "tau_mem"], &["decay", "beta"])?,
                r: self.or("r", 1.0)?,
                v_leak: self.or("v_leak", 0.0)?,
            }
            .into(),
            "cuba_li" => CubaLi {
                decay_syn: self.decay(&["tau_syn"], &["decay_syn", "alpha"])?,
                decay_mem: self.decay(&["tau", "tau_mem"], &["decay", "beta"])?,
                w_in: self.or("w_in", 1.0)?,
                r: self.or("r", 1.0)?,
                v_leak: self.or("v_leak", 0.0)?,
            }
            .into(),
            "integrator" => Integrator { r: self.or("r", 1.0)? }.into(),
            _ => Threshold { threshold: self.or("threshold", 1.0)? }.into(),
        })
    }

    fn or(&mut self, key: &'static str, default: f64) -> Result<Param> {
        Ok(self.given(key)?.unwrap_or(Param::Shared(default)))
    }

    /// A parameter where it is given; a tensor's name is bound, and stands for a value that is not used.
    fn given(&mut self, key: &'static str) -> Result<Option<Param>> {
        self.known.push(key);
        let Some(value) = self.keys.raw(key) else { return Ok(None) };
        if let toml::Value::String(tensor) = value {
            self.bindings.push(Binding { node: self.node, parameter: key.into(), tensor });
            return Ok(Some(Param::Shared(if key == "tau" { 2.0 } else { 1.0 })));
        }
        match numbers(&value) {
            Some((shape, values)) if shape.is_empty() && values.len() == 1 => Ok(Some(Param::Shared(values[0]))),
            Some((shape, values)) if !values.is_empty() => Ok(Some(Param::Each { shape, values })),
            _ => Err(self.keys.wrong(key, "a number, a (nested) list of numbers, or a tensor's name")),
        }
    }

    /// A decay by one of its names; without any, a time constant of 2.
    fn decay(&mut self, tau: &[&'static str], factor: &[&'static str]) -> Result<Decay> {
        let mut found = None;
        for (names, is_tau) in [(tau, true), (factor, false)] {
            for &name in names {
                let Some(param) = self.given(name)? else { continue };
                let decay = if is_tau { Decay::Tau(param) } else { Decay::Factor(param) };
                if found.replace(decay).is_some() {
                    return Err(self.keys.wrong(name, "one time constant or decay, got two"));
                }
            }
        }
        Ok(found.unwrap_or(Decay::Tau(Param::Shared(2.0))))
    }

    /// Whether `v_reset = "none"` asks for a soft reset, as SpikingJelly writes it; the key is then done with.
    fn has_no_v_reset(&mut self) -> bool {
        match self.keys.raw("v_reset") {
            Some(toml::Value::String(none)) if none == "none" => true,
            Some(value) => {
                self.keys.put("v_reset", value);
                false
            }
            None => false,
        }
    }

    /// Potentials before the first step as a list or a tensor; a number or a word is the rule `v_init`.
    fn initial(&mut self) -> Result<Option<Param>> {
        let value = self.keys.raw("v_init");
        let is_rule = |v: &toml::Value| match v {
            toml::Value::String(word) => ["zero", "v_reset", "v_leak"].contains(&word.as_str()),
            other => !other.is_array(),
        };
        match value {
            None => Ok(None),
            Some(value) if is_rule(&value) => {
                self.keys.put("v_init", value);
                Ok(None)
            }
            Some(value) => {
                self.keys.put("v_init", value);
                self.given("v_init")
            }
        }
    }
}

/// A number, or a nested list of numbers with its shape.
fn numbers(value: &toml::Value) -> Option<(Vec<usize>, Vec<f64>)> {
    match value {
        toml::Value::Float(x) => Some((vec![], vec![*x])),
        toml::Value::Integer(n) => Some((vec![], vec![*n as f64])),
        toml::Value::Array(list) => {
            let parts: Vec<_> = list.iter().map(numbers).collect::<Option<_>>()?;
            let inner = parts.first()?.0.clone();
            if parts.iter().any(|(shape, _)| *shape != inner) {
                return None;
            }
            let shape = [&[list.len()], &inner[..]].concat();
            Some((shape, parts.into_iter().flat_map(|(_, values)| values).collect()))
        }
        _ => None,
    }
}
