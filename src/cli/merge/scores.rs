//! The scores of all shards in one array.

use std::io::{BufReader, Read};
use std::path::Path;

use saltatory::io::output::NpyWriter;
use saltatory::{Error, Result};

use super::parts::Part;

/// The scores of all shards, checked.
pub fn scores(target: &Path, parts: &[Part]) -> Result<NpyWriter> {
    let row = parts.first().map_or_else(Vec::new, |part| part.report.facts.row.clone());
    let mut whole = NpyWriter::create(target, &row)?;
    let width = 4 * row.iter().product::<usize>();
    let mut bytes = Vec::new();
    for part in parts {
        let (checked, written) = part.open("output")?;
        let data = width as u128 * part.report.tally.samples as u128;
        let path = written.path.clone();
        let fault = |e: std::io::Error| Error::io(&path, e);
        let head = u64::try_from(data).ok().and_then(|data| written.bytes.checked_sub(data)).ok_or_else(|| {
            Error::file(&part.path, format!("expected at least {data} bytes of scores, got {}", written.bytes))
        })?;
        // The file is as long as the report says by now, so there is a row of that width unless there is none.
        bytes.resize(if part.report.tally.samples > 0 { width } else { 0 }, 0);
        let mut reader = BufReader::with_capacity(1 << 16, checked);
        std::io::copy(&mut reader.by_ref().take(head), &mut std::io::sink()).map_err(fault)?;
        for _ in 0..part.report.tally.samples {
            reader.read_exact(&mut bytes).map_err(fault)?;
            let values: Vec<f32> = bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
            whole.write_row(&values)?;
        }
        std::io::copy(&mut reader, &mut std::io::sink()).map_err(fault)?;
        reader.get_ref().check(written)?;
    }
    Ok(whole)
}
