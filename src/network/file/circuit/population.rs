//! One `[[population]]`.

use toml::{Table, Value};

use super::distribution;
use crate::circuit::{Background, MOST_CELLS, Population, Receptor};
use crate::error::Result;
use crate::network::file::Keys;
use crate::network::nearest::listed;
use crate::neuron::cell::CellType;

const KEYS: [&str; 9] =
    ["name", "size", "cell", "parameters", "v_init", "i_offset", "background", "currents", "probes"];

/// Reads the population at a place, counted from 1.
pub(super) fn read(all: &Keys, place: usize, table: Table) -> Result<Population> {
    let mut keys = all.part(format!("population {place}"), table);
    let Some(name) = keys.text("name")? else { return Err(keys.fail("`name` is missing")) };
    let mut keys = keys.called(all, format!("population `{name}`"));
    keys.only(&KEYS)?;
    let size = keys.size("size", 1..=MOST_CELLS)?.ok_or_else(|| keys.fail("`size` is missing"))?;
    let cell = cell(&mut keys, size)?;
    Ok(Population {
        name,
        size,
        cell,
        v_init: distribution(&mut keys, "v_init")?,
        i_offset: distribution(&mut keys, "i_offset")?,
        background: background(&mut keys)?,
        currents: currents(&mut keys)?,
        probes: probes(&mut keys, size)?,
    })
}

/// The type of the cells, with those of its parameters that are given in place of PyNN's.
fn cell(keys: &mut Keys, size: usize) -> Result<CellType> {
    let Some(kind) = keys.text("cell")? else { return Err(keys.fail("`cell` is missing")) };
    let Some(known) = CellType::parameter_names(&kind) else {
        let types = listed(&kind, CellType::NAMES, CellType::NAMES.len());
        return Err(keys.fail_at("cell", format!("there is no `{kind}`; known are {types}")));
    };
    let given = keys.table("parameters")?.unwrap_or_default();
    let mut inner = keys.inside("parameters", given);
    inner.only(&known)?;
    if kind == CellType::SPIKE_SOURCE_ARRAY {
        return Ok(CellType::SpikeSourceArray { spike_times: spike_times(&mut inner, size)? });
    }
    let mut table = Table::from_iter([("cell".to_owned(), Value::String(kind))]);
    for name in known {
        if let Some(number) = inner.number(name)? {
            table.insert(name.into(), Value::Float(number));
        }
    }
    Value::Table(table).try_into().map_err(|e| inner.fail(e.message()))
}

/// A list for each cell, or one that all share.
fn spike_times(keys: &mut Keys, size: usize) -> Result<Vec<Vec<f64>>> {
    const KEY: &str = "spike_times";
    let expected = "a list of times, or one for each cell";
    let value = keys.take(KEY).ok_or_else(|| keys.fail(format!("`{KEY}` is missing")))?;
    let Value::Array(list) = &value else { return Err(keys.mismatch(KEY, expected, &value)) };
    let times = |value: &Value| match value {
        Value::Array(list) if list.is_empty() => Ok(Vec::new()),
        value => {
            let numbers = keys.as_array(KEY, value, expected)?;
            if numbers.shape.len() == 1 { Ok(numbers.values) } else { Err(keys.mismatch(KEY, expected, value)) }
        }
    };
    if list.iter().any(Value::is_array) { list.iter().map(times).collect() } else { Ok(vec![times(&value)?; size]) }
}

fn background(keys: &mut Keys) -> Result<Option<Background>> {
    let Some(table) = keys.table("background")? else { return Ok(None) };
    let mut inner = keys.inside("background", table);
    inner.only(&["rate", "weight", "receptor"])?;
    let mut number = |key: &str| inner.number(key)?.ok_or_else(|| inner.fail(format!("`{key}` is missing")));
    let (rate, weight) = (number("rate")?, number("weight")?);
    Ok(Some(Background { rate, weight, receptor: receptor(&mut inner)? }))
}

/// Where spikes arrive.
pub(super) fn receptor(keys: &mut Keys) -> Result<Option<Receptor>> {
    let Some(value) = keys.take("receptor") else { return Ok(None) };
    let read = value.clone().try_into();
    read.map(Some).map_err(|_| keys.mismatch("receptor", "\"excitatory\" or \"inhibitory\"", &value))
}

fn currents(keys: &mut Keys) -> Result<Vec<(f64, f64)>> {
    let Some(value) = keys.take("currents") else { return Ok(Vec::new()) };
    let expected = "pairs of time (ms) and current (nA), such as [[100.0, 0.5], [200.0, 0.0]]";
    let numbers = keys.as_array("currents", &value, expected)?;
    match numbers.shape[..] {
        [_, 2] => Ok(numbers.values.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()),
        _ => Err(keys.mismatch("currents", expected, &value)),
    }
}

fn probes(keys: &mut Keys, size: usize) -> Result<Vec<usize>> {
    match keys.take("probes") {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(|cell| keys.as_size("probes", cell, 0..=size - 1)).collect(),
        Some(other) => Err(keys.mismatch("probes", "a list of cells, by their number", &other)),
    }
}
