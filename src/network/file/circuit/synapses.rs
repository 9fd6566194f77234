//! Lists of synapses: in the network file, or in a file of their own beside it (`.npy`, CSV).

use std::path::Path;

use toml::Value;

use crate::error::{Error, Result};
use crate::network::file::{Keys, read_text};

/// Source, target, weight, delay in ms.
type Synapse = (usize, usize, f64, f64);

/// Numbers of a synapse.
const COLUMNS: usize = 4;

/// Reads a list, or the file that it is in.
pub(super) fn read(keys: &mut Keys, key: &str) -> Result<Vec<Synapse>> {
    let expected = "rows of source, target, weight and delay, or the name of a .npy or CSV file with such rows";
    match keys.take(key) {
        Some(Value::String(name)) => file(&keys.origin().with_file_name(name)),
        Some(Value::Array(list)) if list.is_empty() => Ok(Vec::new()),
        Some(value) => {
            let numbers = keys.as_array(key, &value, expected)?;
            if !matches!(numbers.shape[..], [_, COLUMNS]) {
                return Err(keys.mismatch(key, expected, &value));
            }
            let rows = numbers.values.chunks_exact(COLUMNS).enumerate();
            rows.map(|(at, row)| synapse(row).map_err(|e| keys.fail_at(key, format!("row {at}: {e}")))).collect()
        }
        None => Ok(Vec::new()),
    }
}

fn file(path: &Path) -> Result<Vec<Synapse>> {
    let is = |extension: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension));
    if is("npy") { npy(path) } else { csv(path) }
}

/// Lines of four numbers, between commas; a first line without numbers, empty ones and those that begin with # are passed
/// over.
fn csv(path: &Path) -> Result<Vec<Synapse>> {
    let text = read_text(path)?;
    let mut synapses = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let is_head = number == 0 && line.starts_with(|c: char| c.is_alphabetic());
        if line.is_empty() || line.starts_with('#') || is_head {
            continue;
        }
        let row: Option<Vec<f64>> = line.split(',').map(|field| field.trim().parse().ok()).collect();
        let fault = |e: String| Error::file(path, format!("line {}: {e}", number + 1));
        let row = row.filter(|row| row.len() == COLUMNS);
        let row = row.ok_or_else(|| fault(format!("expected source, target, weight, delay, got `{}`", cut(line))))?;
        synapses.push(synapse(&row).map_err(fault)?);
    }
    Ok(synapses)
}

fn cut(line: &str) -> String {
    line.chars().take(60).collect()
}

#[cfg(feature = "formats")]
fn npy(path: &Path) -> Result<Vec<Synapse>> {
    let mut array = crate::io::Array::open(path)?;
    let [rows, COLUMNS] = array.header.shape[..] else {
        let shape = &array.header.shape;
        return Err(
            array.error(format!("expected rows of source, target, weight, delay: [n, {COLUMNS}], got {shape:?}"))
        );
    };
    let mut numbers = Vec::new();
    array.read(0, rows * COLUMNS, &mut |x| numbers.push(x))?;
    array.finish()?;
    let rows = numbers.chunks_exact(COLUMNS).enumerate();
    rows.map(|(at, row)| synapse(row).map_err(|e| Error::file(path, format!("row {at}: {e}")))).collect()
}

#[cfg(not(feature = "formats"))]
fn npy(path: &Path) -> Result<Vec<Synapse>> {
    Err(Error::Unsupported(format!("{}: this build reads no .npy files (feature `formats`)", path.display())))
}

fn synapse(row: &[f64]) -> Result<Synapse, String> {
    let cell = |x: f64| {
        let whole = x.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&x);
        if whole { Ok(x as usize) } else { Err(format!("expected the number of a cell, got {x}")) }
    };
    Ok((cell(row[0])?, cell(row[1])?, row[2], row[3]))
}
