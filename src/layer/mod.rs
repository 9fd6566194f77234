//! What the host knows of one layer: its parameters, its output shape, its dense operations.
//!
//! Shapes are those of one sample in one step, channels first: `[features]`, `[channels, length]` or
//! `[channels, height, width]`. Weights are laid out as PyTorch does: `[out, in / groups, height, width]`.
//!
//! # How to add a layer
//!
//! A file here with the struct and `fn output_shape`; a variant of [`Layer`], and a line in each `match` on it, which the
//! compiler names; the builder (`network/builder.rs`); reading and writing it (`network/file/layer.rs`, `write.rs`), with its
//! weights (`network/checkpoint.rs`); NIR (`io/nir/convert.rs`, `export`); its lowering to plan steps in `network::lower`,
//! with a kernel in [`crate::kernel`] if none fits; the way back in `network::backward`, if it is to be trained; a network
//! in `run::verify` that has it.

mod batch_norm;
mod conv;
mod linear;
mod pool;
mod sparse_linear;

pub use batch_norm::BatchNorm;
pub use conv::{Conv, Padding};
pub use linear::Linear;
pub use pool::{Pool, PoolKind};
pub use sparse_linear::{Connectivity, SparseLinear};

use std::sync::Arc;

use crate::circuit::Circuit;
use crate::error::{Error, Result};
use crate::neuron::Neuron;
use crate::sparse::SparseMatrix;
use crate::tensor::{Shape, Tensor, element_count, shape_text};

/// One node of a network.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// The network's input.
    Input,
    /// 1-d or 2-d convolution.
    Conv(Conv),
    /// Fully connected, over all axes of its input flattened channels first.
    Linear(Linear),
    /// Linear by its synapses, where most weights are zero.
    SparseLinear(SparseLinear),
    /// Batch normalisation with running statistics.
    BatchNorm(BatchNorm),
    /// Max, average or sum pool.
    Pool(Pool),
    /// All axes from `start` to `end` (both included, of one sample) become one.
    Flatten {
        /// First axis that is merged.
        start: usize,
        /// Last axis that is merged; `None`: the last there is.
        end: Option<usize>,
    },
    /// Multiplication by one factor, one per channel, or one per element.
    Scale(Tensor),
    /// Sum of all its inputs.
    Add,
    /// A population of neurons.
    Neuron(Neuron),
    /// Each element comes later by its own number of steps: one for all, or the input's shape.
    Delay(Vec<u32>),
    /// Populations of cells, and projections between them; takes spikes or currents, or nothing.
    Circuit(Arc<Circuit>),
    /// Identity at inference.
    Dropout {
        /// Probability that an element is dropped in training.
        p: f32,
    },
}

