//! Samples and labels from `.npz`: any zip, or one of two arrays whose sums are right, which mutation alone never finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use saltatory_fuzz::{Folder, npz, options, samples};

fuzz_target!(|data: &[u8]| {
    let Some((&[shape, flags, form, split], bytes)) = data.split_first_chunk() else { return };
    let folder = Folder::new();
    let path = if form < 128 {
        folder.put("a.npz", bytes)
    } else {
        let (x, y) = bytes.split_at(usize::from(split).min(bytes.len()));
        folder.put("a.npz", &npz(&[("y", x), ("x", y)], form % 2 == 1))
    };
    samples(&[path], &options([shape, flags]));
});
