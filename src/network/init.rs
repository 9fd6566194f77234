//! Random weights for a network that is to be trained.

use super::checkpoint::{input_shapes, slot_mut, slot_shape, slots};
use super::{Network, Node};
use crate::error::{Error, Result};
use crate::layer::{Layer, MAX_ELEMENTS, SparseLinear};
use crate::random::Stream;
use crate::sparse::SparseMatrix;
use crate::tensor::{Tensor, element_count};

impl Network {
    /// Fills the weights that are missing, as PyTorch does by default: weights and biases of convolutions and linear
    /// layers uniform in ±1 / sqrt(fan-in); batch normalisation with factor 1, offset 0, mean 0 and variance 1.
    ///
    /// Of a sparse linear layer the synapses are those that its fan-in or fan-out says, and the bound is that of a fan-in
    /// of as many as an output has on average.
    ///
    /// That is PyTorch's distribution, not its stream. The same seed gives the same weights on every machine:
    /// each depends only on the seed, the position of its layer in [`Network::nodes`], and its position in the tensor.
    ///
    /// # Errors
    /// Where shapes do not fit, or a layer would have more than [`MAX_ELEMENTS`] weights, or a sparse linear layer has neither
    /// weights nor a fan-in or fan-out.
    pub fn init(&mut self, seed: u64) -> Result<()> {
        let inputs = input_shapes(self)?;
        for (index, (Node { name, layer }, input)) in self.nodes.iter_mut().zip(inputs).enumerate() {
            for (position, slot) in slots(layer).into_iter().enumerate() {
                let stream = Stream::new(seed, place(index, position));
                if let (Layer::SparseLinear(linear), "weight") = (&mut *layer, slot) {
                    fill_sparse(name, linear, input.iter().product(), stream)?;
                    continue;
                }
                let Some(shape) = slot_shape(layer, slot, &input) else { continue };
                if element_count(&shape).is_none_or(|n| n > MAX_ELEMENTS) {
                    let message = format!("a {slot} of shape {shape:?} has more than {MAX_ELEMENTS} elements");
                    return Err(Error::layer(name.as_str(), message));
                }
                let value = initial(layer, slot, &input, shape, stream);
                if let Some(place @ None) = slot_mut(layer, slot) {
                    *place = Some(value);
                }
            }
        }
        Ok(())
    }
}

/// Where a tensor's numbers are drawn: by its layer's position and its own in the layer.
fn place(node: usize, slot: usize) -> u32 {
    (node as u32).wrapping_mul(8).wrapping_add(slot as u32)
}

fn initial(layer: &Layer, slot: &str, input: &[usize], shape: Vec<usize>, stream: Stream) -> Tensor {
    let Some(fan_in) = fan_in(layer, input) else {
        let ones = matches!(slot, "weight" | "running_var");
        return Tensor::filled(shape, if ones { 1.0 } else { 0.0 });
    };
    let mut tensor = Tensor::filled(shape, 0.0);
    fill(tensor.data_mut(), fan_in, stream);
    tensor
}

/// Numbers uniform in ±1 / sqrt(fan-in).
fn fill(values: &mut [f32], fan_in: f64, stream: Stream) {
    let bound = (1.0 / fan_in.sqrt()) as f32;
    for (i, x) in values.iter_mut().enumerate() {
        *x = bound * (2.0 * stream.uniform(i as u32) - 1.0);
    }
}

/// The synapses that the layer says, where it has none yet.
fn fill_sparse(name: &str, linear: &mut SparseLinear, inputs: usize, stream: Stream) -> Result<()> {
    if linear.weight.is_some() {
        return Ok(());
    }
    let Some(connectivity) = &linear.connectivity else {
        let message = "no seed says which inputs its outputs have: give it `fan_in` or `fan_out`, or load a checkpoint \
                       (`--weights`)";
        return Err(Error::layer(name, message));
    };
    let mut weight = connectivity.draw(name, linear.out_features, inputs)?;
    let fan_in = mean_fan_in(&weight);
    fill(weight.values_mut(), fan_in, stream);
    linear.weight = Some(weight);
    Ok(())
}

/// Synapses of an output, on average; at least one, so that an empty matrix has a bound too.
fn mean_fan_in(weight: &SparseMatrix) -> f64 {
    (weight.len() as f64 / weight.rows() as f64).max(1.0)
}

/// How many inputs one output is a sum of; `None` for a layer without random weights.
fn fan_in(layer: &Layer, input: &[usize]) -> Option<f64> {
    match layer {
        Layer::Conv(_) | Layer::Linear(_) => {
            let weight = slot_shape(layer, "weight", input).unwrap_or_default();
            Some(weight.iter().skip(1).product::<usize>() as f64)
        }
        Layer::SparseLinear(linear) => Some(linear.weight.as_ref().map_or(1.0, mean_fan_in)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::neuron::Lif;

    fn network() -> Network {
        Network::new([2, 8, 8]).conv2d(16, 3).batch_norm().spiking(Lif::tau(2.0)).flatten().linear(50).build().unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_weights() {
        let (mut a, mut b, mut c) = (network(), network(), network());
        a.init(7).unwrap();
        b.init(7).unwrap();
        c.init(7 + (1 << 32)).unwrap();
        assert_eq!(a, b);
        assert_ne!(a, c);
        a.check().unwrap();
        b.init(8).unwrap();
        assert_eq!(a, b, "weights that are there stay");
    }

    #[test]
    fn weights_are_uniform_within_the_bound() {
        let mut network = network();
        network.init(1).unwrap();
        let Layer::Linear(linear) = &network.nodes[5].layer else { panic!("expected the linear layer") };
        let weight = linear.weight.as_ref().unwrap();
        assert_eq!(weight.shape(), [50, 16 * 6 * 6]);
        let bound = 1.0 / 24.0f64;
        let values: Vec<f64> = weight.data().iter().map(|&x| f64::from(x) / bound).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let square = values.iter().map(|x| x * x).sum::<f64>() / n;
        assert!(values.iter().all(|x| x.abs() <= 1.0));
        // Four standard errors of the mean and of the mean square of 28,800 uniform numbers.
        assert!(mean.abs() < 4.0 * (1.0 / 3.0 / n).sqrt(), "{mean}");
        assert!((square - 1.0 / 3.0).abs() < 4.0 * (4.0 / 45.0 / n).sqrt(), "{square}");
    }
}
