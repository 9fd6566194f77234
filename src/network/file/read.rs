//! From TOML to a network.

use std::collections::HashMap;
use std::path::Path;

use toml::Value;

use super::keys::Keys;
use super::layer::{self, MAX_STEPS, Parsed, Tensors};
use super::text::{table, text};
use super::{Binding, NetworkFile, circuit};
use crate::error::{Error, Result};
use crate::layer::{Layer, Linear};
use crate::network::nearest::listed;
use crate::network::{Edge, InputSpec, Network, Node};
use crate::neuron::{Dialect, RuleChanges};
use crate::train::Recipe;

/// More layers than this are taken for a mistake.
const MAX_LAYERS: usize = 100_000;

const TOP: [&str; 10] = ["name", "dialect", "dt", "steps", "readout", "output", "input", "rules", "layer", "train"];

/// Reads a network file. Schema: the module [`crate::network::file`].
///
/// # Errors
/// [`Error::Io`], and whatever [`parse`] finds.
pub fn read(path: impl AsRef<Path>) -> Result<NetworkFile> {
    parse(&text(path.as_ref())?, path.as_ref())
}

/// Reads a network from TOML; `origin` is the file, for messages and for the default name.
///
/// # Errors
/// [`Error::File`] with the line and column of a fault in the TOML, or with the layer and key of any other.
pub fn parse(text: &str, origin: &Path) -> Result<NetworkFile> {
    let mut keys = Keys::new(origin, "", table(text, origin)?);
    if circuit::KEYS.iter().any(|key| keys.has(key)) && !keys.has("layer") {
        return circuit_alone(keys, origin);
    }
    keys.only(&TOP)?;
    let train = keys.table("train")?.map(|table| Recipe::read(keys.inside("train", table))).transpose()?;
    let has_input = keys.has("input");
    let network = header(&mut keys, origin)?;
    let mut file = NetworkFile { network, bindings: Vec::new(), train, origin: origin.into() };
    let mut reader = Reader { file: &mut file, sources: Vec::new(), loops: Vec::new() };
    let last = reader.layers(&mut keys, has_input)?;
    reader.connect(&keys)?;
    reader.close_loops().and_then(|()| file.network.check()).map_err(|e| keys.fail(e.to_string()))?;
    file.network.output = match keys.text("output")? {
        Some(name) => file.network.node(&name).ok_or_else(|| {
            let names = file.network.nodes.iter().map(|n| n.name.as_str());
            keys.fail_at("output", format!("there is no layer `{name}`; the closest are {}", listed(&name, names, 3)))
        })?,
        None => last,
    };
    Ok(file)
}

/// A file that is a circuit and nothing else.
fn circuit_alone(mut keys: Keys, origin: &Path) -> Result<NetworkFile> {
    keys.only(&[&["name", "dt"], &circuit::KEYS[..]].concat())?;
    let (name, dt) = (name(&mut keys, origin)?, time_step(&mut keys, circuit::DT)?);
    let circuit = circuit::read(&mut keys)?;
    circuit.check(dt).map_err(|e| keys.fail(e.to_string()))?;
    let network = Network::of_circuit(name, circuit, dt);
    Ok(NetworkFile { network, bindings: Vec::new(), train: None, origin: origin.into() })
}

fn name(keys: &mut Keys, origin: &Path) -> Result<String> {
    let stem = || origin.file_stem().map_or_else(|| "network".into(), |s| s.to_string_lossy().into_owned());
    Ok(keys.text("name")?.unwrap_or_else(stem))
}

fn time_step(keys: &mut Keys, default: f64) -> Result<f64> {
    let dt = keys.number("dt")?.unwrap_or(default);
    if !(dt.is_finite() && dt > 0.0) {
        return Err(keys.fail_at("dt", format!("expected a number above zero, got {dt}")));
    }
    Ok(dt)
}

