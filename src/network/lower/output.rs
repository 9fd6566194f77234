//! The network's output: reduced over time, from spike counts where the last layer commutes with it.

use super::weighted::{Piece, Table};
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
        self.training.is_none()
            && self.graph.output == node
            && self.graph.uses(node) == 1
            && self.cycle.is_none()
            && self.planes[input] == 1
            && self.series[input]
            && matches!(self.request.readout, Readout::Mean | Readout::Sum)
            && count_planes(self.request.steps) <= super::MAX_PLANES
    }

    pub(super) fn readout(&mut self) -> Result<()> {
        let graph = self.graph;
        let output = graph.output;
        let mode = self.mode(output)?;
        let summed = self.fused[output] && graph.nodes[output].layer.is_weighted();
        let (value, bias, counted) = if summed {
            let (sums, bias, counted) = self.counted(output)?;
            (sums, bias, Some(counted))
        } else {
            (self.value(output)?, Slot::Empty, None)
        };
        let elements = (value.edge.cells * value.edge.channels) as usize;
        let scores = self.buffer("scores", Holds::Scores(elements, mode == readout::TRACE), true);
        let keeps_sums = mode == readout::MEAN && !summed && self.request.window_steps() < self.request.steps;
        let sums = keeps_sums.then(|| self.buffer("sums", Holds::Scores(elements, false), true));
        let kernel = Kernel::Readout(readout::Params {
            input: value.edge,
            mode,
            summed: u32::from(summed),
            bias: u32::from(bias != Slot::Empty),
            keeps_sums: u32::from(keeps_sums),
        });
        self.plan.scores = scores;
        self.plan.score_shape = graph.nodes[output].shape.clone();
        let when = if summed { When::Scores } else { When::Always };
        let bind = vec![Slot::Buffer(value.buffer), bias, sums.map_or(Slot::Empty, Slot::Buffer), Slot::Buffer(scores)];
        self.emit_when(when, output, kernel, bind, self.request.readout.name());
        if let Some(Counted { counts, table, zero }) = counted {
            self.meter(output, &counts, &table, zero, true);
        }
        Ok(())
    }

    fn mode(&self, output: usize) -> Result<u32> {
        Ok(match self.request.readout {
            Readout::Mean => readout::MEAN,
            Readout::Count if self.planes[output] == 0 => {
                return Err(Error::layer(
                    &self.graph.nodes[output].name,
                    "the read-out `count` needs an output that spikes: use `mean`, `sum`, `last`, `max` or `trace`",
                ));
            }
            Readout::Sum | Readout::Count => readout::SUM,
            Readout::Last => readout::LAST,
            Readout::Max => readout::MAX,
            Readout::Trace => readout::TRACE,
        })
    }

    /// Spikes are counted, and the weights applied once, without the bias.
    fn counted(&mut self, node: usize) -> Result<(Value, Slot, Counted)> {
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
        let channels = linear.out_features as u32;
        let real = Edge { cells: 1, channels, planes: 0, series: 0 };
        let sums = self.buffer(format!("{name}.sums"), Holds::Edge(real), false);
        for Piece { first, count, weights } in pieces {
            let params = kernel::linear::Params { input: edge, output: real, bias: 0, first, count, most_events: 0 };
            let bind = vec![Slot::Buffer(buffer), weights, Slot::Buffer(sums), Slot::Empty];
            self.emit_when(When::Scores, node, Kernel::Linear(params), bind, "once: from spike counts");
        }
        let bias = linear.bias.as_ref().map(|bias| self.constant(format!("{name}.b"), words(bias.data().to_vec())));
        let value = Value { buffer: sums, edge: real, size: [1, 1] };
        Ok((value, bias.unwrap_or(Slot::Empty), Counted { counts, table, zero }))
    }
}

/// What the operations of a layer that is applied to counts are counted on.
struct Counted {
    counts: Value,
    table: Table,
    zero: (u64, u64),
}

/// Bit planes that hold a count of up to `steps`.
fn count_planes(steps: usize) -> u32 {
    usize::BITS - steps.leading_zeros()
}
