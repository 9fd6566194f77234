//! One `[[projection]]`.

use toml::{Table, Value};

use super::population::receptor;
use super::{distribution, synapses};
use crate::circuit::{Connector, Projection};
use crate::error::Result;
use crate::network::file::Keys;
use crate::network::nearest::listed;

const KEYS: [&str; 8] =
    ["from", "to", "connector", "weight", "delay", "receptor", "allow_self_connections", "procedural"];

/// The connectors that are a table of one key.
const OF_A_KEY: [&str; 5] =
    ["fixed_probability", "fixed_number_post", "fixed_number_pre", "fixed_total_number", "from_list"];

/// More synapses of a rule than this are taken for a mistake.
const MOST_SYNAPSES: usize = u32::MAX as usize;

/// Reads the projection at a place, counted from 1.
pub(super) fn read(all: &Keys, place: usize, table: Table) -> Result<Projection> {
    let mut keys = all.part(format!("projection {place}"), table);
    let [from, to] = ["from", "to"].map(|end| match keys.text(end) {
        Ok(None) => Err(keys.fail(format!("`{end}` is missing"))),
        read => read.map(Option::unwrap_or_default),
    });
    let mut projection = Projection::new(from?, to?, Connector::AllToAll);
    let mut keys = keys.called(all, format!("projection `{}`", projection.name()));
    keys.only(&KEYS)?;
    projection.connector = connector(&mut keys)?;
    if let Connector::FromList(_) = projection.connector {
        if let Some(key) = ["weight", "delay"].into_iter().find(|key| keys.has(key)) {
            return Err(keys.fail_at(key, "the synapses of `from_list` have their own: leave it out"));
        }
    } else {
        let weight = distribution(&mut keys, "weight")?;
        projection.weight = weight.ok_or_else(|| keys.fail("`weight` is missing"))?;
        projection.delay = distribution(&mut keys, "delay")?.unwrap_or(projection.delay);
    }
    projection.receptor = receptor(&mut keys)?;
    projection.allow_self_connections = keys.flag("allow_self_connections")?.unwrap_or(true);
    projection.procedural = keys.flag("procedural")?.unwrap_or(false);
    Ok(projection)
}

fn connector(keys: &mut Keys) -> Result<Connector> {
    const KEY: &str = "connector";
    let names = || ["all_to_all", "one_to_one"].into_iter().chain(OF_A_KEY);
    let unknown = |keys: &Keys, name: &str| {
        keys.fail_at(KEY, format!("there is no `{name}`; known are {}", listed(name, names(), names().count())))
    };
    let table = match keys.take(KEY) {
        None => return Err(keys.fail(format!("`{KEY}` is missing"))),
        Some(Value::Table(table)) => table,
        Some(Value::String(name)) => match name.as_str() {
            "all_to_all" => return Ok(Connector::AllToAll),
            "one_to_one" => return Ok(Connector::OneToOne),
            name if OF_A_KEY.contains(&name) => {
                return Err(keys.fail_at(KEY, format!("expected {{ {name} = ... }}, got its name alone")));
            }
            name => return Err(unknown(keys, name)),
        },
        Some(other) => {
            let expected = "\"all_to_all\", \"one_to_one\", or a table such as { fixed_probability = 0.1 }";
            return Err(keys.mismatch(KEY, expected, &other));
        }
    };
    let Some(name) = table.keys().next().filter(|_| table.len() == 1).cloned() else {
        let got = table.len();
        return Err(
            keys.fail_at(KEY, format!("expected a table of one key: `{}`; got {got} keys", OF_A_KEY.join("`, `")))
        );
    };
    let mut inner = keys.inside(KEY, table);
    let count = |inner: &mut Keys| inner.size(&name, 0..=MOST_SYNAPSES).map(Option::unwrap_or_default);
    match name.as_str() {
        "fixed_probability" => inner.number(&name).map(|p| Connector::FixedProbability(p.unwrap_or_default())),
        "fixed_number_post" => count(&mut inner).map(Connector::FixedNumberPost),
        "fixed_number_pre" => count(&mut inner).map(Connector::FixedNumberPre),
        "fixed_total_number" => count(&mut inner).map(Connector::FixedTotalNumber),
        "from_list" => synapses::read(&mut inner, &name).map(Connector::FromList),
        name => Err(unknown(keys, name)),
    }
}
