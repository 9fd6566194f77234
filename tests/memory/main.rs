//! Damaged files may not make the reader take more memory than they are worth, nor panic, nor go on for ever.

#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code)] // an allocator that counts cannot be written without

mod counting;
#[path = "../inputs/files.rs"]
mod files;

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use files::{Folder, f32s, gzip, idx, image, npy, npz};
use hdf5_pure::FileBuilder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use saltatory::Network;
use saltatory::io::dataset::{Dataset, Options};
use saltatory::io::{labels, nir};
use saltatory::network::{self, InputSpec, OpenOptions, checkpoint, file};
use saltatory::neuron::Lif;

/// What a reader may hold at once, however large the extents that a file claims.
const MOST: usize = 100 << 20;
/// And that many times the file.
const TIMES: usize = 10;
/// No file here has more than 100 KiB: this is for machines that do other things as well.
const LONGEST: Duration = Duration::from_secs(10);
/// Formats are many; each gets so many damaged files.
const CASES: u32 = 100;

/// Memory is counted for the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// What happens to a file.
#[derive(Clone, Debug)]
enum Harm {
    Cut(usize),
    Flip(Vec<(usize, u8)>),
    /// Bytes where extents may be, big or little end first.
    Extent(usize, u64, usize, bool),
    /// A digit becomes many nines: extents in text.
    Nines(usize, usize),
    Copy(usize, usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let extents = prop_oneof![
        Just(u64::MAX),
        Just(u64::from(u32::MAX)),
        Just(i64::MAX as u64),
        Just(1 << 40),
        Just(1 << 32),
        Just(1 << 29),
        Just(1 << 24),
        any::<u64>(),
    ];
    let width = prop_oneof![Just(2usize), Just(4), Just(8)];
    prop_oneof![
        any::<usize>().prop_map(Harm::Cut),
        prop::collection::vec((any::<usize>(), 0..8u8), 1..6).prop_map(Harm::Flip),
        (any::<usize>(), extents, width, any::<bool>()).prop_map(|(at, x, n, big)| Harm::Extent(at, x, n, big)),
        (any::<usize>(), 1..20usize).prop_map(|(at, n)| Harm::Nines(at, n)),
        (any::<usize>(), any::<usize>(), 1..64usize).prop_map(|(from, to, n)| Harm::Copy(from, to, n)),
    ]
}

/// The damaged bytes. Of two files one is struck in its first 512 bytes, where the headers are.
fn harmed(mut bytes: Vec<u8>, harm: &Harm, early: bool) -> Vec<u8> {
    let len = bytes.len();
    let place = |at: usize, size: usize| at % (if early { len.min(512) } else { len }).saturating_sub(size).max(1);
    match harm {
        Harm::Cut(at) => bytes.truncate(at % len),
        Harm::Flip(bits) => bits.iter().for_each(|(at, bit)| bytes[place(*at, 0)] ^= 1 << bit),
        Harm::Extent(at, extent, width, big) => {
            let at = place(*at, *width);
            let extent =
                if *big { extent.to_be_bytes()[8 - width..].to_vec() } else { extent.to_le_bytes()[..*width].to_vec() };
            let end = len.min(at + width);
            bytes[at..end].copy_from_slice(&extent[..end - at]);
        }
        Harm::Nines(at, n) => {
            let digits: Vec<usize> = (0..len).filter(|&i| bytes[i].is_ascii_digit()).collect();
            if !digits.is_empty() {
                let at = digits[at % digits.len()];
                bytes.splice(at..=at, vec![b'9'; *n]);
            }
        }
        Harm::Copy(from, to, n) => {
            let n = (*n).min(len);
            let from = from % (len - n + 1);
            bytes.copy_within(from..from + n, (to % len).min(len - n));
        }
    }
    bytes
}

/// Reads damaged copies of a file; says how many were refused.
fn strike(name: &str, bytes: &[u8], read: impl Fn(&Path) -> bool) {
    let alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let folder = Folder::new();
    assert!(read(&folder.put(name, bytes)), "{name} is not sound");
    let refused = std::cell::Cell::new(0);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&(harm(), any::<bool>()), |(harm, early)| {
        let bytes = harmed(bytes.to_vec(), &harm, early);
        let path = folder.put(name, &bytes);
        let start = Instant::now();
        let (sound, peak) = counting::peak(|| read(&path));
        refused.set(refused.get() + u32::from(!sound));
        prop_assert!(peak <= MOST + TIMES * bytes.len(), "{name}: {peak} bytes for a file of {}", bytes.len());
        prop_assert!(start.elapsed() < LONGEST, "{name}: {:?}", start.elapsed());
        Ok(())
    });
    drop(alone);
    result.unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(refused.get() > CASES / 10, "{name}: only {} of {CASES} refused", refused.get());
}

/// Whether all samples of a file could be read.
fn samples(path: &Path) -> bool {
    let options = Options::of(&InputSpec { shape: vec![3, 4, 4], resize: true, ..InputSpec::default() });
    Dataset::open(&[path.to_owned()], &options).is_ok_and(|samples| samples.fold(true, |all, s| all & s.values.is_ok()))
}

