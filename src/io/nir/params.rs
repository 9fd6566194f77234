//! The parameters of one primitive, taken out one by one and checked on the way.

use std::collections::BTreeMap;

use super::hdf5::{Array, Values};
use crate::error::{Error, Result};
use crate::neuron::Param;
use crate::tensor::{Shape, Tensor, shape_text};

/// A larger extent than this (kernel, stride, dimension, delay in steps) is taken for a mistake.
const MAX_EXTENT: f64 = (1 << 20) as f64;

/// What is left of a node's arrays.
pub(super) struct Params {
    /// The node.
    pub name: String,
    /// Its type.
    pub kind: String,
    arrays: BTreeMap<String, Array>,
    /// Shapes of the neuron parameters that were taken, to be checked against the input.
    pub declared: Vec<(&'static str, Shape)>,
}

impl Params {
    pub(super) fn new(name: String, kind: String, arrays: BTreeMap<String, Array>) -> Self {
        Params { name, kind, arrays, declared: Vec::new() }
    }

    /// An error about this node.
    pub(super) fn fail<T>(&self, message: impl std::fmt::Display) -> Result<T> {
        Err(Error::layer(&self.name, format!("{} {message}", self.kind)))
    }

    pub(super) fn has(&self, what: &str) -> bool {
        self.arrays.contains_key(what)
    }

    fn take(&mut self, what: &'static str) -> Result<Array> {
        match self.arrays.remove(what) {
            Some(array) => Ok(array),
            None => self.fail(format_args!("has no `{what}`")),
        }
    }

    /// Fails where a parameter was not taken: what it means is not known, so leaving it out could be wrong.
    pub(super) fn finish(&self) -> Result<()> {
        match self.arrays.keys().find(|name| *name != "metadata") {
            Some(name) => self.fail(format_args!("has a parameter `{name}` that is not in the specification")),
            None => Ok(()),
        }
    }

    /// Numbers, as they are.
    pub(super) fn numbers(&mut self, what: &'static str) -> Result<(Shape, Vec<f64>)> {
        let Array { shape, values } = self.take(what)?;
        let values = match values {
            Values::Numbers(values) => values,
            // Only arrays that are small by their nature come here; a large one would cost memory it never took.
            Values::Same(value) if shape.iter().product::<usize>() <= 1 << 16 => vec![value; shape.iter().product()],
            Values::Weights(values) => values.into_iter().map(f64::from).collect(),
            Values::Same(_) => return self.fail(format_args!("has a `{what}` of shape {}", shape_text(&shape))),
            Values::Text(_) => return self.fail(format_args!("needs numbers as `{what}`, got text")),
        };
        Ok((shape, values))
    }

    /// A parameter of neurons.
    pub(super) fn param(&mut self, what: &'static str) -> Result<Param> {
        let Array { shape, values } = self.take(what)?;
        if shape.iter().any(|&d| d != 1) {
            self.declared.push((what, shape.clone()));
        }
        match values {
            Values::Same(value) => Ok(Param::Shared(value)),
            Values::Numbers(values) if !values.is_empty() => Ok(Param::Each { shape, values }),
            _ => self.fail(format_args!("needs numbers as `{what}`, got shape {}", shape_text(&shape))),
        }
    }

    /// A parameter of neurons that old files leave out.
    pub(super) fn param_or(&mut self, what: &'static str, default: f64) -> Result<Param> {
        if self.has(what) { self.param(what) } else { Ok(default.into()) }
    }

    /// Weights, as they are.
    pub(super) fn tensor(&mut self, what: &'static str) -> Result<Tensor> {
        let Array { shape, values } = self.take(what)?;
        match values {
            Values::Weights(values) if !values.is_empty() => Tensor::new(shape, values),
            _ => self.fail(format_args!("needs numbers as `{what}`, got shape {}", shape_text(&shape))),
        }
    }

    /// The bias, if there is one: as many values as outputs, whatever axes of extent one it has besides.
    pub(super) fn bias(&mut self, outputs: usize) -> Result<Option<Tensor>> {
        if !self.has("bias") {
            return Ok(None);
        }
        let bias = self.tensor("bias")?;
        if bias.len() != outputs {
            return self.fail(format_args!("needs {outputs} biases, got shape {}", shape_text(bias.shape())));
        }
        bias.reshape([outputs]).map(Some)
    }

    /// One whole number per axis, from one for all or one each.
    pub(super) fn extents(&mut self, what: &'static str, axes: usize) -> Result<Vec<usize>> {
        let (shape, values) = self.numbers(what)?;
        match values.len() {
            1 => Ok(vec![self.extent(what, values[0])?; axes]),
            n if n == axes => values.into_iter().map(|v| self.extent(what, v)).collect(),
            _ => self.fail(format_args!("needs one or {axes} values as `{what}`, got shape {}", shape_text(&shape))),
        }
    }

    fn extent(&self, what: &str, value: f64) -> Result<usize> {
        if value.fract() == 0.0 && (0.0..=MAX_EXTENT).contains(&value) {
            Ok(value as usize)
        } else {
            self.fail(format_args!("needs whole numbers from 0 to {MAX_EXTENT} as `{what}`, got {value}"))
        }
    }

    /// One whole number, which may be negative.
    pub(super) fn integer(&mut self, what: &'static str) -> Result<i64> {
        let (shape, values) = self.numbers(what)?;
        match values[..] {
            [value] if value.fract() == 0.0 && value.abs() <= MAX_EXTENT => Ok(value as i64),
            _ => self.fail(format_args!("needs one whole number as `{what}`, got {values:?} ({})", shape_text(&shape))),
        }
    }

    /// A word, where the parameter is one.
    pub(super) fn word(&mut self, what: &'static str) -> Option<String> {
        match self.arrays.get(what).map(|a| &a.values) {
            Some(Values::Text(text)) if text.len() == 1 => {
                let word = text[0].clone();
                self.arrays.remove(what);
                Some(word)
            }
            _ => None,
        }
    }
}
