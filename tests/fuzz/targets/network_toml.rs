//! Networks in TOML.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saltatory::network::{OpenOptions, open};
use saltatory_fuzz::{Folder, network};

fuzz_target!(|data: &[u8]| {
    let folder = Folder::new();
    if let Ok(read) = open(folder.put("net.toml", data), &OpenOptions::default()) {
        network(read, true);
    }
});
