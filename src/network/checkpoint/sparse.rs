//! Weights of sparse linear layers in a safetensors file: of a tensor `fc.weight` the parts `fc.weight.offsets` (`[out + 1]`,
//! where each output's synapses start), `fc.weight.indices` (their inputs, ascending) and `fc.weight.values`.

use std::borrow::Cow;

use safetensors::tensor::Dtype;

use super::archive::{Archive, Entry};
use super::little_endian;
use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::network::Node;
use crate::network::nearest::listed;
use crate::sparse::SparseMatrix;
use crate::tensor::Shape;

/// What the parts are called behind the name of the tensor.
pub(super) const PARTS: [&str; 3] = ["offsets", "indices", "values"];

/// The parts of a layer's weights as they are written: names, types, shapes, bytes.
pub(super) fn entries(node: &Node) -> Vec<(String, Dtype, Shape, Cow<'_, [u8]>)> {
    let Layer::SparseLinear(linear) = &node.layer else { return Vec::new() };
    let Some(weight) = &linear.weight else { return Vec::new() };
    let contents = [
        (Dtype::U32, weight.offsets().len(), little_endian(weight.offsets())),
        (Dtype::U32, weight.len(), little_endian(weight.indices())),
        (Dtype::F32, weight.len(), little_endian(weight.values())),
    ];
    let named = |(part, (kind, length, bytes))| (format!("{}.weight.{part}", node.name), kind, vec![length], bytes);
    PARTS.into_iter().zip(contents).map(named).collect()
}

/// Whether a file has any of the parts.
pub(super) fn is_there(archive: &Archive, tensor: &str) -> bool {
    PARTS.iter().any(|part| archive.tensor(&format!("{tensor}.{part}")).is_some())
}

/// The weights of a layer, `[rows, columns]`, from their parts.
pub(super) fn read(archive: &Archive, layer: &str, tensor: &str, [rows, columns]: [usize; 2]) -> Result<SparseMatrix> {
    let fail =
        |name: &str, message: String| Error::file(archive.path, format!("layer `{layer}`: tensor `{name}`: {message}"));
    let part = |part: &str| {
        let name = format!("{tensor}.{part}");
        match archive.tensor(&name) {
            None => {
                let near = listed(&name, archive.names(), 3);
                Err(fail(&name, format!("not there for its weight; the closest are {near}")))
            }
            Some(entry) if entry.shape().len() != 1 => {
                Err(fail(&name, format!("expected one axis, got a shape {:?}", entry.shape())))
            }
            Some(entry) => Ok((name, entry)),
        }
    };
    let [offsets, indices, values] = PARTS.map(part);
    let whole = |(name, entry): (String, Entry)| entry.indices().map_err(|message| fail(&name, message));
    let (offsets, indices) = (whole(offsets?)?, whole(indices?)?);
    let (name, values) = values?;
    let values = values.floats().map_err(|message| fail(&name, message))?;
    SparseMatrix::new(rows, columns, offsets, indices, values).map_err(|e| fail(tensor, e.to_string()))
}
