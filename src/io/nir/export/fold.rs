//! What NIR has no word for is put in other words where that changes no bit: part of the weights before it, or for a max
//! pool of spikes a sum pool and a threshold.

use super::links::unused;
use crate::error::{Error, Result};
use crate::layer::{Layer, PoolKind, loaded};
use crate::network::{Edge, Network, Node, checkpoint, fold_batch_norm};
use crate::neuron::Threshold;
use crate::neuron::rules::SpikesPerStep;
use crate::tensor::Tensor;

/// The network with batch norms and powers of two in the weights, and without max pools; what is left can be said in NIR,
/// or is without effect.
///
/// A layer that was folded is left as [`Layer::Add`], which of one input changes nothing.
pub(super) fn folded(original: &Network) -> Result<Network> {
    let mut network = original.clone();
    for node in &network.nodes {
        if let Some(slot) = checkpoint::missing(&node.layer) {
            loaded::<Tensor>(&node.name, slot, &None)?;
        }
        name(&node.name)?;
    }
    for i in 0..network.nodes.len() {
        match &network.nodes[i].layer {
            Layer::BatchNorm(norm) => {
                let factors = norm.factors(&network.nodes[i].name)?;
                let Some(source) = own_weights(&network, i) else {
                    return Err(Error::layer(
                        &network.nodes[i].name,
                        "NIR has no batch norm, and this one cannot become part of weights: put it directly behind a \
                         convolution or linear layer whose output nothing else takes",
                    ));
                };
                weights(&mut network.nodes[source].layer, |weight, bias| fold_batch_norm(&factors, weight, bias));
                network.nodes[i].layer = Layer::Add;
            }
            Layer::Scale(scale) => {
                let scale = scale.data().to_vec();
                if scale.iter().all(|&s| s == 1.0) {
                    network.nodes[i].layer = Layer::Add;
                } else if let Some(source) = own_weights(&network, i)
                    && let Some(layer) = scaled(&network.nodes[source].layer, &scale)
                {
                    network.nodes[source].layer = layer;
                    network.nodes[i].layer = Layer::Add;
                }
            }
            Layer::Pool(pool) if pool.kernel.len() != 2 => {
                return Err(Error::layer(
                    &network.nodes[i].name,
                    "NIR has pools over two axes only: give the input a height of 1, or pool by a convolution with stride",
                ));
            }
            Layer::Pool(pool) if pool.kind == PoolKind::Max => {
                if !takes_spikes(&network, i) {
                    return Err(Error::layer(
                        &network.nodes[i].name,
                        "NIR has no max pool, and only one of single spikes can be put in other words: train the network \
                         with an average pool, a sum pool or a convolution with stride",
                    ));
                }
                any(&mut network, i);
            }
            _ => {}
        }
    }
    Ok(network)
}

/// Whether all that comes into a node is 0 or 1.
fn takes_spikes(network: &Network, node: usize) -> bool {
    network.edges.iter().filter(|e| e.to == node).count() == 1
        && network.edges.iter().filter(|e| e.to == node).all(|e| match &network.nodes[e.from].layer {
            Layer::Neuron(neuron) => {
                neuron.model.spikes()
                    && (network.rules_at(e.from).spikes == SpikesPerStep::One || neuron.affine().memoryless)
            }
            _ => false,
        })
}

/// A max pool of spikes says whether there is one: whether their sum is above a half.
fn any(network: &mut Network, pool: usize) {
    if let Layer::Pool(pool) = &mut network.nodes[pool].layer {
        pool.kind = PoolKind::Sum;
    }
    let name = unused(network, &format!("{}.any", network.nodes[pool].name));
    let any = network.nodes.len();
    network.nodes.push(Node { name, layer: Layer::Neuron(Threshold { threshold: 0.5.into() }.into()) });
    for edge in network.edges.iter_mut().filter(|e| e.from == pool) {
        edge.from = any;
    }
    network.edges.push(Edge { from: pool, to: any, delay: 0 });
    if network.output == pool {
        network.output = any;
    }
}

/// HDF5 takes a slash for a path.
fn name(name: &str) -> Result<()> {
    if name.is_empty() || name == "." || name.contains(['/', '\0']) {
        return Err(Error::layer(
            name,
            "NIR cannot have a node of this name (no `/`, and not empty): rename the layer",
        ));
    }
    Ok(())
}

/// The weighted layer whose output goes to `node` within the step, and nowhere else.
fn own_weights(network: &Network, node: usize) -> Option<usize> {
    let mut into = network.edges.iter().filter(|e| e.to == node);
    let (edge, None) = (into.next()?, into.next()) else { return None };
    let uses = network.edges.iter().filter(|e| e.from == edge.from).count();
    let alone = uses == 1 && network.output != edge.from && edge.delay == 0;
    (alone && network.nodes[edge.from].layer.is_weighted()).then_some(edge.from)
}

/// Changes the weights and the bias of a weighted layer, which has a bias afterwards if `change` makes one.
fn weights(layer: &mut Layer, change: impl FnOnce(&mut Tensor, &mut Option<Tensor>)) {
    let (weight, bias, has_bias) = match layer {
        Layer::Conv(conv) => (&mut conv.weight, &mut conv.bias, &mut conv.has_bias),
        Layer::Linear(linear) => (&mut linear.weight, &mut linear.bias, &mut linear.has_bias),
        _ => return,
    };
    if let Some(weight) = weight {
        change(weight, bias);
        *has_bias = bias.is_some();
    }
}

/// A weighted layer whose outputs are multiplied by powers of two; `None` where a product would round.
fn scaled(layer: &Layer, scale: &[f32]) -> Option<Layer> {
    let outputs = match layer {
        Layer::Conv(conv) => conv.out_channels,
        Layer::Linear(linear) => linear.out_features,
        _ => return None,
    };
    // The bits of a power of two: no mantissa, and an exponent that is neither that of zero nor of infinity.
    let power = |s: f32| s.is_normal() && s.to_bits() << 9 == 0;
    if scale.len() != 1 && scale.len() != outputs || !scale.iter().all(|&s| power(s)) {
        return None;
    }
    let mut exact = true;
    let mut layer = layer.clone();
    weights(&mut layer, |weight, bias| {
        for tensor in std::iter::once(weight).chain(bias) {
            let per_output = (tensor.len() / outputs).max(1);
            for (output, values) in tensor.data_mut().chunks_exact_mut(per_output).enumerate() {
                let factor = scale[if scale.len() == 1 { 0 } else { output }];
                for value in values {
                    let product = *value * factor;
                    exact &= *value == 0.0 || product.is_normal();
                    *value = product;
                }
            }
        }
    });
    exact.then_some(layer)
}
