//! The way back: from the steps of a plan to those that compute its gradients.
//!
//! Every buffer is written by one step, so that the gradient of what a step has put out, the sum over all that read it, is
//! known when its turn comes, the last step first. Gradients are reals and lie as the values do.

use std::collections::{HashMap, HashSet};

use super::lower::training::{Norm, Training};
use super::{Network, lower};
use crate::error::{Error, Result};
use crate::kernel::conv::Geometry;
use crate::kernel::grad::{
    batch_sum, conv_input, conv_weight, delay_input, linear_weight, membrane_input, norm_input, norm_sums, optimise,
    pool_input, rate_penalty, square_sum, time_sum, transpose,
};
use crate::kernel::{self, Edge, Kernel, Population};
use crate::layer::Layer;
use crate::neuron::affine::flag;
use crate::neuron::backward::COEFFICIENT_GRADIENTS;
use crate::plan::{
    Buffer, Constant, Holds, Layout, LearnedPopulation, NormStatistics, Parameter, Plan, Slot, Stage, Step,
    TrainingPlan, When,
};

/// The gradient of a buffer.
#[derive(Clone, Copy, Debug)]
struct Gradient {
    buffer: usize,
    edge: Edge,
}

/// The state of the way back.
pub(super) struct Backward<'a> {
    network: &'a Network,
    plan: Plan,
    training: Training<'a>,
    /// Buffers that depend on something that is learned.
    active: HashSet<usize>,
    gradients: HashMap<usize, Gradient>,
    /// The steps of the loop that is gone back through.
    cycle: Option<Vec<Step>>,
    /// What comes after it.
    after: Vec<Step>,
    /// Gradients of what the delays of a loop give, by their outputs: earlier steps read them.
    returning: HashMap<usize, Gradient>,
    parameters: Vec<Parameter>,
    populations: Vec<LearnedPopulation>,
    cleared: Vec<usize>,
    cleared_constants: Vec<usize>,
}

impl<'a> Backward<'a> {
    /// The whole plan of training, out of the way forward.
    pub fn of(network: &'a Network, plan: Plan, training: Training<'a>) -> Result<TrainingPlan> {
        let mut back = Backward {
            network,
            plan,
            training,
            active: HashSet::new(),
            gradients: HashMap::new(),
            cycle: None,
            after: Vec::new(),
            returning: HashMap::new(),
            parameters: Vec::new(),
            populations: Vec::new(),
            cleared: Vec::new(),
            cleared_constants: Vec::new(),
        };
        back.find_active();
        let stages = back.plan.stages.clone();
        for stage in stages.iter().rev() {
            match stage {
                Stage::Window(step) => back.step(step)?,
                Stage::Loop(steps) | Stage::Back(steps) => back.through(steps)?,
            }
        }
        if back.parameters.is_empty() && back.populations.is_empty() {
            return Err(Error::Network(format!("`{}` has nothing that learns", back.network.name)));
        }
        // As the network names them.
        back.parameters.reverse();
        back.populations.reverse();
        let square_sums = back.optimiser();
        let norms = back.training.norms.values();
        let mut norms: Vec<NormStatistics> =
            norms.map(|norm| NormStatistics { layer: norm.layer.clone(), running: norm.running }).collect();
        norms.sort_by_key(|norm| norm.running);
        let mut plan = back.plan;
        plan.place()?;
        Ok(TrainingPlan {
            plan,
            parameters: back.parameters,
            norms,
            populations: back.populations,
            facts: back.training.facts,
            results: back.training.results,
            settings: back.training.settings,
            square_sums,
            cleared: back.cleared,
            cleared_constants: back.cleared_constants,
        })
    }

    /// What depends on something that is learned: in a cycle that comes round.
    fn find_active(&mut self) {
        loop {
            let before = self.active.len();
            for step in self.plan.steps() {
                let learns = match &step.kernel {
                    Kernel::Conv(_) | Kernel::Linear(_) => true,
                    Kernel::Affine(_) => self.norm_of(step).is_some(),
                    Kernel::Membrane(_) => self.learns(&step.layer),
                    _ => false,
                };
                let touched: Vec<(usize, bool)> = Plan::touched(step).collect();
                if learns || touched.iter().any(|&(buffer, written)| !written && self.active.contains(&buffer)) {
                    self.active.extend(touched.iter().filter(|(_, written)| *written).map(|&(buffer, _)| buffer));
                }
            }
            if self.active.len() == before {
                return;
            }
        }
    }

