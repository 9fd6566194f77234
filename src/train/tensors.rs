//! Between a machine's memory and tensors with names: parameters, gradients, moments.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::network::{Network, checkpoint};
use crate::plan::{Layout, Parameter, TrainingPlan};
use crate::run::training::TrainingMachine;
use crate::run::values::first_not_finite;
use crate::tensor::Tensor;
use crate::train::Optimiser;

/// How many moments an optimiser keeps of each parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moments {
    /// Momentum.
    One,
    /// First and second.
    Two,
}

impl Moments {
    /// Those of an optimiser.
    pub fn of(optimiser: &Optimiser) -> Moments {
        match optimiser {
            Optimiser::Sgd { .. } => Moments::One,
            _ => Moments::Two,
        }
    }

    /// Their names.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Moments::One => &["momentum"],
            Moments::Two => &["first", "second"],
        }
    }
}

/// The names of a layer's two tensors.
const SLOTS: [&str; 2] = ["weight", "bias"];

/// Writes parameters and running statistics into the network.
pub(super) fn into_network(plan: &TrainingPlan, machine: &TrainingMachine, network: &mut Network) -> Result<()> {
    for parameter in &plan.parameters {
        for (slot, values) in SLOTS.into_iter().zip(apart(parameter.layout, &machine.shared(parameter.values)?, 1, 0)) {
            put(network, &parameter.layer, slot, values)?;
        }
    }
    for norm in &plan.norms {
        let words = machine.shared(norm.running)?;
        let values: &[f32] = bytemuck::cast_slice(&words[..words.len() / 2]);
        let (means, variances) = values.split_at(values.len() / 2);
        put(network, &norm.layer, "running_mean", means.to_vec())?;
        put(network, &norm.layer, "running_var", variances.to_vec())?;
    }
    Ok(())
}

/// Takes the last batch out of the running statistics.
pub(super) fn statistics_before(plan: &TrainingPlan, machine: &mut TrainingMachine) -> Result<()> {
    for norm in &plan.norms {
        let words = machine.shared(norm.running)?;
        let before = words[words.len() / 2..].repeat(2);
        machine.set_shared(norm.running, &before)?;
    }
    Ok(())
}

fn put(network: &mut Network, layer: &str, slot: &str, values: Vec<f32>) -> Result<()> {
    if values.is_empty() {
        return Ok(());
    }
    let node = network.node(layer).ok_or_else(|| Error::layer(layer, "is not in the network"))?;
    if let Some(place) = checkpoint::slot_mut(&mut network.nodes[node].layer, slot) {
        let shape = place.as_ref().map_or_else(|| vec![values.len()], |tensor| tensor.shape().to_vec());
        *place = Some(Tensor::new(shape, values)?);
    }
    Ok(())
}

/// The two tensors that lie in memory with a layout; of `width` values side by side the one at `which`.
fn apart(layout: Layout, words: &[u32], width: usize, which: usize) -> [Vec<f32>; 2] {
    let places = layout.places();
    let first = places.iter().filter(|(first, _)| *first).count();
    let mut tensors = [vec![0.0; first], vec![0.0; places.len() - first]];
    for (word, (first, place)) in words.iter().skip(which).step_by(width).zip(places) {
        tensors[usize::from(!first)][place] = f32::from_bits(*word);
    }
    tensors
}

/// Gradients and moments of one plan for another of the same network.
pub(super) fn take_over(
    (plan, machine): (&TrainingPlan, &TrainingMachine),
    (new, to): (&TrainingPlan, &mut TrainingMachine),
) -> Result<()> {
    for (from, parameter) in plan.parameters.iter().zip(&new.parameters) {
        to.set_shared(parameter.gradients, &machine.shared(from.gradients)?)?;
        to.set_shared(parameter.moments, &machine.shared(from.moments)?)?;
    }
    for (from, population) in plan.populations.iter().zip(&new.populations) {
        to.set_shared(population.gradients, &machine.shared(from.gradients)?)?;
    }
    Ok(())
}

