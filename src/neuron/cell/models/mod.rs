//! The cells of circuits with the parameters people write: names, units and defaults as in PyNN, where it has them.
//!
//! Potentials are in mV, times in ms, currents in nA, capacities in nF, conductances in uS. The models of point neurons
//! without units (QIF, EIF, Izhikevich) take whatever units the equations agree on.

mod derived;
mod parameters;

pub use parameters::{
    EifCondExp, EifCurrExp, IfCondExp, IfCurrDelta, IfCurrExp, IfCurrExpThreshold, Izhikevich, QifCurrExp,
    SpikeSourcePoisson,
};

use serde::{Deserialize, Serialize};

use super::{Cell, flag};
use crate::error::{Error, Result};

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

macro_rules! cell_type_from {
    ($($model:ident),*) => {$(
        impl From<$model> for CellType {
            fn from(model: $model) -> Self {
                CellType::$model(model)
            }
        }
    )*};
}

cell_type_from!(
    IfCurrExp,
    IfCurrExpThreshold,
    IfCurrDelta,
    IfCondExp,
    EifCondExp,
    EifCurrExp,
    QifCurrExp,
    Izhikevich,
    SpikeSourcePoisson
);
