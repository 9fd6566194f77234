//! Linear layer of which most weights are zero: pruned, or connected at random.

use crate::error::{Error, Result};
use crate::layer::{MAX_ELEMENTS, linear};
use crate::random::Stream;
use crate::sparse::SparseMatrix;
use crate::tensor::{Shape, Tensor};

/// `y = W x + b` as of [`super::Linear`], by the synapses that there are.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseLinear {
    /// Output features.
    pub out_features: usize,
    /// Whether there is a bias.
    pub has_bias: bool,
    /// Weights `[out, in]`.
    pub weight: Option<SparseMatrix>,
    /// Bias `[out]`.
    pub bias: Option<Tensor>,
    /// Who is connected with whom where [`crate::Network::init`] fills the weights; loaded ones bring their own.
    pub connectivity: Option<Connectivity>,
}

/// Synapses drawn at random, none twice: the same for the same seed on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connectivity {
    /// Every output has the same number of inputs.
    FanIn {
        /// Inputs of one output.
        count: usize,
        /// What they are drawn from.
        seed: u64,
    },
    /// Every input has the same number of outputs.
    FanOut {
        /// Outputs of one input.
        count: usize,
        /// What they are drawn from.
        seed: u64,
    },
}

impl SparseLinear {
    /// With bias, weights to be loaded.
    pub fn new(out_features: usize) -> Self {
        SparseLinear { out_features, has_bias: true, weight: None, bias: None, connectivity: None }
    }

    /// Checks the weights against an input shape; returns the output shape.
    ///
    /// # Errors
    /// [`Error::Layer`] naming what does not fit.
    pub fn output_shape(&self, name: &str, input: &[usize]) -> Result<Shape> {
        let weight = self.weight.as_ref().map(|weight| [weight.rows(), weight.columns()]);
        let shape =
            linear::output_shape(name, self.out_features, input, weight.as_ref().map(|w| &w[..]), self.bias.as_ref())?;
        if let Some(connectivity) = &self.connectivity {
            connectivity.synapses(name, self.out_features, input.iter().product())?;
        }
        Ok(shape)
    }
}

impl Connectivity {
    /// Number of synapses between `inputs` and `outputs`.
    ///
    /// # Errors
    /// [`Error::Layer`] naming `name` where there are less to choose from, none is asked for, or there are more than
    /// [`MAX_ELEMENTS`] in all.
    pub fn synapses(&self, name: &str, outputs: usize, inputs: usize) -> Result<usize> {
        let (key, count, each, from, of) = match *self {
            Connectivity::FanIn { count, .. } => ("fan_in", count, outputs, inputs, "inputs"),
            Connectivity::FanOut { count, .. } => ("fan_out", count, inputs, outputs, "outputs"),
        };
        if count == 0 || count > from {
            return Err(Error::layer(name, format!("`{key}`: expected 1 to {from} ({of}), got {count}")));
        }
        match count.checked_mul(each) {
            Some(synapses) if synapses <= MAX_ELEMENTS => Ok(synapses),
            _ => {
                Err(Error::layer(name, format!("`{key}`: {each} times {count} synapses are more than {MAX_ELEMENTS}")))
            }
        }
    }

    /// The synapses, `[outputs, inputs]`, all of weight 0.
    ///
    /// # Errors
    /// As [`Connectivity::synapses`].
    pub fn draw(&self, name: &str, outputs: usize, inputs: usize) -> Result<SparseMatrix> {
        self.synapses(name, outputs, inputs)?;
        match *self {
            Connectivity::FanIn { count, seed } => distinct(outputs, inputs, count, Stream::new(seed, 0)),
            Connectivity::FanOut { count, seed } => {
                Ok(distinct(inputs, outputs, count, Stream::new(seed, 1))?.transposed())
            }
        }
    }
}