    /// The batch norm that a step applies.
    fn norm_of(&self, step: &Step) -> Option<&Norm> {
        match step.bind.get(1) {
            Some(Slot::Constant(factors)) => self.training.norms.get(factors),
            _ => None,
        }
    }

    /// Whether a population has parameters of its own that are learned.
    fn learns(&self, layer: &str) -> bool {
        let node = self.network.node(layer).map(|node| &self.network.nodes[node].layer);
        matches!(node, Some(Layer::Neuron(neuron)) if !neuron.learned().is_empty())
    }

    /// A cycle, the last step of time first. What its delays give comes from the step that was computed before, whose
    /// gradients are known by then.
    fn through(&mut self, steps: &[Step]) -> Result<()> {
        self.cycle = Some(Vec::new());
        for delay in steps {
            let Kernel::Delay(p) = &delay.kernel else { continue };
            let output = buffer(delay.bind[3])?;
            if !self.active.contains(&output) {
                continue;
            }
            let edge = real(p.edge);
            let known = self.buffer(format!("{}.back", delay.layer), edge);
            self.returning.insert(output, Gradient { buffer: known, edge });
            // The push at the end of a step has the delay's input.
            let push =
                steps.iter().find(|step| matches!(step.kernel, Kernel::DelayPush(_)) && step.bind[1] == delay.bind[2]);
            let Some(push) = push else { return Err(Error::layer(&delay.layer, "keeps nothing of its input")) };
            self.back_by_delay(delay, buffer(push.bind[0])?, Gradient { buffer: known, edge });
        }
        for step in steps.iter().rev() {
            self.step(step)?;
        }
        let steps = self.cycle.take().unwrap_or_default();
        self.plan.stages.push(Stage::Back(steps));
        self.plan.stages.extend(std::mem::take(&mut self.after).into_iter().map(Stage::Window));
        Ok(())
    }

