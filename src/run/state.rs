//! The state of a network between two runs: what its neurons and delays remember.
//!
//! | tensor | shape | |
//! |---|---|---|
//! | `<layer>.v` | the layer's | membrane potentials |
//! | `<layer>.i` | the layer's | synaptic currents, where the neuron has them |
//! | `<layer>.last` | the layer's | spikes of the last step, which come back in the next |
//! | `<layer>.v` `.w` `.e` `.i` `.refractory` | `[cells]` | what the cells of a circuit remember |
//! | `<layer>.arriving` | `[steps, 2 cells, 2]` | what is to arrive at them, as halves of whole numbers, the low first |
//! | `<layer>.clock` | `[4]` | the steps so far, in parts of 16 bits: random numbers of a circuit go on from there |
//! | `<layer>.past` | `[steps, layer's...]` | the last inputs of a delay, the latest last |

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use super::circuit_state;
use super::pack::{pack, unpack};
use crate::error::{Error, Result};
use crate::network::checkpoint::archive::{self, Archive};
use crate::neuron::affine::Coefficients;
use crate::plan::{Plan, StateInfo, StateKind};
use crate::tensor::Tensor;

/// The metadata key that says what a file is.
const KEY: &str = "saltatory.state";

/// What the neurons and delays of a network remember, by name.
///
/// Saved, it is a safetensors file. What is missing from one is as before the first step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// The tensors, `<layer>.v` and so on.
    pub tensors: BTreeMap<String, Tensor>,
}

/// A state in the layout of a plan's buffers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StateWords {
    /// Buffers of the plan, and their words for one sample.
    pub words: Vec<(usize, Vec<u32>)>,
    /// Steps that go with it: where rings stand.
    pub clock: u64,
}

impl State {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read, is no safetensors file, or holds what are not numbers.
    pub fn load(path: &Path) -> Result<State> {
        let bytes = archive::bytes(path)?;
        let archive = Archive::new(path, &bytes)?;
        let mut tensors = BTreeMap::new();
        for name in archive.names() {
            let Some(entry) = archive.tensor(name) else { continue };
            let named = |e: String| Error::file(path, format!("tensor `{name}`: {e}"));
            let values: Vec<f32> = entry.numbers().map_err(named)?.into_iter().map(|x| x as f32).collect();
            if let Some(bad) = values.iter().find(|x| !x.is_finite()) {
                return Err(named(format!("expected finite numbers, got {bad}")));
            }
            tensors.insert(name.to_string(), Tensor::new(entry.shape(), values)?);
        }
        Ok(State { tensors })
    }

