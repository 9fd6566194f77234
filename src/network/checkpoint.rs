//! Weights by name.

use crate::layer::Layer;
use crate::tensor::Tensor;

/// The tensors a layer holds, by what they are.
pub fn tensors(layer: &Layer) -> Vec<(&'static str, &Tensor)> {
    let list = match layer {
        Layer::Conv(c) => vec![("weight", c.weight.as_ref()), ("bias", c.bias.as_ref())],
        Layer::Linear(l) => vec![("weight", l.weight.as_ref()), ("bias", l.bias.as_ref())],
        Layer::BatchNorm(n) => vec![
            ("weight", n.weight.as_ref()),
            ("bias", n.bias.as_ref()),
            ("running_mean", n.running_mean.as_ref()),
            ("running_var", n.running_var.as_ref()),
        ],
        Layer::Scale(s) => vec![("scale", Some(s))],
        _ => Vec::new(),
    };
    list.into_iter().filter_map(|(what, tensor)| tensor.map(|t| (what, t))).collect()
}
