//! Layers become plan steps.
//!
//! # How to add a fusion rule
//!
//! Decide it in [`Lowering::new`] or where the later layer is lowered, from the graph alone; pin it with a golden plan
//! in `tests/plans.rs`.

mod circuit;
mod events;
pub(super) mod neuron;
mod output;
mod recurrent;
mod shape;
mod sparse;
pub(super) mod training;
mod weighted;

use super::Network;
use super::schedule::Group;
use super::simplify::Graph;
use crate::error::{Error, Result};
use crate::kernel::{self, Edge, Kernel};
use crate::layer::{Layer, PoolKind};
use crate::neuron::rules::{Rules, SpikesPerStep};
use crate::plan::{Buffer, Constant, Holds, LinearSize, Plan, Request, Slot, Stage, Step, When};
use crate::tensor::shape_text;
use training::Training;

/// Counts of more bit planes than this are reals.
const MAX_PLANES: u32 = 24;

/// What a lowered layer gives: a buffer, and how its elements lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub buffer: usize,
    pub edge: Edge,
    /// Height and width of the cells.
    pub size: [u32; 2],
}

/// The state of lowering.
pub(in crate::network) struct Lowering<'a> {
    network: &'a Network,
    request: &'a Request,
    graph: &'a Graph,
    plan: Plan,
    values: Vec<Option<Value>>,
    /// Bit planes of each layer's output (0: reals).
    planes: Vec<u32>,
    /// Whether each layer's output changes over time.
    series: Vec<bool>,
    /// The group that each layer is computed in.
    group: Vec<usize>,
    /// The steps of the cycle that is being lowered.
    cycle: Option<Vec<Step>>,
    /// Layers that another one computes with itself.
    fused: Vec<bool>,
    /// What training needs; nothing is fused then.
    training: Option<Training<'a>>,
    /// The share of inputs up to which lists of them are quicker, where that was measured.
    measured: &'a dyn Fn(LinearSize) -> Option<f32>,
}

impl<'a> Lowering<'a> {
    pub fn new(network: &'a Network, request: &'a Request, graph: &'a Graph, groups: &[Group]) -> Self {
        let count = graph.nodes.len();
        let mut group = vec![0; count];
        for (g, members) in groups.iter().enumerate() {
            match members {
                Group::One(node) => group[*node] = g,
                Group::Cycle(nodes) => nodes.iter().for_each(|&node| group[node] = g),
            }
        }
        let plan = Plan {
            name: network.name.clone(),
            request: *request,
            buffers: Vec::new(),
            constants: Vec::new(),
            stages: Vec::new(),
            input: 0,
            scores: 0,
            score_shape: Vec::new(),
            populations: Vec::new(),
            circuits: Vec::new(),
            weighted: Vec::new(),
            states: Vec::new(),
            slots: Vec::new(),
        };
        let mut lowering = Lowering {
            network,
            request,
            graph,
            plan,
            values: vec![None; count],
            planes: vec![0; count],
            series: vec![false; count],
            group,
            cycle: None,
            fused: vec![false; count],
            training: None,
            measured: &|_| None,
        };
        lowering.find_kinds(groups);
        lowering
    }

    /// This lowering, with what was measured of linear layers.
    pub fn with_measured(self, measured: &'a dyn Fn(LinearSize) -> Option<f32>) -> Self {
        Lowering { measured, ..self }
    }

    /// Lowers the layers of a cycle: step by step, with what they keep pushed at the end of each step.
    pub fn cycle(&mut self, nodes: &[usize]) -> Result<()> {
        if self.training.is_none()
            && let Some(found) = self.find_recurrent(nodes)
        {
            return self.recurrent(&found);
        }
        self.cycle = Some(Vec::new());
        for &node in nodes {
            self.node(node)?;
        }
        for &node in nodes {
            if let Layer::Delay(_) = &self.graph.nodes[node].layer {
                self.push_delay(node)?;
            }
        }
        let steps = self.cycle.take().unwrap_or_default();
        self.plan.stages.push(Stage::Loop(steps));
        Ok(())
    }

    /// Lowers one layer.
    pub fn node(&mut self, node: usize) -> Result<()> {
        let graph = self.graph;
        match &graph.nodes[node].layer {
            Layer::Input => self.input(node),
            Layer::Conv(conv) => self.conv(node, conv)?,
            Layer::Linear(linear) => self.linear(node, linear)?,
            Layer::SparseLinear(_) if self.training.is_some() => {
                let message = "sparse linear layers cannot be trained: train a `linear` one, prune it, and make it sparse \
                               then (`saltatory export --sparse`)";
                return Err(Error::layer(&graph.nodes[node].name, message));
            }
            Layer::SparseLinear(sparse) => self.sparse_linear(node, sparse)?,
            Layer::Neuron(neuron) => self.neuron(node, neuron)?,
            Layer::Pool(pool) => self.pool(node, pool)?,
            Layer::BatchNorm(norm) if self.training.is_some() => self.batch_norm_in_training(node, norm)?,
            Layer::BatchNorm(norm) => self.batch_norm(node, norm)?,
            Layer::Scale(scale) => self.scale(node, scale)?,
            Layer::Add => self.add(node)?,
            Layer::Flatten { .. } => self.values[node] = Some(self.value(graph.nodes[node].inputs[0])?),
            Layer::Delay(steps) => self.delay(node, steps)?,
            Layer::Dropout { p } => self.dropout(node, *p)?,
            Layer::Circuit(circuit) => self.circuit(node, circuit)?,
        }
        Ok(())
    }

