//! Samples and labels from files made on the fly, and from real ones.
#![cfg(feature = "formats")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod broken;
mod files;
mod real;

use std::fs;
use std::path::PathBuf;

use files::{Folder, f32s, gzip, idx, npy, npz};
use saltatory::Result;
use saltatory::io::dataset::{Dataset, Options};
use saltatory::network::{ChannelOrder, InputKind, InputSpec};

fn spec(shape: &[usize]) -> InputSpec {
    InputSpec { shape: shape.to_vec(), ..InputSpec::default() }
}

fn open(path: &PathBuf, options: &Options) -> Result<Dataset> {
    Dataset::open(std::slice::from_ref(path), options)
}

fn values(path: &PathBuf, options: &Options) -> Vec<Vec<f32>> {
    open(path, options).unwrap().map(|s| s.values.unwrap()).collect()
}

fn message<T>(result: Result<T>) -> String {
    result.err().expect("this should have been refused").to_string()
}

#[test]
fn static_samples_and_sequences() {
    let folder = Folder::new();
    let counting: Vec<f32> = (0..24u8).map(f32::from).collect();
    let path = folder.put("a.npy", &npy("<f4", &[4, 6], &f32s(&counting)));
    let mut dataset = open(&path, &Options::of(&spec(&[1, 2, 3]))).unwrap();
    assert_eq!((dataset.len(), dataset.steps(), dataset.has_labels()), (4, None, false));
    let second = dataset.nth(1).unwrap();
    assert_eq!((second.name.as_str(), second.label), ("a.npy[1]", None));
    assert_eq!(second.values.unwrap(), counting[6..12]);

    let path = folder.put("b.npy", &npy("<f4", &[4, 2, 3], &f32s(&counting)));
    let sample_first = Options::of(&spec(&[3]));
    assert_eq!(open(&path, &sample_first).unwrap().steps(), Some(2));
    assert_eq!(values(&path, &sample_first)[3], counting[18..24]);
    let time_first = Options { time_first: true, ..Options::of(&spec(&[3])) };
    assert_eq!(open(&path, &time_first).unwrap().steps(), Some(4));
    assert_eq!(values(&path, &time_first)[1], [3., 4., 5., 9., 10., 11., 15., 16., 17., 21., 22., 23.]);
    let single = Options { single_sequence: true, ..Options::of(&spec(&[2, 3])) };
    assert_eq!(values(&path, &single), std::slice::from_ref(&counting));
    assert_eq!(values(&path, &Options { limit: Some(3), ..sample_first }).len(), 3);
}

#[test]
fn time_first_works_where_the_file_is_packed() {
    let folder = Folder::new();
    let array = npy("|i1", &[3, 2, 1], &[0, 1, 2, 3, 4, 5]);
    let options = Options { time_first: true, ..Options::of(&spec(&[1])) };
    let expected = [vec![0.0, 2.0, 4.0], vec![1.0, 3.0, 5.0]];
    for path in [folder.put("a.npz", &npz(&[("x", &array)], true)), folder.put("a.npy.gz", &gzip(&array))] {
        assert_eq!(values(&path, &options), expected);
    }
}

#[test]
fn several_paths_follow_each_other_and_agree_on_steps() {
    let folder = Folder::new();
    let a = folder.put("a.npy", &npy("|u1", &[2, 4], &[0, 51, 102, 153, 204, 255, 0, 0]));
    let b = folder.put("b-idx2-ubyte", &idx(8, &[1, 4], &[255, 0, 0, 255]));
    image::GrayImage::from_pixel(2, 2, image::Luma([51])).save(folder.path("c.png")).unwrap();
    let labels = folder.put("labels.csv", b"label\n3\n1\n4\n1\n");
    let options = Options { labels: Some(labels.clone()), ..Options::of(&spec(&[1, 2, 2])) };
    let dataset = Dataset::open(&[a.clone(), b, folder.path("c.png")], &options).unwrap();
    assert!(dataset.has_labels());
    let samples: Vec<_> = dataset.collect();
    assert_eq!(samples.iter().map(|s| s.label.unwrap()).collect::<Vec<_>>(), [3, 1, 4, 1]);
    assert_eq!(samples[0].values.as_ref().unwrap(), &[0.0, 0.2, 0.4, 0.6]);
    assert_eq!(samples[2].values.as_ref().unwrap(), &[1.0, 0.0, 0.0, 1.0]);
    assert_eq!(samples[3].values.as_ref().unwrap(), &[0.2; 4]);

    assert!(message(open(&a, &options)).contains("expected 2 labels, one per sample, got 4"));
    let sequences = folder.put("s.npy", &npy("|u1", &[1, 2, 1, 2, 2], &[0; 8]));
    let disagree = message(Dataset::open(&[a, sequences], &Options::of(&spec(&[1, 2, 2]))));
    assert!(disagree.contains("expected samples without time"), "{disagree}");
}

