//! 1-d and 2-d convolution (cross-correlation, as PyTorch has it).

use crate::error::{Error, Result};
use crate::tensor::{Shape, Tensor, shape_text};

/// How the input is padded with zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Padding {
    /// This many on both sides of each axis.
    Explicit(Vec<usize>),
    /// So that the output has the input's extent (stride 1 only; the odd one goes to the end).
    Same,
    /// None.
    Valid,
}

/// A convolution over one or two axes, depending on the length of `kernel`.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Output channels.
    pub out_channels: usize,
    /// Kernel extent per axis: `[length]` or `[height, width]`.
    pub kernel: Vec<usize>,
    /// Stride per axis.
    pub stride: Vec<usize>,
    /// Zero padding.
    pub padding: Padding,
    /// Dilation per axis.
    pub dilation: Vec<usize>,
    /// Groups: channels are split into so many independent convolutions.
    pub groups: usize,
    /// Whether there is a bias.
    pub has_bias: bool,
    /// Weights `[out, in / groups, kernel...]`.
    pub weight: Option<Tensor>,
    /// Bias `[out]`.
    pub bias: Option<Tensor>,
}

impl Conv {
    /// A 2-d convolution with a square kernel, stride 1, no padding, with bias.
    pub fn conv2d(out_channels: usize, kernel: usize) -> Self {
        Self::new(out_channels, vec![kernel, kernel])
    }

    /// A 1-d convolution, stride 1, no padding, with bias.
    pub fn conv1d(out_channels: usize, kernel: usize) -> Self {
        Self::new(out_channels, vec![kernel])
    }

    fn new(out_channels: usize, kernel: Vec<usize>) -> Self {
        let axes = kernel.len();
        Conv {
            out_channels,
            kernel,
            stride: vec![1; axes],
            padding: Padding::Valid,
            dilation: vec![1; axes],
            groups: 1,
            has_bias: true,
            weight: None,
            bias: None,
        }
    }

    /// Zeros before and after each axis.
    pub fn pads(&self) -> Vec<(usize, usize)> {
        (0..self.kernel.len())
            .map(|axis| match &self.padding {
                Padding::Explicit(p) => (p[axis], p[axis]),
                Padding::Valid => (0, 0),
                Padding::Same => {
                    let total = self.dilation[axis] * (self.kernel[axis] - 1);
                    (total / 2, total - total / 2)
                }
            })
            .collect()
    }

    /// The shape of the weights for an input of `in_channels`.
    pub fn weight_shape(&self, in_channels: usize) -> Shape {
        let mut shape = vec![self.out_channels, in_channels / self.groups];
        shape.extend(&self.kernel);
        shape
    }

    /// Checks everything against an input shape; returns the output shape.
    ///
    /// # Errors
    /// [`Error::Layer`] naming what does not fit.
    pub fn output_shape(&self, name: &str, input: &[usize]) -> Result<Shape> {
        let fail = |message: String| Err(Error::layer(name, message));
        let axes = self.kernel.len();
        if axes == 0 || axes > 2 || self.stride.len() != axes || self.dilation.len() != axes {
            return fail(format!(
                "kernel {:?}, stride {:?} and dilation {:?} must all have one or all two axes",
                self.kernel, self.stride, self.dilation
            ));
        }
        if matches!(&self.padding, Padding::Explicit(p) if p.len() != axes) {
            return fail(format!("padding {:?} must have {axes} axes", self.padding));
        }
        if input.len() != axes + 1 {
            let form = if axes == 1 { "[channels, length]" } else { "[channels, height, width]" };
            return fail(format!("expected an input {form}, got {}", shape_text(input)));
        }
        if self.kernel.contains(&0) || self.stride.contains(&0) || self.dilation.contains(&0) || self.groups == 0 {
            return fail("kernel, stride, dilation and groups must be at least 1".into());
        }
        if self.padding == Padding::Same && self.stride.iter().any(|&s| s != 1) {
            return fail(format!("padding \"same\" needs stride 1, got {:?}", self.stride));
        }
        let in_channels = input[0];
        if !in_channels.is_multiple_of(self.groups)
            || !self.out_channels.is_multiple_of(self.groups)
            || self.out_channels == 0
        {
            return fail(format!(
                "{in_channels} input and {} output channels cannot be split into {} groups",
                self.out_channels, self.groups
            ));
        }
        if let Some(weight) = &self.weight {
            let expected = self.weight_shape(in_channels);
            if weight.shape() != expected {
                return fail(format!(
                    "expected weights of shape {expected:?} for {in_channels} input channels, got {:?}",
                    weight.shape()
                ));
            }
        }
        if let Some(bias) = &self.bias
            && bias.len() != self.out_channels
        {
            return fail(format!("expected {} biases, got {}", self.out_channels, bias.len()));
        }
        let mut shape = vec![self.out_channels];
        for (axis, (before, after)) in self.pads().into_iter().enumerate() {
            let reach = self.dilation[axis]
                .checked_mul(self.kernel[axis] - 1)
                .and_then(|r| r.checked_add(1))
                .filter(|_| before <= MAX_PAD && after <= MAX_PAD);
            let padded = input[1 + axis] + before.min(MAX_PAD) + after.min(MAX_PAD);
            match reach {
                Some(reach) if reach <= padded => shape.push((padded - reach) / self.stride[axis] + 1),
                _ => {
                    return fail(format!(
                        "a kernel of {:?} (dilation {:?}, padding {:?}) does not fit an input of {}",
                        self.kernel,
                        self.dilation,
                        self.padding,
                        shape_text(input)
                    ));
                }
            }
        }
        Ok(shape)
    }
}

/// More padding than this on one side is taken for a mistake.
const MAX_PAD: usize = 1 << 20;
