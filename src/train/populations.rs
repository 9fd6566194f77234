//! Parameters of neurons that are learned: their gradients follow from those of the coefficients on the host.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::kernel::grad::optimise;
use crate::layer::Layer;
use crate::network::file::neuron::{names, param_mut};
use crate::network::{Network, laid_out};
use crate::neuron::affine::Coefficients;
use crate::neuron::backward::COEFFICIENT_GRADIENTS;
use crate::neuron::{Neuron, Param};
use crate::plan::{LearnedPopulation, TrainingPlan};
use crate::run::training::TrainingMachine;
use crate::tensor::Tensor;

/// A step of a parameter over which its coefficients are differenced: they are smooth, and computed in f64.
const STEP: f64 = 1e-6;

/// The parameters of neurons that an optimiser changes, by `<layer>.<name>`.
#[derive(Debug, Default)]
pub(super) struct Learned {
    params: BTreeMap<String, LearnedParam>,
}

/// What a step of the optimiser makes of neurons, before it is taken.
#[derive(Debug)]
pub(super) struct Next {
    params: BTreeMap<String, LearnedParam>,
    /// By node.
    neurons: BTreeMap<usize, Neuron>,
    /// Coefficients, and where they go.
    rows: Vec<(usize, Vec<Coefficients>)>,
}

#[derive(Clone, Debug)]
struct LearnedParam {
    layer: String,
    name: String,
    gradients: Vec<f32>,
    /// Width values side by side for each value.
    moments: Vec<f32>,
}

impl Learned {
    /// Those of a network, for an optimiser with so many moments.
    ///
    /// # Errors
    /// A name that a neuron does not have.
    pub fn new(network: &Network, moments: usize) -> Result<Learned> {
        let mut params = BTreeMap::new();
        for node in &network.nodes {
            let Layer::Neuron(neuron) = &node.layer else { continue };
            let (mut model, learned) = (neuron.model.clone(), neuron.learned());
            for name in learned {
                let Some(count) = param_mut(&mut model, name).map(|param| param.values().len()) else {
                    let known = names(&mut model).join(", ");
                    return Err(Error::layer(&node.name, format!("cannot learn `{name}`: its parameters are {known}")));
                };
                let (layer, name) = (node.name.clone(), name.to_string());
                let (gradients, moments) = (vec![0.0; count], vec![0.0; count * moments]);
                params.insert(format!("{layer}.{name}"), LearnedParam { layer, name, gradients, moments });
            }
        }
        Ok(Learned { params })
    }

    /// Takes the gradients of the coefficients, and makes them those of the parameters.
    pub fn take(&mut self, plan: &TrainingPlan, machine: &TrainingMachine, network: &Network) -> Result<()> {
        let shapes = network.shapes()?;
        for param in self.params.values_mut() {
            let of = plan.populations.iter().find(|population| population.layer == param.layer);
            let (Some(of), Some(node)) = (of, network.node(&param.layer)) else { continue };
            let gradients = machine.shared(of.gradients)?;
            param.gradients = param.back(network, node, &shapes[node], of, bytemuck::cast_slice(&gradients))?;
        }
        Ok(())
    }

    /// What a step of the optimiser makes of them.
    ///
    /// # Errors
    /// A parameter that leaves its range.
    pub fn next(&self, plan: &TrainingPlan, network: &Network, (kind, settings): (u32, &[f32])) -> Result<Next> {
        let mut next = Next { params: self.params.clone(), neurons: BTreeMap::new(), rows: Vec::new() };
        for param in next.params.values_mut() {
            let Some(node) = network.node(&param.layer) else { continue };
            let Layer::Neuron(neuron) = &network.nodes[node].layer else { continue };
            let neuron = next.neurons.entry(node).or_insert_with(|| neuron.clone());
            let Some(values) = param_mut(&mut neuron.model, &param.name) else { continue };
            let width = param.moments.len() / param.gradients.len().max(1);
            let each = values_mut(values).iter_mut().zip(&mut param.gradients);
            for ((value, gradient), moments) in each.zip(param.moments.chunks_exact_mut(width.max(1))) {
                let mut new = *value as f32;
                optimise::step(kind, settings, &mut new, gradient, moments);
                *value = f64::from(new);
            }
        }
        let shapes = if plan.populations.is_empty() { Vec::new() } else { network.shapes()? };
        for population in &plan.populations {
            let node = network.node(&population.layer);
            let Some((node, neuron)) = node.and_then(|node| Some((node, next.neurons.get(&node)?))) else { continue };
            let core = neuron.affine().bind(&network.rules_at(node), network.dt, &shapes[node]);
            let core = core.map_err(|e| Error::layer(&population.layer, e.to_string()))?;
            let (_, rows) = laid_out(&core, &shapes[node], population.cells, population.channels);
            next.rows.push((population.coefficients, rows));
        }
        Ok(next)
    }

