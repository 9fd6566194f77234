//! The way back: from the steps of a plan to those that compute its gradients.
//!
//! Every buffer is written by one step, so that the gradient of what a step has put out, the sum over all that read it, is
//! known when its turn comes, the last step first. Gradients are reals and lie as the values do.

mod emit;
mod kept;
mod neurons;
mod others;
mod weighted;

use std::collections::{HashMap, HashSet};

use super::lower::training::Training;
use super::{Network, lower};
use crate::error::{Error, Result};
use crate::kernel::grad::{optimise, pool_input, square_sum, time_sum};
use crate::kernel::{self, Edge, Kernel};
use crate::plan::{
    Holds, Layout, LearnedPopulation, LossMemory, NormStatistics, Parameter, Plan, Slot, Stage, Step, TrainingPlan,
    When,
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
    /// When the steps run: with those of the way forward, or once the host has given a gradient.
    when: When,
    /// Buffers that depend on something whose gradient is wanted: what is learned, the input.
    active: HashSet<usize>,
    gradients: HashMap<usize, Gradient>,
    /// Steps whose outputs are not kept, by these.
    again: HashMap<usize, Step>,
    /// Where they are computed again.
    computed: HashMap<usize, Slot>,
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
        let Some(loss) = training.loss else {
            return Err(Error::Request("a plan with an output was expected".into()));
        };
        let input = plan.input;
        let mut back = Backward {
            network,
            plan,
            when: if matches!(loss, LossMemory::Own { .. }) { When::Back } else { When::Always },
            active: if training.request.input_gradient { HashSet::from([input]) } else { HashSet::new() },
            training,
            gradients: HashMap::new(),
            again: HashMap::new(),
            computed: HashMap::new(),
            cycle: None,
            after: Vec::new(),
            returning: HashMap::new(),
            parameters: Vec::new(),
            populations: Vec::new(),
            cleared: Vec::new(),
            cleared_constants: Vec::new(),
        };
        back.find_active();
        back.find_again();
        let forward = back.plan.stages.len();
        if let LossMemory::Own { output, gradient } = loss
            && let Holds::Edge(edge) = back.plan.buffers[gradient].holds
        {
            back.gradients.insert(output, Gradient { buffer: gradient, edge });
        }
        let stages = back.plan.stages.clone();
        for stage in stages.iter().rev() {
            match stage {
                Stage::Window(step) => back.step(step)?,
                Stage::Loop(steps) | Stage::Back(steps) => back.through(steps)?,
            }
        }
        let input_gradient = back.gradients.get(&input).map(|g| g.buffer).filter(|_| back.active.contains(&input));
        if let Some(of_input) = input_gradient {
            // The host reads it when all is done.
            back.plan.buffers[of_input].permanent = true;
        } else if back.training.request.input_gradient {
            return Err(Error::Network(format!("the output of `{}` does not depend on its input", back.network.name)));
        } else if back.parameters.is_empty() && back.populations.is_empty() {
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
            forward,
            parameters: back.parameters,
            norms,
            populations: back.populations,
            facts: back.training.facts,
            loss,
            input_gradient,
            settings: back.training.settings,
            square_sums,
            cleared: back.cleared,
            cleared_constants: back.cleared_constants,
        })
    }

    /// What depends on something whose gradient is wanted: in a cycle that comes round.
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
            Kernel::Conv(p) => self.conv(step, &p)?,
            Kernel::Linear(p) => self.linear(step, &p)?,
            Kernel::Membrane(p) => self.membrane(step, &p)?,
            Kernel::Pool(pool) => {
                let (input, g) = (buffer(step.bind[0])?, self.gradient_of(step.bind[1]));
                let Some(g) = g.filter(|_| self.active.contains(&input)) else { return Ok(()) };
                let to = self.gradient(&step.layer, real(pool.input));
                let kernel = Kernel::PoolInput(pool_input::Params { pool, gradient: g.edge, to: to.edge });
                // A sum need not be kept for the way back.
                let values = if pool.max == 1 { self.kept(step.bind[0]) } else { Slot::Empty };
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
                self.push(&parameter.layer, Kernel::SquareSum(params), bind, self.when);
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
