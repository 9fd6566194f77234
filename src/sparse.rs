//! Matrices of which most elements are zero: the weights of sparse linear layers.

use crate::error::{Error, Result};
use crate::tensor::{Tensor, element_count};

/// More elements than this are not written out as a dense matrix (2 GiB of f32).
const MAX_DENSE: usize = 1 << 29;

/// A matrix by its synapses, row after row ("CSR"): a row is a target, a column a source, like `[out, in]` of PyTorch.
///
/// Columns ascend within a row and none comes twice. An element that is there may be zero.
#[derive(Clone, Debug, PartialEq)]
pub struct SparseMatrix {
    rows: usize,
    columns: usize,
    offsets: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl SparseMatrix {
    /// Row `i` has the synapses `offsets[i]..offsets[i + 1]`: their columns in `indices`, their weights in `values`.
    ///
    /// # Errors
    /// [`Error::Request`] where there are not `rows + 1` offsets that ascend from 0 to the number of synapses, where
    /// `indices` and `values` differ in length, or where a column is not below `columns` or not above the one before it.
    pub fn new(
        rows: usize,
        columns: usize,
        offsets: Vec<u32>,
        indices: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<SparseMatrix> {
        fits(rows, columns)?;
        let synapses = indices.len();
        if values.len() != synapses {
            return Err(wrong(
                rows,
                columns,
                format!("expected as many values as indices, {synapses}, got {}", values.len()),
            ));
        }
        if offsets.len() != rows + 1 {
            return Err(wrong(rows, columns, format!("expected {} offsets, got {}", rows + 1, offsets.len())));
        }
        let (first, last) = (offsets[0], offsets[rows]);
        if first != 0 || last as usize != synapses {
            let message = format!("expected offsets from 0 to {synapses} (synapses), got {first} to {last}");
            return Err(wrong(rows, columns, message));
        }
        if let Some(row) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
            let message = format!("expected offsets that ascend, got {} after {}", offsets[row + 1], offsets[row]);
            return Err(wrong(rows, columns, format!("row {row}: {message}")));
        }
        for (row, range) in offsets.windows(2).enumerate() {
            let columns_of_row = &indices[range[0] as usize..range[1] as usize];
            if let Some(pair) = columns_of_row.windows(2).find(|pair| pair[0] >= pair[1]) {
                let message = format!("expected columns that ascend, got {} after {}", pair[1], pair[0]);
                return Err(wrong(rows, columns, format!("row {row}: {message}")));
            }
            if let Some(&last) = columns_of_row.last()
                && last as usize >= columns
            {
                return Err(wrong(rows, columns, format!("row {row}: expected columns below {columns}, got {last}")));
            }
        }
        Ok(SparseMatrix { rows, columns, offsets, indices, values })
    }

    /// From elements `(row, column, value)` in any order; those of one place are summed in the order in which they come.
    ///
    /// # Errors
    /// [`Error::Request`] where an element lies outside, or 2^32 or more come.
    pub fn from_triplets(
        rows: usize,
        columns: usize,
        triplets: impl IntoIterator<Item = (usize, usize, f32)>,
    ) -> Result<SparseMatrix> {
        fits(rows, columns)?;
        let triplets = triplets.into_iter();
        let mut elements = Vec::with_capacity(triplets.size_hint().0);
        for (row, column, value) in triplets {
            if row >= rows || column >= columns {
                return Err(wrong(rows, columns, format!("an element at row {row}, column {column} lies outside")));
            }
            elements.push((row as u32, column as u32, value));
        }
        addressable(rows, columns, elements.len())?;
        let mut offsets = vec![0u32; rows + 1];
        elements.iter().for_each(|element| offsets[element.0 as usize + 1] += 1);
        accumulate(&mut offsets);
        // Row after row, elements of one row in the order in which they came.
        let mut next = offsets.clone();
        let mut sorted = vec![(0u32, 0.0f32); elements.len()];
        for (row, column, value) in elements {
            sorted[next[row as usize] as usize] = (column, value);
            next[row as usize] += 1;
        }
        let (mut indices, mut values) = (Vec::with_capacity(sorted.len()), Vec::with_capacity(sorted.len()));
        let mut first = 0;
        for row in 0..rows {
            let elements = &mut sorted[first..offsets[row + 1] as usize];
            // Stable: those of one place stay in the order in which they came.
            elements.sort_by_key(|element| element.0);
            for same in elements.chunk_by(|a, b| a.0 == b.0) {
                indices.push(same[0].0);
                values.push(same[1..].iter().fold(same[0].1, |sum, element| sum + element.1));
            }
            first = offsets[row + 1] as usize;
            offsets[row + 1] = indices.len() as u32;
        }
        Ok(SparseMatrix { rows, columns, offsets, indices, values })
    }

    /// All elements of a matrix `[out, in]` that are not zero.
    ///
    /// # Errors
    /// [`Error::Request`] where the tensor has not two axes, or 2^32 or more elements that are not zero.
    pub fn from_dense(dense: &Tensor) -> Result<SparseMatrix> {
        let &[rows, columns] = dense.shape() else {
            return Err(Error::Request(format!("expected a matrix of two axes, got shape {:?}", dense.shape())));
        };
        fits(rows, columns)?;
        let synapses = dense.data().iter().filter(|&&value| value != 0.0).count();
        addressable(rows, columns, synapses)?;
        let mut offsets = vec![0u32; rows + 1];
        let (mut indices, mut values) = (Vec::with_capacity(synapses), Vec::with_capacity(synapses));
        // A matrix of no columns has no elements, whatever they would be taken apart by.
        for (row, elements) in dense.data().chunks_exact(columns.max(1)).enumerate() {
            for (column, &value) in elements.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                indices.push(column as u32);
                values.push(value);
            }
            offsets[row + 1] = indices.len() as u32;
        }
        Ok(SparseMatrix { rows, columns, offsets, indices, values })
    }

