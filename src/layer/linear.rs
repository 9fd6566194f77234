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
        let features: usize = input.iter().product();
        if self.out_features == 0 {
            return Err(Error::layer(name, "expected at least one output feature, got 0"));
        }
        if let Some(weight) = &self.weight
            && weight.shape() != [self.out_features, features]
        {
            return Err(Error::layer(
                name,
                format!(
                    "expected weights of shape [{}, {features}] for an input of {}, got {:?}",
                    self.out_features,
                    shape_text(input),
                    weight.shape()
                ),
            ));
        }
        if let Some(bias) = &self.bias
            && bias.len() != self.out_features
        {
            return Err(Error::layer(name, format!("expected {} biases, got {}", self.out_features, bias.len())));
        }
        Ok(vec![self.out_features])
    }
}
