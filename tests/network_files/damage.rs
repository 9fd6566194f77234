//! Damaged files are errors, never a panic; undamaged ones survive whatever they hold.

use proptest::prelude::*;

use saltatory::Network;
use saltatory::network::{checkpoint, file};
use saltatory::neuron::Lif;

use super::{networks, parse};

/// Bytes cut short or with some of them replaced.
fn damage(bytes: &[u8], cut: Option<usize>, flips: &[(usize, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for &(at, bits) in flips {
        let at = at % bytes.len();
        bytes[at] ^= bits;
    }
    bytes.truncate(cut.map_or(bytes.len(), |n| n % bytes.len()));
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn damaged_files_never_panic(
        which in 0..4usize,
        cut in proptest::option::weighted(0.3, any::<usize>()),
        flips in proptest::collection::vec((any::<usize>(), 1..=255u8), 0..4),
        header in any::<bool>(),
    ) {
        let mut network = networks().remove(which);
        network.init(1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.safetensors");
        checkpoint::save(&network, &path).unwrap();
        let saved = std::fs::read(&path).unwrap();
        // Most of a file is weights, where a flip only changes a value: half of the time, strike the start.
        let flips: Vec<_> = flips.iter().map(|&(at, bits)| (if header { at % 600 } else { at }, bits)).collect();
        let damaged = damage(&saved, cut, &flips);
        std::fs::write(&path, &damaged).unwrap();
        if let Ok(read) = checkpoint::read(&path) {
            read.check().unwrap();
        } else {
            prop_assert!(damaged != saved);
        }
        let toml = damage(file::to_toml(&network).unwrap().as_bytes(), cut, &flips);
        if let Ok(file) = parse(&String::from_utf8_lossy(&toml)) {
            file.network.check().unwrap();
            file::to_toml(&file.network).unwrap();
        }
    }

    #[test]
    fn any_name_and_number_survives(name in ".*", tau in 1e-9..1e9f64, p in 0.0..=1.0f32, steps in 1..=10_000_000usize) {
        let network = Network::new([3])
            .spiking(Lif::tau(tau)).name(format!("{name}!"))
            .dropout(p)
            .steps(steps)
            .build().unwrap();
        let network = Network { name, ..network };
        prop_assert_eq!(parse(&file::to_toml(&network).unwrap()).unwrap().network, network);
    }
}