    /// Writes a file: whole, or not at all.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        archive::write(path, &self.to_bytes()?)
    }

    /// What [`State::save`] writes.
    ///
    /// # Errors
    /// A state that is too large for the format.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let failed = |e: safetensors::SafeTensorError| Error::Request(format!("a state cannot be written: {e}"));
        let views = self.tensors.iter().map(|(name, tensor)| {
            let bytes = bytemuck::cast_slice(tensor.data());
            Ok((name.as_str(), TensorView::new(Dtype::F32, tensor.shape().to_vec(), bytes)?))
        });
        let views = views.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let metadata = HashMap::from([(KEY.to_string(), "1".to_string())]);
        safetensors::serialize(views, Some(metadata)).map_err(failed)
    }

    /// The largest number of spikes, or of input, that it holds of a past step.
    pub(super) fn largest_past(&self) -> u32 {
        let counts = |name: &String| name.ends_with(".past") || name.ends_with(".last");
        let tensors = self.tensors.iter().filter(|(name, _)| counts(name));
        tensors.flat_map(|(_, tensor)| tensor.data()).fold(0, |largest, &x| largest.max(x as u32))
    }

    /// In the layout of a plan, whose states outlive a run.
    ///
    /// # Errors
    /// Names that the network does not have, shapes that do not fit, spikes and counts that its layers cannot have.
    pub(super) fn words(&self, plan: &Plan) -> Result<StateWords> {
        let known: Vec<String> = plan.states.iter().flat_map(names).collect();
        if let Some(name) = self.tensors.keys().find(|name| !known.contains(name)) {
            let known = known.join(", ");
            return Err(Error::Request(format!("state `{name}`: `{}` has no such state, but {known}", plan.name)));
        }
        // Every delay has the past that is given, or none, which is zero: any clock past all rings will do.
        let rings = plan.states.iter().map(|info| if let StateKind::Past(slots) = info.kind { slots } else { 1 });
        let mut clock = rings.max().unwrap_or(1) as u64;
        for info in plan.states.iter().filter(|info| matches!(info.kind, StateKind::Arriving(_))) {
            let name = format!("{}.clock", info.layer);
            if let Some(values) = self.given(&name, &[4])? {
                clock = circuit_state::step_of(&name, values)?;
            }
        }
        let words = plan.states.iter().map(|info| Ok((info.buffer, self.words_of(plan, info, clock)?)));
        Ok(StateWords { words: words.collect::<Result<_>>()?, clock })
    }

    fn words_of(&self, plan: &Plan, info: &StateInfo, clock: u64) -> Result<Vec<u32>> {
        let edge = info.layout;
        match info.kind {
            StateKind::Neurons { coefficients, grain, .. } => {
                let rows: &[Coefficients] = bytemuck::cast_slice(&plan.constants[coefficients].words);
                let channels = edge.channels as usize;
                let fresh = (0..edge.elements()).flat_map(|i| {
                    let row = &rows[[0, i % channels, i][grain as usize]];
                    let initial = row.initial();
                    [initial.v.to_bits(), initial.i.to_bits()]
                });
                let mut words: Vec<u32> = fresh.collect();
                for (which, name) in names(info).into_iter().enumerate() {
                    if let Some(values) = self.given(&name, &info.shape)? {
                        for (i, word) in words.iter_mut().skip(which).step_by(2).enumerate() {
                            // In memory channels come last.
                            let people = i % channels * edge.cells as usize + i / channels;
                            *word = values[people].to_bits();
                        }
                    }
                }
                Ok(words)
            }
            StateKind::Last => {
                let mut words = vec![0; edge.step_words()];
                let name = format!("{}.last", info.layer);
                if let Some(values) = self.given(&name, &info.shape)? {
                    fits(&name, &edge, values)?;
                    pack(&edge, values, &mut words);
                }
                Ok(words)
            }
            StateKind::Past(slots) => {
                let mut words = vec![0; edge.step_words() * slots];
                let name = format!("{}.past", info.layer);
                if let Some(values) = self.given(&name, &[&[slots], &info.shape[..]].concat())? {
                    fits(&name, &edge, values)?;
                    let mut steps = vec![0; words.len()];
                    pack(&edge, values, &mut steps);
                    // The latest stands where the clock has just been.
                    for (age, step) in steps.rchunks_exact(edge.step_words()).enumerate().take(clock as usize) {
                        let slot = ((clock - 1 - age as u64) % slots as u64) as usize;
                        words[slot * edge.step_words()..][..step.len()].copy_from_slice(step);
                    }
                }
                Ok(words)
            }
            StateKind::Cells { params, tables } => {
                let mut words = circuit_state::fresh(&params, &plan.constants[tables].words);
                for (which, name) in names(info).into_iter().enumerate() {
                    if let Some(values) = self.given(&name, &info.shape)? {
                        circuit_state::set_value(&mut words, which, values);
                    }
                }
                Ok(words)
            }
            StateKind::Arriving(ring) => {
                let mut words = vec![0; plan.buffers[info.buffer].holds.words(1, 1)];
                let shape = circuit_state::arriving_shape(ring, words.len());
                if let Some(values) = self.given(&format!("{}.arriving", info.layer), &shape)? {
                    circuit_state::set_arriving(&mut words, values, ring, clock);
                }
                Ok(words)
            }
        }
    }

    /// A tensor, where there is one of that name.
    fn given(&self, name: &str, shape: &[usize]) -> Result<Option<&[f32]>> {
        match self.tensors.get(name) {
            Some(tensor) if tensor.shape() != shape => {
                Err(Error::Request(format!("state `{name}`: expected shape {shape:?}, got {:?}", tensor.shape())))
            }
            found => Ok(found.map(Tensor::data)),
        }
    }
}

