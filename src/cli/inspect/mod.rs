//! `saltatory inspect`: a network as people read it.

mod circuit;
mod measure;

use std::fmt::Write;

use clap::Args;
use saltatory::circuit::Circuit;
use saltatory::layer::{Connectivity, Layer, SparseLinear};
use saltatory::network::{Readout, compile, compile_training};
use saltatory::neuron::Rules;
use saltatory::neuron::rules::{Reset, SpikesPerStep};
use saltatory::plan::{Plan, Request, bytes_text};
use saltatory::tensor::shape_text;
use saltatory::train::Recipe;
use saltatory::{Error, Network, Result};
use serde_json::{Value, json};

use super::model::Model;
use super::report::{footprint, short};
use super::{Outcome, devices, print};

/// Synapses that are drawn without being asked for: a second's work.
const MOST_SYNAPSES: f64 = 5e7;

/// The options of `inspect`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  saltatory inspect model.nir --dialect snntorch
  saltatory inspect net.toml --plan --device gpu
  saltatory inspect net.toml --training --batch 32
  saltatory inspect circuit.toml")]
pub struct Arguments {
    #[command(flatten)]
    model: Model,
    /// Show the plan: what is computed in which order, on which buffers.
    #[arg(long)]
    plan: bool,
    /// Plan for samples with a time axis instead of one frame that holds for all steps.
    #[arg(long)]
    sequence: bool,
    /// Plan for a stream: one step per call, state kept.
    #[arg(long, conflicts_with = "sequence")]
    stream: bool,
    /// Show the plan of training, by the recipe of the network's file, and the memory that it takes.
    #[arg(long, conflicts_with_all = ["plan", "stream"])]
    training: bool,
    /// Samples of a step of training (default: by the recipe).
    #[arg(long, value_name = "N", requires = "training")]
    batch: Option<usize>,
    /// As in `saltatory train`: what batch norm gives is computed again on the way back.
    #[arg(long, requires = "training")]
    recompute: bool,
    /// Plan for this device: cpu, reference, gpu, auto, an index from `saltatory devices`, or a part of a name.
    #[arg(long, default_value = "cpu", conflicts_with = "training")]
    device: String,
    /// Measure on a GPU up to which share of its inputs each linear layer of spikes is quicker with lists of those that
    /// fired, where that is not known yet. It is kept for later runs, also of other commands.
    #[arg(long, requires = "plan")]
    measure: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Shows a network.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let (network, recipe) = arguments.model.open_with_recipe()?;
    let request = Request {
        steps: if arguments.stream { 1 } else { arguments.model.steps.or(network.steps).unwrap_or(1) },
        constant_input: !arguments.sequence && !arguments.stream,
        readout: if arguments.stream {
            Readout::Last
        } else {
            arguments.model.readout.map(Into::into).or(network.readout).unwrap_or(Readout::Mean)
        },
        streaming: arguments.stream,
        meter: false,
        ..Request::default()
    };
    if let Some(circuit) = network.circuit() {
        return circuit_alone(arguments, &network, circuit);
    }
    // A network without weights can be looked at; its plan is that for any weights.
    let mut weighted = network.clone();
    if weighted.nodes.iter().all(|node| node.layer.parameter_count() == 0) {
        let mut filled = network.clone();
        // Where no seed says which synapses a sparse layer has there is no plan, and the reason stands in its place.
        if filled.init(0).is_ok() {
            weighted = filled;
        }
    }
    if arguments.training {
        return training(arguments, &weighted, &recipe.unwrap_or_default(), &request);
    }
    let device = devices::choose(&arguments.device)?;
    let request = device.takes(request);
    if arguments.measure {
        measure::measure(&device, &weighted, &request)?;
    }
    let plan = device.compile(&weighted, &request);
    if arguments.json {
        print(&format!("{:#}\n", as_json(&network, plan.as_ref().ok(), arguments.plan)?))?;
        return Ok(Outcome::Good);
    }
    print(&as_text(&network, plan.as_ref().ok())?)?;
    match plan {
        Ok(plan) if arguments.plan => print(&format!("\n{plan}"))?,
        Err(error) if arguments.plan => return Err(error),
        Err(error) => print(&format!("\nno plan: {error}\n"))?,
        Ok(_) => {}
    }
    Ok(Outcome::Good)
}

