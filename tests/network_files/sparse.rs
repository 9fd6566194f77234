//! Sparse linear layers: their files and their weights.

use std::collections::HashMap;

use safetensors::tensor::Dtype;

use saltatory::layer::{Connectivity, Layer, SparseLinear};
use saltatory::network::{checkpoint, file};
use saltatory::{Network, SparseMatrix, Tensor};

use super::parse;
use super::weights::{Entry, archive};

const LAYER: &str = r#"
    [input]
    shape = [4]
    [[layer]]
    name = "fc"
    type = "sparse_linear"
    out = 3
    weights = "net.0"
"#;

/// Rows of 2, 0 and 1 synapses.
fn matrix() -> SparseMatrix {
    SparseMatrix::new(3, 4, vec![0, 2, 2, 3], vec![1, 3, 0], vec![0.5, -1.5, 2.0]).unwrap()
}

fn bytes<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| bytes(value)).collect()
}

fn u32s(values: &[u32]) -> Entry {
    (Dtype::U32, vec![values.len()], bytes(values, u32::to_le_bytes))
}

fn i64s(values: &[i64]) -> Entry {
    (Dtype::I64, vec![values.len()], bytes(values, i64::to_le_bytes))
}

fn f32s(shape: &[usize], values: &[f32]) -> Entry {
    (Dtype::F32, shape.to_vec(), bytes(values, f32::to_le_bytes))
}

fn parts() -> HashMap<String, Entry> {
    HashMap::from([
        ("net.0.weight.offsets".into(), u32s(&[0, 2, 2, 3])),
        ("net.0.weight.indices".into(), u32s(&[1, 3, 0])),
        ("net.0.weight.values".into(), f32s(&[3], &[0.5, -1.5, 2.0])),
        ("net.0.bias".into(), f32s(&[3], &[1.0, 2.0, 3.0])),
    ])
}

fn load(tensors: &HashMap<String, Entry>) -> saltatory::Result<checkpoint::Loaded> {
    let file = tempfile::NamedTempFile::with_suffix(".safetensors").unwrap();
    std::fs::write(file.path(), archive(tensors)).unwrap();
    checkpoint::load_weights(parse(LAYER)?, file.path())
}

fn layer(network: &Network, node: usize) -> &SparseLinear {
    match &network.nodes[node].layer {
        Layer::SparseLinear(layer) => layer,
        other => panic!("expected a sparse linear layer, got {other:?}"),
    }
}

#[test]
fn weights_are_read_from_their_parts_or_from_a_dense_matrix() {
    let loaded = load(&parts()).unwrap();
    assert_eq!(layer(&loaded.network, 1).weight, Some(matrix()));
    assert_eq!(layer(&loaded.network, 1).bias.as_ref().unwrap().data(), [1.0, 2.0, 3.0]);
    assert_eq!((loaded.unused.len(), loaded.network.nodes[1].layer.parameter_count()), (0, 6));

    let mut others = parts();
    others.insert("net.0.weight.offsets".into(), i64s(&[0, 2, 2, 3]));
    others.insert("net.0.weight.indices".into(), (Dtype::I32, vec![3], bytes(&[1i32, 3, 0], i32::to_le_bytes)));
    // 0.5, -1.5 and 2 in half precision.
    others.insert("net.0.weight.values".into(), (Dtype::F16, vec![3], vec![0x00, 0x38, 0x00, 0xbe, 0x00, 0x40]));
    // What the parts say holds; a dense matrix beside them is named as not needed.
    others.insert("net.0.weight".into(), f32s(&[3, 4], &[9.0; 12]));
    let loaded = load(&others).unwrap();
    assert_eq!(
        (layer(&loaded.network, 1).weight.as_ref(), &loaded.unused[..]),
        (Some(&matrix()), &["net.0.weight".into()][..])
    );

    let mut dense = parts();
    dense.retain(|name, _| name == "net.0.bias");
    let values = [0.0, 0.5, 0.0, -1.5, 0.0, -0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0];
    dense.insert("net.0.weight".into(), f32s(&[3, 4], &values));
    assert_eq!(layer(&load(&dense).unwrap().network, 1).weight, Some(matrix()));
}

