//! Max, average and sum pools over one or two axes.

use crate::error::{Error, Result};
use crate::tensor::{Shape, shape_text};

/// What is taken of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolKind {
    /// The largest value; of spikes, whether there is one.
    Max,
    /// The mean over the window; padding counts as zeros, as in PyTorch's default.
    Average,
    /// The sum.
    Sum,
}

impl PoolKind {
    /// The name used in files and listings.
    pub fn name(self) -> &'static str {
        match self {
            PoolKind::Max => "max_pool",
            PoolKind::Average => "avg_pool",
            PoolKind::Sum => "sum_pool",
        }
    }
}

/// A pool; one axis or two, depending on the length of `kernel`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// What is taken of a window.
    pub kind: PoolKind,
    /// Window extent per axis.
    pub kernel: Vec<usize>,
    /// Stride per axis.
    pub stride: Vec<usize>,
    /// Padding on both sides per axis; at most half the window.
    pub padding: Vec<usize>,
}

impl Pool {
    /// A square window without overlap or padding.
    pub fn square(kind: PoolKind, extent: usize) -> Self {
        Pool { kind, kernel: vec![extent; 2], stride: vec![extent; 2], padding: vec![0; 2] }
    }

    /// Checks everything against an input shape; returns the output shape. A window that does not fit whole is left out.
    ///
    /// # Errors
    /// [`Error::Layer`] naming what does not fit.
    pub fn output_shape(&self, name: &str, input: &[usize]) -> Result<Shape> {
        let fail = |message: String| Err(Error::layer(name, message));
        let axes = self.kernel.len();
        if axes == 0 || axes > 2 || self.stride.len() != axes || self.padding.len() != axes {
            return fail(format!(
                "kernel {:?}, stride {:?} and padding {:?} must all have one or all two axes",
                self.kernel, self.stride, self.padding
            ));
        }
        if input.len() != axes + 1 {
            let form = if axes == 1 { "[channels, length]" } else { "[channels, height, width]" };
            return fail(format!("expected an input {form}, got {}", shape_text(input)));
        }
        let mut shape = vec![input[0]];
        for axis in 0..axes {
            let (kernel, stride, pad) = (self.kernel[axis], self.stride[axis], self.padding[axis]);
            if kernel == 0 || stride == 0 || pad > kernel / 2 {
                return fail(format!(
                    "expected a window and stride of at least 1 and padding of at most half the window, got {kernel}, {stride}, {pad}"
                ));
            }
            let padded = input[1 + axis] + 2 * pad;
            if kernel > padded {
                return fail(format!("a window of {:?} does not fit an input of {}", self.kernel, shape_text(input)));
            }
            shape.push((padded - kernel) / stride + 1);
        }
        Ok(shape)
    }
}
