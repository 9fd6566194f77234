//! What is measured: a workload at a size of batch.

use std::fmt;

use saltatory::workloads::{NAMES, TRAINING, Variant, check};
use saltatory::{Error, Result};

/// The workload that has no batches.
const STREAM: &str = "stream-latency";

/// A workload at a size of batch; its weights are made when it is run.
pub struct Case {
    pub name: &'static str,
    pub batch: usize,
    pub variant: Variant,
}

impl Case {
    pub fn of(name: &'static str, batch: usize, variant: Variant) -> Case {
        Case { name, batch, variant }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.batch)
    }
}

/// The cases of these workloads, batches and sizes; where there are none, of all and of the usual ones.
pub fn cases(names: &[String], batches: &[usize], variant: Variant) -> Result<Vec<Case>> {
    if batches.contains(&0) {
        return Err(Error::Request("--batch: expected at least one sample, got 0".into()));
    }
    let mut cases = Vec::new();
    for name in chosen(names)? {
        check(name, &variant)?;
        let sizes = if name == STREAM || batches.is_empty() { usual(name) } else { batches };
        cases.extend(sizes.iter().map(|&batch| Case::of(name, batch, variant)));
    }
    Ok(cases)
}

/// The workloads that the names stand for: `sparse-fc` for that of every rate.
fn chosen(names: &[String]) -> Result<Vec<&'static str>> {
    let known = || NAMES.into_iter().chain(TRAINING);
    let all: Vec<String> = if names.is_empty() { known().map(String::from).collect() } else { names.to_vec() };
    let mut chosen = Vec::new();
    for name in all {
        let before = chosen.len();
        let family = format!("{name}-");
        let stands = |known: &str| known == name || name == "sparse-fc" && known.starts_with(&family);
        chosen.extend(known().filter(|known| stands(known)));
        if chosen.len() == before {
            let known: Vec<&str> = known().collect();
            return Err(Error::Request(format!("--workload {name}: there are {}", known.join(", "))));
        }
    }
    Ok(chosen)
}

/// The usual batches of a workload.
fn usual(name: &str) -> &'static [usize] {
    match name {
        "spiking-cnn" => &[1, 32, 256],
        "spiking-cnn-training" => &[32],
        // 2^20 neurons: samples of them are computed side by side.
        "lif-training" => &[16],
        "dense-lif" => &[16],
        _ => &[1],
    }
}