    /// The plan, with its read-out.
    pub fn finish(mut self) -> Result<Plan> {
        self.readout()?;
        if self.network.input.shape.is_empty() {
            self.plan.input = self.buffer("no input", Holds::Words(0), false);
        }
        Ok(self.plan)
    }

    fn input(&mut self, node: usize) {
        let (size, channels) = canonical(&self.network.input.shape);
        let edge = Edge {
            cells: size[0] * size[1],
            channels,
            planes: self.network.input.kind.planes(self.request.input_planes),
            series: u32::from(self.series[node]),
        };
        let name = self.graph.nodes[node].name.clone();
        let buffer = self.buffer(name, Holds::Edge(edge), false);
        self.plan.input = buffer;
        self.values[node] = Some(Value { buffer, edge, size });
    }

    /// The kind and constancy of every layer's output, before any is lowered: cycles need them.
    fn find_kinds(&mut self, groups: &[Group]) {
        let order = groups.iter().flat_map(|group| match group {
            Group::One(node) => std::slice::from_ref(node),
            Group::Cycle(nodes) => nodes.as_slice(),
        });
        let cyclic: Vec<bool> = (0..self.graph.nodes.len())
            .map(|i| groups.get(self.group[i]).is_some_and(|g| matches!(g, Group::Cycle(_))))
            .collect();
        let order: Vec<usize> = order.copied().collect();
        let known = self.known_kinds(&order, self.request);
        // What is real must not depend on how many planes this batch needs: sums of reals have another order.
        let (count_planes, input_planes) = (Request::MOST_COUNT_PLANES, Request::MOST_INPUT_PLANES);
        let widest = self.known_kinds(&order, &Request { count_planes, input_planes, ..*self.request });
        for &i in &order {
            self.planes[i] = if widest[i].unwrap_or(0) == 0 { 0 } else { known[i].unwrap_or(0) };
            let inputs = &self.graph.nodes[i].inputs;
            let fresh = !self.request.constant_input;
            self.series[i] = match &self.graph.nodes[i].layer {
                Layer::Input => fresh,
                Layer::Neuron(_) | Layer::Delay(_) | Layer::Circuit(_) => true,
                _ => cyclic[i] || inputs.iter().any(|&input| self.series[input]),
            };
        }
    }

    /// Bit planes of every layer's output, under a request.
    fn known_kinds(&self, order: &[usize], request: &Request) -> Vec<Option<u32>> {
        let mut known: Vec<Option<u32>> = vec![None; self.graph.nodes.len()];
        // Within a cycle a delay comes before its source, so its kind is known after another pass, or never: a sum that
        // feeds itself has no largest count, and is real.
        loop {
            let before = known.clone();
            for &i in order {
                known[i] = self.kind(i, &known, request);
            }
            if known == before {
                return known;
            }
        }
    }

    /// Bit planes of a layer's output, given those of its inputs; `None` where they are not known yet.
    fn kind(&self, node: usize, known: &[Option<u32>], request: &Request) -> Option<u32> {
        let simple = &self.graph.nodes[node];
        let input = || simple.inputs.first().and_then(|&i| known[i]);
        match &simple.layer {
            Layer::Input => Some(self.network.input.kind.planes(request.input_planes)),
            Layer::Conv(_) | Layer::Linear(_) | Layer::SparseLinear(_) => Some(0),
            Layer::BatchNorm(_) | Layer::Scale(_) => Some(0),
            Layer::Neuron(neuron) if !neuron.model.spikes() => Some(0),
            Layer::Neuron(neuron) => {
                let many = self.rules(node).spikes == SpikesPerStep::Many && !neuron.affine().memoryless;
                Some(if many { request.count_planes } else { 1 })
            }
            Layer::Pool(pool) => match pool.kind {
                PoolKind::Max => input(),
                PoolKind::Average => Some(0),
                PoolKind::Sum => input().map(|planes| sum_planes(planes, pool.kernel.iter().product())),
            },
            Layer::Add => {
                let planes: Option<Vec<u32>> = simple.inputs.iter().map(|&i| known[i]).collect();
                planes.map(|p| p.into_iter().reduce(added_planes).unwrap_or(0))
            }
            Layer::Circuit(_) => Some(1),
            // At inference there is none left.
            Layer::Dropout { .. } => Some(0),
            Layer::Flatten { .. } | Layer::Delay(_) => input(),
        }
    }

