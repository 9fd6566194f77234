//! The network's output: reduced over time, from spike counts where the last layer commutes with it.

use super::weighted::Piece;
use super::{Lowering, Value, words};
use crate::error::{Error, Result};
use crate::kernel::{self, Edge, Kernel, readout};
use crate::layer::Layer;
use crate::network::Readout;
use crate::plan::{Holds, Slot, When};

impl Lowering<'_> {
    /// Whether a linear layer can be applied once, to the number of spikes: it is the output, nobody else uses it,
    /// its input is spikes, and the read-out is a mean or a sum.
    pub(super) fn commutes_with_time(&self, node: usize) -> bool {
        let input = self.graph.nodes[node].inputs[0];
        self.graph.output == node
            && self.graph.uses(node) == 1
            && self.cycle.is_none()
            && !self.request.streaming
            && self.planes[input] == 1
            && self.series[input]
            && matches!(self.request.readout, Readout::Mean | Readout::Sum)
            && count_planes(self.request.steps) <= super::MAX_PLANES
    }

    pub(super) fn readout(&mut self) -> Result<()> {
        let graph = self.graph;
        let output = graph.output;
        let (value, mode, factor, when) = if self.fused[output] && graph.nodes[output].layer.is_weighted() {
            (self.counted(output)?, readout::LAST, 1.0, When::Last)
        } else {
            let (mode, factor) = self.mode(output)?;
            (self.value(output)?, mode, factor, When::Always)
        };
        let elements = (value.edge.cells * value.edge.channels) as usize;
        let scores = self.buffer("scores", Holds::Scores(elements, mode == readout::TRACE), true);
        let total_steps = if self.request.streaming { 1 } else { self.request.steps as u32 };
        let kernel = Kernel::Readout(readout::Params { input: value.edge, mode, factor, total_steps });
        self.plan.scores = scores;
        self.plan.score_shape = graph.nodes[output].shape.clone();
        let note = if self.request.streaming { "each step" } else { self.request.readout.name() };
        self.emit_when(when, output, kernel, vec![Slot::Buffer(value.buffer), Slot::Buffer(scores)], note);
        Ok(())
    }

    fn mode(&self, output: usize) -> Result<(u32, f32)> {
        if self.request.streaming {
            return Ok((readout::LAST, 1.0));
        }
        Ok(match self.request.readout {
            Readout::Mean => (readout::SUM, (1.0 / self.request.steps as f64) as f32),
            Readout::Sum => (readout::SUM, 1.0),
            Readout::Count if self.planes[output] == 0 => {
                return Err(Error::layer(
                    &self.graph.nodes[output].name,
                    "the read-out `count` needs an output that spikes: use `mean`, `sum`, `last`, `max` or `trace`",
                ));
            }
            Readout::Count => (readout::SUM, 1.0),
            Readout::Last => (readout::LAST, 1.0),
            Readout::Max => (readout::MAX, 1.0),
            Readout::Trace => (readout::TRACE, 1.0),
        })
    }

    /// Spikes are counted, the weights applied once, then the mean or sum and the bias.
    fn counted(&mut self, node: usize) -> Result<Value> {
        let graph = self.graph;
        let Layer::Linear(linear) = &graph.nodes[node].layer else {
            return Err(Error::layer(&graph.nodes[node].name, "is no linear layer"));
        };
        let (name, steps) = (&graph.nodes[node].name, self.request.steps);
        let spikes = self.input_of(node)?;
        let edge = Edge { planes: count_planes(steps), series: 0, ..spikes.edge };
        let buffer = self.buffer(format!("{name}.counts"), Holds::Edge(edge), self.request.keeps_state());
        let counts = Value { buffer, edge, size: spikes.size };
        let kernel = Kernel::Count(kernel::count::Params { input: spikes.edge, output: edge });
        self.emit(node, kernel, vec![Slot::Buffer(spikes.buffer), Slot::Buffer(buffer)], "spikes over all steps");
        let (pieces, table, zero) = self.linear_weights(node, linear, &counts, &[])?;
        self.meter(node, &counts, &table, zero, true);
        let channels = linear.out_features as u32;
        let real = Edge { cells: 1, channels, planes: 0, series: 0 };
        let sums = self.buffer(format!("{name}.sums"), Holds::Edge(real), false);
        for Piece { first, count, weights } in pieces {
            let kernel = Kernel::Linear(kernel::linear::Params { input: edge, output: real, bias: 0, first, count });
            let bind = vec![Slot::Buffer(buffer), weights, Slot::Buffer(sums)];
            self.emit_when(When::Last, node, kernel, bind, "once: from spike counts");
        }
        let mean = self.request.readout == Readout::Mean;
        let factor = if mean { (1.0 / steps as f64) as f32 } else { 1.0 };
        let times = if mean { 1.0 } else { steps as f32 };
        let bias = |o: usize| linear.bias.as_ref().map_or(0.0, |b| b.data()[o]) * times;
        let pairs = (0..linear.out_features).flat_map(|o| [factor, bias(o)]);
        let factors = self.constant(format!("{name}.f"), words(pairs));
        let result = self.buffer(name.clone(), Holds::Edge(real), false);
        let kernel = Kernel::Affine(kernel::affine::Params { input: real, output: real, grain: 1 });
        let bind = vec![Slot::Buffer(sums), factors, Slot::Buffer(result)];
        self.emit_when(When::Last, node, kernel, bind, "over time, and the bias");
        Ok(Value { buffer: result, edge: real, size: [1, 1] })
    }
}

/// Bit planes that hold a count of up to `steps`.
fn count_planes(steps: usize) -> u32 {
    usize::BITS - steps.leading_zeros()
}
