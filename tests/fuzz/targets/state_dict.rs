//! Safetensors of another program, for a network that takes weights, statistics, a scale and a time constant from them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saltatory::network::{OpenOptions, open};
use saltatory_fuzz::{Folder, network};

const NETWORK: &[u8] = include_bytes!("state_dict.toml");

fuzz_target!(|data: &[u8]| {
    let folder = Folder::new();
    let options = OpenOptions { weights: Some(folder.put("weights.safetensors", data)), ..OpenOptions::default() };
    if let Ok(read) = open(folder.put("net.toml", NETWORK), &options) {
        network(read, true);
    }
});