    /// The matrix with all its zeros, `[rows, columns]`.
    ///
    /// # Errors
    /// [`Error::Request`] where that would be more than 2^29 elements.
    pub fn to_dense(&self) -> Result<Tensor> {
        let shape = vec![self.rows, self.columns];
        if element_count(&shape).is_none_or(|n| n > MAX_DENSE) {
            return Err(wrong(
                self.rows,
                self.columns,
                format!("as a dense one it has more than {MAX_DENSE} elements"),
            ));
        }
        let mut dense = Tensor::filled(shape, 0.0);
        for row in 0..self.rows {
            let (indices, values) = self.row(row);
            let elements = &mut dense.data_mut()[row * self.columns..][..self.columns];
            indices.iter().zip(values).for_each(|(&column, &value)| elements[column as usize] = value);
        }
        Ok(dense)
    }

    /// The same synapses with rows and columns exchanged: a row then has the targets of one source.
    pub fn transposed(&self) -> SparseMatrix {
        let mut offsets = vec![0u32; self.columns + 1];
        self.indices.iter().for_each(|&column| offsets[column as usize + 1] += 1);
        accumulate(&mut offsets);
        let mut next = offsets.clone();
        let (mut indices, mut values) = (vec![0; self.len()], vec![0.0; self.len()]);
        // Rows come in ascending order, so they do within every column too.
        for row in 0..self.rows {
            let (columns, weights) = self.row(row);
            for (&column, &value) in columns.iter().zip(weights) {
                let at = next[column as usize] as usize;
                (indices[at], values[at]) = (row as u32, value);
                next[column as usize] += 1;
            }
        }
        SparseMatrix { rows: self.columns, columns: self.rows, offsets, indices, values }
    }

    /// Outputs: targets.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs: sources.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The columns of a row, ascending, and their weights.
    ///
    /// # Panics
    /// Where there is no such row.
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        (&self.indices[range.clone()], &self.values[range])
    }

    /// The number of synapses: elements that are there.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there are no synapses.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The share of elements that are there.
    pub fn density(&self) -> f64 {
        self.len() as f64 / (self.rows as f64 * self.columns as f64).max(1.0)
    }

    /// Where each row starts, and last the number of synapses.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// The columns of all rows.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The weights of all rows.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The weights of a row, to be changed in place.
    ///
    /// # Panics
    /// Where there is no such row.
    pub fn row_values_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// The weights of all rows, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

/// Counts become offsets.
fn accumulate(counts: &mut [u32]) {
    for i in 1..counts.len() {
        counts[i] += counts[i - 1];
    }
}

/// Rows and columns are numbered by u32, and so are the ends of rows.
fn fits(rows: usize, columns: usize) -> Result<()> {
    if rows.max(columns) < u32::MAX as usize {
        return Ok(());
    }
    Err(wrong(rows, columns, format!("expected less than {} rows and columns", u32::MAX)))
}

fn addressable(rows: usize, columns: usize, synapses: usize) -> Result<()> {
    if u32::try_from(synapses).is_ok() {
        return Ok(());
    }
    Err(wrong(rows, columns, format!("expected at most {} synapses, got {synapses}", u32::MAX)))
}

