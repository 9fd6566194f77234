//! The graph as it is lowered: one input per layer, delays as nodes, batch norm folded, nothing without effect.

use std::collections::HashMap;

use super::Network;
use crate::error::Result;
use crate::layer::{BatchNorm, Layer, SparseLinear};
use crate::sparse::SparseMatrix;
use crate::tensor::{Shape, Tensor};

/// A layer of the simplified graph.
#[derive(Clone, Debug)]
pub(super) struct Simple {
    pub name: String,
    pub layer: Layer,
    /// The nodes it takes its input from: one, but for [`Layer::Add`] and the input.
    pub inputs: Vec<usize>,
    /// Output shape.
    pub shape: Shape,
}

/// The simplified graph.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    pub nodes: Vec<Simple>,
    pub output: usize,
}

impl Graph {
    /// One input per layer, delays as nodes.
    fn connected(network: &Network) -> Result<Graph> {
        let shapes = network.shapes()?;
        let nodes = network.nodes.iter().zip(shapes).map(|(node, shape)| Simple {
            name: node.name.clone(),
            layer: node.layer.clone(),
            inputs: Vec::new(),
            shape,
        });
        let mut graph = Graph { nodes: nodes.collect(), output: network.output };
        graph.connect(network);
        Ok(graph)
    }

    /// The simplified form of a checked network at inference.
    pub fn new(network: &Network) -> Result<Graph> {
        let mut graph = Graph::connected(network)?;
        graph.fold_batch_norm()?;
        graph.drop_identities(false);
        Ok(graph)
    }

    /// That in training: batch norm and dropout stay.
    pub fn for_training(network: &Network) -> Result<Graph> {
        let mut graph = Graph::connected(network)?;
        graph.drop_identities(true);
        Ok(graph)
    }

    /// How many nodes take a node's output; the network's output counts as one.
    pub fn uses(&self, node: usize) -> usize {
        self.nodes.iter().flat_map(|n| &n.inputs).filter(|&&i| i == node).count() + usize::from(self.output == node)
    }

    /// Delayed edges become delay nodes, several edges into a layer a sum.
    fn connect(&mut self, network: &Network) {
        let mut delayed: HashMap<(usize, u32), usize> = HashMap::new();
        for edge in &network.edges {
            let from = if edge.delay == 0 {
                edge.from
            } else {
                *delayed.entry((edge.from, edge.delay)).or_insert_with(|| {
                    let name = format!("{}@{}", self.nodes[edge.from].name, edge.delay);
                    self.push(name, Layer::Delay(vec![edge.delay]), vec![edge.from])
                })
            };
            self.nodes[edge.to].inputs.push(from);
        }
        for i in 0..network.nodes.len() {
            if self.nodes[i].inputs.len() > 1 && self.nodes[i].layer != Layer::Add {
                let inputs = std::mem::take(&mut self.nodes[i].inputs);
                let sum = self.push(format!("{}.sum", self.nodes[i].name), Layer::Add, inputs);
                self.nodes[i].inputs = vec![sum];
            }
        }
    }

    fn push(&mut self, name: String, layer: Layer, inputs: Vec<usize>) -> usize {
        let shape = self.nodes[inputs[0]].shape.clone();
        self.nodes.push(Simple { name, layer, inputs, shape });
        self.nodes.len() - 1
    }

    /// Batch norm behind a convolution or linear layer that nobody else uses becomes part of its weights.
    fn fold_batch_norm(&mut self) -> Result<()> {
        for i in 0..self.nodes.len() {
            let Layer::BatchNorm(norm) = &self.nodes[i].layer else { continue };
            let norm = norm.clone();
            let source = self.nodes[i].inputs[0];
            if self.uses(source) != 1 || !self.nodes[source].layer.is_weighted() {
                continue;
            }
            let name = self.nodes[i].name.clone();
            if let Layer::SparseLinear(SparseLinear { weight: Some(weight), bias, .. }) = &mut self.nodes[source].layer
            {
                fold_into_sparse(&norm.factors(&name)?, weight, bias);
                self.nodes[i].layer = Layer::Add;
                continue;
            }
            let (weight, bias) = match &mut self.nodes[source].layer {
                Layer::Conv(conv) => (&mut conv.weight, &mut conv.bias),
                Layer::Linear(linear) => (&mut linear.weight, &mut linear.bias),
                _ => continue,
            };
            let Some(weight) = weight else { continue };
            fold_batch_norm(&norm.factors(&name)?, weight, bias);
            self.nodes[i].layer = Layer::Add; // of one: dropped with the other identities
        }
        Ok(())
    }