    /// The rules that a population follows.
    fn rules(&self, node: usize) -> Rules {
        let index = self.network.node(&self.graph.nodes[node].name);
        index.map_or_else(|| self.network.rules_of(&Default::default()), |index| self.network.rules_at(index))
    }

    /// The edge of a layer's output with these cells and channels.
    fn edge(&self, node: usize, size: [u32; 2], channels: u32) -> Edge {
        Edge { cells: size[0] * size[1], channels, planes: self.planes[node], series: u32::from(self.series[node]) }
    }

    /// The lowered value of a layer.
    fn value(&self, node: usize) -> Result<Value> {
        self.values[node].ok_or_else(|| {
            Error::Network(format!("layer `{}` is used before it is computed", self.graph.nodes[node].name))
        })
    }

    /// The value of a layer's only input.
    fn input_of(&self, node: usize) -> Result<Value> {
        self.value(self.graph.nodes[node].inputs[0])
    }

    fn buffer(&mut self, name: impl Into<String>, holds: Holds, permanent: bool) -> usize {
        self.plan.buffers.push(Buffer { name: name.into(), holds, slot: 0, permanent });
        self.plan.buffers.len() - 1
    }

    fn constant(&mut self, name: impl Into<String>, words: Vec<u32>) -> Slot {
        self.plan.constants.push(Constant { name: name.into(), words });
        Slot::Constant(self.plan.constants.len() - 1)
    }

    fn emit(&mut self, node: usize, kernel: Kernel, bind: Vec<Slot>, note: impl Into<String>) {
        self.emit_when(When::Always, node, kernel, bind, note);
    }

    fn emit_when(&mut self, when: When, node: usize, kernel: Kernel, bind: Vec<Slot>, note: impl Into<String>) {
        let step = Step { layer: self.graph.nodes[node].name.clone(), kernel, bind, when, note: note.into() };
        match &mut self.cycle {
            Some(steps) => steps.push(step),
            None => self.plan.stages.push(Stage::Window(step)),
        }
    }

    /// A buffer for a layer's output, and the value it gives.
    fn output(&mut self, node: usize, size: [u32; 2], channels: u32) -> Value {
        let edge = self.edge(node, size, channels);
        let buffer = self.buffer(self.graph.nodes[node].name.clone(), Holds::Edge(edge), false);
        let value = Value { buffer, edge, size };
        self.values[node] = Some(value);
        value
    }

    /// A value whose cells and channels lie as its shape says; elements are moved only where they must be.
    fn shaped(&mut self, node: usize, value: Value, shape: &[usize]) -> Result<Value> {
        let (size, channels) = canonical(shape);
        if value.edge.channels == channels {
            // The cells are the same and in the same order, however they are split into rows.
            return Ok(Value { size, ..value });
        }
        let to = Edge { cells: size[0] * size[1], channels, ..value.edge };
        let name = format!("{}.r", self.graph.nodes[node].name);
        Ok(self.moved(node, value, Value { edge: to, size, ..value }, name, format!("as {}", shape_text(shape))))
    }

    /// The elements of a value laid out as `to` says, in people's order; a constant may become a series.
    fn moved(&mut self, node: usize, value: Value, to: Value, name: String, note: String) -> Value {
        let (from, edge) = (value.edge, to.edge);
        let sources = (0..edge.elements() as u32).map(|i| {
            // People's index runs over channels first; both layouts hold the same people's order.
            let (cell, channel) = (i / edge.channels, i % edge.channels);
            let people = channel * edge.cells + cell;
            people % from.cells * from.channels + people / from.cells
        });
        let sources = sources.collect();
        let buffer = self.buffer(name.clone(), Holds::Edge(edge), false);
        let sources = self.constant(name, sources);
        let kernel = Kernel::Reorder(kernel::reorder::Params { input: from, output: edge });
        self.emit(node, kernel, vec![Slot::Buffer(value.buffer), sources, Slot::Buffer(buffer)], note);
        Value { buffer, ..to }
    }
}

/// Height and width of the cells, and channels, of a shape.
pub(super) fn canonical(shape: &[usize]) -> ([u32; 2], u32) {
    let at = |i: usize| shape.get(i).copied().unwrap_or(1) as u32;
    match shape.len() {
        2 => ([1, at(1)], at(0)),
        _ => ([at(1), at(2)], at(0)),
    }
}

/// Bit planes of the sum of `terms` counts.
fn sum_planes(planes: u32, terms: usize) -> u32 {
    if planes == 0 {
        return 0;
    }
    let largest = ((1u64 << planes) - 1).saturating_mul(terms as u64);
    let needed = 64 - largest.leading_zeros();
    if needed > MAX_PLANES { 0 } else { needed }
}

/// Bit planes of the sum of two edges.
fn added_planes(left: u32, right: u32) -> u32 {
    let planes = left.max(right) + 1;
    if left == 0 || right == 0 || planes > MAX_PLANES { 0 } else { planes }
}

/// Floats as words.
pub(in crate::network) fn words(values: impl IntoIterator<Item = f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}
