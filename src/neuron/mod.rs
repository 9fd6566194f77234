//! The mathematics of one neuron.
//!
//! Nearly every published neuron is affine in its state and input, so all of these are one core ([`affine`]) with
//! coefficients that the host derives from people's parameters, and a few flags. Each model is a struct in `models` with
//! the parameters people write; [`Rules`] hold the choices in which frameworks differ.
//!
//! With input `x`, potential `v` after the last step, current `i`, potential `h` before the threshold test:
//!
//! ```text
//! i  = a_i i + b_i x                     where there is a synaptic current; else i = x
//! h  = v + k (i - (v - v_leak))          or  h = a v + b i + c
//! s  = [h >= theta]  or  [h > theta]     or  trunc(h / theta) where several spikes are allowed
//! v  = v_reset where s, else h           or  h - s theta
//! ```
//!
//! # How to add a neuron model
//!
//! If it is affine: a struct in `models.rs` with its parameters and `fn affine(&self) -> Affine`, a variant of [`Model`], and
//! a line in each `match` on it, which the compiler names; reading it from TOML (`network/file/neuron.rs`) and from NIR
//! (`io/nir/convert.rs`), and writing it to NIR (`io/nir/export/neurons.rs`).

pub mod affine;
pub mod backward;
pub mod bind;
pub mod cell;
pub mod rules;
pub mod surrogate;

mod models;
pub(crate) mod param;

pub use models::{CubaLi, CubaLif, If, Integrator, Li, Lif, ParametricLif, Threshold};
pub use param::{Decay, Param};
pub use rules::{Dialect, RuleChanges, Rules};

use bind::Affine;

/// A population of neurons of one kind: the model with its parameters, and what differs from the network's rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Neuron {
    /// The model and its parameters.
    pub model: Model,
    /// Choices that differ from the network's dialect for this population alone.
    pub rules: RuleChanges,
    /// Potentials before the first step, where they are given neuron by neuron; `None`: as the rule `v_init` says.
    pub v_init: Option<Param>,
    /// The parameters that training changes besides those that a model always learns, by their names in files.
    pub learn: Vec<String>,
}

/// The neuron models.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// Integrate and fire.
    If(If),
    /// Leaky integrate and fire.
    Lif(Lif),
    /// Leaky integrate and fire with a learned time constant.
    ParametricLif(ParametricLif),
    /// Current-based leaky integrate and fire.
    CubaLif(CubaLif),
    /// Leaky integrator, a read-out: does not fire.
    Li(Li),
    /// Current-based leaky integrator, a read-out: does not fire.
    CubaLi(CubaLi),
    /// Integrator, a read-out: does not fire.
    Integrator(Integrator),
    /// Fires where its input is above threshold; without memory.
    Threshold(Threshold),
}

impl Model {
    /// The name used in files and listings.
    pub fn name(&self) -> &'static str {
        match self {
            Model::If(_) => "if",
            Model::Lif(_) => "lif",
            Model::ParametricLif(_) => "plif",
            Model::CubaLif(_) => "cuba_lif",
            Model::Li(_) => "li",
            Model::CubaLi(_) => "cuba_li",
            Model::Integrator(_) => "integrator",
            Model::Threshold(_) => "threshold",
        }
    }

    /// The model as the affine core sees it.
    pub(crate) fn affine(&self) -> Affine {
        match self {
            Model::If(m) => m.affine(),
            Model::Lif(m) => m.affine(),
            Model::ParametricLif(m) => m.affine(),
            Model::CubaLif(m) => m.affine(),
            Model::Li(m) => m.affine(),
            Model::CubaLi(m) => m.affine(),
            Model::Integrator(m) => m.affine(),
            Model::Threshold(m) => m.affine(),
        }
    }

    /// Whether the output is spikes; otherwise it is the potential.
    pub fn spikes(&self) -> bool {
        !matches!(self, Model::Li(_) | Model::CubaLi(_) | Model::Integrator(_))
    }
}

impl Neuron {
    /// The population as the affine core sees it.
    pub fn affine(&self) -> Affine {
        Affine { v_init: self.v_init.clone(), ..self.model.affine() }
    }

    /// This population with these potentials before the first step.
    pub fn starting_at(mut self, v_init: impl Into<Param>) -> Self {
        self.v_init = Some(v_init.into());
        self
    }

    /// The names of the parameters that training changes.
    pub fn learned(&self) -> Vec<&str> {
        let always: &[&str] = if matches!(self.model, Model::ParametricLif(_)) { &["w"] } else { &[] };
        let more = self.learn.iter().map(String::as_str).filter(|name| !always.contains(name));
        always.iter().copied().chain(more).collect()
    }

    /// This population, whose parameters of these names training changes.
    pub fn learning(mut self, names: &[&str]) -> Self {
        self.learn = names.iter().map(ToString::to_string).collect();
        self
    }

    /// This population with `changes` to its rules.
    pub fn with(mut self, changes: RuleChanges) -> Self {
        self.rules = changes.over(&self.rules);
        self
    }
}

macro_rules! neuron_from_model {
    ($($model:ident),*) => {$(
        impl From<$model> for Neuron {
            fn from(model: $model) -> Self {
                Neuron { model: Model::$model(model), rules: RuleChanges::default(), v_init: None, learn: Vec::new() }
            }
        }
    )*};
}
neuron_from_model!(If, Lif, ParametricLif, CubaLif, Li, CubaLi, Integrator, Threshold);