/// `count` different columns for each row, every choice as likely as the next (R. Floyd's sampling).
fn distinct(rows: usize, columns: usize, count: usize, stream: Stream) -> Result<SparseMatrix> {
    let mut chosen = vec![false; columns];
    let mut indices: Vec<u32> = Vec::with_capacity(rows * count);
    for row in 0..rows {
        let stream = stream.at(row as u32);
        let first = indices.len();
        for highest in (columns - count) as u32..columns as u32 {
            let drawn = stream.below(highest, highest + 1);
            let index = if chosen[drawn as usize] { highest } else { drawn };
            chosen[index as usize] = true;
            indices.push(index);
        }
        indices[first..].sort_unstable();
        indices[first..].iter().for_each(|&index| chosen[index as usize] = false);
    }
    let offsets = (0..=rows).map(|row| (row * count) as u32).collect();
    let values = vec![0.0; indices.len()];
    SparseMatrix::new(rows, columns, offsets, indices, values)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_output_or_every_input_has_its_number_of_synapses() {
        let fan_in = Connectivity::FanIn { count: 7, seed: 3 }.draw("fc", 200, 50).unwrap();
        assert_eq!((fan_in.rows(), fan_in.columns(), fan_in.len()), (200, 50, 1400));
        assert!((0..200).all(|row| fan_in.row(row).0.len() == 7));
        let fan_out = Connectivity::FanOut { count: 7, seed: 3 }.draw("fc", 200, 50).unwrap();
        assert_eq!((fan_out.rows(), fan_out.columns(), fan_out.len()), (200, 50, 350));
        let by_source = fan_out.transposed();
        assert!((0..50).all(|row| by_source.row(row).0.len() == 7));
        // 1,400 choices of 50 columns: none is preferred by more than six standard deviations.
        let mut chosen = [0.0f64; 50];
        fan_in.indices().iter().for_each(|&column| chosen[column as usize] += 1.0);
        let deviation = (200.0f64 * 0.14 * 0.86).sqrt();
        assert!(chosen.iter().all(|n| (n - 28.0).abs() < 6.0 * deviation), "{chosen:?}");
        let all = Connectivity::FanIn { count: 50, seed: 3 }.draw("fc", 2, 50).unwrap();
        assert_eq!(all.row(1).0, (0..50).collect::<Vec<u32>>());
    }

    #[test]
    fn synapses_depend_on_the_seed_alone() {
        let draw = |seed| Connectivity::FanIn { count: 3, seed }.draw("fc", 20, 50).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(draw(1), draw(1 + (1 << 32)));
        // What is drawn today is what networks out there rely on.
        assert_eq!(Connectivity::FanIn { count: 3, seed: 42 }.draw("fc", 2, 1000).unwrap().indices(), DRAWN);
    }

    /// Computed outside of Rust from the definitions of the hash and of Floyd's sampling.
    const DRAWN: [u32; 6] = [6, 26, 375, 98, 302, 822];

    #[test]
    fn shapes_are_checked() {
        let mut layer = SparseLinear::new(3);
        assert_eq!(layer.output_shape("fc", &[2, 2]).unwrap(), [3]);
        layer.connectivity = Some(Connectivity::FanIn { count: 5, seed: 0 });
        let error = layer.output_shape("fc", &[2, 2]).unwrap_err().to_string();
        assert_eq!(error, "layer `fc`: `fan_in`: expected 1 to 4 (inputs), got 5");
        layer.connectivity = Some(Connectivity::FanOut { count: 0, seed: 0 });
        let error = layer.output_shape("fc", &[2, 2]).unwrap_err().to_string();
        assert_eq!(error, "layer `fc`: `fan_out`: expected 1 to 3 (outputs), got 0");
        layer.connectivity = None;
        layer.weight = Some(SparseMatrix::from_triplets(3, 5, [(0, 0, 1.0)]).unwrap());
        let error = layer.output_shape("fc", &[2, 2]).unwrap_err().to_string();
        assert_eq!(error, "layer `fc`: expected weights of shape [3, 4] for an input of 2x2, got [3, 5]");
        layer.bias = Some(Tensor::vector(vec![0.0; 2]));
        let error = layer.output_shape("fc", &[5]).unwrap_err().to_string();
        assert_eq!(error, "layer `fc`: expected 3 biases, got 2");
        let huge = Connectivity::FanIn { count: 1 << 20, seed: 0 };
        let error = huge.draw("fc", 1 << 20, 1 << 20).unwrap_err().to_string();
        assert!(error.contains("more than 536870912"), "{error}");
    }
}