/// Shows a circuit, and the plan of a window of a simulation.
fn circuit_alone(arguments: &Arguments, network: &Network, circuit: &Circuit) -> Result<Outcome> {
    if arguments.training {
        return Err(Error::layer(&network.name, "circuits have no gradients: they cannot be trained"));
    }
    let request = Request {
        steps: arguments.model.steps.unwrap_or(1),
        readout: Readout::Last,
        streaming: true,
        record: true,
        meter: false,
        ..Request::default()
    };
    // A plan holds all synapses: of very many they are drawn only where it is asked for.
    let stored: f64 = circuit.projections.iter().filter(|p| !p.procedural).map(|p| circuit.expected_synapses(p)).sum();
    let plan = (arguments.plan || stored <= MOST_SYNAPSES).then(|| compile(network, &request)).transpose()?;
    let plan_text = plan.as_ref().filter(|_| arguments.plan).map(ToString::to_string);
    if arguments.json {
        let mut json = circuit::as_json(circuit);
        json["name"] = json!(network.name);
        json["dt_ms"] = json!(network.dt);
        json["constant_bytes"] = json!(plan.as_ref().map(Plan::constant_bytes));
        json["work_bytes"] = json!(plan.as_ref().map(Plan::sample_bytes));
        json["plan"] = json!(plan_text);
        print(&format!("{json:#}\n"))?;
        return Ok(Outcome::Good);
    }
    print(&format!("{}  a circuit, dt {} ms\n{}", network.name, network.dt, circuit::as_text(circuit, plan.as_ref())))?;
    plan_text.map_or(Ok(()), |plan| print(&format!("\n{plan}")))?;
    Ok(Outcome::Good)
}

/// Shows the plan of training, and its memory.
fn training(arguments: &Arguments, network: &Network, recipe: &Recipe, request: &Request) -> Result<Outcome> {
    let mut options = recipe.options();
    options.recompute |= arguments.recompute;
    let batch = arguments.batch.unwrap_or(recipe.batch);
    if batch == 0 {
        return Err(Error::Request("--batch: expected at least one sample, got 0".into()));
    }
    let request = options.request(network, request.steps, request.constant_input);
    let plan = compile_training(network, &request)?;
    let memory = plan.memory();
    let whole = memory.of_batch(batch);
    if arguments.json {
        let value = json!({
            "name": network.name, "steps": request.steps, "batch": batch, "recompute": request.recompute,
            "bytes": memory, "bytes_of_batch": whole, "plan": plan.to_string(),
        });
        print(&format!("{value:#}\n"))?;
    } else {
        print(&format!("{plan}{:<22} {:>10}\n", format!("a batch of {batch}"), bytes_text(whole as u128)))?;
    }
    Ok(Outcome::Good)
}

