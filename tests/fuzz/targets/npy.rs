//! Samples from `.npy`; two bytes say how they are read, one whether the file is packed with gzip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saltatory_fuzz::{Folder, gzip, options, samples};

fuzz_target!(|data: &[u8]| {
    let Some((&[shape, flags, packed], bytes)) = data.split_first_chunk() else { return };
    let folder = Folder::new();
    let path = if packed < 128 { folder.put("a.npy", bytes) } else { folder.put("a.npy.gz", &gzip(bytes)) };
    samples(&[path], &options([shape, flags]));
});
