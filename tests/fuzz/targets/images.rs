//! PNG, JPEG and BMP; two bytes say how they are read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saltatory_fuzz::{Folder, options, samples};

fuzz_target!(|data: &[u8]| {
    let Some((&[shape, flags], bytes)) = data.split_first_chunk() else { return };
    let folder = Folder::new();
    samples(&[folder.put("a.png", bytes)], &options([shape, flags]));
});
