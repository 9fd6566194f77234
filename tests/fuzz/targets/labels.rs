//! Labels in each of their forms; one byte says whether the file is packed, and how.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saltatory::io::labels;
use saltatory_fuzz::{Folder, gzip, npz};

fuzz_target!(|data: &[u8]| {
    let Some((&form, bytes)) = data.split_first() else { return };
    let folder = Folder::new();
    let bytes = match form {
        0..128 => bytes.to_vec(),
        128..192 => gzip(bytes),
        _ => npz(&[("y", bytes)], form % 2 == 1),
    };
    if let Ok(labels) = labels::read(folder.put("labels", &bytes)) {
        assert!(!labels.is_empty());
    }
});
