//! Numbers that are drawn: a table of equally likely values, so that every machine draws the same by whole numbers alone.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How numbers are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Distribution {
    /// All are this.
    Constant(f64),
    /// Between two numbers.
    Uniform {
        /// The least, and the largest.
        uniform: [f64; 2],
    },
    /// Gauss's bell; what is beyond limits becomes the nearer of them.
    Normal {
        /// Mean and standard deviation.
        normal: [f64; 2],
        /// The least, and the largest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clip: Option<[f64; 2]>,
    },
    /// Numbers whose logarithms are normal.
    Lognormal {
        /// Mean and standard deviation of the logarithms.
        lognormal: [f64; 2],
    },
}

/// Values of a table, and its logarithm: of what is not constant. Their standard deviation is within 0.1 % of the true one,
/// and none lies further out than 3.7 of them.
const VALUES_LOG: u32 = 12;

impl From<f64> for Distribution {
    fn from(value: f64) -> Self {
        Distribution::Constant(value)
    }
}

impl Distribution {
    /// Between two numbers.
    pub fn uniform(low: f64, high: f64) -> Self {
        Distribution::Uniform { uniform: [low, high] }
    }

    /// Gauss's bell.
    pub fn normal(mean: f64, deviation: f64) -> Self {
        Distribution::Normal { normal: [mean, deviation], clip: None }
    }

    /// Gauss's bell, within limits.
    pub fn clipped_normal(mean: f64, deviation: f64, low: f64, high: f64) -> Self {
        Distribution::Normal { normal: [mean, deviation], clip: Some([low, high]) }
    }

    /// The logarithm of how many values there are.
    pub(crate) fn log(&self) -> u32 {
        if matches!(self, Distribution::Constant(_)) { 0 } else { VALUES_LOG }
    }

    /// The values, ascending, each as likely as the others.
    pub(crate) fn values(&self) -> Vec<f64> {
        let count = 1u32 << self.log();
        (0..count).map(|n| self.quantile((f64::from(n) + 0.5) / f64::from(count))).collect()
    }

    fn quantile(&self, p: f64) -> f64 {
        match *self {
            Distribution::Constant(value) => value,
            Distribution::Uniform { uniform: [low, high] } => low + p * (high - low),
            Distribution::Normal { normal: [mean, deviation], clip } => {
                let value = mean + deviation * normal_quantile(p);
                clip.map_or(value, |[low, high]| value.clamp(low, high))
            }
            Distribution::Lognormal { lognormal: [mean, deviation] } => (mean + deviation * normal_quantile(p)).exp(),
        }
    }

    /// Checks its parameters; `what` says of what.
    pub(super) fn check(&self, what: &str) -> Result<()> {
        let (parameters, fits) = match *self {
            Distribution::Constant(value) => (vec![value], true),
            Distribution::Uniform { uniform: [low, high] } => (vec![low, high], low <= high),
            Distribution::Normal { normal: [mean, deviation], clip } => {
                let [low, high] = clip.unwrap_or_default();
                (vec![mean, deviation, low, high], deviation >= 0.0 && low <= high)
            }
            Distribution::Lognormal { lognormal: [mean, deviation] } => (vec![mean, deviation], deviation >= 0.0),
        };
        if !fits || parameters.iter().any(|x| !x.is_finite()) {
            let expected = "finite numbers, limits in order, no deviation below zero";
            return Err(Error::Request(format!("{what}: expected {expected}, got {parameters:?}")));
        }
        Ok(())
    }
}

/// The number that a normal one is below with probability `p` (Acklam's rational approximation, off by at most 1.2e-9).
fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239e0,
    ];
    const B: [f64; 6] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838e0,
        -2.549732539343734e0,
        4.374664141464968e0,
        2.938163982698783e0,
    ];
    const D: [f64; 5] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996e0, 3.754408661907416e0, 1.0];
    let polynomial = |terms: &[f64], x: f64| terms.iter().fold(0.0, |sum, term| sum * x + term);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    };
    const TAIL: f64 = 0.02425;
    if p < TAIL {
        tail(p)
    } else if p > 1.0 - TAIL {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        polynomial(&A, q * q) * q / polynomial(&B, q * q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_the_moments_of_their_distributions() {
        let moments = |distribution: Distribution| {
            let values = distribution.values();
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
        };
        let near = |(mean, deviation): (f64, f64), expected: (f64, f64)| {
            assert!((mean - expected.0).abs() < 2e-3 && (deviation - expected.1).abs() < 2e-3, "{mean} {deviation}");
        };
        near(moments(Distribution::normal(3.0, 1.0)), (3.0, 1.0));
        near(moments(Distribution::uniform(0.0, 1.0)), (0.5, 1.0 / 12f64.sqrt()));
        near(moments(Distribution::Lognormal { lognormal: [0.0, 0.25] }), (1.03174, 0.26206));
        near(moments(2.0.into()), (2.0, 0.0));
        // A published value: 97.5 % are below 1.959964.
        assert!((normal_quantile(0.975) - 1.959_963_985).abs() < 1e-8);
    }
}
