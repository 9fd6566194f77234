//! Neurons as NIR has them: in time constants, with whatever resistance makes a reader compute the same.
//!
//! A decay that is given becomes the time constant that has it in the reader's step, and the resistance is what undoes
//! the reader's factor on the input: just what the frameworks' exporters write. Whether it is right is not argued but
//! tried: the parameters are bound under the reader's rules and must give the same coefficients, to the bit.

use super::keys::{Population, hoisted, refuse};
use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::network::checkpoint::input_shapes;
use crate::network::{DialectChoice, Network};
use crate::neuron::affine::{Core, flag};
use crate::neuron::bind::{Affine, Firing, RowValues};
use crate::neuron::param::Grain;
use crate::neuron::rules::{Current, Form, Integrator, VInit};
use crate::neuron::{CubaLi, CubaLif, Decay, If, Li, Lif, Model, Neuron, Param, RuleChanges, Rules, Threshold};

/// A leak too small to change a 32-bit potential stands for none: a time constant is finite.
const SMALLEST_LEAK: f64 = 1.0 / (1 << 26) as f64;
/// A decay of exp(-256) is zero in 32 bits.
const LARGEST_LEAK: f64 = 256.0;
/// How many neighbours of a time constant are tried, where it does not round to the decay itself.
const NEIGHBOURS: usize = 8;

/// Gives every population of `plain` parameters for a reader with the time step `dt`, and the rules it needs to know;
/// refuses any but the dialect's unless `apart`.
pub(super) fn said(original: &Network, plain: &mut Network, dt: f64, apart: bool) -> Result<DialectChoice> {
    let shapes = input_shapes(plain)?;
    let mut neurons = Vec::new();
    for (i, node) in plain.nodes.iter_mut().enumerate() {
        if let (Layer::Neuron(neuron), Some(index)) = (&mut node.layer, original.node(&node.name)) {
            neurons.push((i, neuron.clone(), original.rules_at(index)));
            neuron.rules = RuleChanges::default();
        }
    }
    let old_dt = std::mem::replace(&mut plain.dt, dt);
    plain.rules = RuleChanges::default();
    let mut populations = Vec::new();
    for (index, neuron, rules) in neurons {
        let name = plain.nodes[index].name.clone();
        let base = plain.rules_at(index);
        let case = Case { affine: neuron.affine(), rules, dt: old_dt, shape: &shapes[index], base, new_dt: dt };
        let said = case.said(&neuron.model).map_err(|message| Error::layer(&name, message))?;
        let affine = said.model.affine();
        populations.push(Population::new(name, affine, base, said.rules, said.core, shapes[index].clone(), dt)?);
        plain.nodes[index].layer =
            Layer::Neuron(Neuron { model: said.model, rules: RuleChanges::default(), v_init: None, learn: Vec::new() });
    }
    if !apart {
        refuse(&populations, plain.dialect)?;
    }
    let (rules, nodes) = hoisted(&populations)?;
    plain.rules = rules;
    for node in &mut plain.nodes {
        if let (Layer::Neuron(neuron), Some(changes)) = (&mut node.layer, nodes.get(&node.name)) {
            neuron.rules = *changes;
        }
    }
    Ok(DialectChoice { dialect: Some(plain.dialect), dt: Some(dt), rules, nodes })
}

/// A population as it is to be written, the rules that it needs, and what it then computes with.
struct Said {
    model: Model,
    rules: Rules,
    core: Core,
}

/// A population as it is, and what a reader assumes.
struct Case<'a> {
    affine: Affine,
    rules: Rules,
    dt: f64,
    shape: &'a [usize],
    base: Rules,
    new_dt: f64,
}

/// The parameters of one neuron (or channel, or all).
#[derive(Clone, Copy)]
struct Parameters {
    tau: f64,
    r: f64,
    v_leak: f64,
    threshold: f64,
    v_reset: f64,
    tau_syn: f64,
    w_in: f64,
}

