//! Numbers from formulas: weights and inputs alike.

use crate::random::lowbias32;

/// What the values of an input are; `k` counts them in the order `[time, batch, ...]`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Values {
    /// Uniform in [0, 1).
    Uniform {
        /// Of the numbers.
        seed: u32,
    },
    /// Uniform with mean 0 and variance 1.
    Unit {
        /// Of the numbers.
        seed: u32,
    },
    /// Currents from -1.2 to 2, under which a neuron fires in about a tenth of all steps.
    Currents,
    /// Spikes at a rate, the same field of numbers for every rate.
    Spikes {
        /// Of a step and neuron.
        rate: f32,
    },
    /// Clustered counts of events.
    Events {
        /// Of the numbers.
        seed: u32,
    },
}

/// The `k`-th value of a gradient of spikes that is given.
pub(super) fn gradient(k: usize) -> f32 {
    uniform(8, (k % CURRENTS) as u32)
}

/// Currents repeat after so many, a prime: the pattern never lines up with the neurons.
const CURRENTS: usize = 1_048_573;

impl Values {
    /// The `k`-th value of an input whose last two axes are `height` and `width`.
    pub fn at(self, k: usize, (height, width): (usize, usize)) -> f32 {
        match self {
            Values::Uniform { seed } => uniform(seed, k as u32),
            Values::Unit { seed } => (uniform(seed, k as u32) * 2.0 - 1.0) * 3f32.sqrt(),
            Values::Currents => uniform(7, (k % CURRENTS) as u32) * 3.2 - 1.2,
            Values::Spikes { rate } => f32::from(uniform(5000, k as u32) < rate),
            Values::Events { seed } => {
                let (plane, pixel) = (k / (height * width), k % (height * width));
                event_count(seed, plane, (pixel / width, pixel % width), (height, width))
            }
        }
    }
}

/// Clustered events: a fifth of the tiles of 8 by 8 are active, in them a quarter of the pixels hold 1 to 4 events.
/// `plane` counts planes `[time, batch, channel]`.
fn event_count(seed: u32, plane: usize, (y, x): (usize, usize), (height, width): (usize, usize)) -> f32 {
    let tile = (plane * (height / 8) + y / 8) * (width / 8) + x / 8;
    let u = uniform(seed + 1, ((plane * height + y) * width + x) as u32);
    if uniform(seed, tile as u32) < 0.2 && u < 0.25 { 1.0 + (u * 16.0).floor() } else { 0.0 }
}

/// The i-th hash of a seed.
pub(super) fn hash(seed: u32, i: u32) -> u32 {
    lowbias32(i ^ lowbias32(seed.wrapping_add(0x9e37_79b9)))
}

/// The i-th number of a seed, in [0, 1).
pub fn uniform(seed: u32, i: u32) -> f32 {
    (hash(seed, i) >> 8) as f32 / (1u32 << 24) as f32
}
