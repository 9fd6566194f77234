//! The command line as people run it: exit codes, what is printed, what is written and what is not.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;
mod export;
mod failures;
#[allow(dead_code)] // not every kind is used here
#[path = "../inputs/files.rs"]
mod files;
#[cfg(feature = "gpu")]
mod gpu;
mod night;
mod results;
mod sequences;
mod shards;
mod simulate;
#[cfg(all(unix, feature = "arrow"))]
mod tables;
mod trace;
mod train;
mod train_night;

use std::path::PathBuf;
use std::process::{Command, Output};

use files::{Folder, f32s, npy};
use saltatory::layer::Layer;
use saltatory::network::checkpoint;
use saltatory::neuron::{Li, Lif};
use saltatory::{Network, Tensor};

/// A folder with a network and samples for it.
struct Bench {
    folder: Folder,
}

/// Samples in `x.npy`.
const SAMPLES: usize = 20;

impl Bench {
    fn new() -> Self {
        let folder = Folder::new();
        let mut network = Network::new([1, 4, 4])
            .conv2d(8, 3)
            .padding(1)
            .spiking(Lif::tau(2.0))
            .name("lif")
            .max_pool(2)
            .flatten()
            .linear(3)
            .name("fc")
            .build()
            .unwrap();
        network.init(3).unwrap();
        // Random weights alone hardly fire.
        for node in &mut network.nodes {
            if let Layer::Conv(conv) = &mut node.layer {
                conv.weight.as_mut().unwrap().data_mut().iter_mut().for_each(|w| *w = 2.0 * *w + 0.2);
            }
        }
        checkpoint::save(&network, folder.path("net.safetensors")).unwrap();
        // A stream of single numbers into a read-out.
        let mut leaky =
            Network::new([2]).linear(4).spiking(Lif::tau(2.0)).linear(2).spiking(Li::default()).build().unwrap();
        leaky.init(5).unwrap();
        checkpoint::save(&leaky, folder.path("leaky.safetensors")).unwrap();
        folder.put("x.npy", &npy("<f4", &[SAMPLES, 1, 4, 4], &f32s(&values(SAMPLES * 16))));
        folder.put("labels.npy", &npy("|u1", &[SAMPLES], &(0..SAMPLES as u8).map(|i| i % 3).collect::<Vec<_>>()));
        folder.put("sequences.npy", &npy("<f4", &[5, 6, 2], &f32s(&values(60))));
        Bench { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    /// Runs the binary in the folder.
    fn saltatory(&self, arguments: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_saltatory"))
            .args(arguments.split_whitespace())
            .current_dir(self.path(""))
            .output()
            .unwrap()
    }

    /// Runs the binary, which must end well; what it printed.
    fn good(&self, arguments: &str) -> String {
        let output = self.saltatory(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the binary, which must fail without a trace; its message.
    fn fails(&self, arguments: &str) -> String {
        let before = self.names();
        let output = self.saltatory(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments}");
        assert!(output.stdout.is_empty(), "{arguments}: {}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(self.names(), before, "{arguments}: files were left behind");
        stderr(&output)
    }

    /// Everything in the folder.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    /// An array of f32 as it was written.
    fn array(&self, name: &str) -> Tensor {
        array(&self.read(name))
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Numbers from -0.2 to 1.8, in no order.
fn values(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i * 7919 % 101) as f32 / 50.0 - 0.2).collect()
}

/// The shape in the header of an `.npy`, and where its numbers begin.
fn header(bytes: &[u8]) -> (String, Vec<usize>, usize) {
    assert!(bytes.starts_with(b"\x93NUMPY"));
    let (from, length) = match bytes[6] {
        1 => (10, usize::from(u16::from_le_bytes([bytes[8], bytes[9]]))),
        _ => (12, u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize),
    };
    let start = from + length;
    let text = std::str::from_utf8(&bytes[from..start]).unwrap();
    let between = |from: &str, to: &str| text.split(from).nth(1).unwrap().split(to).next().unwrap().to_owned();
    let shape = between("'shape': (", ")").split(',').filter_map(|n| n.trim().parse().ok()).collect();
    (between("'descr': '", "'"), shape, start)
}

fn array(bytes: &[u8]) -> Tensor {
    let (descr, shape, start) = header(bytes);
    assert_eq!(descr, "<f4");
    let data = bytes[start..].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    Tensor::new(shape, data).unwrap()
}

/// The arrays of an `.npz`: name without `.npy`, bytes.
fn arrays(bytes: Vec<u8>) -> std::collections::BTreeMap<String, Vec<u8>> {
    use std::io::Read;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|i| {
            let mut entry = archive.by_index(i).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().trim_end_matches(".npy").to_owned(), bytes)
        })
        .collect()
}