impl Case<'_> {
    fn said(&self, model: &Model) -> Result<Said, String> {
        let core = self.affine.bind(&self.rules, self.dt, self.shape).map_err(|e| e.to_string())?;
        let channels = self.shape.first().copied().unwrap_or(1);
        let neurons: usize = self.shape.iter().product();
        let per_channel = (neurons / channels.max(1)).max(1);
        let place = |row: usize| match core.grain {
            Grain::Shared => (0, 0),
            Grain::Channel => (row, row * per_channel),
            Grain::Neuron => (row / per_channel, row),
        };
        let places: Vec<(usize, usize)> = (0..core.rows.len()).map(place).collect();
        for mut rules in self.candidates(&core) {
            let mut rows = Vec::with_capacity(places.len());
            for &at in &places {
                rows.push(self.parameters(&rules, channels, at)?);
            }
            let model = rebuilt(model, &rows, core.grain, self.shape);
            rules.v_init = self.v_init(&rules, &model.affine(), channels, &places)?;
            let bound = model.affine().bind(&rules, self.new_dt, self.shape).map_err(|e| e.to_string())?;
            if super::same::cores(&core, &bound, self.shape) {
                return Ok(Said { model, rules, core });
            }
        }
        Err(format!(
            "there are no NIR parameters for a step of {:e} s that give its coefficients to the bit: try another time \
             step (`--nir-dt {:e}` keeps the time constants as they are)",
            self.new_dt, self.dt
        ))
    }

    /// The rules to try: those a reader assumes for what a resistance or weight can make up for, then those there are.
    fn candidates(&self, core: &Core) -> [Rules; 2] {
        let leak = core.flags & (flag::FORM_LEAK_ALL | flag::FORM_LEAK_POTENTIAL) != 0;
        let form = match self.affine.leak {
            None => self.base.form,
            Some(_) if leak => Form::Leak,
            Some(_) => Form::Factor,
        };
        let own = Rules { form, ..self.rules };
        let filters = self.base.current == Current::Filter && own.current == Current::Jump;
        let current = if filters { Current::Filter } else { own.current };
        [Rules { input_gain: self.base.input_gain, if_gain: self.base.if_gain, current, ..own }, own]
    }

    fn parameters(&self, rules: &Rules, channels: usize, at: (usize, usize)) -> Result<Parameters, String> {
        let old = self.affine.row(&self.rules, self.dt, channels, at);
        let get = |p: &Param| p.at(at.0, at.1, channels);
        let step = if self.affine.leak_in_steps { 1.0 } else { self.dt };
        let exponential = rules.integrator == Integrator::Exponential;
        let mut new = Parameters {
            tau: 1.0,
            r: old.r,
            v_leak: if old.k == 0.0 { 0.0 } else { old.v_leak },
            threshold: old.threshold,
            v_reset: old.v_reset,
            tau_syn: 1.0,
            w_in: 1.0,
        };
        if let Some(leak) = &self.affine.leak {
            let tau = time_constant(leak, &get, (old.k, old.decay), self.new_dt, step, exponential)?;
            let fits = |tau: f64| {
                let row = self.trial(rules, &Parameters { tau, ..new });
                (row.k as f32, row.decay as f32) == (old.k as f32, old.decay as f32)
            };
            new.tau = nearest(tau, fits);
        }
        if let Some((leak, w_in)) = &self.affine.synapse {
            // What is kept is whole where the current decays after the membrane has seen it.
            let keep = old.current_keep * old.current_decay;
            let tau = time_constant(leak, &get, (1.0 - keep, keep), self.new_dt, self.dt, exponential)?;
            let fits = |tau_syn: f64| {
                let row = self.trial(rules, &Parameters { tau_syn, ..new });
                (row.current_keep as f32, row.current_decay as f32)
                    == (old.current_keep as f32, old.current_decay as f32)
            };
            new.tau_syn = nearest(tau, fits);
            let gain = self.trial(rules, &new).current_input;
            new.w_in = factor(gain, get(w_in), old.current_input);
        }
        new.r = factor(self.trial(rules, &new).gain, old.r, old.gain * old.r);
        Ok(new)
    }

    /// What a reader makes of these parameters, with a resistance and an input weight of one.
    fn trial(&self, rules: &Rules, p: &Parameters) -> RowValues {
        let affine = Affine {
            leak: self.affine.leak.as_ref().map(|_| Decay::Tau(p.tau.into())),
            v_leak: Some(p.v_leak.into()),
            synapse: self.affine.synapse.as_ref().map(|_| (Decay::Tau(p.tau_syn.into()), 1.0.into())),
            firing: self
                .affine
                .firing
                .as_ref()
                .map(|_| Firing { threshold: p.threshold.into(), v_reset: p.v_reset.into() }),
            memoryless: self.affine.memoryless,
            ..Affine::integrator()
        };
        affine.row(rules, self.new_dt, 1, (0, 0))
    }

    /// The rule for the potential before the first step: NIR holds none, so potentials that are given must be a rule.
    fn v_init(
        &self,
        rules: &Rules,
        said: &Affine,
        channels: usize,
        places: &[(usize, usize)],
    ) -> Result<VInit, String> {
        let given = |&at: &(usize, usize)| self.affine.row(&self.rules, self.dt, channels, at).v_init as f32;
        let assumed = |&at: &(usize, usize)| said.row(rules, self.new_dt, channels, at).v_init as f32;
        let Some(first) = places.first() else { return Ok(rules.v_init) };
        if places.iter().all(|at| given(at) == assumed(at)) {
            Ok(rules.v_init)
        } else if places.iter().all(|at| given(at) == given(first)) {
            Ok(VInit::Value(f64::from(given(first))))
        } else {
            Err("starts at potentials that differ from neuron to neuron, and NIR holds none: start all at one, by the \
                 rule `v_init`"
                .into())
        }
    }
}

