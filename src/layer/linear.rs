//! Fully connected layer.

use crate::error::{Error, Result};
use crate::tensor::{Shape, Tensor, shape_text};

/// `y = W x + b` over the whole input of a step, flattened channels first.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// Output features.
    pub out_features: usize,
    /// Whether there is a bias.
    pub has_bias: bool,
    /// Weights `[out, in]`.
    pub weight: Option<Tensor>,
    /// Bias `[out]`.
    pub bias: Option<Tensor>,
}

impl Linear {
    /// With bias, weights to be loaded.
    pub fn new(out_features: usize) -> Self {
        Linear { out_features, has_bias: true, weight: None, bias: None }
    }

    /// Checks the weights against an input shape; returns the output shape.
    ///
    /// # Errors
    /// [`Error::Layer`] naming what does not fit.
    pub fn output_shape(&self, name: &str, input: &[usize]) -> Result<Shape> {
        let weight = self.weight.as_ref().map(Tensor::shape);
        output_shape(name, self.out_features, input, weight, self.bias.as_ref())
    }
}

/// The output shape of a fully connected layer, whose weights are of the shape `weight`.
///
/// # Errors
/// [`Error::Layer`] naming what does not fit.
pub(super) fn output_shape(
    name: &str,
    out_features: usize,
    input: &[usize],
    weight: Option<&[usize]>,
    bias: Option<&Tensor>,
) -> Result<Shape> {
    let features: usize = input.iter().product();
    if out_features == 0 {
        return Err(Error::layer(name, "expected at least one output feature, got 0"));
    }
    if let Some(weight) = weight
        && weight != [out_features, features]
    {
        let (input, expected) = (shape_text(input), [out_features, features]);
        let message = format!("expected weights of shape {expected:?} for an input of {input}, got {weight:?}");
        return Err(Error::layer(name, message));
    }
    if let Some(bias) = bias
        && bias.len() != out_features
    {
        return Err(Error::layer(name, format!("expected {out_features} biases, got {}", bias.len())));
    }
    Ok(vec![out_features])
}
