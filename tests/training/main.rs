//! Training: gradients against finite differences, and what they must not depend on.

#![allow(clippy::unwrap_used, clippy::panic)]

mod finite;
mod invariance;
mod neurons;
mod norms;
mod own_loss;

use saltatory::network::Network;
use saltatory::workloads::uniform;

/// Numbers from a formula, uniform in `[low, high)`.
pub fn numbers(seed: u32, count: usize, low: f32, high: f32) -> Vec<f32> {
    (0..count as u32).map(|i| low + (high - low) * uniform(seed, i)).collect()
}

/// Samples of so many frames for a network.
pub fn samples(network: &Network, count: usize, frames: usize, seed: u32) -> Vec<Vec<f32>> {
    let frame: usize = network.input.shape.iter().product();
    (0..count as u32).map(|n| numbers(seed + n, frames * frame, -0.5, 1.0)).collect()
}

/// Samples as they are given.
pub fn views(samples: &[Vec<f32>]) -> Vec<&[f32]> {
    samples.iter().map(Vec::as_slice).collect()
}
