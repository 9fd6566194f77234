//! Parameters as people give them: one for all neurons, one per channel, or one per neuron.

use crate::error::{Error, Result};

/// A parameter of a population, in f64 and rounded once when the coefficients are made.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// One value for all neurons.
    Shared(f64),
    /// Values with their shape: `[channels]`, `[channels, 1, 1]`, or the shape of the population.
    Each {
        /// The shape of the values.
        shape: Vec<usize>,
        /// The values, row-major.
        values: Vec<f64>,
    },
}

impl From<f64> for Param {
    fn from(value: f64) -> Self {
        Param::Shared(value)
    }
}

impl From<Vec<f64>> for Param {
    fn from(values: Vec<f64>) -> Self {
        Param::Each { shape: vec![values.len()], values }
    }
}

/// A decay per step: from a time constant, or as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Decay {
    /// A time constant in the unit of dt (seconds, or steps where dt is 1).
    Tau(Param),
    /// The factor itself (snnTorch `beta`, `alpha`).
    Factor(Param),
}

/// How finely a parameter varies over a population.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grain {
    /// One for all.
    Shared,
    /// One per channel.
    Channel,
    /// One per neuron.
    Neuron,
}

impl Param {
    /// How finely this varies over a population of `shape` (channels first).
    ///
    /// # Errors
    /// Where the values fit neither the channels nor the neurons.
    pub fn grain(&self, what: &str, shape: &[usize]) -> Result<Grain> {
        let Param::Each { shape: own, values } = self else { return Ok(Grain::Shared) };
        let neurons: usize = shape.iter().product();
        let channels = shape.first().copied().unwrap_or(1);
        if own.iter().product::<usize>() != values.len() {
            return Err(Error::Request(format!("{what} has shape {own:?} but {} values", values.len())));
        }
        let trimmed = trim_ones(own);
        if values.len() == 1 {
            Ok(Grain::Shared)
        } else if trimmed == trim_ones(shape) && values.len() == neurons {
            Ok(if shape.len() == 1 || neurons == channels { Grain::Channel } else { Grain::Neuron })
        } else if trimmed == [channels] && (own.len() == 1 || own.len() == shape.len() && own[0] == channels) {
            Ok(Grain::Channel)
        } else {
            Err(Error::Request(format!(
                "{what} has shape {own:?}, expected one value, one per channel ({channels}) or one per neuron {shape:?}"
            )))
        }
    }

    /// The value for a neuron: `channel` and the row-major `index` over the population.
    pub fn at(&self, channel: usize, index: usize, channels: usize) -> f64 {
        match self {
            Param::Shared(value) => *value,
            Param::Each { values, .. } if values.len() == 1 => values[0],
            Param::Each { values, .. } if values.len() == channels => values[channel],
            Param::Each { values, .. } => values[index],
        }
    }

    /// All values, for checks.
    pub fn values(&self) -> &[f64] {
        match self {
            Param::Shared(value) => std::slice::from_ref(value),
            Param::Each { values, .. } => values,
        }
    }

    /// Each value changed by `f`.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Param {
        match self {
            Param::Shared(value) => Param::Shared(f(*value)),
            Param::Each { shape, values } => {
                Param::Each { shape: shape.clone(), values: values.iter().map(|&v| f(v)).collect() }
            }
        }
    }
}

/// A shape without its axes of extent one, which is how scalars and `[c, 1, 1]` come.
fn trim_ones(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|&d| d != 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grain_follows_the_shape() {
        let each = |shape: &[usize]| Param::Each { shape: shape.to_vec(), values: vec![0.5; shape.iter().product()] };
        let population = [4, 3, 3];
        assert_eq!(Param::Shared(1.0).grain("tau", &population).unwrap(), Grain::Shared);
        assert_eq!(each(&[1]).grain("tau", &population).unwrap(), Grain::Shared);
        assert_eq!(each(&[4]).grain("tau", &population).unwrap(), Grain::Channel);
        assert_eq!(each(&[4, 1, 1]).grain("tau", &population).unwrap(), Grain::Channel);
        assert_eq!(each(&[4, 3, 3]).grain("tau", &population).unwrap(), Grain::Neuron);
        assert_eq!(each(&[24]).grain("tau", &[24]).unwrap(), Grain::Channel);
        let error = each(&[5]).grain("tau", &population).unwrap_err().to_string();
        assert!(error.contains("[5]") && error.contains("(4)"), "{error}");
    }
}
