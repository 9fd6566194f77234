//! A circuit as text.

use toml::{Table, Value};

use crate::circuit::{Circuit, Connector, Population, Projection};
use crate::error::{Error, Result};
use crate::network::file::write::Text;

/// Writes the keys of a circuit; `inside` is what stands before the names of its tables: nothing, or `layer.`.
pub(in crate::network::file) fn circuit(out: &mut Text, circuit: &Circuit, inside: &str) -> Result<()> {
    out.line("seed", circuit.seed as i64);
    for of in &circuit.populations {
        out.head(&format!("{inside}population"));
        population(out, of)?;
    }
    for of in &circuit.projections {
        out.head(&format!("{inside}projection"));
        projection(out, of)?;
    }
    Ok(())
}

/// What serde makes of a part, as a value.
fn value(of: &impl serde::Serialize) -> Result<Value> {
    Value::try_from(of).map_err(|e| Error::Network(e.to_string()))
}

fn population(out: &mut Text, of: &Population) -> Result<()> {
    out.line("name", of.name.as_str());
    out.line("size", of.size as i64);
    out.line("cell", of.cell.name());
    let mut parameters = match value(&of.cell)? {
        Value::Table(table) => table,
        _ => Table::new(),
    };
    parameters.remove("cell");
    if !parameters.is_empty() {
        out.line("parameters", parameters);
    }
    for (key, distribution) in [("v_init", &of.v_init), ("i_offset", &of.i_offset)] {
        if let Some(distribution) = distribution {
            out.line(key, value(distribution)?);
        }
    }
    if let Some(background) = &of.background {
        out.line("background", value(background)?);
    }
    if !of.currents.is_empty() {
        out.line("currents", of.currents.iter().map(|&(time, current)| vec![time, current]).collect::<Vec<_>>());
    }
    if !of.probes.is_empty() {
        out.sizes("probes", &of.probes);
    }
    Ok(())
}

fn projection(out: &mut Text, of: &Projection) -> Result<()> {
    out.line("from", of.from.as_str());
    out.line("to", of.to.as_str());
    match &of.connector {
        Connector::FromList(list) => {
            let row = |&(from, to, weight, delay): &(usize, usize, f64, f64)| {
                Value::Array(vec![(from as i64).into(), (to as i64).into(), weight.into(), delay.into()])
            };
            let rows = Value::Array(list.iter().map(row).collect());
            out.line("connector", Table::from_iter([(of.connector.name().to_owned(), rows)]));
        }
        connector => {
            out.line("connector", value(connector)?);
            out.line("weight", value(&of.weight)?);
            out.line("delay", value(&of.delay)?);
        }
    }
    if let Some(receptor) = of.receptor {
        out.line("receptor", value(&receptor)?);
    }
    if !of.allow_self_connections {
        out.line("allow_self_connections", false);
    }
    if of.procedural {
        out.line("procedural", true);
    }
    Ok(())
}
