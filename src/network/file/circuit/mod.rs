//! A circuit in a network file, both ways: `[[population]]` and `[[projection]]`.

mod population;
mod projection;
mod synapses;
mod write;

pub(super) use write::circuit as write;

use toml::{Table, Value};

use super::keys::Keys;
use crate::circuit::{Circuit, Distribution};
use crate::error::Result;

/// The keys of a circuit.
pub(super) const KEYS: [&str; 3] = ["seed", "population", "projection"];

/// More populations or projections than this are taken for a mistake.
const MOST: usize = 1_000_000;

/// The time step of a circuit alone, ms, where its file says nothing: that of PyNN.
pub(super) const DT: f64 = 0.1;

/// Reads a circuit from the keys of a layer, or of a whole file.
pub(super) fn read(keys: &mut Keys) -> Result<Circuit> {
    let mut circuit = Circuit::new(seed(keys)?);
    for (at, table) in tables(keys, "population")?.into_iter().enumerate() {
        circuit.populations.push(population::read(keys, at + 1, table)?);
    }
    if circuit.populations.is_empty() {
        return Err(keys.fail("there is no `[[population]]`"));
    }
    for (at, table) in tables(keys, "projection")?.into_iter().enumerate() {
        circuit.projections.push(projection::read(keys, at + 1, table)?);
    }
    Ok(circuit)
}

/// All 64 bits of a seed; a TOML file has numbers with a sign, so that large ones stand there below zero.
pub(super) fn seed(keys: &mut Keys) -> Result<u64> {
    match keys.take("seed") {
        None => Ok(0),
        Some(Value::Integer(seed)) => Ok(seed as u64),
        Some(other) => Err(keys.mismatch("seed", "a whole number", &other)),
    }
}

fn tables(keys: &mut Keys, key: &str) -> Result<Vec<Table>> {
    let expected = format!("tables `[[{key}]]`");
    let list = match keys.take(key) {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(keys.mismatch(key, &expected, &other)),
    };
    if list.len() > MOST {
        return Err(keys.fail_at(key, format!("expected at most {MOST}, got {}", list.len())));
    }
    let table = |value| match value {
        Value::Table(table) => Ok(table),
        other => Err(keys.mismatch(key, &expected, &other)),
    };
    list.into_iter().map(table).collect()
}

/// A number, or how numbers are distributed.
fn distribution(keys: &mut Keys, key: &str) -> Result<Option<Distribution>> {
    let table = match keys.take(key) {
        None => return Ok(None),
        Some(Value::Table(table)) => table,
        Some(Value::Float(number)) => return Ok(Some(number.into())),
        Some(Value::Integer(number)) => return Ok(Some((number as f64).into())),
        Some(other) => {
            let expected = "a number, { uniform = [low, high] }, { normal = [mean, deviation], clip = [low, high] } or \
                            { lognormal = [mean, deviation] }";
            return Err(keys.mismatch(key, expected, &other));
        }
    };
    let mut inner = keys.inside(key, table);
    inner.only(&["uniform", "normal", "clip", "lognormal"])?;
    let [uniform, normal, clip, lognormal] = [
        pair(&mut inner, "uniform")?,
        pair(&mut inner, "normal")?,
        pair(&mut inner, "clip")?,
        pair(&mut inner, "lognormal")?,
    ];
    Ok(Some(match (uniform, normal, clip, lognormal) {
        (Some(uniform), None, None, None) => Distribution::Uniform { uniform },
        (None, Some(normal), clip, None) => Distribution::Normal { normal, clip },
        (None, None, None, Some(lognormal)) => Distribution::Lognormal { lognormal },
        _ => return Err(inner.fail("expected one of `uniform`, `normal`, `lognormal`; `clip` belongs to `normal`")),
    }))
}

fn pair(keys: &mut Keys, key: &str) -> Result<Option<[f64; 2]>> {
    let Some(value) = keys.take(key) else { return Ok(None) };
    let expected = "two numbers";
    let numbers = keys.as_array(key, &value, expected)?;
    <[f64; 2]>::try_from(numbers.values).map(Some).map_err(|_| keys.mismatch(key, expected, &value))
}
