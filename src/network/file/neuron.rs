//! Populations of neurons in a network file: which keys name which parameter, in both directions.

use toml::Value;

use super::keys::{Keys, Numbers};
use crate::error::Result;
use crate::neuron::rules::{InputGain, Reset};
use crate::neuron::{
    CubaLi, CubaLif, Decay, If, Integrator, Li, Lif, Model, Neuron, Param, ParametricLif, RuleChanges, Threshold,
};

/// One parameter of a model.
pub(super) enum Field<'a> {
    /// Just a value.
    Plain(&'a mut Param),
    /// A value that may be left to the rules.
    Optional(&'a mut Option<Param>),
    /// A time constant, or the decay itself.
    Decay(&'a mut Decay),
    /// The learned parameter of [`ParametricLif`], or the time constant in steps.
    Learned(&'a mut Param),
}

type Spelling = &'static [&'static str];

const MEMBRANE: Spelling = &["tau", "tau_mem", "decay", "decay_mem", "beta"];
const SYNAPSE: Spelling = &["tau_syn", "decay_syn", "alpha"];
const LEARNED: Spelling = &["w", "tau"];
const R: Spelling = &["r"];
const W_IN: Spelling = &["w_in"];
const V_LEAK: Spelling = &["v_leak"];
const THRESHOLD: Spelling = &["threshold"];
const V_RESET: Spelling = &["v_reset"];

/// Every parameter of a model, with the keys that may name it; the first is the one we write.
pub(super) fn fields(model: &mut Model) -> Vec<(Spelling, Field<'_>)> {
    use Field::{Decay, Learned, Optional, Plain};
    match model {
        Model::If(m) => {
            vec![(R, Plain(&mut m.r)), (THRESHOLD, Plain(&mut m.threshold)), (V_RESET, Plain(&mut m.v_reset))]
        }
        Model::Lif(m) => vec![
            (MEMBRANE, Decay(&mut m.decay)),
            (R, Plain(&mut m.r)),
            (V_LEAK, Optional(&mut m.v_leak)),
            (THRESHOLD, Plain(&mut m.threshold)),
            (V_RESET, Plain(&mut m.v_reset)),
        ],
        Model::ParametricLif(m) => vec![
            (LEARNED, Learned(&mut m.w)),
            (V_LEAK, Optional(&mut m.v_leak)),
            (THRESHOLD, Plain(&mut m.threshold)),
            (V_RESET, Plain(&mut m.v_reset)),
        ],
        Model::CubaLif(m) => vec![
            (SYNAPSE, Decay(&mut m.decay_syn)),
            (MEMBRANE, Decay(&mut m.decay_mem)),
            (W_IN, Plain(&mut m.w_in)),
            (R, Plain(&mut m.r)),
            (V_LEAK, Optional(&mut m.v_leak)),
            (THRESHOLD, Plain(&mut m.threshold)),
            (V_RESET, Plain(&mut m.v_reset)),
        ],
        Model::Li(m) => {
            vec![(MEMBRANE, Decay(&mut m.decay)), (R, Plain(&mut m.r)), (V_LEAK, Plain(&mut m.v_leak))]
        }
        Model::CubaLi(m) => vec![
            (SYNAPSE, Decay(&mut m.decay_syn)),
            (MEMBRANE, Decay(&mut m.decay_mem)),
            (W_IN, Plain(&mut m.w_in)),
            (R, Plain(&mut m.r)),
            (V_LEAK, Plain(&mut m.v_leak)),
        ],
        Model::Integrator(m) => vec![(R, Plain(&mut m.r))],
        Model::Threshold(m) => vec![(THRESHOLD, Plain(&mut m.threshold))],
    }
}

/// The model of that name with its default parameters.
pub(super) fn model(kind: &str) -> Option<Model> {
    Some(match kind {
        "if" => Model::If(If::default()),
        "lif" => Model::Lif(Lif::default()),
        "plif" => Model::ParametricLif(ParametricLif::default()),
        "cuba_lif" => Model::CubaLif(CubaLif::default()),
        "li" => Model::Li(Li::default()),
        "cuba_li" => Model::CubaLi(CubaLi::default()),
        "integrator" => Model::Integrator(Integrator::default()),
        "threshold" => Model::Threshold(Threshold::default()),
        _ => return None,
    })
}

/// The keys a population may have beside those of every layer.
pub(super) fn allowed(mut model: Model) -> Vec<&'static str> {
    let leaks = model.affine().leak.is_some();
    let mut keys: Vec<&str> = fields(&mut model).iter().flat_map(|(spelling, _)| spelling.iter().copied()).collect();
    keys.extend(leaks.then_some("decay_input"));
    keys.extend(["recurrent", "learn"]);
    keys.extend(RuleChanges::KEYS);
    keys
}

/// Reads a population; `tensors` gets the key and the name of every parameter that is to come from the weights.
pub(super) fn read(mut model: Model, keys: &mut Keys, tensors: &mut Vec<(&'static str, String)>) -> Result<Neuron> {
    let mut soft = false;
    for (spelling, field) in fields(&mut model) {
        let given: Vec<&'static str> = spelling.iter().copied().filter(|key| keys.has(key)).collect();
        if let [one, other, ..] = given[..] {
            return Err(keys.fail(format!("`{one}` and `{other}` name the same parameter: give one of them")));
        }
        for key in given {
            match keys.take(key) {
                Some(Value::String(word)) if key == "v_reset" && word == "none" => soft = true,
                Some(Value::String(name)) => tensors.push((key, name)),
                Some(value) => {
                    let param = Param::from(keys.as_numbers(key, &value)?);
                    set(field, key, param).map_err(|message| keys.fail_at(key, message))?;
                    break;
                }
                None => {}
            }
        }
    }
    let v_init = initial(keys, tensors)?;
    let mut rules = keys.rules()?;
    if soft {
        if rules.reset.is_some_and(|r| r != Reset::Subtract) {
            return Err(keys.fail("`v_reset = \"none\"` means `reset = \"subtract\"`, but `reset` says something else"));
        }
        rules.reset = Some(Reset::Subtract);
    }
    if let Some(scaled) = keys.flag("decay_input")? {
        if rules.input_gain.is_some() {
            return Err(keys.fail("`decay_input` and `input_gain` say the same thing: give one of them"));
        }
        rules.input_gain = Some(if scaled { InputGain::DtOverTau } else { InputGain::R });
    }
    let learn = learned(&mut model, keys)?;
    Ok(Neuron { model, rules, v_init, learn })
}

/// The names of the parameters that are learned.
fn learned(model: &mut Model, keys: &mut Keys) -> Result<Vec<String>> {
    let Some(value) = keys.take("learn") else { return Ok(Vec::new()) };
    let list = value.as_array().map(|list| list.iter().map(Value::as_str).collect::<Option<Vec<&str>>>());
    let Some(Some(list)) = list else {
        return Err(keys.fail_at("learn", "expected a list of names of parameters"));
    };
    if let Some(name) = list.iter().find(|name| param_mut(model, name).is_none()) {
        let message =
            format!("there is no parameter `{name}` that could be learned: there are {}", names(model).join(", "));
        return Err(keys.fail_at("learn", message));
    }
    Ok(list.into_iter().map(String::from).collect())
}

/// The names of a model's parameters.
pub(crate) fn names(model: &mut Model) -> Vec<&'static str> {
    fields(model).iter().map(|(spelling, _)| spelling[0]).collect()
}

/// A parameter by one of its names.
pub(crate) fn param_mut<'a>(model: &'a mut Model, name: &str) -> Option<&'a mut Param> {
    let (_, field) = fields(model).into_iter().find(|(spelling, _)| spelling.contains(&name))?;
    match field {
        Field::Plain(param) | Field::Learned(param) => Some(param),
        Field::Optional(param) => param.as_mut(),
        Field::Decay(Decay::Tau(param) | Decay::Factor(param)) => Some(param),
    }
}

