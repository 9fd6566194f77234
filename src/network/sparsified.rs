//! Linear layers as sparse ones, and back.

use super::Network;
use crate::error::{Error, Result};
use crate::layer::{Layer, Linear, SparseLinear};
use crate::sparse::SparseMatrix;

impl Network {
    /// The same network, in which every linear layer of which at least this share of the weights is zero has become a
    /// sparse one. It computes the same in every step; but a linear layer whose scores are the mean or sum over all steps is
    /// applied once, to the spike counts, so those of a sparse one may differ in their last bits.
    ///
    /// # Errors
    /// A share that is not from 0 to 1, a layer with more synapses than can be numbered.
    pub fn sparsified(&self, share: f64) -> Result<Network> {
        if !(0.0..=1.0).contains(&share) {
            return Err(Error::Request(format!("expected a share of zeros from 0 to 1, got {share}")));
        }
        let mut network = self.clone();
        for node in &mut network.nodes {
            let Layer::Linear(Linear { out_features, has_bias, weight: Some(weight), bias }) = &node.layer else {
                continue;
            };
            let zeros = weight.data().iter().filter(|&&value| value == 0.0).count();
            if (zeros as f64) < share * weight.len() as f64 {
                continue;
            }
            let weight = SparseMatrix::from_dense(weight).map_err(|e| Error::layer(&node.name, e.to_string()))?;
            node.layer = Layer::SparseLinear(SparseLinear {
                out_features: *out_features,
                has_bias: *has_bias,
                weight: Some(weight),
                bias: bias.clone(),
                connectivity: None,
            });
        }
        Ok(network)
    }

    /// The same network with linear layers in place of sparse ones, for formats that have none; none may have more than
    /// `most` weights.
    #[cfg(feature = "nir")]
    pub(crate) fn densified(&self, format: &str, most: usize) -> Result<Network> {
        let mut network = self.clone();
        for node in &mut network.nodes {
            let Layer::SparseLinear(sparse) = &node.layer else { continue };
            let weight = match &sparse.weight {
                Some(weight) if weight.rows().saturating_mul(weight.columns()) > most => {
                    let (rows, columns) = (weight.rows(), weight.columns());
                    return Err(Error::layer(
                        &node.name,
                        format!(
                            "{format} has no sparse layers, and as a dense one it has more than {most} weights ({rows} times \
                             {columns}): write a checkpoint, `--out FILE.safetensors`"
                        ),
                    ));
                }
                weight => weight.as_ref().map(SparseMatrix::to_dense).transpose()?,
            };
            let (out_features, has_bias, bias) = (sparse.out_features, sparse.has_bias, sparse.bias.clone());
            node.layer = Layer::Linear(Linear { out_features, has_bias, weight, bias });
        }
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::Tensor;

    /// Three linear layers, the second of which has 3 zeros of 4.
    fn pruned() -> Network {
        let mut network = Network::new([2]).linear(2).linear(2).name("pruned").linear(2).no_bias().build().unwrap();
        network.init(1).unwrap();
        let Layer::Linear(linear) = &mut network.nodes[2].layer else { panic!("expected a linear layer") };
        linear.weight = Some(Tensor::new([2, 2], vec![0.0, -0.0, 0.5, 0.0]).unwrap());
        network
    }

    #[test]
    fn layers_with_enough_zeros_become_sparse() {
        let network = pruned();
        let kinds = |share| {
            let sparse = network.sparsified(share).unwrap();
            sparse.check().unwrap();
            sparse.nodes.iter().filter(|node| node.layer.kind() == "sparse_linear").count()
        };
        assert_eq!([0.0, 0.1, 0.75, 0.76].map(kinds), [3, 1, 1, 0]);
        let sparse = network.sparsified(0.75).unwrap();
        let (Layer::SparseLinear(sparse), Layer::Linear(dense)) = (&sparse.nodes[2].layer, &network.nodes[2].layer)
        else {
            panic!("expected a sparse layer");
        };
        let weight = sparse.weight.as_ref().unwrap();
        assert_eq!((weight.len(), weight.row(1)), (1, (&[0][..], &[0.5][..])));
        assert_eq!((sparse.has_bias, &sparse.bias), (true, &dense.bias));
        for share in [-0.1, 1.1, f64::NAN] {
            assert!(network.sparsified(share).unwrap_err().to_string().contains("from 0 to 1"));
        }
    }

    #[test]
    fn sparse_layers_are_not_trained() {
        let options = crate::train::TrainOptions { steps: Some(2), ..Default::default() };
        let request = |network: &Network| options.request(network, 2, true);
        let sparse = pruned().sparsified(0.75).unwrap();
        let error = crate::network::compile_training(&sparse, &request(&sparse)).unwrap_err().to_string();
        assert!(error.contains("layer `pruned`") && error.contains("cannot be trained"), "{error}");
        crate::network::compile_training(&pruned(), &request(&pruned())).unwrap();
    }

    #[cfg(feature = "nir")]
    #[test]
    fn sparse_layers_become_dense_unless_they_are_too_large() {
        let network = pruned();
        let sparse = network.sparsified(0.0).unwrap();
        // But for the sign of a zero it is the same network.
        assert_eq!(sparse.densified("NIR", 4).unwrap(), network);
        let error = sparse.densified("NIR", 3).unwrap_err().to_string();
        assert!(error.contains("layer `linear1`: NIR has no sparse layers") && error.contains("2 times 2"), "{error}");
    }
}
