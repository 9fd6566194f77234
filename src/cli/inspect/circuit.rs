//! A circuit as people read it: populations, projections, memory.

use std::fmt::Write;

use saltatory::circuit::{Circuit, Connector, Distribution, Population, Projection, Receptor};
use saltatory::plan::{Plan, bytes_text};
use serde_json::{Value, json};

use crate::cli::report::short;

/// Bytes of a stored synapse.
const SYNAPSE: f64 = 8.0;

pub fn as_text(circuit: &Circuit, plan: Option<&Plan>) -> String {
    let mut text = String::new();
    let out = &mut text;
    let wide = circuit.populations.iter().map(|p| p.name.chars().count()).max().unwrap_or(0).max(10);
    let cells: usize = circuit.populations.iter().map(|population| population.size).sum();
    let _ = writeln!(out, "\n  {:<wide$}  {:>9}  {:<22}  notes", "population", "cells", "type");
    for population in &circuit.populations {
        let (name, size, cell) = (&population.name, population.size, population.cell.name());
        let line = format!("  {name:<wide$}  {size:>9}  {cell:<22}  {}", notes(population).join("; "));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let wide = circuit.projections.iter().map(|p| p.name().chars().count()).max().unwrap_or(0).max(10);
    if !circuit.projections.is_empty() {
        let _ = writeln!(out, "\n  {:<wide$}  {:>10}  {:<28}  weights, delays", "projection", "synapses", "connector");
    }
    for projection in &circuit.projections {
        let [synapses, rule] = [synapses(circuit, projection), connector(&projection.connector)];
        let line = format!("  {:<wide$}  {synapses:>10}  {rule:<28}  {}", projection.name(), values(projection));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let expected = |procedural: bool| -> f64 {
        let of = circuit.projections.iter().filter(|projection| projection.procedural == procedural);
        // A sum of nothing would be -0.
        of.map(|projection| circuit.expected_synapses(projection)).fold(0.0, |sum, synapses| sum + synapses)
    };
    let [stored, drawn] = [expected(false), expected(true)];
    let _ = writeln!(out, "\ncells      {cells}, seed {}", circuit.seed);
    let bytes = bytes_text((SYNAPSE * stored) as u128);
    let _ = writeln!(
        out,
        "synapses   {} stored, about {bytes}; {} drawn again by every spike",
        short(stored),
        short(drawn)
    );
    if let Some(plan) = plan {
        let [constants, work] = [plan.constant_bytes(), plan.sample_bytes()].map(|bytes| bytes_text(bytes as u128));
        let _ = writeln!(out, "memory     {constants} of synapses and tables, {work} of state and a window of spikes");
    }
    text
}

pub fn as_json(circuit: &Circuit) -> Value {
    let populations = circuit.populations.iter().map(|population| {
        json!({
            "name": population.name, "size": population.size, "cell": population.cell,
            "v_init": population.v_init, "i_offset": population.i_offset, "background": population.background,
            "currents": population.currents, "probes": population.probes,
        })
    });
    let projections = circuit.projections.iter().map(|projection| {
        let is_list = matches!(projection.connector, Connector::FromList(_));
        json!({
            "from": projection.from, "to": projection.to, "procedural": projection.procedural,
            "connector": if is_list { json!("from_list") } else { json!(projection.connector) },
            "weight": if is_list { Value::Null } else { json!(projection.weight) },
            "delay_ms": if is_list { Value::Null } else { json!(projection.delay) },
            "receptor": projection.arrives_at(), "allow_self_connections": projection.allow_self_connections,
            "expected_synapses": circuit.expected_synapses(projection),
        })
    });
    json!({
        "seed": circuit.seed, "populations": populations.collect::<Vec<_>>(),
        "projections": projections.collect::<Vec<_>>(),
    })
}

/// What is given to a population, and what is recorded of it.
fn notes(population: &Population) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(background) = &population.background {
        notes.push(format!("background {} Hz of {}", background.rate, background.weight));
    }
    if let Some(offset) = &population.i_offset {
        notes.push(format!("i_offset {}", distribution(offset)));
    }
    if let Some(v_init) = &population.v_init {
        notes.push(format!("v_init {}", distribution(v_init)));
    }
    if !population.currents.is_empty() {
        notes.push(format!("{} changes of the current", population.currents.len()));
    }
    if !population.probes.is_empty() {
        notes.push(format!("{} probed", population.probes.len()));
    }
    notes
}

/// How many there are: a mean where chance decides.
fn synapses(circuit: &Circuit, projection: &Projection) -> String {
    let by_chance = matches!(projection.connector, Connector::FixedProbability(p) if p > 0.0 && p < 1.0);
    let about = if by_chance { "~" } else { "" };
    format!("{about}{}", short(circuit.expected_synapses(projection)))
}

fn connector(connector: &Connector) -> String {
    let name = connector.name();
    match connector {
        Connector::FixedProbability(p) => format!("{name} {p}"),
        Connector::FixedNumberPost(n) | Connector::FixedNumberPre(n) | Connector::FixedTotalNumber(n) => {
            format!("{name} {n}")
        }
        _ => name.into(),
    }
}

fn values(projection: &Projection) -> String {
    let to = match projection.arrives_at() {
        Receptor::Excitatory => "excitatory",
        Receptor::Inhibitory => "inhibitory",
    };
    let drawn = if projection.procedural { ", drawn again by every spike" } else { "" };
    match projection.connector {
        Connector::FromList(_) => format!("their own, {to}{drawn}"),
        _ => format!("{}, {} ms, {to}{drawn}", distribution(&projection.weight), distribution(&projection.delay)),
    }
}

fn distribution(of: &Distribution) -> String {
    match of {
        Distribution::Constant(value) => value.to_string(),
        Distribution::Uniform { uniform: [low, high] } => format!("{low} to {high}"),
        Distribution::Normal { normal: [mean, deviation], clip: None } => format!("{mean} ± {deviation}"),
        Distribution::Normal { normal: [mean, deviation], clip: Some([low, high]) } => {
            format!("{mean} ± {deviation} within {low} to {high}")
        }
        Distribution::Lognormal { lognormal: [mean, deviation] } => format!("exp({mean} ± {deviation})"),
    }
}
