//! Weights from another program's files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};

use saltatory::Tensor;
use saltatory::layer::Layer;
use saltatory::network::{Node, checkpoint, file};
use saltatory::neuron::Lif;

use super::parse;

/// A network whose tensors are called in every way there is.
pub const SMALL: &str = r#"
    [input]
    shape = [2, 4, 4]
    [[layer]]
    name = "conv"
    type = "conv2d"
    out_channels = 3
    kernel = 3
    groups = 1
    weights = "features.0"
    [[layer]]
    name = "norm"
    type = "batch_norm"
    tensors = { weight = "gamma" }
    [[layer]]
    name = "lif"
    type = "lif"
    beta = "lif.beta"
    threshold = "lif.threshold"
    [[layer]]
    name = "scale"
    type = "scale"
    factor = "balance"
    [[layer]]
    name = "fc"
    type = "linear"
    out_features = 5
    bias = false
"#;

/// Type, shape and bytes of a tensor.
pub type Entry = (Dtype, Vec<usize>, Vec<u8>);

fn f32s(shape: &[usize], value: f32) -> Entry {
    (Dtype::F32, shape.to_vec(), value.to_le_bytes().repeat(shape.iter().product()))
}

/// The tensors that `SMALL` needs.
pub fn state_dict() -> HashMap<String, Entry> {
    HashMap::from([
        ("features.0.weight".into(), f32s(&[3, 2, 3, 3], 0.5)),
        ("features.0.bias".into(), (Dtype::F16, vec![3], [0x00, 0x3e].repeat(3))),
        ("gamma".into(), (Dtype::BF16, vec![3], [0x20, 0x40].repeat(3))),
        ("norm.bias".into(), (Dtype::F64, vec![3], 0.25f64.to_le_bytes().repeat(3))),
        ("norm.running_mean".into(), f32s(&[3], 0.0)),
        ("norm.running_var".into(), f32s(&[3], 1.0)),
        ("norm.num_batches_tracked".into(), (Dtype::I64, vec![], 9i64.to_le_bytes().to_vec())),
        ("lif.beta".into(), f32s(&[], 0.75)),
        ("lif.threshold".into(), (Dtype::I64, vec![3], [1i64, 2, 3].iter().flat_map(|x| x.to_le_bytes()).collect())),
        ("balance".into(), f32s(&[3], 2.0)),
        ("fc.weight".into(), f32s(&[5, 12], 0.125)),
    ])
}

/// The bytes of a safetensors file.
pub fn archive(tensors: &HashMap<String, Entry>) -> Vec<u8> {
    let views = tensors.iter().map(|(n, (d, s, b))| (n, TensorView::new(*d, s.clone(), b).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

fn load(tensors: &HashMap<String, Entry>) -> saltatory::Result<checkpoint::Loaded> {
    let file = tempfile::NamedTempFile::with_suffix(".safetensors").unwrap();
    std::fs::write(file.path(), archive(tensors)).unwrap();
    checkpoint::load_weights(parse(SMALL)?, file.path())
}

#[test]
fn weights_are_taken_by_name_and_converted() {
    let loaded = load(&state_dict()).unwrap();
    assert_eq!(loaded.unused, ["norm.num_batches_tracked"]);
    let layers: Vec<&Layer> = loaded.network.nodes.iter().map(|n: &Node| &n.layer).collect();
    let Layer::Conv(conv) = layers[1] else { panic!() };
    assert_eq!(conv.bias.as_ref().unwrap().data(), [1.5; 3]);
    let Layer::BatchNorm(norm) = layers[2] else { panic!() };
    assert_eq!(norm.weight.as_ref().unwrap().data(), [2.5; 3]);
    assert_eq!(norm.bias.as_ref().unwrap().data(), [0.25; 3]);
    let lif = Lif { threshold: vec![1.0, 2.0, 3.0].into(), ..Lif::beta(0.75) };
    assert_eq!(*layers[3], Layer::Neuron(lif.into()));
    assert_eq!(*layers[4], Layer::Scale(Tensor::filled([3], 2.0)));
    let error = parse(SMALL).unwrap().without_weights().unwrap_err().to_string();
    assert!(error.contains("`lif`") && error.contains("`lif.beta`") && error.contains("--weights"), "{error}");
}

#[test]
fn faults_in_weights_are_named() {
    let cases: Vec<(&str, Option<Entry>, &[&str])> = vec![
        ("features.0.weight", None, &["`conv`", "`features.0.weight`", "closest are `features.0.bias`"]),
        ("features.0.bias", None, &["`conv`", "`features.0.bias`", "`bias = false`"]),
        ("features.0.weight", Some(f32s(&[3, 3, 3, 2], 0.0)), &["`conv`", "[3, 2, 3, 3]", "[3, 3, 3, 2]"]),
        ("fc.weight", Some(f32s(&[12, 5], 0.0)), &["`fc`", "[5, 12]", "[12, 5]"]),
        ("fc.weight", Some((Dtype::I32, vec![5, 12], vec![0; 240])), &["`fc`", "F32", "I32"]),
        ("fc.weight", Some(f32s(&[5, 12], f32::NAN)), &["layer `fc`", "finite", "NaN", ".safetensors"]),
        ("norm.running_var", Some(f32s(&[3], -1.0)), &["`norm`", "running_var", "-1"]),
        ("lif.threshold", Some(f32s(&[4], 1.0)), &["`lif`", "threshold", "[4]"]),
        ("lif.beta", Some(f32s(&[], f32::INFINITY)), &["`lif`", "finite"]),
        ("lif.beta", Some((Dtype::BOOL, vec![], vec![1])), &["`lif`", "BOOL"]),
        ("balance", Some(f32s(&[7], 1.0)), &["`scale`", "one factor", "7"]),
    ];
    for (name, entry, words) in cases {
        let mut tensors = state_dict();
        match entry {
            Some(entry) => tensors.insert(name.into(), entry),
            None => tensors.remove(name),
        };
        let error = load(&tensors).unwrap_err().to_string();
        assert!(words.iter().all(|w| error.contains(w)), "{words:?} not all in: {error}");
    }
}

#[test]
fn the_shipped_network_takes_the_trained_weights() {
    let toml = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/networks/spiking_cnn.toml");
    let file = file::read(&toml).unwrap();
    let shared = PathBuf::from(std::env::var("SALTATORY_SHARED").unwrap_or_else(|_| "../shared".into()));
    let weights = shared.join("models/fashion_mnist/fmnist_T4_weights.safetensors");
    if !weights.exists() {
        println!("skipped: there is no {}", weights.display());
        return;
    }
    let loaded = checkpoint::load_weights(file, weights).unwrap();
    assert_eq!(loaded.unused, ["net.1.num_batches_tracked", "net.5.num_batches_tracked"]);
    let parameters: usize = loaded.network.nodes.iter().map(|n| n.layer.parameter_count()).sum();
    assert_eq!(parameters, 824_650);
}
