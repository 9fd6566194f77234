//! Populations: alone, or with the weighted layer before and the max pool behind them.

use super::weighted::Piece;
use super::{Lowering, Value, canonical};
use crate::error::{Error, Result};
use crate::kernel::conv::Geometry;
use crate::kernel::{self, Edge, Kernel, MOST_STEPS, Population};
use crate::layer::{Layer, PoolKind};
use crate::neuron::Neuron;
use crate::neuron::affine::{Coefficients, Core, flag};
use crate::neuron::param::Grain;
use crate::plan::{Holds, PopulationInfo, Slot, StateInfo, StateKind};

impl Lowering<'_> {
    pub(super) fn neuron(&mut self, node: usize, neuron: &Neuron) -> Result<()> {
        let graph = self.graph;
        let source = graph.nodes[node].inputs[0];
        let core = self.core(node, neuron)?;
        // A pool computed with the population before it has a value too; a weighted layer computed here has none yet.
        if let Some(value) = self.values[source] {
            let (population, pool, output, slots) = self.population(node, &core, value.size, value.edge.channels, None);
            let kernel = Kernel::Membrane(kernel::membrane::Params {
                input: value.edge,
                population,
                width: value.size[1],
                pool,
                output: output.edge,
            });
            self.emit(node, kernel, [vec![Slot::Buffer(value.buffer)], slots].concat(), note(pool));
            return Ok(());
        }
        match &graph.nodes[source].layer {
            Layer::Conv(conv) => {
                let (value, geometry, pieces) = self.conv_parts(source, conv)?;
                let (population, pool, output, slots) =
                    self.population(node, &core, geometry.out_size, geometry.out_channels, None);
                for Piece { first, count, weights } in pieces {
                    let geometry = Geometry { out_channels: count, ..geometry };
                    let population = Population { first, count, ..population };
                    let params = kernel::conv_spike::Params { geometry, population, pool, output: output.edge };
                    let bind = [vec![Slot::Buffer(value.buffer), weights], slots.clone()].concat();
                    self.emit(node, Kernel::ConvSpike(params), bind, join(currents(&value), note(pool)));
                }
            }
            Layer::Linear(linear) => {
                let (value, pieces) = self.linear_parts(source, linear)?;
                let (events, most_events) = self.event_lists(source, &value, linear.out_features);
                let outputs = linear.out_features as u32;
                let (population, _, _, slots) = self.population(node, &core, [1, 1], outputs, Some(events));
                let bias = u32::from(linear.bias.is_some());
                for Piece { first, count, weights } in pieces {
                    let population = Population { first, count, ..population };
                    let params = kernel::linear_spike::Params { input: value.edge, population, bias, most_events };
                    let bind = [vec![Slot::Buffer(value.buffer), weights], slots.clone()].concat();
                    self.emit(node, Kernel::LinearSpike(params), bind, currents(&value));
                }
            }
            other => {
                let message = format!("cannot be fused with a {} before it", other.kind());
                return Err(Error::layer(&graph.nodes[node].name, message));
            }
        }
        Ok(())
    }

    /// The coefficients of a population.
    pub(super) fn core(&self, node: usize, neuron: &Neuron) -> Result<Core> {
        let simple = &self.graph.nodes[node];
        let rules = self.rules(node);
        let core = neuron.affine().bind(&rules, self.network.dt, &simple.shape);
        core.map_err(|e| Error::layer(&simple.name, e.to_string()))
    }

    /// The population of a layer: parameters, pooling window, output, and its slots from the coefficients on. Where
    /// nothing can be pooled, what is recorded of the spikes is the output itself, and lists of events take their slot.
    pub(super) fn population(
        &mut self,
        node: usize,
        core: &Core,
        size: [u32; 2],
        channels: u32,
        events: Option<Slot>,
    ) -> (Population, [u32; 2], Value, Vec<Slot>) {
        let (pool_node, pool) = self.fused_pool(node, size);
        let (population, constant, state, traces) = self.neurons(node, core, self.edge(node, size, channels));
        let output = self.output(node, [size[0] / pool[0], size[1] / pool[1]], channels);
        if let Some(pool_node) = pool_node {
            self.values[pool_node] = Some(output);
            self.fused[pool_node] = true;
        }
        let fires = core.flags & flag::FIRES != 0;
        let name = format!("{}.spikes", self.graph.nodes[node].name);
        let record = self.request.record && fires;
        let spikes = record.then(|| match events {
            Some(_) => {
                self.plan.buffers[output.buffer].permanent = true;
                output.buffer
            }
            None => self.buffer(name, Holds::Edge(population.output), true),
        });
        let tally = self.tally(node, core, population.output, spikes, traces);
        let optional = |slot: Option<usize>| slot.map_or(Slot::Empty, Slot::Buffer);
        let (output_slot, tally) = (Slot::Buffer(output.buffer), Slot::Buffer(tally));
        let own = events.unwrap_or_else(|| optional(spikes));
        let slots = vec![constant, state, output_slot, tally, own, optional(traces)];
        (population, pool, output, slots)
    }

    /// The neurons of a layer that put out `edge`: parameters, slots of coefficients and state, buffer of potentials.
    pub(super) fn neurons(&mut self, node: usize, core: &Core, edge: Edge) -> (Population, Slot, Slot, Option<usize>) {
        let graph = self.graph;
        let name = &graph.nodes[node].name;
        let (cells, channels) = (edge.cells as usize, edge.channels as usize);
        let (grain, rows) = laid_out(core, &graph.nodes[node].shape, cells, channels);
        let rows: Vec<u32> = bytemuck::cast_slice::<Coefficients, u32>(&rows).to_vec();
        let coefficients = self.constant(format!("{name}.c"), rows);
        let in_training = self.training.is_some();
        // More steps than a shader takes at once are computed in slices of time.
        let in_slices = in_training && self.request.steps > MOST_STEPS;
        let keeps_state = self.request.keeps_state() || self.cycle.is_some() || in_slices;
        // Backwards, the steps of a cycle are computed one by one, from potentials that were stored.
        let records = self.request.record || in_training && self.cycle.is_some();
        let population = Population {
            flags: core.flags,
            grain,
            keeps_state: u32::from(keeps_state),
            records: u32::from(records),
            first: 0,
            count: edge.channels,
            output: edge,
        };
        let mut state = Slot::Empty;
        if keeps_state {
            let buffer = self.buffer(format!("{name}.state"), Holds::State(cells * channels), true);
            if let Slot::Constant(coefficients) = coefficients {
                let has_current = core.flags & flag::CURRENT != 0;
                self.state(node, edge, buffer, StateKind::Neurons { has_current, coefficients, grain });
            }
            state = Slot::Buffer(buffer);
        }
        let traces = records.then(|| self.buffer(format!("{name}.traces"), Holds::Traces(cells * channels), true));
        (population, coefficients, state, traces)
    }

    /// A layer's state is known to the plan from now on.
    pub(super) fn state(&mut self, node: usize, layout: Edge, buffer: usize, kind: StateKind) {
        let simple = &self.graph.nodes[node];
        let (layer, shape) = (simple.name.clone(), simple.shape.clone());
        self.plan.states.push(StateInfo { layer, shape, layout, buffer, kind });
    }

    /// The buffer of a population's counters; the population is known to the plan from now on.
    pub(super) fn tally(
        &mut self,
        node: usize,
        core: &Core,
        layout: Edge,
        spikes: Option<usize>,
        traces: Option<usize>,
    ) -> usize {
        let simple = &self.graph.nodes[node];
        let tally = self.buffer(format!("{}.n", simple.name), Holds::Tally, true);
        self.plan.populations.push(PopulationInfo {
            layer: simple.name.clone(),
            shape: simple.shape.clone(),
            layout,
            tally,
            spikes,
            traces,
            fires: core.flags & flag::FIRES != 0,
            has_current: core.flags & flag::CURRENT != 0,
        });
        tally
    }

    /// The max pool that is computed with a population of single spikes, and its window; else 1 by 1.
    fn fused_pool(&self, node: usize, size: [u32; 2]) -> (Option<usize>, [u32; 2]) {
        let graph = self.graph;
        if self.training.is_some() || self.planes[node] != 1 || graph.uses(node) != 1 || graph.output == node {
            return (None, [1, 1]);
        }
        let pool = graph.nodes.iter().enumerate().find_map(|(i, n)| match &n.layer {
            Layer::Pool(pool) if n.inputs.contains(&node) && self.same_group(i, node) => Some((i, pool)),
            _ => None,
        });
        let Some((i, pool)) = pool else { return (None, [1, 1]) };
        let window = match pool.kernel[..] {
            [width] => [1, width as u32],
            _ => [pool.kernel[0] as u32, pool.kernel[1] as u32],
        };
        let whole = (0..2).all(|axis| size[axis].is_multiple_of(window[axis]));
        let plain = pool.kernel == pool.stride && pool.padding.iter().all(|&p| p == 0);
        let as_shaped = canonical(&graph.nodes[node].shape).0 == size;
        if pool.kind == PoolKind::Max && whole && plain && as_shaped { (Some(i), window) } else { (None, [1, 1]) }
    }
}

/// The coefficients in the order of memory: `[cell, channel]` where they vary by neuron.
pub(crate) fn laid_out(core: &Core, shape: &[usize], cells: usize, channels: usize) -> (u32, Vec<Coefficients>) {
    match core.grain {
        Grain::Shared => (0, core.rows.clone()),
        Grain::Channel if shape[0] == channels => (1, core.rows.clone()),
        _ => {
            // Per channel of a shape that was flattened, or per neuron: people's order is channels first.
            let per_row = cells * channels / core.rows.len();
            let row = |cell: usize, channel: usize| core.rows[(channel * cells + cell) / per_row];
            (2, (0..cells * channels).map(|i| row(i / channels, i % channels)).collect())
        }
    }
}

/// How often the currents of a fused layer are computed, where that is not for every step.
fn currents(input: &Value) -> String {
    if input.edge.series == 1 { String::new() } else { "currents once".into() }
}

/// Two notes as one.
fn join(first: String, second: String) -> String {
    let both = [first, second].into_iter().filter(|note| !note.is_empty());
    both.collect::<Vec<_>>().join(", ")
}

fn note(pool: [u32; 2]) -> String {
    if pool == [1, 1] { String::new() } else { format!("max pool {}x{} inside", pool[0], pool[1]) }
}