    /// Takes that step; the machine gets the new coefficients.
    pub fn follow(
        &mut self,
        next: Next,
        plan: &TrainingPlan,
        machine: &mut TrainingMachine,
        network: &mut Network,
    ) -> Result<()> {
        self.params = next.params;
        for (node, neuron) in next.neurons {
            network.nodes[node].layer = Layer::Neuron(neuron);
        }
        for population in &plan.populations {
            machine.set_shared(population.gradients, &plan.zeros(population.gradients))?;
        }
        for (constant, rows) in &next.rows {
            machine.set_shared(*constant, bytemuck::cast_slice::<Coefficients, u32>(rows))?;
        }
        Ok(())
    }

    /// The first layer that has a gradient that is not finite.
    pub fn first_fault(&self) -> Option<String> {
        let bad = |param: &&LearnedParam| param.gradients.iter().any(|x| !x.is_finite());
        self.params.values().find(bad).map(|param| param.layer.clone())
    }

    /// Forgets the gradients.
    pub fn clear(&mut self) {
        self.params.values_mut().for_each(|param| param.gradients.fill(0.0));
    }

    /// The sum of the squares of all gradients.
    pub fn square_sum(&self) -> f64 {
        self.params.values().flat_map(|param| &param.gradients).map(|&x| f64::from(x) * f64::from(x)).sum()
    }

    /// Gradients by name.
    pub fn gradients(&self) -> BTreeMap<String, Tensor> {
        let all = self.params.iter();
        all.map(|(name, param)| (name.clone(), Tensor::vector(param.gradients.clone()))).collect()
    }

    /// The moments of a checkpoint, by name.
    pub fn moments(&self, names: &[&str]) -> BTreeMap<String, Tensor> {
        let one = |param: &LearnedParam, which: usize| {
            Tensor::vector(param.moments.iter().copied().skip(which).step_by(names.len()).collect())
        };
        let of = |(key, param): (&String, &LearnedParam)| {
            let each = names.iter().enumerate().map(|(which, name)| (format!("{key}.{name}"), one(param, which)));
            each.collect::<Vec<_>>()
        };
        self.params.iter().flat_map(of).collect()
    }

    /// Goes on from those; without any they are zero.
    ///
    /// # Errors
    /// One that is missing, or of another length.
    pub fn set_moments(&mut self, names: &[&str], tensors: &BTreeMap<String, Tensor>) -> Result<()> {
        for (key, param) in &mut self.params {
            if tensors.is_empty() {
                param.moments.fill(0.0);
                continue;
            }
            for (which, name) in names.iter().enumerate() {
                let key = format!("{key}.{name}");
                let tensor = tensors.get(&key).filter(|tensor| tensor.len() == param.gradients.len());
                let tensor = tensor.ok_or_else(|| {
                    Error::Request(format!("the state of training lacks `{key}`, or it does not fit"))
                })?;
                let places = param.moments.iter_mut().skip(which).step_by(names.len());
                places.zip(tensor.data()).for_each(|(place, x)| *place = *x);
            }
        }
        Ok(())
    }
}

impl LearnedParam {
    /// The gradients of its values, from those of the coefficients.
    fn back(
        &self,
        network: &Network,
        node: usize,
        shape: &[usize],
        of: &LearnedPopulation,
        gradients: &[f32],
    ) -> Result<Vec<f32>> {
        let Layer::Neuron(neuron) = &network.nodes[node].layer else { return Ok(Vec::new()) };
        let rules = network.rules_at(node);
        let rows = |by: f64| {
            let mut neuron = neuron.clone();
            if let Some(param) = param_mut(&mut neuron.model, &self.name) {
                values_mut(param).iter_mut().for_each(|value| *value += by);
            }
            neuron.affine().exact_rows(&rules, network.dt, shape)
        };
        let (more, less) = (rows(STEP)?, rows(-STEP)?);
        let (neurons, count) = (of.cells * of.channels, self.gradients.len());
        let (per_row, per_value) = (neurons / more.len(), neurons / count.clamp(1, neurons));
        let mut sums = vec![0.0; count];
        for (memory, gradients) in gradients.chunks_exact(COEFFICIENT_GRADIENTS).enumerate() {
            // People's index of the first neuron of the row: channels first.
            let person = match of.grain {
                0 => 0,
                1 => memory * of.cells,
                _ => memory % of.channels * of.cells + memory / of.channels,
            };
            let row = person / per_row;
            for (coefficient, gradient) in gradients.iter().enumerate() {
                let slope = (more[row][coefficient] - less[row][coefficient]) / (2.0 * STEP);
                sums[person / per_value] += slope * f64::from(*gradient);
            }
        }
        Ok(sums.into_iter().map(|x| x as f32).collect())
    }
}

fn values_mut(param: &mut Param) -> &mut [f64] {
    match param {
        Param::Shared(value) => std::slice::from_mut(value),
        Param::Each { values, .. } => values,
    }
}
