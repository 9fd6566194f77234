//! Weights of few bits, for inference after training that knew of it.

use crate::error::{Error, Result};
use crate::kernel::grad::quantise::rounded;
use crate::layer::Layer;
use crate::network::Network;

/// Rounds the weights of convolutions and linear layers as training with [`super::TrainOptions::weight_bits`] has used them:
/// symmetric, with a scale for every output, whose largest weight becomes `2^(bits - 1) - 1` steps. Biases and batch norm stay
/// exact.
///
/// # Errors
/// Less than 2 or more than 16 bits.
pub fn quantise(network: &mut Network, bits: u32) -> Result<()> {
    if !(2..=16).contains(&bits) {
        return Err(Error::Request(format!("weights may have 2 to 16 bits, got {bits}")));
    }
    let largest = ((1u32 << (bits - 1)) - 1) as f32;
    for node in &mut network.nodes {
        let (weight, outputs) = match &mut node.layer {
            Layer::Conv(conv) => (&mut conv.weight, conv.out_channels),
            Layer::Linear(linear) => (&mut linear.weight, linear.out_features),
            _ => continue,
        };
        let Some(weight) = weight else { continue };
        let inputs = weight.len() / outputs.max(1);
        for row in weight.data_mut().chunks_exact_mut(inputs.max(1)) {
            let most = row.iter().fold(0.0f32, |most, w| most.max(w.abs()));
            row.iter_mut().for_each(|w| *w = rounded(*w, most, largest));
        }
    }
    Ok(())
}