fn wrong(rows: usize, columns: usize, message: String) -> Error {
    Error::Request(format!("a sparse matrix of shape [{rows}, {columns}]: {message}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn example() -> SparseMatrix {
        SparseMatrix::new(3, 4, vec![0, 2, 2, 5], vec![0, 3, 0, 1, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0]).unwrap()
    }

    #[test]
    fn dense_and_sparse_are_the_same_matrix() {
        let matrix = example();
        let dense = matrix.to_dense().unwrap();
        assert_eq!(dense.shape(), [3, 4]);
        assert_eq!(dense.data(), [1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0, 0.0, 5.0]);
        assert_eq!(SparseMatrix::from_dense(&dense).unwrap(), matrix);
        assert_eq!(matrix.row(1), (&[][..], &[][..]));
        assert_eq!(matrix.row(2), (&[0, 1, 3][..], &[3.0, 4.0, 5.0][..]));
        assert_eq!((matrix.len(), matrix.density()), (5, 5.0 / 12.0));
        assert!(SparseMatrix::from_dense(&Tensor::filled([2, 0], 1.0)).unwrap().is_empty());
        assert!(SparseMatrix::from_dense(&Tensor::filled([4], 1.0)).is_err());
    }

    #[test]
    fn a_transposed_matrix_has_rows_and_columns_exchanged() {
        let transposed = example().transposed();
        let expected = vec![1.0, 0.0, 3.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 2.0, 0.0, 5.0];
        assert_eq!(transposed.to_dense().unwrap(), Tensor::new([4, 3], expected).unwrap());
        let SparseMatrix { rows, columns, offsets, indices, values } = transposed.clone();
        assert_eq!(SparseMatrix::new(rows, columns, offsets, indices, values).unwrap(), transposed);
        assert_eq!(transposed.transposed(), example());
    }

    #[test]
    fn duplicates_are_summed_in_the_order_they_come() {
        // In f32, 1e8 + 1 - 1e8 is 0 and 1e8 - 1e8 + 1 is 1.
        let triplets = [(1, 2, 1e8), (0, 1, 5.0), (1, 0, 7.0), (1, 2, 1.0), (0, 1, 0.5), (1, 2, -1e8)];
        let matrix = SparseMatrix::from_triplets(2, 3, triplets).unwrap();
        let expected = SparseMatrix::new(2, 3, vec![0, 1, 3], vec![1, 0, 2], vec![5.5, 7.0, 0.0]).unwrap();
        assert_eq!(matrix, expected);
        let triplets = [(1, 2, 1e8), (1, 2, -1e8), (1, 2, 1.0)];
        assert_eq!(SparseMatrix::from_triplets(2, 3, triplets).unwrap().values(), [1.0]);
        let outside = SparseMatrix::from_triplets(2, 3, [(1, 3, 1.0)]).unwrap_err().to_string();
        assert!(outside.contains("row 1, column 3"), "{outside}");
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        let error = |rows, columns, offsets: &[u32], indices: &[u32], values: usize| {
            let values = vec![1.0; values];
            SparseMatrix::new(rows, columns, offsets.to_vec(), indices.to_vec(), values).unwrap_err().to_string()
        };
        for (error, said) in [
            (error(2, 3, &[0, 1, 2], &[0, 1], 1), "as many values as indices, 2, got 1"),
            (error(2, 3, &[0, 2], &[0, 1], 2), "expected 3 offsets, got 2"),
            (error(2, 3, &[1, 1, 2], &[0, 1], 2), "from 0 to 2 (synapses), got 1 to 2"),
            (error(2, 3, &[0, 1, 3], &[0, 1], 2), "from 0 to 2 (synapses), got 0 to 3"),
            (error(3, 3, &[0, 7, 1, 2], &[0, 1], 2), "row 1: expected offsets that ascend, got 1 after 7"),
            (error(2, 3, &[0, 1, 2], &[0, 3], 2), "row 1: expected columns below 3, got 3"),
            (error(2, 3, &[0, 2, 2], &[1, 1], 2), "row 0: expected columns that ascend, got 1 after 1"),
            (error(2, 3, &[0, 2, 2], &[2, 1], 2), "row 0: expected columns that ascend, got 1 after 2"),
            (error(usize::MAX, 3, &[0], &[], 0), "expected less than 4294967295 rows"),
            (error(1, usize::MAX, &[0, 0], &[], 0), "expected less than 4294967295 rows"),
        ] {
            assert!(error.contains(said), "expected `{said}` in `{error}`");
        }
        let large = SparseMatrix::new(1, 1 << 30, vec![0, 0], vec![], vec![]).unwrap();
        assert!(large.to_dense().unwrap_err().to_string().contains("more than 536870912 elements"));
    }
}
