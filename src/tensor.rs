//! Dense arrays of f32 in row-major order, as weights and samples come in and scores go out.

use crate::error::{Error, Result};

/// The extent of each axis, outermost first.
pub type Shape = Vec<usize>;

/// A dense row-major array of f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Vec<f32>,
}

impl Tensor {
    /// Wraps `data`, whose length must be the product of `shape`.
    ///
    /// # Errors
    /// [`Error::Request`] where the lengths differ or the product overflows.
    pub fn new(shape: impl Into<Shape>, data: Vec<f32>) -> Result<Self> {
        let shape = shape.into();
        let expected = element_count(&shape).ok_or_else(|| {
            Error::Request(format!("a tensor of shape {shape:?} has more elements than can be addressed"))
        })?;
        if expected != data.len() {
            return Err(Error::Request(format!(
                "a tensor of shape {shape:?} has {expected} elements, got {}",
                data.len()
            )));
        }
        Ok(Self { shape, data })
    }

    /// A tensor of one value everywhere.
    pub fn filled(shape: impl Into<Shape>, value: f32) -> Self {
        let shape = shape.into();
        let data = vec![value; shape.iter().product()];
        Self { shape, data }
    }

    /// A vector, shape `[n]`.
    pub fn vector(data: Vec<f32>) -> Self {
        Self { shape: vec![data.len()], data }
    }

    /// The extent of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The elements, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The elements, taken out.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The same elements under another shape.
    ///
    /// # Errors
    /// [`Error::Request`] where the number of elements differs.
    pub fn reshape(self, shape: impl Into<Shape>) -> Result<Self> {
        Self::new(shape, self.data)
    }

    /// Says where a value is NaN or infinite.
    pub(crate) fn check_finite(&self) -> std::result::Result<(), String> {
        match self.first_non_finite() {
            Some(at) => Err(format!("expected finite values, got {} at element {at}", self.data[at])),
            None => Ok(()),
        }
    }

    /// The position of the first NaN or infinity, if any.
    pub fn first_non_finite(&self) -> Option<usize> {
        self.data.iter().position(|x| !x.is_finite())
    }
}

/// The product of a shape, or `None` where it overflows.
pub fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}

/// A shape as people read it: `32x14x14`.
pub fn shape_text(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
}

/// The index of the largest value; ties go to the lowest index; `None` for an empty slice or where all are NaN.
pub fn arg_max(values: &[f32]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (i, &x) in values.iter().enumerate() {
        if !x.is_nan() && best.is_none_or(|b| x > values[b]) {
            best = Some(i);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arg_max_ties_go_to_the_lowest_index() {
        assert_eq!(arg_max(&[1.0, 3.0, 3.0]), Some(1));
        assert_eq!(arg_max(&[f32::NAN, -1.0]), Some(1));
        assert_eq!(arg_max(&[]), None);
    }

    #[test]
    fn shape_and_data_must_agree() {
        assert!(Tensor::new([2, 3], vec![0.0; 5]).is_err());
        assert!(Tensor::new([usize::MAX, 2], vec![]).is_err());
    }
}