/// Potentials before the first step, as a list or a tensor; a number or one of the words is the rule `v_init`.
fn initial(keys: &mut Keys, tensors: &mut Vec<(&'static str, String)>) -> Result<Option<Param>> {
    match keys.take("v_init") {
        Some(Value::String(name)) if !["zero", "v_reset", "v_leak"].contains(&name.as_str()) => {
            tensors.push(("v_init", name));
            Ok(None)
        }
        Some(list @ Value::Array(_)) => Ok(Some(Param::from(keys.as_numbers("v_init", &list)?))),
        Some(rule) => {
            keys.put("v_init", rule);
            Ok(None)
        }
        None => Ok(None),
    }
}

/// Sets the parameter that `key` names, as when it comes from a tensor.
pub(in crate::network) fn set_parameter(neuron: &mut Neuron, key: &str, param: Param) -> Result<(), String> {
    if key == "v_init" {
        neuron.v_init = Some(param);
        return Ok(());
    }
    let field = fields(&mut neuron.model).into_iter().find(|(spelling, _)| spelling.contains(&key));
    match field {
        Some((_, field)) => set(field, key, param),
        None => Err(format!("there is no parameter `{key}`")),
    }
}

fn set(field: Field, key: &str, param: Param) -> Result<(), String> {
    match field {
        Field::Plain(place) => *place = param,
        Field::Optional(place) => *place = Some(param),
        Field::Decay(place) if key.starts_with("tau") => *place = Decay::Tau(param),
        Field::Decay(place) => *place = Decay::Factor(param),
        Field::Learned(place) if key == "w" => *place = param,
        Field::Learned(place) => {
            if let Some(bad) = param.values().iter().find(|&&tau| tau.is_nan() || tau <= 1.0) {
                return Err(format!("expected a time constant above one step, got {bad}"));
            }
            // tau = 1 + exp(-w)
            *place = param.map(|tau| -(tau - 1.0).ln());
        }
    }
    Ok(())
}

impl From<Numbers> for Param {
    fn from(numbers: Numbers) -> Param {
        match (numbers.shape.is_empty(), numbers.values.first()) {
            (true, Some(&value)) => Param::Shared(value),
            _ => Param::Each { shape: numbers.shape, values: numbers.values },
        }
    }
}
