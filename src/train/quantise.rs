//! Weights of few bits, for inference after training that knew of it.

use crate::error::{Error, Result};
use crate::kernel::grad::quantise as kernel;
use crate::layer::{Layer, SparseLinear};
use crate::network::Network;

/// Rounds the weights of convolutions and linear layers as training with [`super::TrainOptions::weight_bits`] has used them:
/// symmetric, with a scale for every output, whose largest weight becomes `2^(bits - 1) - 1` steps. Biases and batch norm stay
/// exact.
///
/// # Errors
/// Less than 2 or more than 16 bits.
pub fn quantise(network: &mut Network, bits: u32) -> Result<()> {
    check(bits)?;
    let largest = kernel::largest(bits);
    for node in &mut network.nodes {
        if let Layer::SparseLinear(SparseLinear { weight: Some(weight), .. }) = &mut node.layer {
            (0..weight.rows()).for_each(|row| round(weight.row_values_mut(row), largest));
        }
        let (weight, outputs) = match &mut node.layer {
            Layer::Conv(conv) => (&mut conv.weight, conv.out_channels),
            Layer::Linear(linear) => (&mut linear.weight, linear.out_features),
            _ => continue,
        };
        let Some(weight) = weight else { continue };
        let inputs = weight.len() / outputs.max(1);
        for row in weight.data_mut().chunks_exact_mut(inputs.max(1)) {
            round(row, largest);
        }
    }
    Ok(())
}

/// Rounds the weights of an output.
fn round(row: &mut [f32], largest: f32) {
    let most = row.iter().fold(0.0f32, |most, w| most.max(w.abs()));
    row.iter_mut().for_each(|w| *w = kernel::rounded(*w, most, largest));
}

/// Whether weights may have so many bits.
pub(super) fn check(bits: u32) -> Result<()> {
    if kernel::BITS.contains(&bits) {
        return Ok(());
    }
    let (least, most) = (kernel::BITS.start(), kernel::BITS.end());
    Err(Error::Request(format!("weights may have {least} to {most} bits, got {bits}")))
}