/// Everything but the layers. Only what begins with a circuit may do without an input.
fn header(keys: &mut Keys, origin: &Path) -> Result<Network> {
    let name = name(keys, origin)?;
    let dialect = dialect(keys)?.unwrap_or_default();
    let dt = time_step(keys, dialect.native_dt())?;
    let steps = keys.size("steps", 1..=MAX_STEPS)?;
    let readout = match keys.take("readout") {
        None => None,
        Some(value) => Some(value.clone().try_into().map_err(|_| {
            keys.mismatch("readout", "\"mean\", \"sum\", \"count\", \"last\", \"max\" or \"trace\"", &value)
        })?),
    };
    let input: InputSpec = match keys.table("input")? {
        Some(table) => table.try_into().map_err(|e| keys.fail_at("input", e.to_string().trim().replace('\n', ", ")))?,
        None if begins_with_circuit(keys) => InputSpec::default(),
        None => return Err(keys.fail("`[input]` with its `shape` is missing")),
    };
    let rules = match keys.table("rules")? {
        Some(table) => {
            let mut inner = keys.inside("rules", table);
            inner.only(&RuleChanges::KEYS)?;
            inner.rules()?
        }
        None => RuleChanges::default(),
    };
    Ok(Network { name, input, nodes: Vec::new(), edges: Vec::new(), output: 0, dialect, rules, dt, steps, readout })
}

/// Whether the first layer is a circuit, which needs no input.
fn begins_with_circuit(keys: &mut Keys) -> bool {
    let layers = keys.take("layer");
    let first = layers.as_ref().and_then(|layers| layers.get(0)?.get("type")?.as_str());
    let begins = first == Some("circuit");
    if let Some(layers) = layers {
        keys.put("layer", layers);
    }
    begins
}

/// The dialect that a file names.
pub(in crate::network) fn dialect(keys: &mut Keys) -> Result<Option<Dialect>> {
    let Some(name) = keys.text("dialect")? else { return Ok(None) };
    let names = Dialect::ALL.map(Dialect::name);
    let unknown = || keys.fail_at("dialect", format!("got `{name}`, expected one of {}", listed(&name, names, 9)));
    Dialect::from_name(&name).map(Some).ok_or_else(unknown)
}

/// Where a layer takes its input from, by name and with a delay; `None`: the layer before.
type Sources = Option<Vec<(String, u32)>>;

/// What is known of a file half read.
struct Reader<'a> {
    file: &'a mut NetworkFile,
    /// For each node that takes input: its index, that of the node before, and what `from` says.
    sources: Vec<(usize, Option<usize>, Sources)>,
    /// For each population that feeds itself: its index, that of the linear layer to be, and that layer.
    loops: Vec<(usize, usize, Linear)>,
}

