//! Dialects in TOML, laid over a network that has the neurons they name.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use saltatory::Network;
use saltatory::network::{DialectChoice, OpenOptions, open};
use saltatory::neuron::{CubaLif, Lif};
use saltatory_fuzz::{Folder, network};

static NETWORK: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let built = Network::new([3])
        .linear(4)
        .spiking(Lif::tau(2.0))
        .name("a")
        .recurrent(true)
        .linear(2)
        .spiking(CubaLif::default())
        .name("b")
        .steps(3)
        .build();
    saltatory::network::file::to_toml(&built.expect("a network")).expect("text").into_bytes()
});

fuzz_target!(|data: &[u8]| {
    let folder = Folder::new();
    let path = folder.put("rules.toml", data);
    let Ok(choice) = DialectChoice::parse(path.to_str().expect("a name")) else { return };
    let options = OpenOptions { dialect: Some(choice), ..OpenOptions::default() };
    if let Ok(changed) = open(folder.put("net.toml", &NETWORK), &options) {
        network(changed, true);
    }
});
