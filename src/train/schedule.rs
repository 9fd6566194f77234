//! How the learning rate goes over a training: PyTorch's schedulers, as functions of the step.
//!
//! | name | rate, of a base rate `b` | PyTorch |
//! |---|---|---|
//! | constant | `b` | |
//! | step | `b gamma^floor(epoch / every)` | `StepLR`, stepped each epoch |
//! | cosine | `min + (b - min) (1 + cos(pi k / K)) / 2`, k of all K optimiser steps, or epochs | `CosineAnnealingLR` |
//! | one_cycle | a cosine from `b / div_factor` up to `b`, another down to `b / (div_factor final_div_factor)` | `OneCycleLR` |
//!
//! One-cycle goes by optimiser steps and leaves the optimiser's momentum alone (`cycle_momentum=False`). A [`Warmup`] is
//! a factor on any of them, as in a `ChainedScheduler` of `LinearLR` and the schedule.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate goes over a training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name", deny_unknown_fields)]
pub enum Schedule {
    /// As it begins.
    #[default]
    Constant,
    /// Multiplied by a factor every few epochs.
    Step {
        /// Epochs from one time to the next.
        every: usize,
        /// The factor (0.1).
        #[serde(default = "tenth")]
        gamma: f64,
    },
    /// Half a cosine over the whole training.
    Cosine {
        /// When it changes (every step of the optimiser).
        #[serde(default)]
        by: Unit,
        /// What it goes down to (0).
        #[serde(default)]
        min: f64,
    },
    /// Up, and down to almost nothing.
    OneCycle {
        /// The part of all steps in which it rises (0.3).
        #[serde(default = "third_or_so")]
        pct_start: f64,
        /// It begins at the base rate divided by this (25).
        #[serde(default = "twenty_five")]
        div_factor: f64,
        /// It ends at its beginning divided by this (10,000).
        #[serde(default = "ten_thousand")]
        final_div_factor: f64,
    },
}

/// When a schedule changes the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// At every step of the optimiser.
    #[default]
    Steps,
    /// At every epoch.
    Epochs,
}

/// The first steps, in which the rate rises linearly to that of the schedule: PyTorch's `LinearLR`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Warmup {
    /// Steps of the optimiser (0).
    pub steps: usize,
    /// The factor on the first of them (1/3).
    pub start: f64,
}

impl Default for Warmup {
    fn default() -> Self {
        Warmup { steps: 0, start: 1.0 / 3.0 }
    }
}

/// How long a training is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Epochs.
    pub epochs: usize,
    /// Steps of the optimiser in each.
    pub steps: usize,
}

impl Schedule {
    /// The rate of a step, counted from 0, of a training that long.
    pub fn rate(&self, base: f64, step: u64, length: Length) -> f64 {
        let epoch = step / length.steps.max(1) as u64;
        match *self {
            Schedule::Constant => base,
            Schedule::Step { every, gamma } => base * power(gamma, epoch / every.max(1) as u64),
            Schedule::Cosine { by, min } => {
                let (at, all) = match by {
                    Unit::Steps => (step, length.all()),
                    Unit::Epochs => (epoch, length.epochs as u64),
                };
                annealed(base, min, at as f64 / all.max(1) as f64)
            }
            Schedule::OneCycle { pct_start, div_factor, final_div_factor } => {
                let first = base / div_factor;
                let (at, peak) = (step as f64, pct_start * length.all() as f64 - 1.0);
                let part = |from: f64, to: f64| if to > from { (at - from) / (to - from) } else { 1.0 };
                if at <= peak {
                    annealed(first, base, part(0.0, peak))
                } else {
                    annealed(base, first / final_div_factor, part(peak, length.all() as f64 - 1.0))
                }
            }
        }
    }
}

impl Warmup {
    /// The factor on the rate of a step, counted from 0.
    pub fn factor(&self, step: u64) -> f64 {
        let steps = self.steps as u64;
        if step >= steps { 1.0 } else { self.start + (1.0 - self.start) * step as f64 / steps as f64 }
    }
}

impl Length {
    /// Steps of the optimiser, all together.
    pub fn all(self) -> u64 {
        self.epochs as u64 * self.steps as u64
    }
}

/// A whole power, by products alone: those are the same on every machine, which a C library's `pow` need not be.
pub(super) fn power(base: f64, exponent: u64) -> f64 {
    let (mut result, mut square, mut rest) = (1.0, base, exponent);
    while rest > 0 {
        if rest % 2 == 1 {
            result *= square;
        }
        square *= square;
        rest /= 2;
    }
    result
}

/// From one rate to another along half a cosine; `part` of the way, from 0 to 1.
fn annealed(from: f64, to: f64, part: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * part).cos()) / 2.0
}

