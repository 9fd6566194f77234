//! Reading a golden case, and comparing with it.

use std::path::PathBuf;

#[cfg(feature = "gpu")]
use saltatory::run::verify::difference;
use saltatory::run::{Options, Output, Recording};
use saltatory::{Network, Session, Tensor};
use serde_json::Value;

/// `|a - b| <= 2e-5 max(1, |b|max)`, as the goldens' README states for potentials, traces and logits.
pub const POTENTIAL_TOLERANCE: f32 = 2e-5;

/// A golden case: metadata and tensors, time first.
pub struct Case {
    pub id: String,
    pub meta: Value,
    bytes: Vec<u8>,
}

/// The shared folder, or `None` with a printed reason.
pub fn shared() -> Option<PathBuf> {
    let root = std::env::var_os("SALTATORY_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    if root.join("goldens").is_dir() {
        return Some(root);
    }
    println!("skipped: no goldens in {} (set SALTATORY_SHARED)", root.display());
    None
}

/// Every case of a group whose id has this prefix.
pub fn cases(prefix: &str) -> Vec<Case> {
    let Some(root) = shared() else { return Vec::new() };
    let manifest = std::fs::read(root.join("goldens/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let files = manifest["cases"].as_array().unwrap().iter().filter_map(|c| c["file"].as_str());
    files.filter(|f| f.starts_with(prefix)).map(|f| Case::read(&root.join("goldens").join(f))).collect()
}

impl Case {
    fn read(path: &std::path::Path) -> Case {
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let meta: Value = serde_json::from_str(&header.metadata().as_ref().unwrap()["meta"]).unwrap();
        Case { id: meta["id"].as_str().unwrap().to_string(), meta, bytes }
    }

    pub fn has(&self, name: &str) -> bool {
        safetensors::SafeTensors::deserialize(&self.bytes).unwrap().names().contains(&name)
    }

    /// A tensor as f32, whatever it is stored as.
    pub fn tensor(&self, name: &str) -> Tensor {
        let tensors = safetensors::SafeTensors::deserialize(&self.bytes).unwrap();
        let view = tensors.tensor(name).unwrap_or_else(|e| panic!("{}: {name}: {e}", self.id));
        let data = match view.dtype() {
            safetensors::Dtype::F32 => {
                view.data().chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
            }
            safetensors::Dtype::I32 => {
                view.data().chunks(4).map(|b| i32::from_le_bytes(b.try_into().unwrap()) as f32).collect()
            }
            safetensors::Dtype::U8 => view.data().iter().map(|&b| f32::from(b)).collect(),
            other => panic!("{}: {name} is {other:?}", self.id),
        };
        Tensor::new(view.shape().to_vec(), data).unwrap()
    }

    /// A parameter of the metadata, as f64.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.meta["params"][key].as_f64()
    }

    /// A tensor `[time, batch, ...]` as `[batch, time, ...]`.
    pub fn batch_first(&self, name: &str) -> Tensor {
        swap_axes(&self.tensor(name))
    }
}

/// `[a, b, ...]` as `[b, a, ...]`.
pub fn swap_axes(tensor: &Tensor) -> Tensor {
    let shape = tensor.shape();
    let (a, b) = (shape[0], shape[1]);
    let row = tensor.len() / (a * b);
    let mut data = Vec::with_capacity(tensor.len());
    for j in 0..b {
        for i in 0..a {
            data.extend_from_slice(&tensor.data()[(i * b + j) * row..][..row]);
        }
    }
    let mut swapped = shape.to_vec();
    swapped.swap(0, 1);
    Tensor::new(swapped, data).unwrap()
}

/// Runs a network on `[batch, ...]` or `[batch, time, ...]` and records everything.
pub fn record(network: &Network, x: &Tensor) -> Output {
    run(network, &Options { record: true, ..Default::default() }, x)
}

/// Runs a network on the CPU, and on a GPU where there is one, which must give the same to the bit.
pub fn run(network: &Network, options: &Options, x: &Tensor) -> Output {
    let on = |device, x: &Tensor| {
        Session::new(network.clone(), Options { device, ..options.clone() }).unwrap().run(x).unwrap()
    };
    let expected = on(Default::default(), x);
    #[cfg(feature = "gpu")]
    if let Some(gpu) = crate::gpus::device() {
        let difference = match beginning(network, x) {
            Some(x) => difference(&on(Default::default(), &x), &on(gpu, &x)),
            None => difference(&expected, &on(gpu, x)),
        };
        assert_eq!(difference, None, "{}", network.name);
    }
    expected
}

/// Values of a batch that software GPUs are given: of longer recordings only the beginning.
#[cfg(feature = "gpu")]
const GPU_VALUES: usize = 100_000;

/// The first steps of a batch `[batch, time, ...]` that has too many values.
#[cfg(feature = "gpu")]
fn beginning(network: &Network, x: &Tensor) -> Option<Tensor> {
    let frame: usize = network.input.shape.iter().product();
    let most = GPU_VALUES / (frame * x.shape()[0]);
    if x.shape().len() == network.input.shape.len() + 1 || x.shape()[1] <= most {
        return None;
    }
    let rows = x.data().chunks(frame * x.shape()[1]).flat_map(|row| &row[..most * frame]);
    let shape = [&[x.shape()[0], most], &x.shape()[2..]].concat();
    Some(Tensor::new(shape, rows.copied().collect()).unwrap())
}

/// What was recorded of a layer, `[batch, time, ...]`, by a field of the recording.
pub fn recorded(output: &Output, layer: &str, field: fn(&Recording) -> Vec<f32>) -> Vec<f32> {
    let of = |sample: &Vec<Recording>| {
        field(sample.iter().find(|r| r.layer == layer).unwrap_or_else(|| panic!("layer `{layer}` is not recorded")))
    };
    output.recordings.iter().flat_map(of).collect()
}

pub fn spikes(r: &Recording) -> Vec<f32> {
    r.spikes.iter().map(|&s| s as f32).collect()
}
pub fn h(r: &Recording) -> Vec<f32> {
    r.h.clone()
}
pub fn v(r: &Recording) -> Vec<f32> {
    r.v.clone()
}
pub fn i(r: &Recording) -> Vec<f32> {
    r.i.clone()
}

/// Faults of a comparison, collected so that all cases run before one fails.
#[derive(Default)]
pub struct Report {
    faults: Vec<String>,
    compared: usize,
    spikes: f64,
}

impl Report {
    /// Spikes must be the same.
    pub fn exact(&mut self, what: &str, got: &[f32], expected: &[f32]) {
        self.compared += 1;
        self.spikes += expected.iter().map(|&x| f64::from(x)).sum::<f64>();
        if got.len() != expected.len() {
            self.faults.push(format!("{what}: {} values, expected {}", got.len(), expected.len()));
            return;
        }
        let wrong: Vec<usize> = (0..got.len()).filter(|&i| got[i] != expected[i]).collect();
        if let Some(&first) = wrong.first() {
            self.faults.push(format!(
                "{what}: {} of {} differ, first at {first}: {} for {}",
                wrong.len(),
                got.len(),
                got[first],
                expected[first]
            ));
        }
    }

    /// Potentials must be close.
    pub fn close(&mut self, what: &str, got: &[f32], expected: &[f32]) {
        let largest = expected.iter().fold(1.0f32, |m, x| m.max(x.abs()));
        self.within(what, got, expected, POTENTIAL_TOLERANCE * largest);
    }

    /// Gradients must be close: `|a - b| <= 1e-4 |b|max + 1e-6`, as the goldens' README states.
    pub fn gradient(&mut self, what: &str, got: &[f32], expected: &[f32]) {
        let largest = expected.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        self.within(what, got, expected, 1e-4 * largest + 1e-6);
    }

    /// Each difference must be within a limit.
    pub fn within(&mut self, what: &str, got: &[f32], expected: &[f32], limit: f32) {
        self.compared += 1;
        if got.len() != expected.len() {
            self.faults.push(format!("{what}: {} values, expected {}", got.len(), expected.len()));
            return;
        }
        let error = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
        if error.is_nan() || error > limit {
            self.faults.push(format!("{what}: largest error {error}, allowed {limit}"));
        }
    }

    /// Fails with all faults. Something must have been compared where there are goldens.
    pub fn finish_silent(self, at_least: usize) {
        if shared().is_none() {
            return;
        }
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
        assert!(self.compared >= at_least, "only {} comparisons, expected {at_least}", self.compared);
        println!("{} comparisons, {} spikes", self.compared, self.spikes);
    }

    /// As [`Report::finish_silent`], and something must have fired.
    pub fn finish(self, at_least: usize) {
        assert!(shared().is_none() || self.spikes > 50.0, "only {} spikes were compared", self.spikes);
        self.finish_silent(at_least);
    }
}