impl StateWords {
    /// The state with its names, as people have it.
    pub fn named(&self, plan: &Plan) -> Result<State> {
        let mut tensors = BTreeMap::new();
        for info in &plan.states {
            let found = self.words.iter().find(|(buffer, _)| *buffer == info.buffer);
            let Some((_, words)) = found else { continue };
            let (edge, channels) = (info.layout, info.layout.channels as usize);
            match info.kind {
                StateKind::Neurons { .. } => {
                    for (which, name) in names(info).into_iter().enumerate() {
                        let mut values = vec![0.0; edge.elements()];
                        for (i, word) in words.iter().skip(which).step_by(2).enumerate() {
                            values[i % channels * edge.cells as usize + i / channels] = f32::from_bits(*word);
                        }
                        tensors.insert(name, Tensor::new(info.shape.clone(), values)?);
                    }
                }
                StateKind::Last => {
                    let values = unpack(&edge, words);
                    tensors.insert(format!("{}.last", info.layer), Tensor::new(info.shape.clone(), values)?);
                }
                StateKind::Past(slots) => {
                    let mut values = Vec::with_capacity(slots * edge.elements());
                    for age in (0..slots as u64).rev() {
                        // Before there is a step, it is zero, whatever the memory holds.
                        let step = self.clock.checked_sub(age + 1);
                        let step = step.map(|step| &words[(step % slots as u64) as usize * edge.step_words()..]);
                        let zero = || vec![0.0; edge.elements()];
                        values.extend(step.map_or_else(zero, |step| unpack(&edge, &step[..edge.step_words()])));
                    }
                    let shape = [&[slots], &info.shape[..]].concat();
                    tensors.insert(format!("{}.past", info.layer), Tensor::new(shape, values)?);
                }
                StateKind::Cells { tables, .. } => {
                    for (which, name) in names(info).into_iter().enumerate() {
                        let values = circuit_state::value(&plan.constants[tables].words, words, which);
                        tensors.insert(name, Tensor::new(info.shape.clone(), values)?);
                    }
                }
                StateKind::Arriving(ring) => {
                    let arriving = circuit_state::arriving(words, ring, self.clock)?;
                    tensors.insert(format!("{}.arriving", info.layer), arriving);
                    tensors.insert(format!("{}.clock", info.layer), circuit_state::clock(self.clock)?);
                }
            }
        }
        Ok(State { tensors })
    }
}

/// The names of a layer's tensors, in the order of memory.
fn names(info: &StateInfo) -> Vec<String> {
    let layer = &info.layer;
    match info.kind {
        StateKind::Neurons { has_current: true, .. } => vec![format!("{layer}.v"), format!("{layer}.i")],
        StateKind::Neurons { .. } => vec![format!("{layer}.v")],
        StateKind::Last => vec![format!("{layer}.last")],
        StateKind::Past(_) => vec![format!("{layer}.past")],
        StateKind::Cells { .. } => circuit_state::CELL_NAMES.map(|name| format!("{layer}.{name}")).to_vec(),
        StateKind::Arriving(_) => vec![format!("{layer}.arriving"), format!("{layer}.clock")],
    }
}

/// Whether every value can stand on an edge.
fn fits(name: &str, edge: &crate::kernel::Edge, values: &[f32]) -> Result<()> {
    let largest = edge.largest() as f32;
    let fits = |&x: &f32| edge.is_real() || (x.fract() == 0.0 && (0.0..=largest).contains(&x));
    match values.iter().find(|x| !fits(x)) {
        Some(x) => Err(Error::Request(format!("state `{name}`: expected whole numbers from 0 to {largest}, got {x}"))),
        None => Ok(()),
    }
}
