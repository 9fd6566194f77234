//! Sparse linear layers: the synapses of every target as the kernel reads them.

use super::weighted::{Table, once};
use super::{Lowering, Value};
use crate::error::Result;
use crate::kernel::{Kernel, sparse};
use crate::layer::{SparseLinear, loaded};
use crate::plan::Slot;
use crate::sparse::SparseMatrix;

impl Lowering<'_> {
    pub(super) fn sparse_linear(&mut self, node: usize, layer: &SparseLinear) -> Result<()> {
        let name = self.graph.nodes[node].name.clone();
        let matrix = loaded(&name, "weights", &layer.weight)?;
        let value = self.input_of(node)?;
        let output = self.output(node, [1, 1], layer.out_features as u32);
        let bias = layer.bias.as_ref().map_or(&[][..], |bias| bias.data());
        let targets: Vec<Vec<(u32, f32)>> = (0..matrix.rows()).map(|row| synapses(matrix, row, &value)).collect();
        let pieces = pieces(&targets, self.request.binding_limit);
        for (number, own) in pieces.iter().enumerate() {
            let params = sparse::Params {
                input: value.edge,
                output: output.edge,
                bias: u32::from(layer.bias.is_some()),
                first: own.start as u32,
                count: own.len() as u32,
                most: targets[own.clone()].iter().map(Vec::len).max().unwrap_or(0) as u32,
            };
            let words = sparse::pack(&targets[own.clone()], bias.get(own.clone()).unwrap_or_default());
            let suffix = if pieces.len() > 1 { number.to_string() } else { String::new() };
            let words = self.constant(format!("{name}.w{suffix}"), words);
            let bind = vec![Slot::Buffer(value.buffer), words, Slot::Buffer(output.buffer)];
            self.emit(node, Kernel::Sparse(params), bind, once(&output));
        }
        let table = fans(matrix, &value);
        let zeros = matrix.values().iter().filter(|&&weight| weight == 0.0).count();
        let absent = matrix.rows() as u64 * matrix.columns() as u64 - matrix.len() as u64;
        let weights = (absent + zeros as u64, absent + matrix.len() as u64);
        self.meter(node, &value, &table, weights, value.edge.planes == 1);
        Ok(())
    }
}

/// The synapses of a target as they come in the canonical sum. A matrix numbers its sources as people do, over channels
/// first.
fn synapses(matrix: &SparseMatrix, row: usize, value: &Value) -> Vec<(u32, f32)> {
    let (columns, weights) = matrix.row(row);
    let position = |column: &u32| sparse::position(&value.edge, column % value.edge.cells, column / value.edge.cells);
    let mut synapses: Vec<(u32, f32)> = columns.iter().map(position).zip(weights.iter().copied()).collect();
    // Where there is one cell they are in order already.
    synapses.sort_unstable_by_key(|synapse| synapse.0);
    synapses
}

/// Ranges of targets whose synapses each fit a binding; one slice is the least.
fn pieces(targets: &[Vec<(u32, f32)>], limit: usize) -> Vec<std::ops::Range<usize>> {
    let (mut pieces, mut begin, mut bytes) = (Vec::new(), 0, 0usize);
    for (number, slice) in targets.chunks(sparse::SLICE).enumerate() {
        let rows = slice.iter().map(Vec::len).max().unwrap_or(0);
        // Synapses, biases, where the slice and the one behind it begin.
        let own = 4 * sparse::SLICE * (2 * rows + 1) + 8;
        let first = number * sparse::SLICE;
        if bytes.saturating_add(own) > limit && first > begin {
            pieces.push(begin..first);
            (begin, bytes) = (first, 0);
        }
        bytes += own;
    }
    pieces.push(begin..targets.len());
    pieces
}

/// How many outputs an input drives: by its weights that are not zero, and if all were there.
fn fans(matrix: &SparseMatrix, value: &Value) -> Table {
    let (cells, channels) = (value.edge.cells as usize, value.edge.channels as usize);
    let mut fans = vec![0usize; cells * channels];
    let there = matrix.indices().iter().zip(matrix.values()).filter(|(_, weight)| **weight != 0.0);
    there.for_each(|(&column, _)| fans[column as usize % cells * channels + column as usize / cells] += 1);
    let mut table = Table::default();
    for fans in fans.chunks(channels) {
        let row: Vec<usize> = fans.iter().flat_map(|&fan| [fan, matrix.rows()]).collect();
        table.cell(row.clone(), || row.iter().map(|&fan| fan as u32).collect());
    }
    table
}