    /// One step.
    fn step(&mut self, step: &Step) -> Result<()> {
        match step.kernel {
            Kernel::Loss(p) => {
                self.gradients
                    .insert(buffer(step.bind[0])?, Gradient { buffer: buffer(step.bind[4])?, edge: p.output });
            }
            Kernel::Conv(p) => {
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
                self.emit_after(step, kernel, vec![step.bind[0], Slot::Buffer(g.buffer), sums]);
                if self.active.contains(&input) {
                    let to = self.gradient(&step.layer, real(geometry.input));
                    self.conv_input(step, geometry, g, to)?;
                    self.contribute(step, input, to);
                }
            }
            Kernel::Linear(p) => {
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
                let kernel =
                    Kernel::LinearWeight(linear_weight::Params { input: p.input, gradient: g.edge, bias: p.bias });
                self.emit_after(step, kernel, vec![step.bind[0], Slot::Buffer(g.buffer), sums]);
                if self.active.contains(&input) {
                    let to = self.gradient(&step.layer, real(p.input));
                    let (inputs, outputs) = (p.input.elements() as u32, p.count);
                    let weights = self.transposed(step, transpose::Params { taps: 1, inputs, outputs });
                    let output = Edge { cells: 1, channels: inputs, ..to.edge };
                    let params = kernel::linear::Params { input: g.edge, output, bias: 0, first: 0, count: inputs };
                    let bind = vec![Slot::Buffer(g.buffer), weights, Slot::Buffer(to.buffer)];
                    self.emit(step, Kernel::Linear(params), bind);
                    self.contribute(step, input, to);
                }
            }
            Kernel::Membrane(p) => self.membrane(step, &p)?,
            Kernel::Pool(pool) => {
                let (input, g) = (buffer(step.bind[0])?, self.gradient_of(step.bind[1]));
                let Some(g) = g.filter(|_| self.active.contains(&input)) else { return Ok(()) };
                let to = self.gradient(&step.layer, real(pool.input));
                let kernel = Kernel::PoolInput(pool_input::Params { pool, gradient: g.edge, to: to.edge });
                // A sum need not be kept for the way back.
                let values = if pool.max == 1 { step.bind[0] } else { Slot::Empty };
                self.emit(step, kernel, vec![values, Slot::Buffer(g.buffer), Slot::Buffer(to.buffer)]);
                self.contribute(step, input, to);
            }
            Kernel::Add(_) => {
                let Some(g) = self.gradient_of(step.bind[2]) else { return Ok(()) };
                for term in [step.bind[0], step.bind[1]] {
                    self.contribute(step, buffer(term)?, g);
                }
            }
            Kernel::Affine(p) => {
                let (input, g) = (buffer(step.bind[0])?, self.gradient_of(step.bind[2]));
                let Some(g) = g else { return Ok(()) };
                if let Some(norm) = self.norm_of(step).cloned() {
                    return self.norm(step, &norm, input, g);
                }
                if self.active.contains(&input) {
                    let to = self.gradient(&step.layer, real(p.input));
                    let kernel =
                        Kernel::Affine(kernel::affine::Params { input: g.edge, output: to.edge, grain: p.grain });
                    self.emit(step, kernel, vec![Slot::Buffer(g.buffer), step.bind[1], Slot::Buffer(to.buffer)]);
                    self.contribute(step, input, to);
                }
            }
            Kernel::Mask(p) => {
                let (input, g) = (buffer(step.bind[0])?, self.gradient_of(step.bind[2]));
                let Some(g) = g.filter(|_| self.active.contains(&input)) else { return Ok(()) };
                let to = self.gradient(&step.layer, real(p.input));
                let kernel = Kernel::Mask(kernel::grad::mask::Params { input: g.edge, output: to.edge, ..p });
                self.emit(step, kernel, vec![Slot::Buffer(g.buffer), step.bind[1], Slot::Buffer(to.buffer)]);
                self.contribute(step, input, to);
            }
            Kernel::Reorder(p) => self.reorder(step, &p)?,
            Kernel::Delay(_) => {
                let Some(g) = self.gradient_of(step.bind[3]) else { return Ok(()) };
                match self.returning.get(&buffer(step.bind[3])?).copied() {
                    // An earlier step takes it up from there.
                    Some(known) => {
                        let kernel =
                            Kernel::Affine(kernel::affine::Params { input: g.edge, output: known.edge, grain: 0 });
                        let one = self.constant("one", lower::words([1.0, 0.0]));
                        self.emit(step, kernel, vec![Slot::Buffer(g.buffer), one, Slot::Buffer(known.buffer)]);
                    }
                    None => self.back_by_delay(step, buffer(step.bind[0])?, g),
                }
            }
            // Of the statistics of a batch and of what a delay keeps the steps that use them take care.
            Kernel::NormMoments(_) | Kernel::NormMerge(_) | Kernel::NormFactors(_) | Kernel::DelayPush(_) => {}
            // Straight through.
            Kernel::Quantise(_) => {}
            _ => {
                let message = format!("has no gradient: its kernel is {}", step.kernel.name());
                return Err(Error::layer(&step.layer, message));
            }
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
        self.push(&step.layer, Kernel::Transpose(params), vec![step.bind[1], weights], When::Always);
        weights
    }

    fn membrane(&mut self, step: &Step, p: &kernel::membrane::Params) -> Result<()> {
        let Some(g) = self.gradient_of(step.bind[3]) else { return Ok(()) };
        let (input, Slot::Constant(coefficients)) = (buffer(step.bind[0])?, step.bind[1]) else {
            return Err(Error::layer(&step.layer, "has no coefficients"));
        };
        let learns = self.learns(&step.layer);
        if !learns && !self.active.contains(&input) {
            return Ok(());
        }
        let population = p.population;
        let g = self.penalised(step, &population, g);
        let neurons = population.output;
        let stored = population.records == 1;
        if stored && p.input.series == 0 {
            return Err(Error::layer(&step.layer, "is in a cycle, but its input is the same in every step"));
        }
        let per_neuron = |width: usize| Edge {
            cells: neurons.cells,
            channels: neurons.channels * width as u32,
            planes: 0,
            series: 0,
        };
        let kept = |this: &mut Self, what: &str, width: usize| {
            let edge = per_neuron(width);
            let index = this.buffer(format!("{}.{what}", step.layer), edge);
            this.plan.buffers[index].permanent = stored;
            if stored {
                this.cleared.push(index);
            }
            (edge, index)
        };
        let carry = if stored { Slot::Buffer(kept(self, "carry", 2).1) } else { Slot::Empty };
        let learned = learns.then(|| kept(self, "learned", COEFFICIENT_GRADIENTS));
        let to = self.gradient(&step.layer, real(p.input));
        let rules = self.network.node(&step.layer).map(|node| self.network.rules_at(node));
        let detach = self.training.request.detach_reset.or(rules.map(|rules| rules.detach_reset)).unwrap_or(false);
        let surrogate = self.training.request.surrogate;
        let kernel = Kernel::MembraneInput(membrane_input::Params {
            input: p.input,
            population,
            gradient: g.edge,
            output: to.edge,
            surrogate: surrogate.name as u32,
            alpha: surrogate.alpha as f32,
            detach: u32::from(detach),
            learns: u32::from(learns),
            steps: if stored { 1 } else { self.plan.request.steps as u32 },
        });
        let traces = if stored { step.bind[6] } else { Slot::Empty };
        let bind = vec![
            step.bind[0],
            step.bind[1],
            Slot::Buffer(g.buffer),
            traces,
            carry,
            Slot::Buffer(to.buffer),
            learned.map_or(Slot::Empty, |(_, index)| Slot::Buffer(index)),
        ];
        self.emit(step, kernel, bind);
        if let Some((edge, index)) = learned {
            let (grain, width) = (population.grain, COEFFICIENT_GRADIENTS as u32);
            let params = batch_sum::Params { input: edge, width, grain };
            let gradients = self.constant(format!("{}.c.grad", step.layer), vec![0; params.sums()]);
            self.emit_after(step, Kernel::BatchSum(params), vec![Slot::Buffer(index), gradients]);
            if let Slot::Constant(gradients) = gradients {
                let layer = step.layer.clone();
                let (cells, channels) = (neurons.cells as usize, neurons.channels as usize);
                self.populations.push(LearnedPopulation { layer, coefficients, gradients, grain, cells, channels });
            }
        }
        if self.active.contains(&input) {
            self.contribute(step, input, to);
        }
        Ok(())
    }

    /// The gradients of a population's spikes with what draws it towards a rate.
    fn penalised(&mut self, step: &Step, population: &Population, g: Gradient) -> Gradient {
        let fires = population.flags & flag::FIRES != 0;
        let (Some(penalty), true) = (self.training.request.rate_penalty, fires) else { return g };
        let all = population.output.elements() * self.plan.request.steps;
        let to = self.gradient(&step.layer, g.edge);
        let kernel = Kernel::RatePenalty(rate_penalty::Params {
            gradient: g.edge,
            output: to.edge,
            share: (1.0 / all as f64) as f32,
            wanted: penalty.target as f32,
            weight: penalty.weight as f32,
        });
        let settings = Slot::Constant(self.training.settings);
        let bind = vec![Slot::Buffer(g.buffer), step.bind[4], settings, Slot::Buffer(to.buffer)];
        self.emit(step, kernel, bind);
        to
    }

    fn norm(&mut self, step: &Step, norm: &Norm, input: usize, g: Gradient) -> Result<()> {
        let channels = g.edge.channels;
        let values = Slot::Buffer(input);
        let layout = match self.plan.buffers[input].holds {
            Holds::Edge(edge) => edge,
            _ => return Err(Error::layer(&step.layer, "has no values")),
        };
        let per_step = Edge { cells: 1, channels: 2 * channels, planes: 0, series: layout.series };
        let partial = self.buffer(format!("{}.sums", step.layer), per_step);
        let kernel = Kernel::NormSums(norm_sums::Params { input: layout, gradient: g.edge, output: per_step });
        let scales = Slot::Constant(norm.scales);
        self.emit(step, kernel, vec![values, Slot::Buffer(g.buffer), scales, Slot::Buffer(partial)]);
        let sums = match norm.learned {
            Some(learned) => self.learned(&step.layer, Layout::Norm { channels: channels as usize }, learned),
            None => {
                let sums = self.constant(format!("{}.sums", step.layer), vec![0; 2 * channels as usize]);
                if let Slot::Constant(sums) = sums {
                    self.cleared_constants.push(sums);
                }
                sums
            }
        };
        let kernel = Kernel::BatchSum(batch_sum::Params { input: per_step, width: 2, grain: 1 });
        self.emit(step, kernel, vec![Slot::Buffer(partial), sums]);
        let to = self.gradient(&step.layer, layout);
        let kernel = Kernel::NormInput(norm_input::Params { input: layout, gradient: g.edge, output: to.edge });
        let bind = vec![values, Slot::Buffer(g.buffer), scales, step.bind[1], sums, Slot::Buffer(to.buffer)];
        self.emit(step, kernel, bind);
        self.contribute(step, input, to);
        Ok(())
    }

    /// Elements go back to where they came from; a constant that became a series gets the sum over time.
    fn reorder(&mut self, step: &Step, p: &kernel::reorder::Params) -> Result<()> {
        let (input, g) = (buffer(step.bind[0])?, self.gradient_of(step.bind[2]));
        let Some(g) = g.filter(|_| self.active.contains(&input)) else { return Ok(()) };
        let Slot::Constant(sources) = step.bind[1] else { return Err(Error::layer(&step.layer, "has no order")) };
        let sources = &self.plan.constants[sources].words;
        let mut places = vec![0; sources.len()];
        for (to, &from) in sources.iter().enumerate() {
            places[from as usize] = to as u32;
        }
        let places = self.constant(format!("{}.back", step.layer), places);
        let to = self.gradient(&step.layer, Edge { series: g.edge.series, ..real(p.input) });
        let kernel = Kernel::Reorder(kernel::reorder::Params { input: g.edge, output: to.edge });
        self.emit(step, kernel, vec![Slot::Buffer(g.buffer), places, Slot::Buffer(to.buffer)]);
        self.contribute(step, input, to);
        Ok(())
    }

    /// The input of a delay gets what its output got, so many steps before.
    fn back_by_delay(&mut self, step: &Step, input: usize, g: Gradient) {
        let Kernel::Delay(p) = step.kernel else { return };
        if !self.active.contains(&input) {
            return;
        }
        let to = self.gradient(&step.layer, real(p.edge));
        let kernel = Kernel::DelayInput(delay_input::Params {
            gradient: g.edge,
            output: to.edge,
            same: u32::from(p.grain == 0),
            steps: self.plan.request.steps as u32,
        });
        self.emit(step, kernel, vec![Slot::Buffer(g.buffer), step.bind[1], Slot::Buffer(to.buffer)]);
        self.contribute(step, input, to);
    }

    /// What a buffer gets from one that reads it, added to what it has from others.
    fn contribute(&mut self, step: &Step, to: usize, mut g: Gradient) {
        if !self.active.contains(&to) {
            return;
        }
        if let Holds::Edge(edge) = self.plan.buffers[to].holds
            && edge.series == 0
            && g.edge.series == 1
        {
            let sum = self.gradient(&step.layer, real(edge));
            let kernel = Kernel::TimeSum(time_sum::Params { input: g.edge, output: sum.edge });
            self.emit(step, kernel, vec![Slot::Buffer(g.buffer), Slot::Buffer(sum.buffer)]);
            g = sum;
        }
        if let Some(&before) = self.gradients.get(&to) {
            let sum = self.gradient(&step.layer, before.edge);
            let kernel = Kernel::Add(kernel::add::Params { left: before.edge, right: g.edge, output: sum.edge });
            let bind = vec![Slot::Buffer(before.buffer), Slot::Buffer(g.buffer), Slot::Buffer(sum.buffer)];
            self.emit(step, kernel, bind);
            g = sum;
        }
        self.gradients.insert(to, g);
    }

    /// The gradient of what a slot holds, if there is any.
    fn gradient_of(&self, slot: Slot) -> Option<Gradient> {
        match slot {
            Slot::Buffer(buffer) => self.gradients.get(&buffer).copied(),
            _ => None,
        }
    }

    /// A new gradient.
    fn gradient(&mut self, layer: &str, edge: Edge) -> Gradient {
        Gradient { buffer: self.buffer(format!("{layer}.grad"), edge), edge }
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

    fn learned(&mut self, layer: &str, layout: Layout, values: usize) -> Slot {
        let count = self.plan.constants[values].words.len();
        let width = if self.training.request.optimiser >= 2 { 2 } else { 1 };
        let gradients = self.constant(format!("{layer}.grad"), vec![0; count]);
        let moments = self.constant(format!("{layer}.moments"), vec![0; count * width]);
        if let (Slot::Constant(gradients), Slot::Constant(moments)) = (gradients, moments) {
            let layer = layer.to_string();
            self.parameters.push(Parameter { layer, layout, values, gradients, moments });
        }
        gradients
    }

    /// The steps of the optimiser; and the sums of squares that clipping needs before.
    fn optimiser(&mut self) -> Option<usize> {
        let parameters = self.parameters.clone();
        let count = |plan: &Plan, parameter: &Parameter| plan.constants[parameter.values].words.len() as u32;
        let mut square_sums = None;
        if self.training.request.square_sums {
            let sums = self.constant("squares", vec![0; parameters.len()]);
            for (index, parameter) in parameters.iter().enumerate() {
                let params = square_sum::Params { count: count(&self.plan, parameter), index: index as u32 };
                let bind = vec![Slot::Constant(parameter.gradients), sums];
                self.push(&parameter.layer, Kernel::SquareSum(params), bind, When::Always);
            }
            square_sums = if let Slot::Constant(sums) = sums { Some(sums) } else { None };
        }
        for parameter in &parameters {
            let count = count(&self.plan, parameter);
            let params = optimise::Params { count, kind: self.training.request.optimiser };
            let of = [self.training.settings, parameter.values, parameter.gradients, parameter.moments];
            self.push(&parameter.layer, Kernel::Optimise(params), of.map(Slot::Constant).to_vec(), When::End);
        }
        square_sums
    }

    fn buffer(&mut self, name: impl Into<String>, edge: Edge) -> usize {
        self.plan.buffers.push(Buffer { name: name.into(), holds: Holds::Edge(edge), slot: 0, permanent: false });
        self.plan.buffers.len() - 1
    }

    fn constant(&mut self, name: impl Into<String>, words: Vec<u32>) -> Slot {
        self.plan.constants.push(Constant { name: name.into(), words });
        Slot::Constant(self.plan.constants.len() - 1)
    }

    fn push(&mut self, layer: &str, kernel: Kernel, bind: Vec<Slot>, when: When) {
        let step = Step { layer: layer.to_string(), kernel, bind, when, note: String::new() };
        self.plan.stages.push(Stage::Window(step));
    }

    /// A step back through `of`.
    fn emit(&mut self, of: &Step, kernel: Kernel, bind: Vec<Slot>) {
        let step = Step { layer: of.layer.clone(), kernel, bind, when: When::Always, note: String::new() };
        match &mut self.cycle {
            Some(steps) => steps.push(step),
            None => self.plan.stages.push(Stage::Window(step)),
        }
    }

    /// One that needs all steps of time.
    fn emit_after(&mut self, of: &Step, kernel: Kernel, bind: Vec<Slot>) {
        let step = Step { layer: of.layer.clone(), kernel, bind, when: When::Always, note: String::new() };
        match self.cycle {
            Some(_) => self.after.push(step),
            None => self.plan.stages.push(Stage::Window(step)),
        }
    }
}

/// An edge of the same elements, as reals.
fn real(edge: Edge) -> Edge {
    Edge { planes: 0, ..edge }
}

fn buffer(slot: Slot) -> Result<usize> {
    match slot {
        Slot::Buffer(buffer) => Ok(buffer),
        _ => Err(Error::Request("a step of the plan lacks a buffer".into())),
    }
}