#[test]
fn faults_in_sparse_weights_are_named() {
    let large = u32s(&[0, u32::MAX, u32::MAX, 3]);
    let cases: Vec<(&str, Option<Entry>, &[&str])> = vec![
        ("weight.offsets", None, &["`net.0.weight.offsets`", "not there", "`net.0.weight.indices`"]),
        ("weight.values", None, &["`net.0.weight.values`", "not there"]),
        ("weight.offsets", Some(u32s(&[0, 2, 3])), &["[3, 4]", "expected 4 offsets, got 3"]),
        ("weight.offsets", Some(large), &["row 2", "got 3 after 4294967295"]),
        ("weight.offsets", Some(i64s(&[0, 2, -1, 3])), &["`net.0.weight.offsets`", "got -1 at element 2"]),
        ("weight.indices", Some(i64s(&[1, 1 << 40, 0])), &["`net.0.weight.indices`", "1099511627776"]),
        ("weight.indices", Some(u32s(&[1, 4, 0])), &["row 0", "below 4, got 4"]),
        ("weight.indices", Some(u32s(&[3, 1, 0])), &["row 0", "ascend", "1 after 3"]),
        ("weight.indices", Some(f32s(&[3], &[0.0; 3])), &["whole numbers of type", "F32"]),
        ("weight.values", Some(f32s(&[2], &[0.0; 2])), &["as many values as indices, 3, got 2"]),
        ("weight.values", Some(f32s(&[3, 1], &[0.0; 3])), &["`net.0.weight.values`", "one axis", "[3, 1]"]),
        ("weight.values", Some(u32s(&[1, 2, 3])), &["`net.0.weight.values`", "F32", "U32"]),
        ("weight.values", Some(f32s(&[3], &[0.0, f32::NAN, 0.0])), &["finite", "NaN at synapse 1"]),
        ("bias", None, &["`net.0.bias`", "`bias = false`"]),
    ];
    for (name, entry, words) in cases {
        let mut tensors = parts();
        match entry {
            Some(entry) => tensors.insert(format!("net.0.{name}"), entry),
            None => tensors.remove(&format!("net.0.{name}")),
        };
        let error = load(&tensors).unwrap_err().to_string();
        assert!(
            error.contains("layer `fc`") && words.iter().all(|w| error.contains(w)),
            "{words:?} not all in: {error}"
        );
    }
    let dense = HashMap::from([
        ("net.0.weight".into(), f32s(&[4, 3], &[1.0; 12])),
        parts().remove_entry("net.0.bias").unwrap(),
    ]);
    let error = load(&dense).unwrap_err().to_string();
    assert!(error.contains("[3, 4]") && error.contains("[4, 3]"), "{error}");
    let none = parts().into_iter().filter(|(name, _)| name == "net.0.bias").collect();
    let error = load(&none).unwrap_err().to_string();
    assert!(error.contains("layer `fc`: tensor `net.0.weight`: not there for its weight"), "{error}");
}

#[test]
fn a_seed_settles_who_is_connected() {
    let text = |seed: &str, count: usize| {
        format!(
            "[input]\nshape = [50]\n[[layer]]\ntype = \"sparse_linear\"\nout_features = 40\nfan_in = {count}\n{seed}\n\
             [[layer]]\ntype = \"sparse_linear\"\nout_features = 20\nfan_out = 3\nbias = false"
        )
    };
    let network = |seed: &str, weights: u64| {
        let mut network = parse(&text(seed, 9)).unwrap().without_weights().unwrap();
        network.init(weights).unwrap();
        network.check().unwrap();
        network
    };
    let (first, other, third) = (network("seed = 5", 1), network("seed = 5", 2), network("seed = -5", 1));
    let weight = |network: &Network| layer(network, 1).weight.clone().unwrap();
    assert_eq!(layer(&third, 1).connectivity, Some(Connectivity::FanIn { count: 9, seed: -5i64 as u64 }));
    assert_eq!(weight(&first).indices(), weight(&other).indices(), "the file says who, the seed of `init` how much");
    assert_ne!(weight(&first).values(), weight(&other).values());
    assert_ne!(weight(&first).indices(), weight(&third).indices());
    let most = |values: &[f32]| values.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    let (all, bias) = (weight(&first), layer(&first, 1).bias.clone().unwrap());
    // 360 uniform numbers within a third, the largest of which is above 0.31 but for once in 10^10.
    assert!(all.len() == 360 && (0.31..=1.0 / 3.0).contains(&most(all.values())), "{}", most(all.values()));
    assert!(bias.len() == 40 && (0.2..=1.0 / 3.0).contains(&most(bias.data())));
    // 40 times 3 synapses to 20 outputs: 6 each, on average.
    let fanned = layer(&first, 2);
    assert!(fanned.weight.as_ref().unwrap().len() == 120 && fanned.bias.is_none());
    assert!((0.35..=0.40825).contains(&most(fanned.weight.as_ref().unwrap().values())));
    assert_eq!(parse(&file::to_toml(&first).unwrap()).unwrap().network, parse(&text("seed = 5", 9)).unwrap().network);

    let mut without = parse(LAYER).unwrap().without_weights().unwrap();
    let error = without.init(1).unwrap_err().to_string();
    assert!(error.contains("layer `fc`") && error.contains("`fan_in` or `fan_out`"), "{error}");
}

#[test]
fn a_sparse_checkpoint_holds_synapses_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let mut network = Network::new([4096]).sparse_linear(4096).no_bias().build().unwrap();
    let Layer::SparseLinear(linear) = &mut network.nodes[1].layer else { panic!("expected a sparse layer") };
    linear.weight = Some(SparseMatrix::from_triplets(4096, 4096, (0..4096).map(|i| (i, i * 7 % 4096, 0.5))).unwrap());
    checkpoint::save(&network, &path).unwrap();
    // Three tensors of 4,096 words, not one of 64 MiB.
    assert!(std::fs::metadata(&path).unwrap().len() < 60_000);
    assert_eq!(checkpoint::read(&path).unwrap(), network);
}

#[test]
fn a_pruned_network_is_the_same_when_it_is_sparse() {
    let mut network = Network::new([6]).linear(5).build().unwrap();
    let weight = (0..30).map(|i| if i % 4 == 0 { i as f32 } else { 0.0 }).collect();
    network.init(3).unwrap();
    let Layer::Linear(linear) = &mut network.nodes[1].layer else { panic!("expected a linear layer") };
    linear.weight = Some(Tensor::new([5, 6], weight).unwrap());
    let dense = linear.weight.clone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let sparse = network.sparsified(0.7).unwrap();
    checkpoint::save(&sparse, &path).unwrap();
    let back = checkpoint::read(&path).unwrap();
    assert_eq!(back, sparse);
    assert_eq!(Some(layer(&back, 1).weight.as_ref().unwrap().to_dense().unwrap()), dense);
}