impl Reader<'_> {
    /// Reads all layers; returns the last. Where no input is described there is none: a circuit comes first.
    fn layers(&mut self, keys: &mut Keys, has_input: bool) -> Result<usize> {
        let layers = match keys.take("layer") {
            Some(Value::Array(layers)) if layers.len() <= MAX_LAYERS => layers,
            Some(Value::Array(layers)) => {
                return Err(keys.fail(format!("expected at most {MAX_LAYERS} layers, got {}", layers.len())));
            }
            Some(other) => return Err(keys.mismatch("layer", "tables `[[layer]]`", &other)),
            None => return Err(keys.fail("there is no `[[layer]]`")),
        };
        let explicit = layers.iter().any(|l| l.get("type").and_then(Value::as_str) == Some("input"));
        let mut before = (!explicit && has_input).then(|| self.push("input", Layer::Input, Vec::new()));
        for (position, layer) in layers.into_iter().enumerate() {
            before = Some(self.layer(keys, layer, position + 1, before)?);
        }
        before.ok_or_else(|| keys.fail("there is no `[[layer]]`"))
    }

    /// Reads the layer at a position, counted from 1; returns its node.
    fn layer(&mut self, all: &Keys, value: Value, position: usize, before: Option<usize>) -> Result<usize> {
        let Value::Table(table) = value else { return Err(all.mismatch("layer", "tables `[[layer]]`", &value)) };
        let mut keys = Keys::new(&self.file.origin, format!("layer {position}"), table);
        let name = keys.text("name")?;
        let Some(kind) = keys.text("type")? else {
            return Err(keys.named(name.as_deref()).fail("`type` is missing"));
        };
        let name = name.unwrap_or_else(|| format!("{kind}{position}"));
        let mut keys = keys.named(Some(&name));
        let Some(Parsed { layer, tensors, recurrent }) = layer::read(&mut keys, &kind, &name)? else {
            let known = listed(&kind, layer::kinds(), 99);
            return Err(keys.fail_at("type", format!("there is no `{kind}`; known are {known}")));
        };
        let from = from(&mut keys)?;
        let is_input = matches!(layer, Layer::Input);
        if is_input && from.is_some() {
            return Err(keys.fail_at("from", "the input takes none"));
        }
        let node = self.push(&name, layer, tensors);
        if !is_input {
            self.sources.push((node, before, from));
        }
        if let Some((linear, tensors)) = recurrent {
            // Its features are those of the population, known once the shapes are: until then it is the identity.
            let feedback = self.push(&format!("{name}.w_rec"), Layer::Dropout { p: 0.0 }, tensors);
            self.loops.push((node, feedback, linear));
        }
        Ok(node)
    }

    fn push(&mut self, name: &str, layer: Layer, tensors: Tensors) -> usize {
        let node = self.file.network.nodes.len();
        self.file.network.nodes.push(Node { name: name.to_owned(), layer });
        let bindings = tensors.into_iter().map(|(parameter, tensor)| Binding { node, parameter, tensor });
        self.file.bindings.extend(bindings);
        node
    }

    /// Turns names into edges, grouped by the node they go to.
    fn connect(&mut self, keys: &Keys) -> Result<()> {
        let network = &mut self.file.network;
        let index: HashMap<&str, usize> = network.nodes.iter().enumerate().map(|(i, n)| (n.name.as_str(), i)).collect();
        let mut edges = Vec::new();
        for (to, before, from) in std::mem::take(&mut self.sources) {
            let place = || format!("layer `{}`: `from`", network.nodes[to].name);
            match (from, before) {
                (Some(list), _) => {
                    for (name, delay) in list {
                        let from = *index.get(name.as_str()).ok_or_else(|| {
                            let near = listed(&name, index.keys().copied(), 3);
                            keys.fail(format!("{}: there is no layer `{name}`; the closest are {near}", place()))
                        })?;
                        edges.push(Edge { from, to, delay });
                    }
                }
                (None, Some(from)) => edges.push(Edge { from, to, delay: 0 }),
                (None, None) if matches!(network.nodes[to].layer, Layer::Circuit(_)) => {}
                (None, None) => return Err(keys.fail(format!("{} is missing and no layer stands before", place()))),
            }
        }
        network.edges = edges;
        Ok(())
    }

    /// Gives the linear layers of self-feeding populations their features and edges.
    fn close_loops(&mut self) -> Result<()> {
        let network = &mut self.file.network;
        network.edges.extend(self.loops.iter().map(|&(from, to, _)| Edge { from, to, delay: 1 }));
        if !self.loops.is_empty() {
            let shapes = network.shapes()?;
            for (population, feedback, linear) in self.loops.drain(..) {
                let [features] = shapes[population][..] else {
                    let message = "needs a population of shape [features]: put a flatten before it";
                    return Err(Error::layer(&network.nodes[feedback].name, message));
                };
                network.nodes[feedback].layer = Layer::Linear(Linear { out_features: features, ..linear });
                network.edges.push(Edge { from: feedback, to: population, delay: 0 });
            }
        }
        network.edges.sort_by_key(|edge| edge.to);
        Ok(())
    }
}

/// `"a"`, `["a", "b"]`, `{ layer = "a", delay = 1 }`, or a list of both.
fn from(keys: &mut Keys) -> Result<Sources> {
    match keys.take("from") {
        None => Ok(None),
        Some(Value::Array(list)) => list.into_iter().map(|v| source(keys, v)).collect::<Result<_>>().map(Some),
        Some(value) => Ok(Some(vec![source(keys, value)?])),
    }
}

fn source(keys: &Keys, value: Value) -> Result<(String, u32)> {
    match value {
        Value::String(name) => Ok((name, 0)),
        Value::Table(table) => {
            let mut inner = keys.inside("from", table);
            inner.only(&["layer", "delay"])?;
            let name = inner.text("layer")?.ok_or_else(|| inner.fail("`layer` is missing"))?;
            Ok((name, inner.size("delay", 0..=MAX_STEPS)?.unwrap_or(0) as u32))
        }
        other => Err(keys.mismatch("from", "a layer's name, { layer, delay }, or a list of these", &other)),
    }
}