impl Layer {
    /// The kind, as files and listings name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Layer::Input => "input",
            Layer::Conv(conv) => {
                if conv.kernel.len() == 1 {
                    "conv1d"
                } else {
                    "conv2d"
                }
            }
            Layer::Linear(_) => "linear",
            Layer::SparseLinear(_) => "sparse_linear",
            Layer::BatchNorm(_) => "batch_norm",
            Layer::Pool(pool) => pool.kind.name(),
            Layer::Flatten { .. } => "flatten",
            Layer::Scale(_) => "scale",
            Layer::Add => "add",
            Layer::Neuron(neuron) => neuron.model.name(),
            Layer::Delay(_) => "delay",
            Layer::Dropout { .. } => "dropout",
            Layer::Circuit(_) => "circuit",
        }
    }

    /// The shape of the output for an input of `input`.
    ///
    /// # Errors
    /// [`Error::Layer`] naming `name`, what was expected and what came.
    pub fn output_shape(&self, name: &str, input: &[usize]) -> Result<Shape> {
        let shape = match self {
            Layer::Conv(conv) => conv.output_shape(name, input)?,
            Layer::Linear(linear) => linear.output_shape(name, input)?,
            Layer::SparseLinear(linear) => linear.output_shape(name, input)?,
            Layer::Pool(pool) => pool.output_shape(name, input)?,
            Layer::BatchNorm(norm) => norm.output_shape(name, input)?,
            Layer::Flatten { start, end } => flatten_shape(name, input, *start, *end)?,
            Layer::Scale(scale) => scale_shape(name, input, scale)?,
            Layer::Circuit(circuit) => circuit_shape(name, input, circuit)?,
            Layer::Delay(steps) => {
                let elements: usize = input.iter().product();
                if steps.len() != 1 && steps.len() != elements {
                    return Err(Error::layer(
                        name,
                        format!(
                            "expected one delay or {elements} (its input is {}), got {}",
                            shape_text(input),
                            steps.len()
                        ),
                    ));
                }
                input.to_vec()
            }
            Layer::Input | Layer::Add | Layer::Neuron(_) | Layer::Dropout { .. } => input.to_vec(),
        };
        match element_count(&shape) {
            Some(n) if n > 0 && n <= MAX_ELEMENTS => Ok(shape),
            Some(0) => Err(Error::layer(name, format!("its output {} is empty", shape_text(&shape)))),
            _ => Err(Error::layer(
                name,
                format!("its output {} has more than {MAX_ELEMENTS} elements", shape_text(&shape)),
            )),
        }
    }

    /// The number of trained parameters.
    pub fn parameter_count(&self) -> usize {
        let len = |t: &Option<Tensor>| t.as_ref().map_or(0, Tensor::len);
        match self {
            Layer::Conv(conv) => len(&conv.weight) + len(&conv.bias),
            Layer::Linear(linear) => len(&linear.weight) + len(&linear.bias),
            Layer::SparseLinear(linear) => linear.weight.as_ref().map_or(0, SparseMatrix::len) + len(&linear.bias),
            Layer::BatchNorm(norm) => len(&norm.weight) + len(&norm.bias),
            Layer::Scale(scale) => scale.len(),
            _ => 0,
        }
    }

    /// Whether synaptic operations are counted here: convolution and linear, also a sparse one.
    pub fn is_weighted(&self) -> bool {
        matches!(self, Layer::Conv(_) | Layer::Linear(_) | Layer::SparseLinear(_))
    }
}

/// All cells; what comes in is for those of one population, one each.
fn circuit_shape(name: &str, input: &[usize], circuit: &Circuit) -> Result<Shape> {
    let expected = circuit.populations.get(circuit.input_population()).map_or(0, |population| population.size);
    let elements: usize = input.iter().product();
    if !input.is_empty() && elements != expected {
        let got = shape_text(input);
        return Err(Error::layer(name, format!("expected an input for each of {expected} cells, got {got}")));
    }
    Ok(vec![circuit.cells()])
}

/// More elements in one step of one sample than this is taken for a mistake (2^31 is what one binding can address).
pub const MAX_ELEMENTS: usize = 1 << 29;

fn flatten_shape(name: &str, input: &[usize], start: usize, end: Option<usize>) -> Result<Shape> {
    let end = end.unwrap_or(input.len().saturating_sub(1));
    if start > end || end >= input.len() {
        return Err(Error::layer(name, format!("cannot flatten axes {start} to {end} of {}", shape_text(input))));
    }
    let mut shape = input[..start].to_vec();
    shape.push(input[start..=end].iter().product());
    shape.extend(&input[end + 1..]);
    Ok(shape)
}

fn scale_shape(name: &str, input: &[usize], scale: &Tensor) -> Result<Shape> {
    let elements: usize = input.iter().product();
    let channels = input.first().copied().unwrap_or(1);
    if scale.len() == 1 || scale.len() == channels || scale.len() == elements {
        Ok(input.to_vec())
    } else {
        Err(Error::layer(
            name,
            format!(
                "expected one factor, {channels} (channels) or {elements} (elements), got shape {}",
                shape_text(scale.shape())
            ),
        ))
    }
}

/// The weight of a layer, or an error that says what to do.
pub(crate) fn loaded<'a, T>(name: &str, what: &str, tensor: &'a Option<T>) -> Result<&'a T> {
    tensor.as_ref().ok_or_else(|| {
        Error::layer(
            name,
            format!("has no {what} yet: load a checkpoint (`--weights`), or `init` the network from a seed"),
        )
    })
}
