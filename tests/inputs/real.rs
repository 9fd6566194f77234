//! Files that others made: Fashion-MNIST and the input of the NIR paper.

use std::path::PathBuf;

use saltatory::io::dataset::{Dataset, Options};

use crate::spec;

/// A shared file, or `None` after saying so.
fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SALTATORY_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is missing", path.display());
    None
}

#[test]
fn fashion_mnist() {
    let (Some(images), Some(labels)) = (
        shared("data/fashion-mnist/t10k-images-idx3-ubyte.gz"),
        shared("data/fashion-mnist/t10k-labels-idx1-ubyte.gz"),
    ) else {
        return;
    };
    let options = Options { labels: Some(labels), ..Options::of(&spec(&[1, 28, 28])) };
    let dataset = Dataset::open(&[images], &options).unwrap();
    assert_eq!((dataset.len(), dataset.steps()), (10_000, None));
    let (mut per_class, mut sum, mut count) = ([0; 10], 0.0, 0);
    for sample in dataset {
        per_class[sample.label.unwrap() as usize] += 1;
        let values = sample.values.unwrap();
        sum += values.iter().map(|&x| f64::from(x)).sum::<f64>();
        count += values.len();
    }
    assert_eq!(per_class, [1000; 10]);
    // Fashion-MNIST's test images are known to have a mean of 0.2868.
    let mean = sum / f64::from(u32::try_from(count).unwrap());
    assert!((mean - 0.2868).abs() < 1e-4, "{mean}");
}

#[test]
fn the_drive_of_one_neuron() {
    let Some(path) = shared("nir/01_lif/input.npy") else { return };
    for single_sequence in [false, true] {
        let options = Options { single_sequence, ..Options::of(&spec(&[1])) };
        let dataset = Dataset::open(std::slice::from_ref(&path), &options).unwrap();
        assert_eq!((dataset.len(), dataset.steps()), (1, Some(1000)));
        let values: Vec<f32> = dataset.flat_map(|s| s.values.unwrap()).collect();
        assert_eq!(values.len(), 1000);
        assert!(values.iter().any(|&x| x > 0.0));
    }
}