/// The time constant that a leak has in a step of `dt`; `step` is the unit of the one it has.
fn time_constant(
    leak: &Decay,
    get: &impl Fn(&Param) -> f64,
    (k, decay): (f64, f64),
    dt: f64,
    step: f64,
    exponential: bool,
) -> Result<f64, String> {
    match leak {
        Decay::Tau(tau) if dt == step => Ok(get(tau)),
        Decay::Tau(tau) => Ok(get(tau) * (dt / step)),
        Decay::Factor(_) if decay > 1.0 => {
            Err(format!("has a decay of {decay}: it grows, and no time constant of NIR does that"))
        }
        Decay::Factor(_) if exponential && decay < 0.0 => {
            Err(format!("has a decay of {decay}, which no time constant has in this dialect"))
        }
        Decay::Factor(_) if exponential => Ok(dt / (-decay.ln()).clamp(SMALLEST_LEAK, LARGEST_LEAK)),
        Decay::Factor(_) => Ok(dt / k.max(SMALLEST_LEAK)),
    }
}

/// What makes `product` of `gain`: `own` where it does.
fn factor(gain: f64, own: f64, product: f64) -> f64 {
    if gain * own == product {
        return own;
    }
    nearest(product / gain, |x| (gain * x) as f32 == product as f32)
}

/// The number nearest to `start` that fits, or `start`.
fn nearest(start: f64, fits: impl Fn(f64) -> bool) -> f64 {
    let (mut below, mut above) = (start, start);
    for _ in 0..NEIGHBOURS {
        if let Some(fit) = [below, above].into_iter().find(|&x| fits(x)) {
            return fit;
        }
        (below, above) = (below.next_down(), above.next_up());
    }
    start
}

/// The model as NIR has it, with these parameters.
fn rebuilt(model: &Model, rows: &[Parameters], grain: Grain, shape: &[usize]) -> Model {
    let param = |of: fn(&Parameters) -> f64| {
        let values: Vec<f64> = rows.iter().map(of).collect();
        match values.first() {
            Some(&first) if values.iter().all(|v| v.to_bits() == first.to_bits()) => Param::Shared(first),
            _ if grain == Grain::Channel => values.into(),
            _ => Param::Each { shape: shape.to_vec(), values },
        }
    };
    let (r, v_leak) = (param(|p| p.r), param(|p| p.v_leak));
    let (threshold, v_reset) = (param(|p| p.threshold), param(|p| p.v_reset));
    let (decay, decay_syn) = (Decay::Tau(param(|p| p.tau)), Decay::Tau(param(|p| p.tau_syn)));
    let w_in = param(|p| p.w_in);
    match model {
        Model::If(_) => Model::If(If { r, threshold, v_reset }),
        Model::Lif(_) | Model::ParametricLif(_) => {
            Model::Lif(Lif { decay, r, v_leak: Some(v_leak), threshold, v_reset })
        }
        Model::CubaLif(_) => {
            Model::CubaLif(CubaLif { decay_syn, decay_mem: decay, w_in, r, v_leak: Some(v_leak), threshold, v_reset })
        }
        Model::Li(_) => Model::Li(Li { decay, r, v_leak }),
        Model::CubaLi(_) => Model::CubaLi(CubaLi { decay_syn, decay_mem: decay, w_in, r, v_leak }),
        Model::Integrator(_) => Model::Integrator(crate::neuron::Integrator { r }),
        Model::Threshold(_) => Model::Threshold(Threshold { threshold }),
    }
}
