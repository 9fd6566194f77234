//! Back through convolutions and linear layers.

use super::{Backward, Gradient, buffer, real};
use crate::error::{Error, Result};
use crate::kernel::conv::Geometry;
use crate::kernel::grad::{batch_sum, conv_input, conv_weight, linear_weight, transpose};
use crate::kernel::{self, Edge, Kernel};
use crate::plan::{Layout, Slot, Step};

/// Weights of a convolution whose gradients are kept for every sample at most: 4 MiB of them.
const MOST_APART: usize = 1 << 20;

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
        self.conv_weight(step, conv_weight::Params { geometry, gradient: g.edge, apart: 0 }, g.buffer, sums);
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

    /// The gradients of a convolution's weights. Where the device asks for it samples give theirs side by side, and these are
    /// added up afterwards; of many weights those of a sample keep it busy.
    fn conv_weight(&mut self, step: &Step, params: conv_weight::Params, gradient: usize, sums: Slot) {
        let values = self.kept(step.bind[0]);
        if !self.training.request.sums_apart || params.count() > MOST_APART {
            self.emit_after(step, Kernel::ConvWeight(params), vec![values, Slot::Buffer(gradient), sums]);
            return;
        }
        let channels = params.count() as u32;
        let own = self.gradient(&step.layer, Edge { cells: 1, channels, planes: 0, series: 0 });
        let kernel = Kernel::ConvWeight(conv_weight::Params { apart: 1, ..params });
        self.emit_after(step, kernel, vec![values, Slot::Buffer(gradient), Slot::Buffer(own.buffer)]);
        let kernel = Kernel::BatchSum(batch_sum::Params { input: own.edge, width: 1, grain: 2 });
        self.emit_after(step, kernel, vec![Slot::Buffer(own.buffer), sums]);
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
