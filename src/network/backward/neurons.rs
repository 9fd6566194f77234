//! Back through populations.

use super::{Backward, Gradient, buffer, real};
use crate::error::{Error, Result};
use crate::kernel::grad::{batch_sum, membrane_input, rate_penalty};
use crate::kernel::{self, Edge, Kernel, Population};
use crate::layer::Layer;
use crate::neuron::affine::flag;
use crate::neuron::backward::COEFFICIENT_GRADIENTS;
use crate::plan::{LearnedPopulation, Slot, Step};

impl Backward<'_> {
    /// Whether a population has parameters of its own that are learned.
    pub(super) fn learns(&self, layer: &str) -> bool {
        let node = self.network.node(layer).map(|node| &self.network.nodes[node].layer);
        matches!(node, Some(Layer::Neuron(neuron)) if !neuron.learned().is_empty())
    }

    pub(super) fn membrane(&mut self, step: &Step, p: &kernel::membrane::Params) -> Result<()> {
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
            self.kept(step.bind[0]),
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
    pub(super) fn penalised(&mut self, step: &Step, population: &Population, g: Gradient) -> Gradient {
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
}