fn tenth() -> f64 {
    0.1
}

fn third_or_so() -> f64 {
    0.3
}

fn twenty_five() -> f64 {
    25.0
}

fn ten_thousand() -> f64 {
    1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PyTorch computes some of its rates from those before.
    const MAX_RELATIVE: f64 = 1e-12;

    fn check(name: &str, rate: impl Fn(u64) -> f64, expected: &[f64]) {
        for (step, &expected) in expected.iter().enumerate() {
            let got = rate(step as u64);
            assert!((got - expected).abs() <= MAX_RELATIVE * expected, "{name}, step {step}: {got} {expected}");
        }
    }

    /// All expected numbers: PyTorch 2.15, base rate 0.1.
    #[test]
    fn rates_are_those_of_pytorch() {
        let epochs = |epochs| Length { epochs, steps: 1 };
        let step = Schedule::Step { every: 2, gamma: 0.5 };
        check("step", |k| step.rate(0.1, k, epochs(6)), &[0.1, 0.1, 0.05, 0.05, 0.025, 0.025]);
        let cosine = Schedule::Cosine { by: Unit::Steps, min: 0.001 };
        let expected = [
            0.1,
            0.0962320368593087,
            0.0855017856687341,
            0.06944282990207196,
            0.0505,
            0.03155717009792806,
            0.0154982143312659,
            0.004767963140691306,
        ];
        check("cosine", |k| cosine.rate(0.1, k, Length { epochs: 2, steps: 4 }), &expected);
        let cosine = Schedule::Cosine { by: Unit::Epochs, min: 0.0 };
        let expected = [0.1, 0.08535533905932738, 0.05, 0.014644660940672627];
        check("cosine by epochs", |k| cosine.rate(0.1, 3 * k + k % 3, Length { epochs: 4, steps: 3 }), &expected[..3]);
        check("cosine by epochs", |k| cosine.rate(0.1, k, epochs(4)), &expected);
    }

    #[test]
    fn one_cycle_is_that_of_pytorch() {
        let usual = Schedule::OneCycle { pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 };
        let expected = [
            0.0040000000000000036,
            0.0349789654219583,
            0.08792851591221287,
            0.09944154354509119,
            0.09330129698414118,
            0.0811745653949763,
            0.06473789976951033,
            0.046263710266697504,
            0.028306099820869922,
            0.01334775301888306,
            0.0034566987425395223,
            4e-07,
        ];
        check("usual", |k| usual.rate(0.1, k, Length { epochs: 3, steps: 4 }), &expected);
        let other = Schedule::OneCycle { pct_start: 0.2, div_factor: 10.0, final_div_factor: 100.0 };
        let expected = [
            0.009999999999999995,
            0.1,
            0.09619778264893877,
            0.08536998372026805,
            0.06916503744663624,
            0.050050000000000004,
            0.030934962553363768,
            0.014730016279731955,
            0.0039022173510612273,
            0.0001,
        ];
        check("other", |k| other.rate(0.1, k, Length { epochs: 1, steps: 10 }), &expected);
        assert!(usual.rate(0.1, 0, Length { epochs: 1, steps: 1 }).is_finite());
    }

    #[test]
    fn powers_are_products() {
        for base in [0.1, 0.9, 0.999, 1.0, 1.01f64] {
            assert_eq!(power(base, 0), 1.0);
            assert_eq!(power(base, 5), base * (base * base * (base * base)));
            for exponent in [1, 2, 3, 17, 1000, 4097] {
                let expected = base.powf(exponent as f64);
                assert!((power(base, exponent) - expected).abs() <= MAX_RELATIVE * expected, "{base} ^ {exponent}");
            }
        }
        assert_eq!((power(0.999, u64::MAX), power(2.0, 5000)), (0.0, f64::INFINITY));
    }

    #[test]
    fn warm_up_is_a_factor() {
        let warmup = Warmup { steps: 4, start: 0.25 };
        check("alone", |k| 0.1 * warmup.factor(k), &[0.025, 0.04375, 0.0625, 0.08125, 0.1, 0.1, 0.1]);
        let (warmup, cosine) = (Warmup { steps: 3, start: 0.25 }, Schedule::Cosine { by: Unit::Steps, min: 0.0 });
        let expected = [
            0.025,
            0.04809698831278217,
            0.06401650429449553,
            0.06913417161825448,
            0.04999999999999999,
            0.030865828381745508,
            0.014644660940672623,
            0.0038060233744356626,
        ];
        let rate = |k| warmup.factor(k) * cosine.rate(0.1, k, Length { epochs: 1, steps: 8 });
        check("before a cosine", rate, &expected);
        assert_eq!(Warmup::default().factor(0), 1.0);
    }
}
