//! Up to which share of inputs lists of those that fired are quicker than all words of them, for linear layers on a device:
//! measured once, and kept in a file.

#[cfg(not(target_arch = "wasm32"))]
mod measure;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::adapters::AdapterInfo;
use crate::plan::LinearSize;

#[cfg(not(target_arch = "wasm32"))]
pub use measure::{CROSSOVER_RATES, Crossover, CrossoverPoint};

/// What was measured on a device, and the file that it is kept in. Of no effect but on time, so what goes wrong with the
/// file goes by without a word.
#[derive(Debug)]
pub(super) struct Crossovers {
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "nothing is measured on the web"))]
    file: PathBuf,
    known: Mutex<Vec<Known>>,
}

/// A layer on a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    adapter: String,
    driver: String,
    backend: String,
    inputs: usize,
    outputs: usize,
    steps: usize,
    batch: usize,
    /// Of the inputs.
    share: f32,
}

impl Known {
    fn new(info: &AdapterInfo, size: LinearSize, batch: usize, share: f32) -> Known {
        let LinearSize { inputs, outputs, steps } = size;
        let (adapter, driver, backend) = (info.name.clone(), info.driver.clone(), info.backend.clone());
        Known { adapter, driver, backend, inputs, outputs, steps, batch, share }
    }

    /// Whether it is what was measured before, or takes its place.
    fn is_of(&self, other: &Known) -> bool {
        *self == Known { share: self.share, ..other.clone() }
    }
}

impl Crossovers {
    /// Those of a folder.
    pub fn new(folder: &Path) -> Crossovers {
        let file = folder.join("event_lists.json");
        let known = Mutex::new(read(&file));
        Crossovers { file, known }
    }

    /// The share of a layer: of several sizes of batches the smallest, as a plan serves all of them.
    pub fn share(&self, info: &AdapterInfo, size: LinearSize) -> Option<f32> {
        let known = self.known.lock().ok()?;
        let shares = known.iter().filter(|known| known.is_of(&Known::new(info, size, known.batch, 0.0)));
        shares.map(|known| known.share).reduce(f32::min)
    }

    /// Whether it was measured with batches of this size.
    pub fn knows(&self, info: &AdapterInfo, size: LinearSize, batch: usize) -> bool {
        let wanted = Known::new(info, size, batch, 0.0);
        self.known.lock().is_ok_and(|known| known.iter().any(|known| known.is_of(&wanted)))
    }

    /// Notes what was measured, in the file too.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn add(&self, info: &AdapterInfo, size: LinearSize, batch: usize, share: f32) {
        let Ok(mut known) = self.known.lock() else { return };
        let new = Known::new(info, size, batch, share);
        // Others may have written meanwhile.
        let mut all = read(&self.file);
        all.retain(|old| !old.is_of(&new));
        all.push(new);
        if let Ok(text) = serde_json::to_string_pretty(&all) {
            super::cache::write_whole(&self.file, text.as_bytes());
        }
        *known = all;
    }
}

/// What a file holds; nothing, where it cannot be read. A share that is none is left out.
fn read(file: &Path) -> Vec<Known> {
    let text = std::fs::read(file).unwrap_or_default();
    let known: Vec<Known> = serde_json::from_slice(&text).unwrap_or_default();
    known.into_iter().filter(|known| (0.0..=1.0).contains(&known.share)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: LinearSize = LinearSize { inputs: 4096, outputs: 512, steps: 8 };

    fn info(driver: &str) -> AdapterInfo {
        AdapterInfo {
            name: "a card".into(),
            kind: "discrete",
            backend: "Vulkan".into(),
            driver: driver.into(),
            max_binding: 1 << 30,
            storage_buffers: 8,
        }
    }

    #[test]
    fn what_was_measured_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("new");
        let (one, other) = (info("1.0"), info("2.0"));
        let crossovers = Crossovers::new(&folder);
        assert_eq!(crossovers.share(&one, SIZE), None);
        crossovers.add(&one, SIZE, 1, 0.05);
        crossovers.add(&one, SIZE, 32, 0.03);
        crossovers.add(&one, SIZE, 1, 0.04);
        for known in [crossovers, Crossovers::new(&folder)] {
            assert_eq!(known.share(&one, SIZE), Some(0.03));
            assert_eq!(known.share(&other, SIZE), None);
            assert_eq!(known.share(&one, LinearSize { steps: 4, ..SIZE }), None);
            assert!(known.knows(&one, SIZE, 1) && !known.knows(&one, SIZE, 2) && !known.knows(&other, SIZE, 1));
        }
        assert_eq!(read(&folder.join("event_lists.json")).len(), 2);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_file_is_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("event_lists.json");
        std::fs::write(&file, "[{\"adapter\": 1").unwrap();
        let crossovers = Crossovers::new(folder.path());
        assert_eq!(crossovers.share(&info("1.0"), SIZE), None);
        crossovers.add(&info("1.0"), SIZE, 1, 0.02);
        assert_eq!(Crossovers::new(folder.path()).share(&info("1.0"), SIZE), Some(0.02));
        let text = std::fs::read_to_string(&file).unwrap().replace("0.02", "7.0");
        std::fs::write(&file, text).unwrap();
        assert_eq!(Crossovers::new(folder.path()).share(&info("1.0"), SIZE), None);
    }
}