    /// Takes out what changes nothing.
    fn drop_identities(&mut self, training: bool) {
        let identity = |node: &Simple| match &node.layer {
            Layer::Dropout { p } => !training || *p == 0.0,
            Layer::Add => node.inputs.len() == 1,
            Layer::Delay(steps) => steps.iter().all(|&s| s == 0),
            _ => false,
        };
        let target = |mut node: usize, nodes: &[Simple]| {
            while identity(&nodes[node]) {
                node = nodes[node].inputs[0];
            }
            node
        };
        for i in 0..self.nodes.len() {
            let inputs = self.nodes[i].inputs.iter().map(|&input| target(input, &self.nodes)).collect();
            if !identity(&self.nodes[i]) {
                self.nodes[i].inputs = inputs;
            }
        }
        self.output = target(self.output, &self.nodes);
        let mut kept = Vec::new();
        let mut index = vec![usize::MAX; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            if !identity(node) {
                index[i] = kept.len();
                kept.push(node.clone());
            }
        }
        for node in &mut kept {
            node.inputs.iter_mut().for_each(|input| *input = index[*input]);
        }
        self.output = index[self.output];
        self.nodes = kept;
    }
}

/// A batch norm as part of the weights before it: `w' = w a`, `b' = b a + c` per output channel, in f64 and rounded once.
pub(crate) fn fold_batch_norm(factors: &[(f64, f64)], weight: &mut Tensor, bias: &mut Option<Tensor>) {
    let per_output = weight.len() / factors.len().max(1);
    for (weights, (a, _)) in weight.data_mut().chunks_exact_mut(per_output.max(1)).zip(factors) {
        weights.iter_mut().for_each(|w| *w = (f64::from(*w) * a) as f32);
    }
    fold_into_bias(factors, bias);
}

/// The same for weights of which most are zero.
fn fold_into_sparse(factors: &[(f64, f64)], weight: &mut SparseMatrix, bias: &mut Option<Tensor>) {
    for (row, (a, _)) in factors.iter().enumerate() {
        weight.row_values_mut(row).iter_mut().for_each(|w| *w = (f64::from(*w) * a) as f32);
    }
    fold_into_bias(factors, bias);
}

fn fold_into_bias(factors: &[(f64, f64)], bias: &mut Option<Tensor>) {
    let old = |o: usize| bias.as_ref().map_or(0.0, |b| f64::from(b.data()[o]));
    let new = factors.iter().enumerate().map(|(o, (a, c))| (old(o) * a + c) as f32).collect();
    *bias = Some(Tensor::vector(new));
}

/// Factor and offset of every channel of a batch norm that could not be folded, as f32.
pub(super) fn norm_factors(norm: &BatchNorm, name: &str) -> Result<Vec<[f32; 2]>> {
    Ok(norm.factors(name)?.into_iter().map(|(a, c)| [a as f32, c as f32]).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    /// What is folded into the weights that are there equals what is folded into all of them.
    #[test]
    fn a_batch_norm_folds_into_sparse_weights_as_into_dense_ones() {
        let mut network = Network::new([5]).sparse_linear(4).fan_in(2, 3).batch_norm().build().unwrap();
        network.init(1).unwrap();
        let Layer::BatchNorm(norm) = &mut network.nodes[2].layer else { panic!("expected a batch norm") };
        norm.weight = Some(Tensor::vector(vec![2.0, 3.0, 0.5, 1.7]));
        norm.running_mean = Some(Tensor::vector(vec![0.1, 0.2, 0.3, 0.4]));
        let graph = Graph::new(&network).unwrap();
        let [_, Simple { layer: Layer::SparseLinear(folded), .. }] = &graph.nodes[..] else { panic!("{graph:?}") };
        let (Layer::SparseLinear(plain), Layer::BatchNorm(norm)) = (&network.nodes[1].layer, &network.nodes[2].layer)
        else {
            panic!("expected a sparse layer and a batch norm");
        };
        let (mut weight, mut bias) = (plain.weight.as_ref().unwrap().to_dense().unwrap(), plain.bias.clone());
        fold_batch_norm(&norm.factors("norm").unwrap(), &mut weight, &mut bias);
        assert_eq!((folded.weight.as_ref().unwrap().to_dense().unwrap(), &folded.bias), (weight, &bias));
        assert_ne!(folded.weight, plain.weight);
    }
}