fn as_text(network: &Network, plan: Option<&Plan>) -> Result<String> {
    let mut text = String::new();
    let out = &mut text;
    let shapes = network.shapes()?;
    let steps = network.steps.map_or_else(|| "as asked for".into(), |t| t.to_string());
    let _ = writeln!(out, "{}  dialect {}  dt {:e}  steps {steps}", network.name, network.dialect.name(), network.dt);
    let wide = network.nodes.iter().map(|n| n.name.chars().count()).max().unwrap_or(5).max(5);
    let kinds = network.nodes.iter().map(|n| n.layer.kind().len()).max().unwrap_or(0).max(10);
    let _ = writeln!(out, "\n  {:<wide$}  {:<kinds$}  {:<11}  {:>10}  notes", "layer", "kind", "output", "parameters");
    for (i, (node, shape)) in network.nodes.iter().zip(&shapes).enumerate() {
        let parameters = node.layer.parameter_count();
        let parameters = if parameters == 0 { String::new() } else { parameters.to_string() };
        let (kind, shape, notes) = (node.layer.kind(), shape_text(shape), notes(network, i));
        let line = format!("  {:<wide$}  {kind:<kinds$}  {shape:<11}  {parameters:>10}  {notes}", node.name);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    for node in &network.nodes {
        if let Layer::Circuit(of) = &node.layer {
            let _ = write!(out, "\ncircuit `{}`\n{}", node.name, circuit::as_text(of, None));
        }
    }
    let total: usize = network.nodes.iter().map(|n| n.layer.parameter_count()).sum();
    let _ = writeln!(out, "\nparameters {total}  ({})", bytes_text(footprint(network) as u128));
    if let Some(plan) = plan {
        let dense: u64 = plan.weighted.iter().map(|w| w.dense).sum();
        let work = bytes_text(plan.sample_bytes() as u128);
        let _ = writeln!(
            out,
            "memory     {} of weights and tables, {work} of work a sample",
            bytes_text(plan.constant_bytes() as u128)
        );
        let cost = plan.cost();
        let [read, written, constants] = [cost.read, cost.written, cost.constants].map(|b| bytes_text(b.into()));
        let _ = writeln!(
            out,
            "a batch    {} dispatches, which read {constants} of weights; a sample reads {read}, writes {written}",
            cost.dispatches
        );
        let _ = writeln!(out, "dense synaptic operations a step  {}", short(dense as f64));
        for w in &plan.weighted {
            let _ = writeln!(out, "  {:<wide$}  {}", w.layer, short(w.dense as f64));
        }
    }
    Ok(text)
}

/// Where a node's input comes from when that is not the node before, and the rules of a population.
fn notes(network: &Network, index: usize) -> String {
    let mut notes = Vec::new();
    let sources: Vec<_> = network.edges.iter().filter(|e| e.to == index).collect();
    if sources.len() != 1 || sources[0].from + 1 != index || sources[0].delay > 0 {
        let name = |e: &&saltatory::network::Edge| {
            let from = &network.nodes[e.from].name;
            if e.delay > 0 { format!("{from} ({} late)", e.delay) } else { from.clone() }
        };
        if !sources.is_empty() {
            notes.push(format!("from {}", sources.iter().map(name).collect::<Vec<_>>().join(", ")));
        }
    }
    if let Layer::Neuron(neuron) = &network.nodes[index].layer {
        notes.push(rules_text(&network.rules_at(index), neuron.model.spikes()));
    }
    if let Layer::SparseLinear(linear) = &network.nodes[index].layer {
        notes.push(sparse_text(linear));
    }
    if index == network.output {
        notes.push("output".into());
    }
    notes.join("; ")
}

/// The synapses of a sparse layer, or from what they will be drawn.
fn sparse_text(linear: &SparseLinear) -> String {
    let text = linear
        .weight
        .as_ref()
        .map(|weight| format!("{} synapses, density {:.3} %", weight.len(), 100.0 * weight.density()));
    text.unwrap_or_else(|| match linear.connectivity {
        Some(Connectivity::FanIn { count, seed }) => format!("{count} inputs of each output, seed {seed}"),
        Some(Connectivity::FanOut { count, seed }) => format!("{count} outputs of each input, seed {seed}"),
        None => "synapses to be loaded".into(),
    })
}

fn rules_text(rules: &Rules, spikes: bool) -> String {
    if !spikes {
        return "read-out, never fires".into();
    }
    let fire = if rules.fire == saltatory::neuron::rules::Fire::Ge { ">=" } else { ">" };
    let reset = match rules.reset {
        Reset::Hard => "hard reset",
        Reset::Subtract => "reset by subtraction",
        Reset::None => "no reset",
    };
    let late = if rules.reset_delay == 1 && rules.reset != Reset::None { ", a step late" } else { "" };
    let many = if rules.spikes == SpikesPerStep::Many { ", several spikes a step" } else { "" };
    let floor = rules.v_min.map_or_else(String::new, |v| format!(", v >= {v}"));
    format!("fires at h {fire} theta, {reset}{late}{many}{floor}")
}

fn as_json(network: &Network, plan: Option<&Plan>, with_plan: bool) -> Result<Value> {
    let shapes = network.shapes()?;
    let layers: Vec<Value> = network.nodes.iter().zip(&shapes).enumerate().map(|(i, (node, shape))| {
        let from = network.edges.iter().filter(|e| e.to == i);
        let rules = match &node.layer {
            Layer::Neuron(_) => json!(network.rules_at(i)),
            _ => Value::Null,
        };
        let sparse = match &node.layer {
            Layer::SparseLinear(SparseLinear { weight: Some(weight), .. }) => {
                json!({ "synapses": weight.len(), "density": weight.density() })
            }
            _ => Value::Null,
        };
        json!({
            "name": node.name, "kind": node.layer.kind(), "output_shape": shape,
            "parameters": node.layer.parameter_count(),
            "from": from.map(|e| json!({ "layer": network.nodes[e.from].name, "delay": e.delay })).collect::<Vec<_>>(),
            "rules": rules, "sparse": sparse,
            "circuit": if let Layer::Circuit(of) = &node.layer { circuit::as_json(of) } else { Value::Null },
        })
    }).collect();
    let weighted = plan
        .map(|p| p.weighted.iter().map(|w| json!({ "layer": w.layer, "dense_per_step": w.dense })).collect::<Vec<_>>());
    Ok(json!({
        "name": network.name, "dialect": network.dialect.name(), "dt": network.dt, "steps": network.steps,
        "readout": network.readout.map(Readout::name), "input_shape": network.input.shape,
        "output": network.nodes[network.output].name, "layers": layers,
        "footprint_bytes": footprint(network),
        "constant_bytes": plan.map(Plan::constant_bytes), "work_bytes_per_sample": plan.map(Plan::sample_bytes),
        "weighted_layers": weighted,
        "plan": if with_plan { plan.map(ToString::to_string) } else { None },
    }))
}