#[test]
fn npz_arrays_are_found_by_name() {
    let folder = Folder::new();
    let (x, y) = (npy("<f4", &[2, 1], &f32s(&[0.5, 1.5])), npy("<i8", &[2], &[7i64, 9].map(i64::to_le_bytes).concat()));
    let options = Options::of(&spec(&[1]));
    for deflated in [false, true] {
        let path = folder.put("a.npz", &npz(&[("labels", &y), ("anything", &x)], deflated));
        let samples: Vec<_> = open(&path, &options).unwrap().collect();
        assert_eq!(samples.iter().map(|s| s.label.unwrap()).collect::<Vec<_>>(), [7, 9]);
        assert_eq!(samples[1].values.as_ref().unwrap(), &[1.5]);
        let path = folder.put("b.npz", &npz(&[("other", &y), ("images", &x), ("more", &y)], deflated));
        assert_eq!(values(&path, &options), [[0.5], [1.5]]);
    }
    let path = folder.put("c.npz", &npz(&[("a", &x), ("b", &x)], false));
    assert!(message(open(&path, &options)).contains(r#"got ["a", "b"]"#));
    let path = folder.put("d.npz", &npz(&[("x", &x), ("y", &npy("|u1", &[3], &[1, 2, 3]))], false));
    assert!(message(open(&path, &options)).contains("expected 2 labels"));
    let minus = npy("|i1", &[2], &[1, 0xff]);
    let path = folder.put("e.npz", &npz(&[("x", &x), ("y", &minus)], false));
    assert!(message(open(&path, &options)).contains("label 1: expected a whole number from 0, got -1"));
}

#[test]
fn channels_last_are_brought_first() {
    let folder = Folder::new();
    let path = folder.put("a.npy", &npy("|i1", &[1, 2, 2, 1, 3], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
    let spec = InputSpec { channels: ChannelOrder::Last, mean: vec![0.0, 1.0, 2.0], ..spec(&[3, 2, 1]) };
    assert_eq!(values(&path, &Options::of(&spec)), [[0., 3., 0., 3., 0., 3., 6., 9., 6., 9., 6., 9.]]);
}

#[test]
fn a_broken_sample_does_not_stop_those_after_it() {
    let folder = Folder::new();
    let path = folder.put("a.npy", &npy("<f4", &[3, 2], &f32s(&[1.0, 2.0, 3.0, f32::NAN, 5.0, 6.0])));
    let samples: Vec<_> = open(&path, &Options::of(&spec(&[2]))).unwrap().map(|s| s.values).collect();
    let fault = samples[1].as_ref().unwrap_err().to_string();
    assert!(fault.ends_with("a.npy: sample 1: element 1 is NaN, expected finite numbers"), "{fault}");
    assert_eq!(samples[2].as_ref().unwrap(), &[5.0, 6.0]);
    let counts = InputSpec { kind: InputKind::Counts, ..spec(&[2]) };
    let path = folder.put("b.npy", &npy("<i2", &[2, 2], &[0, 1, 0, 0, 255, 0, 0, 0]));
    let samples: Vec<_> = open(&path, &Options::of(&counts)).unwrap().map(|s| s.values).collect();
    assert!(samples[0].as_ref().unwrap_err().to_string().contains("element 0 is 256, expected whole numbers"));
    assert_eq!(samples[1].as_ref().unwrap(), &[255.0, 0.0]);

    fs::create_dir(folder.path("images")).unwrap();
    folder.put("images/a.png", b"not an image");
    image::GrayImage::new(2, 1).save(folder.path("images/b.png")).unwrap();
    let samples: Vec<_> = open(&folder.path("images"), &Options::of(&spec(&[1, 1, 2]))).unwrap().collect();
    assert_eq!(
        samples.iter().map(|s| (s.name.as_str(), s.values.is_ok())).collect::<Vec<_>>(),
        [("a.png", false), ("b.png", true)]
    );
}

#[test]
fn what_is_cut_off_or_empty_is_refused() {
    let folder = Folder::new();
    let options = Options::of(&spec(&[4]));
    let (array, images) = (npy("|u1", &[3, 4], &[7; 12]), idx(8, &[3, 4], &[7; 12]));
    for (name, whole) in [("a.npy", &array), ("a.idx", &images)] {
        for end in [0, 3, 9, whole.len() - 1] {
            assert!(open(&folder.put(name, &whole[..end]), &options).is_err(), "{name} cut at {end}");
        }
        assert!(
            message(open(&folder.put(name, &[&whole[..], &[0]].concat()), &options)).contains("bytes with its header")
        );
    }
    let cut = folder.put("cut.gz", &gzip(&images[..images.len() - 2]));
    let read: Vec<bool> = open(&cut, &options).unwrap().map(|s| s.values.is_ok()).collect();
    assert_eq!(read, [true, true, false]);
    let mut flipped = npz(&[("x", &array)], false);
    let data = flipped.windows(12).position(|w| w == [7; 12]).unwrap();
    flipped[data] = 8;
    let last = open(&folder.put("flip.npz", &flipped), &options).unwrap().last().unwrap();
    assert!(message(last.values).contains("checksum"));

    let absurd = folder.put("absurd.gz", &gzip(&idx(8, &[u32::MAX, 4], &[])));
    assert!(message(open(&absurd, &options)).contains("packed bytes cannot hold"));
    for shape in [&[0, 4][..], &[2, 0, 4], &[usize::MAX, 4], &[4], &[3, 5]] {
        assert!(open(&folder.put("shape.npy", &npy("|u1", shape, &[])), &options).is_err(), "{shape:?}");
    }
    fs::create_dir(folder.path("none")).unwrap();
    assert!(message(open(&folder.path("none"), &Options::of(&spec(&[1, 2, 2])))).contains("expected images"));
    assert!(message(open(&folder.put("x", b"text"), &options)).contains("expected .npy, .npz, IDX"));
    assert!(message(Dataset::open(&[], &options)).contains("at least one sample"));
}
