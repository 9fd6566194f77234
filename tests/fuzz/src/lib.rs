//! What fuzz targets share: a folder for the files that parsers want, and the use that is made of what they give.

pub mod cli;
pub mod nir;

use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};
use saltatory::io::dataset::{Dataset, Options};
use saltatory::network::{ChannelOrder, InputKind, InputSpec, compile, file};
use saltatory::plan::Request;
use saltatory::{Network, Session, Tensor};

/// Samples that are read of one input.
const MOST_SAMPLES: usize = 64;
/// Bytes of one sample's working memory, and operations, that are still run.
const MOST_BYTES: usize = 4 << 20;
const MOST_WORK: u64 = 1 << 20;

/// A folder in memory where there is one; it goes with the value.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// An empty folder.
    pub fn new() -> Folder {
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        Folder(tempfile::tempdir_in(root).expect("a folder"))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file.
    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

/// How samples are read, by two bytes.
pub fn options(choice: [u8; 2]) -> Options {
    let shapes: [&[usize]; 8] = [&[1, 4, 4], &[3, 4, 4], &[2, 3], &[1], &[16], &[3, 2, 2], &[4, 4], &[2, 1, 1]];
    let kinds = [InputKind::Real, InputKind::Real, InputKind::Counts, InputKind::Bits];
    let [shape, flags] = choice;
    let bit = |n: u8| flags >> n & 1 == 1;
    let spec = InputSpec {
        shape: shapes[usize::from(shape % 8)].to_vec(),
        mean: if bit(0) { vec![0.25] } else { Vec::new() },
        std: if bit(0) { vec![-1e30] } else { Vec::new() },
        resize: !bit(1),
        channels: if bit(2) { ChannelOrder::Last } else { ChannelOrder::First },
        kind: kinds[usize::from(flags >> 3 & 3)],
        ..InputSpec::default()
    };
    Options { time_first: bit(5), single_sequence: bit(6), ..Options::of(&spec) }
}

/// Opens samples and reads them: what is read is finite and as long as it should be.
pub fn samples(paths: &[PathBuf], options: &Options) {
    if let Ok(samples) = Dataset::open(paths, options) {
        each_sample(samples, &options.spec);
    }
}

/// Reads samples.
pub fn each_sample(samples: Dataset, spec: &InputSpec) {
    let values = spec.shape.iter().product::<usize>() * samples.steps().unwrap_or(1);
    assert!(!samples.is_empty());
    for sample in samples.take(MOST_SAMPLES) {
        if let Ok(got) = sample.values {
            assert_eq!(got.len(), values, "{}", sample.name);
            assert!(got.iter().all(|x| x.is_finite()), "{}", sample.name);
        }
    }
}

/// Makes every use of a network that was read: it is sound, it can be written, compiled and, if it is small, run.
pub fn network(mut network: Network, written: bool) {
    network.check().expect("a network that was read is sound");
    if written {
        let text = file::to_toml(&network);
        text.map(|text| file::parse(&text, Path::new("written.toml")).expect("what is written can be read")).ok();
    }
    let steps = network.steps.unwrap_or(3);
    let request = Request { steps, memory_limit: MOST_BYTES, ..Request::default() };
    let plan = compile(&network, &request);
    if steps > 64 || !is_small(&network) || network.init(1).is_err() {
        return;
    }
    let Ok(plan) = plan.or_else(|_| compile(&network, &request)) else { return };
    assert!(!plan.to_string().is_empty());
    if plan.cost().dense > MOST_WORK {
        return;
    }
    let input = Tensor::filled([&[2], &network.input.shape[..]].concat(), 1.0);
    let options = saltatory::run::Options {
        steps: Some(steps),
        record: true,
        memory_limit: Some(2 * MOST_BYTES),
        ..Default::default()
    };
    let Ok(mut session) = Session::new(network, options) else { return };
    if let Ok(output) = session.run(&input) {
        assert_eq!(output.scores.shape()[0], 2);
    }
}

/// Whether values and weights are few: without a file of weights a few bytes can ask for a great many.
fn is_small(network: &Network) -> bool {
    let Ok(shapes) = network.shapes() else { return false };
    let values: Vec<u64> = shapes.iter().map(|shape| shape.iter().product::<usize>() as u64).collect();
    let weights = network.edges.iter().map(|edge| values[edge.from].saturating_mul(values[edge.to]));
    weights.chain(values.iter().copied()).fold(0, u64::saturating_add) < MOST_WORK
}

/// Packs bytes with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut packed, bytes).and_then(|()| packed.finish()).expect("memory")
}

/// A zip of arrays, with sums that are right.
pub fn npz(arrays: &[(&str, &[u8])], deflated: bool) -> Vec<u8> {
    let method = if deflated { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        zip.start_file(format!("{name}.npy"), options).expect("memory");
        std::io::Write::write_all(&mut zip, bytes).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}

/// A network with every kind of state: potentials, currents, spikes that come back, a delay.
pub fn stream() -> saltatory::Result<saltatory::Network> {
    let neuron = saltatory::neuron::CubaLif::default();
    let layers = saltatory::Network::new([3]).linear(5).spiking(neuron).name("a").recurrent(true).delay(2);
    let mut network = layers.name("d").linear(2).build()?;
    network.init(1)?;
    Ok(network)
}
