//! Back through convolutions and linear layers.

use super::{Backward, Gradient, buffer, real};
use crate::error::{Error, Result};
use crate::kernel::conv::Geometry;
use crate::kernel::grad::{conv_input, conv_weight, linear_weight, transpose};
use crate::kernel::{self, Edge, Kernel};
use crate::plan::{Layout, Slot, Step};

impl Backward<'_> {
    /// A convolution.
    pub(super) fn conv(&mut self, step: &Step, p: &kernel::conv::Params) -> Result<()> {
        let Some(g) = self.gradient_of(step.bind[2]) else { return Ok(()) };
        let (input, geometry) = (buffer(step.bind[0])?, p.geometry);
        let groups = geometry.groups as usize;
        let sums = self.parameter(
            step,
            Layout::Weighted {
                groups,
                taps: (geometry.kernel[0] * geometry.kernel[1]) as usize,
                inputs: geometry.input.channels as usize / groups,
                outputs: geometry.out_channels as usize / groups,
                bias: geometry.bias == 1,
            },
        )?;
        let kernel = Kernel::ConvWeight(conv_weight::Params { geometry, gradient: g.edge });
        let values = self.kept(step.bind[0]);
        self.emit_after(step, kernel, vec![values, Slot::Buffer(g.buffer), sums]);
        if self.active.contains(&input) {
            let to = self.gradient(&step.layer, real(geometry.input));
            self.conv_input(step, geometry, g, to)?;
            self.contribute(step, input, to);
        }
        Ok(())
    }

    /// A linear layer.
    pub(super) fn linear(&mut self, step: &Step, p: &kernel::linear::Params) -> Result<()> {
        let Some(g) = self.gradient_of(step.bind[2]) else { return Ok(()) };
        let input = buffer(step.bind[0])?;
        let sums = self.parameter(
            step,
            Layout::Weighted {
                groups: 1,
                taps: p.input.cells as usize,
                inputs: p.input.channels as usize,
                outputs: p.count as usize,
                bias: p.bias == 1,
            },
        )?;
        let kernel = Kernel::LinearWeight(linear_weight::Params { input: p.input, gradient: g.edge, bias: p.bias });
        let values = self.kept(step.bind[0]);
        self.emit_after(step, kernel, vec![values, Slot::Buffer(g.buffer), sums]);
        if self.active.contains(&input) {
            let to = self.gradient(&step.layer, real(p.input));
            let (inputs, outputs) = (p.input.elements() as u32, p.count);
            let weights = self.transposed(step, transpose::Params { taps: 1, inputs, outputs });
            let output = Edge { cells: 1, channels: inputs, ..to.edge };
            let params =
                kernel::linear::Params { input: g.edge, output, bias: 0, first: 0, count: inputs, most_events: 0 };
            let bind = vec![Slot::Buffer(g.buffer), weights, Slot::Buffer(to.buffer), Slot::Empty];
            self.emit(step, Kernel::Linear(params), bind);
            self.contribute(step, input, to);
        }
        Ok(())
    }

    /// The gradients of a convolution's input. Where it takes no strides they are the convolution of those of its output
    /// with the weights turned round, for which there are good kernels.
    fn conv_input(&mut self, step: &Step, geometry: Geometry, g: Gradient, to: Gradient) -> Result<()> {
        let reach = [0, 1].map(|axis| geometry.dilation[axis] * (geometry.kernel[axis] - 1));
        let turns = geometry.groups == 1 && geometry.stride == [1, 1] && (0..2).all(|a| geometry.pad[a] <= reach[a]);
        if !turns {
            let kernel = Kernel::ConvInput(conv_input::Params { geometry, gradient: g.edge, output: to.edge });
            self.emit(step, kernel, vec![Slot::Buffer(g.buffer), step.bind[1], Slot::Buffer(to.buffer)]);
            return Ok(());
        }
        let (taps, inputs, outputs) =
            (geometry.kernel[0] * geometry.kernel[1], geometry.input.channels, geometry.out_channels);
        let weights = self.transposed(step, transpose::Params { taps, inputs, outputs });
        let back = Geometry {
            input: g.edge,
            in_size: geometry.out_size,
            out_size: geometry.in_size,
            pad: [0, 1].map(|axis| reach[axis] - geometry.pad[axis]),
            out_channels: inputs,
            bias: 0,
            ..geometry
        };
        let kernel = Kernel::Conv(kernel::conv::Params { geometry: back, output: to.edge, first: 0 });
        self.emit(step, kernel, vec![Slot::Buffer(g.buffer), weights, Slot::Buffer(to.buffer)]);
        Ok(())
    }

    /// The weights of a layer for the way back. They are the same in all steps of a loop.
    fn transposed(&mut self, step: &Step, params: transpose::Params) -> Slot {
        let count = (params.taps * params.inputs * params.outputs) as usize;
        let weights = self.constant(format!("{}.turned", step.layer), vec![0; count]);
        self.push(&step.layer, Kernel::Transpose(params), vec![step.bind[1], weights], self.when);
        weights
    }

    /// The memory of the gradients of a weighted layer, which is a parameter from now on.
    fn parameter(&mut self, step: &Step, layout: Layout) -> Result<Slot> {
        match step.bind[1] {
            Slot::Constant(used) => {
                let values = self.training.exact.get(&used).copied().unwrap_or(used);
                Ok(self.learned(&step.layer, layout, values))
            }
            _ => Err(Error::layer(&step.layer, "has no weights")),
        }
    }
}