#[test]
fn samples_of_every_kind() {
    let array = npy("<f4", &[2, 3, 4, 4], &f32s(&[0.25; 96]));
    strike("a.npy", &array, samples);
    strike("deflated.npz", &npz(&[("x", &array), ("y", &npy("|u1", &[2], &[1, 0]))], true), samples);
    strike("stored.npz", &npz(&[("x", &array)], false), samples);
    let images = idx(8, &[2, 3, 4, 4], &[1; 96]);
    strike("a-idx4-ubyte", &images, samples);
    strike("a-idx4-ubyte.gz", &gzip(&images), samples);
    for (name, format) in [
        ("a.png", ::image::ImageFormat::Png),
        ("a.jpg", ::image::ImageFormat::Jpeg),
        ("a.bmp", ::image::ImageFormat::Bmp),
    ] {
        strike(name, &image(format), samples);
    }
}

#[test]
fn labels_of_every_kind() {
    let read = |path: &Path| labels::read(path).is_ok();
    strike("labels.npy", &npy("<i8", &[3], &[1i64, 2, 3].map(i64::to_le_bytes).concat()), read);
    strike("labels-idx1-ubyte.gz", &gzip(&idx(8, &[3], &[1, 2, 3])), read);
}

/// A gzip of zeros is a thousand times smaller than what it unpacks to.
#[test]
fn a_bomb_is_refused() {
    let alone = ALONE.lock().unwrap_or_else(|e| e.into_inner());
    let folder = Folder::new();
    let zeros = vec![0u8; 120 << 20];
    let header = npy("|u1", &[zeros.len()], &[]);
    let idx = gzip(&idx(8, &[zeros.len() as u32], &zeros));
    let npz = npz(&[("x", &[header, zeros].concat())], true);
    for (name, bytes) in [("a-idx1-ubyte.gz", idx), ("a.npz", npz)] {
        let path = folder.put(name, &bytes);
        for read in [samples, |path: &Path| labels::read(path).is_ok()] {
            let (sound, peak) = counting::peak(|| read(&path));
            assert!(!sound && peak <= MOST + TIMES * bytes.len(), "{name}: {sound}, {peak} bytes for {}", bytes.len());
        }
    }
    drop(alone);
}

fn sound_network() -> Network {
    let mut network = Network::new([1, 6, 6])
        .conv2d(4, 3)
        .batch_norm()
        .spiking(Lif::tau(2.0))
        .max_pool(2)
        .delay(2)
        .flatten()
        .linear(7)
        .spiking(Lif::beta(0.9))
        .recurrent(true)
        .steps(4)
        .build()
        .unwrap();
    network.init(1).unwrap();
    network
}

#[test]
fn networks_of_every_kind() {
    let folder = Folder::new();
    let network = sound_network();
    let checkpoint = folder.path("sound.safetensors");
    checkpoint::save(&network, &checkpoint).unwrap();
    strike("net.safetensors", &std::fs::read(&checkpoint).unwrap(), |path| checkpoint::read(path).is_ok());
    let text = file::to_toml(&network).unwrap();
    strike("net.toml", text.as_bytes(), |path| {
        let options = OpenOptions { weights: Some(checkpoint.clone()), ..Default::default() };
        network::open(path, &options).is_ok()
    });
    strike("net.nir", &nir_file(), |path| nir::read(path, &nir::Options::default()).is_ok());
}

/// input -> linear, packed in chunks -> LIF -> output.
fn nir_file() -> Vec<u8> {
    let text = |group: &mut hdf5_pure::GroupBuilder, name: &str, values: &[&str], shape: &[u64]| {
        group.create_dataset(name).with_vlen_strings(values).with_shape(shape);
    };
    let mut file = FileBuilder::new();
    let mut root = file.create_group("node");
    text(&mut root, "type", &["NIRGraph"], &[]);
    text(&mut root, "edges", &["input", "fc", "fc", "lif", "lif", "output"], &[3, 2]);
    let mut nodes = root.create_group("nodes");
    for (name, kind) in [("input", "Input"), ("fc", "Linear"), ("lif", "LIF"), ("output", "Output")] {
        let mut node = nodes.create_group(name);
        text(&mut node, "type", &[kind], &[]);
        match name {
            "input" => drop(node.create_dataset("shape").with_i64_data(&[8]).with_shape(&[1])),
            "output" => drop(node.create_dataset("shape").with_i64_data(&[5]).with_shape(&[1])),
            "fc" => {
                let weight = node.create_dataset("weight").with_f32_data(&[0.5; 40]).with_shape(&[5, 8]);
                weight.with_chunks(&[4, 4]).with_deflate(4);
            }
            _ => {
                for (what, value) in [("tau", 0.01), ("r", 1.0), ("v_leak", 0.0), ("v_threshold", 1.0)] {
                    node.create_dataset(what).with_f32_data(&[value; 5]).with_shape(&[5]);
                }
            }
        }
        nodes.add_group(node.finish());
    }
    root.add_group(nodes.finish());
    file.add_group(root.finish());
    file.finish().unwrap()
}
