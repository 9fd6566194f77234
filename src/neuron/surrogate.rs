//! What stands for the derivative of a spike, which has none: smooth functions of the distance from threshold.
//!
//! With `x = h - theta` and a parameter `a`; `y` is the smooth spike whose derivative is meant.
//!
//! | name | derivative | default of a | from |
//! |---|---|---|---|
//! | sigmoid | `a s (1 - s)`, s = sigmoid(a x) | 4 | SpikingJelly `Sigmoid`; snnTorch has 25 |
//! | atan | `(a / 2) / (1 + (pi / 2 a x)^2)` | 2 | both `ATan` |
//! | fast_sigmoid | `1 / (1 + a abs(x))^2` | 25 | snnTorch `fast_sigmoid` |
//! | super_spike | `a / (1 + abs(x))^2` | 1 | SpikingJelly `SuperSpike`; Norse `super` |
//! | piecewise_quadratic | `max(0, a - a^2 abs(x))` | 1 | SpikingJelly `PiecewiseQuadratic` |
//! | soft_sign | `a / (2 (1 + abs(a x))^2)` | 2 | SpikingJelly `SoftSign` |
//! | rectangle | `a` where `abs(x) < 1 / (2 a)` | 1 | SpikingJelly `Rect` |
//! | triangle | `max(0, 1 - a abs(x))` | 1 | Bellec's, 1 at threshold |
//! | exponential | `a exp(-a abs(x))` | 2 | Sinabs `SingleExponential` at a threshold of 1 |

use serde::{Deserialize, Serialize};

/// A surrogate with its parameter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, from = "Written")]
pub struct Surrogate {
    /// Which function.
    pub name: SurrogateKind,
    /// Its parameter a: the larger, the narrower.
    pub alpha: f64,
}

/// The functions; their numbers are those of `shaders/neuron/surrogate.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u32)]
#[allow(missing_docs)] // the table of the module
pub enum SurrogateKind {
    Sigmoid = 0,
    Atan = 1,
    FastSigmoid = 2,
    SuperSpike = 3,
    PiecewiseQuadratic = 4,
    SoftSign = 5,
    Rectangle = 6,
    Triangle = 7,
    Exponential = 8,
}

/// A surrogate as people write it: the parameter may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: SurrogateKind,
    alpha: Option<f64>,
}

impl From<Written> for Surrogate {
    fn from(Written { name, alpha }: Written) -> Self {
        Surrogate { name, alpha: alpha.unwrap_or_else(|| name.default_alpha()) }
    }
}

impl Default for Surrogate {
    fn default() -> Self {
        SurrogateKind::Atan.into()
    }
}

impl From<SurrogateKind> for Surrogate {
    fn from(name: SurrogateKind) -> Self {
        Surrogate { name, alpha: name.default_alpha() }
    }
}

impl SurrogateKind {
    /// All of them.
    pub const ALL: [SurrogateKind; 9] = [
        SurrogateKind::Sigmoid,
        SurrogateKind::Atan,
        SurrogateKind::FastSigmoid,
        SurrogateKind::SuperSpike,
        SurrogateKind::PiecewiseQuadratic,
        SurrogateKind::SoftSign,
        SurrogateKind::Rectangle,
        SurrogateKind::Triangle,
        SurrogateKind::Exponential,
    ];

    /// The parameter where none is given.
    pub fn default_alpha(self) -> f64 {
        match self {
            SurrogateKind::Sigmoid => 4.0,
            SurrogateKind::Atan | SurrogateKind::SoftSign | SurrogateKind::Exponential => 2.0,
            SurrogateKind::FastSigmoid => 25.0,
            _ => 1.0,
        }
    }

    /// The derivative at `x` from threshold.
    #[inline(always)]
    pub fn derivative(self, a: f32, x: f32) -> f32 {
        match self {
            SurrogateKind::Sigmoid => {
                let s = 1.0 / (1.0 + (-a * x).exp());
                a * (s * (1.0 - s))
            }
            SurrogateKind::Atan => {
                let z = std::f32::consts::FRAC_PI_2 * a * x;
                0.5 * a / (1.0 + z * z)
            }
            SurrogateKind::FastSigmoid => {
                let z = 1.0 + a * x.abs();
                1.0 / (z * z)
            }
            SurrogateKind::SuperSpike => {
                let z = 1.0 + x.abs();
                a / (z * z)
            }
            SurrogateKind::PiecewiseQuadratic => (a - a * a * x.abs()).max(0.0),
            SurrogateKind::SoftSign => {
                let z = 1.0 + (a * x).abs();
                0.5 * a / (z * z)
            }
            SurrogateKind::Rectangle => {
                if x.abs() < 0.5 / a {
                    a
                } else {
                    0.0
                }
            }
            SurrogateKind::Triangle => (1.0 - a * x.abs()).max(0.0),
            SurrogateKind::Exponential => a * (-a * x.abs()).exp(),
        }
    }

    /// The smooth spike at `x` from threshold, whose derivative is meant, but for a constant: for tests.
    pub fn smooth(self, a: f64, x: f64) -> f64 {
        match self {
            SurrogateKind::Sigmoid => 1.0 / (1.0 + (-a * x).exp()),
            SurrogateKind::Atan => 0.5 + (std::f64::consts::FRAC_PI_2 * a * x).atan() / std::f64::consts::PI,
            SurrogateKind::FastSigmoid => x / (1.0 + a * x.abs()),
            SurrogateKind::SuperSpike => a * x / (1.0 + x.abs()),
            SurrogateKind::PiecewiseQuadratic if x.abs() >= 1.0 / a => 0.5 * x.signum(),
            SurrogateKind::PiecewiseQuadratic => a * x - 0.5 * a * a * x * x.abs(),
            SurrogateKind::SoftSign => 0.5 * a * x / (1.0 + (a * x).abs()),
            SurrogateKind::Rectangle => a * x.clamp(-0.5 / a, 0.5 / a),
            SurrogateKind::Triangle if x.abs() >= 1.0 / a => 0.5 * x.signum() / a,
            SurrogateKind::Triangle => x - 0.5 * a * x * x.abs(),
            SurrogateKind::Exponential => x.signum() * (1.0 - (-a * x.abs()).exp()),
        }
    }
}
