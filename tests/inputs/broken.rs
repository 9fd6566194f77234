//! Files that were whole once: cut off, with flipped bits, with absurd extents. Nothing may panic, hang or go on for ever.

use image::ImageFormat;
use proptest::prelude::*;
use saltatory::io::dataset::{Dataset, Options};
use saltatory::io::labels;
use saltatory::network::InputSpec;

use crate::files::{Folder, f32s, gzip, idx, image, npy, npz};

/// What happens to a file.
#[derive(Clone, Debug)]
enum Harm {
    Cut(usize),
    Flip(Vec<(usize, u8)>),
    /// Four bytes near the beginning, where extents are.
    Extent(usize, u32),
    /// Decimal digits of a text header become nines.
    Nines(usize, usize),
    Repeat(usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let extents = prop_oneof![Just(0), Just(1), Just(u32::MAX), Just(0x7fff_ffff), Just(1 << 24), any::<u32>()];
    prop_oneof![
        any::<usize>().prop_map(Harm::Cut),
        prop::collection::vec((any::<usize>(), 0..8u8), 1..6).prop_map(Harm::Flip),
        (0..64usize, extents).prop_map(|(at, extent)| Harm::Extent(at, extent)),
        (any::<usize>(), 1..30usize).prop_map(|(at, n)| Harm::Nines(at, n)),
        (any::<usize>(), 1..300usize).prop_map(|(at, n)| Harm::Repeat(at, n)),
    ]
}

fn harmed(mut bytes: Vec<u8>, harm: &Harm) -> Vec<u8> {
    let len = bytes.len();
    match harm {
        Harm::Cut(at) => bytes.truncate(at % len),
        Harm::Flip(bits) => bits.iter().for_each(|(at, bit)| bytes[at % len] ^= 1 << bit),
        Harm::Extent(at, extent) => {
            let at = at % (len - 4);
            bytes[at..at + 4].copy_from_slice(&extent.to_be_bytes());
        }
        Harm::Nines(at, n) => {
            let digits: Vec<usize> = (0..len).filter(|&i| bytes[i].is_ascii_digit()).collect();
            if !digits.is_empty() {
                let at = digits[at % digits.len()];
                bytes.splice(at..=at, vec![b'9'; *n]);
            }
        }
        Harm::Repeat(at, n) => {
            let byte = bytes[at % len];
            bytes.splice(at % len..at % len, vec![byte; *n]);
        }
    }
    bytes
}

fn read(folder: &Folder, name: &str, bytes: &[u8], options: &Options) {
    let path = folder.put(name, bytes);
    if let Ok(dataset) = Dataset::open(&[path], options) {
        let len = dataset.len();
        let mut count = 0;
        for sample in dataset {
            count += 1;
            if let Ok(values) = sample.values {
                assert!(values.iter().all(|x| x.is_finite()));
                assert_eq!(values.len() % 48, 0);
            }
        }
        assert_eq!(count, len);
    }
}

fn options() -> Options {
    Options::of(&InputSpec { shape: vec![3, 4, 4], resize: true, ..InputSpec::default() })
}

fn array() -> Vec<u8> {
    npy("<f4", &[2, 3, 4, 4], &f32s(&[0.25; 96]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn npy_files(harm in harm(), time_first: bool) {
        let folder = Folder::new();
        let options = Options { time_first, ..options() };
        let bytes = if time_first { npy("|u1", &[2, 2, 48], &[9; 192]) } else { array() };
        read(&folder, "a.npy", &harmed(bytes, &harm), &options);
    }

    #[test]
    fn npz_files(harm in harm(), deflated: bool, inside: bool) {
        let folder = Folder::new();
        let labels = npy("|u1", &[2], &[1, 0]);
        let array = if inside { harmed(array(), &harm) } else { array() };
        let bytes = npz(&[("x", &array), ("y", &labels)], deflated);
        read(&folder, "a.npz", &if inside { bytes } else { harmed(bytes, &harm) }, &options());
    }

    #[test]
    fn idx_files(harm in harm(), code in prop_oneof![Just(8u8), Just(9), Just(0x0d)], packed in 0..3u8) {
        let folder = Folder::new();
        let bytes = idx(code, &[2, 3, 4, 4], &vec![1; 96 * if code == 0x0d { 4 } else { 1 }]);
        let bytes = match packed {
            0 => harmed(bytes, &harm),
            1 => harmed(gzip(&bytes), &harm),
            _ => gzip(&harmed(bytes, &harm)),
        };
        read(&folder, "a-idx3-ubyte", &bytes, &options());
    }

    #[test]
    fn image_files(harm in harm(), format in prop_oneof![Just(ImageFormat::Png), Just(ImageFormat::Jpeg), Just(ImageFormat::Bmp)]) {
        let folder = Folder::new();
        read(&folder, "a.png", &harmed(image(format), &harm), &options());
    }

    #[test]
    fn label_files(harm in harm(), kind in 0..4u8) {
        let folder = Folder::new();
        let bytes = match kind {
            0 => b"name,label\na.png,1\nb.png,22\nc.png,3\n".to_vec(),
            1 => npy("<i8", &[3], &[1i64, 2, 3].map(i64::to_le_bytes).concat()),
            2 => idx(8, &[3], &[1, 2, 3]),
            _ => gzip(&idx(8, &[3], &[1, 2, 3])),
        };
        if let Ok(labels) = labels::read(folder.put("labels", &harmed(bytes, &harm))) {
            assert!(!labels.is_empty());
        }
    }
}