/// The moments by name, in the shapes of their parameters.
pub(super) fn moments(
    plan: &TrainingPlan,
    machine: &TrainingMachine,
    network: &Network,
    moments: Moments,
) -> Result<BTreeMap<String, Tensor>> {
    let mut tensors = BTreeMap::new();
    let names = moments.names();
    for parameter in &plan.parameters {
        let words = machine.shared(parameter.moments)?;
        for (which, name) in names.iter().enumerate() {
            let both = apart(parameter.layout, &words, names.len(), which);
            for (slot, values) in SLOTS.into_iter().zip(both) {
                if let Some(shape) = shape_of(network, parameter, slot) {
                    tensors.insert(format!("{}.{slot}.{name}", parameter.layer), Tensor::new(shape, values)?);
                }
            }
        }
    }
    Ok(tensors)
}

/// Sets moments by name; without any they are zero.
pub(super) fn set_moments(
    plan: &TrainingPlan,
    machine: &mut TrainingMachine,
    network: &Network,
    moments: Moments,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<()> {
    let names = moments.names();
    for parameter in &plan.parameters {
        let mut all = vec![0; parameter.layout.places().len() * names.len()];
        if tensors.is_empty() {
            machine.set_shared(parameter.moments, &all)?;
            continue;
        }
        for (which, name) in names.iter().enumerate() {
            let mut both: [&[f32]; 2] = [&[]; 2];
            for (slot, values) in SLOTS.into_iter().zip(&mut both) {
                let Some(shape) = shape_of(network, parameter, slot) else { continue };
                let key = format!("{}.{slot}.{name}", parameter.layer);
                let tensor = tensors.get(&key);
                let tensor = tensor.ok_or_else(|| Error::Request(format!("the state of training lacks `{key}`")))?;
                if tensor.shape() != shape {
                    let got = tensor.shape();
                    return Err(Error::Request(format!("`{key}`: expected shape {shape:?}, got {got:?}")));
                }
                *values = tensor.data();
            }
            let words = all.iter_mut().skip(which).step_by(names.len());
            for (word, (first, place)) in words.zip(parameter.layout.places()) {
                *word = both[usize::from(!first)][place].to_bits();
            }
        }
        machine.set_shared(parameter.moments, &all)?;
    }
    Ok(())
}

fn shape_of(network: &Network, parameter: &Parameter, slot: &str) -> Option<Vec<usize>> {
    let layer = &network.nodes[network.node(&parameter.layer)?].layer;
    let found = checkpoint::tensors(layer).into_iter().find(|(what, _)| *what == slot);
    found.map(|(_, tensor)| tensor.shape().to_vec())
}

/// The gradients by name, in the shapes of their parameters.
pub(super) fn gradients(
    plan: &TrainingPlan,
    machine: &TrainingMachine,
    network: &Network,
) -> Result<BTreeMap<String, Tensor>> {
    let mut all = BTreeMap::new();
    for parameter in &plan.parameters {
        let both = apart(parameter.layout, &machine.shared(parameter.gradients)?, 1, 0);
        for (slot, values) in SLOTS.into_iter().zip(both) {
            if let Some(shape) = shape_of(network, parameter, slot) {
                all.insert(format!("{}.{slot}", parameter.layer), Tensor::new(shape, values)?);
            }
        }
    }
    Ok(all)
}

/// The first layer whose weights or gradients are not finite.
pub(super) fn first_fault(plan: &TrainingPlan, machine: &TrainingMachine) -> Result<Option<String>> {
    let of_parameters = plan.parameters.iter().flat_map(|p| [(&p.layer, p.values), (&p.layer, p.gradients)]);
    for (layer, constant) in of_parameters.chain(plan.populations.iter().map(|p| (&p.layer, p.gradients))) {
        if first_not_finite(bytemuck::cast_slice(&machine.shared(constant)?)).is_some() {
            return Ok(Some(layer.clone()));
        }
    }
    Ok(None)
}
