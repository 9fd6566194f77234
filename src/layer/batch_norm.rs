//! Batch normalisation with running statistics: at inference, a factor and an offset per channel.

use super::loaded;
use crate::error::{Error, Result};
use crate::tensor::{Shape, Tensor};

/// `y = (x - mean) / sqrt(var + eps) * weight + bias`, per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f64,
    /// The share that the running statistics take of those of a batch in training, from 0 to 1:
    /// `running += momentum * (batch - running)`, where the variance of the batch is the unbiased one, as PyTorch has it.
    pub momentum: f64,
    /// Factor per channel; `None`: 1.
    pub weight: Option<Tensor>,
    /// Offset per channel; `None`: 0.
    pub bias: Option<Tensor>,
    /// Running mean per channel.
    pub running_mean: Option<Tensor>,
    /// Running variance per channel.
    pub running_var: Option<Tensor>,
    /// Whether weight and bias are trained parameters.
    pub affine: bool,
}

impl Default for BatchNorm {
    fn default() -> Self {
        BatchNorm {
            eps: 1e-5,
            momentum: 0.1,
            weight: None,
            bias: None,
            running_mean: None,
            running_var: None,
            affine: true,
        }
    }
}

impl BatchNorm {
    /// Checks the numbers, and the statistics against an input shape; the shape stays.
    ///
    /// # Errors
    /// [`Error::Layer`] naming what does not fit.
    pub fn output_shape(&self, name: &str, input: &[usize]) -> Result<Shape> {
        for (what, fault) in [("eps", self.eps_fault()), ("momentum", self.momentum_fault())] {
            if let Some(fault) = fault {
                return Err(Error::layer(name, format!("`{what}`: {fault}")));
            }
        }
        let channels = input.first().copied().unwrap_or(0);
        for (what, tensor) in [
            ("weight", &self.weight),
            ("bias", &self.bias),
            ("running_mean", &self.running_mean),
            ("running_var", &self.running_var),
        ] {
            if let Some(t) = tensor
                && t.len() != channels
            {
                return Err(Error::layer(name, format!("expected {channels} values of {what}, got {}", t.len())));
            }
        }
        if let Some(var) = &self.running_var
            && let Some(bad) = var.data().iter().find(|&&v| v.is_nan() || f64::from(v) + self.eps <= 0.0)
        {
            return Err(Error::layer(name, format!("expected a running_var above zero, got {bad}")));
        }
        Ok(input.to_vec())
    }

    /// What is wrong with eps.
    pub(crate) fn eps_fault(&self) -> Option<String> {
        let good = self.eps.is_finite() && self.eps >= 0.0;
        (!good).then(|| format!("expected at least 0, got {}", self.eps))
    }

    /// What is wrong with the momentum.
    pub(crate) fn momentum_fault(&self) -> Option<String> {
        let good = (0.0..=1.0).contains(&self.momentum);
        (!good).then(|| format!("expected from 0 to 1, got {}", self.momentum))
    }

    /// The factor and the offset of each channel, in f64.
    ///
    /// # Errors
    /// [`Error::Layer`] where there are no statistics yet.
    pub fn factors(&self, name: &str) -> Result<Vec<(f64, f64)>> {
        let mean = loaded(name, "running_mean", &self.running_mean)?;
        let var = loaded(name, "running_var", &self.running_var)?;
        let get = |t: &Option<Tensor>, c: usize, default: f64| t.as_ref().map_or(default, |t| f64::from(t.data()[c]));
        Ok((0..mean.len())
            .map(|c| {
                let factor = get(&self.weight, c, 1.0) / (f64::from(var.data()[c]) + self.eps).sqrt();
                (factor, get(&self.bias, c, 0.0) - f64::from(mean.data()[c]) * factor)
            })
            .collect())
    }
}
