//! The usual recurrent layer, computed by one kernel with the time loop inside: a population whose spikes come back one
//! step later through a linear layer and are added to the current from outside.

use super::Lowering;
use super::weighted::Piece;
use crate::error::{Error, Result};
use crate::kernel::{Edge, Kernel, recurrent_spike};
use crate::layer::Layer;
use crate::plan::{Holds, Slot, StateKind};

/// The layers of such a cycle.
pub(super) struct Recurrent {
    /// Delays the spikes by one step.
    delay: usize,
    /// The recurrent weights.
    linear: usize,
    /// What comes from outside.
    outside: usize,
    neuron: usize,
}

impl Lowering<'_> {
    /// Whether a cycle is such a layer: a delay of one step, a linear layer, a sum of two, and single-spike neurons, of
    /// which only the neurons are used elsewhere.
    pub(super) fn find_recurrent(&self, nodes: &[usize]) -> Option<Recurrent> {
        let graph = self.graph;
        let [delay, linear, sum, neuron] = *nodes else { return None };
        let inputs = |node: usize| graph.nodes[node].inputs.as_slice();
        let chained = inputs(delay) == [neuron] && inputs(linear) == [delay] && inputs(neuron) == [sum];
        let alone = [delay, linear, sum].iter().all(|&node| graph.uses(node) == 1);
        let outside = match *inputs(sum) {
            [a, b] if a == linear && b != linear => b,
            [a, b] if b == linear && a != linear => a,
            _ => return None,
        };
        let value = self.values[outside]?;
        let neurons = value.edge.channels;
        let fits = matches!(&graph.nodes[delay].layer, Layer::Delay(steps) if steps == &[1])
            && matches!(graph.nodes[linear].layer, Layer::Linear(_))
            && matches!(graph.nodes[sum].layer, Layer::Add)
            && matches!(graph.nodes[neuron].layer, Layer::Neuron(_))
            && self.planes[neuron] == 1
            && value.edge.is_real()
            && value.edge.cells == 1
            && neurons <= recurrent_spike::MOST_NEURONS;
        (chained && alone && fits).then_some(Recurrent { delay, linear, outside, neuron })
    }

    /// Lowers it. What comes back is delayed once more where its operations are counted.
    pub(super) fn recurrent(&mut self, found: &Recurrent) -> Result<()> {
        let graph = self.graph;
        let (Layer::Neuron(neuron), Layer::Linear(linear)) =
            (&graph.nodes[found.neuron].layer, &graph.nodes[found.linear].layer)
        else {
            return Err(Error::layer(&graph.nodes[found.neuron].name, "is no recurrent layer"));
        };
        let outside = self.value(found.outside)?;
        let core = self.core(found.neuron, neuron)?;
        let channels = outside.edge.channels;
        let edge = self.edge(found.neuron, [1, 1], channels);
        let (population, coefficients, state, traces) = self.neurons(found.neuron, &core, edge);
        let output = self.output(found.neuron, [1, 1], channels);
        // There is no pool, so what is recorded of the spikes is the output itself, which then outlives the window.
        let record = self.request.record;
        self.plan.buffers[output.buffer].permanent = record;
        let tally = self.tally(found.neuron, &core, edge, record.then_some(output.buffer), traces);
        let name = format!("{}.last", graph.nodes[found.neuron].name);
        let last = Edge { series: 0, ..edge };
        let last = self.buffer(name, Holds::Edge(last), self.request.keeps_state());
        if self.request.keeps_state() {
            self.state(found.neuron, edge, last, StateKind::Last);
        }
        let bias = linear.bias.as_ref().map_or(&[][..], |b| b.data());
        let (pieces, table, zero) = self.linear_weights(found.linear, linear, &output, bias)?;
        let [Piece { weights, .. }] = pieces[..] else {
            return Err(Error::layer(&graph.nodes[found.linear].name, "its weights do not fit one binding"));
        };
        let params =
            recurrent_spike::Params { input: outside.edge, population, bias: u32::from(linear.bias.is_some()) };
        let traces = traces.map_or(Slot::Empty, Slot::Buffer);
        let [out, tally, last] = [output.buffer, tally, last].map(Slot::Buffer);
        let bind = vec![Slot::Buffer(outside.buffer), weights, coefficients, state, out, tally, last, traces];
        let note = format!("time loop inside, with `{}`", graph.nodes[found.linear].name);
        self.emit(found.neuron, Kernel::RecurrentSpike(params), bind, note);
        if self.request.meter {
            self.delay(found.delay, &[1])?;
            let delayed = self.value(found.delay)?;
            self.meter(found.linear, &delayed, &table, zero, true);
        } else {
            self.meter(found.linear, &output, &table, zero, true);
        }
        Ok(())
    }
}
