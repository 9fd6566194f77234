//! `.nir` files; one byte chooses the dialect.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saltatory::io::nir::{Options, read};
use saltatory::neuron::Dialect;
use saltatory_fuzz::{Folder, network, nir};

fuzz_target!(init: nir::contain(), |data: &[u8]| {
    let Some((&choice, bytes)) = data.split_first() else { return };
    let dialect = Dialect::ALL[usize::from(choice) % Dialect::ALL.len()];
    let folder = Folder::new();
    if let Ok(read) = read(&folder.put("a.nir", bytes), &Options { dialect, ..Options::default() }) {
        network(read, true);
    }
});
