//! Lists of paths, in a folder that has one file of each kind. Paths that leave the folder are left out.
#![no_main]

use std::ffi::OsStr;

use clap::Parser;
use libfuzzer_sys::fuzz_target;
use saltatory_fuzz::cli::input::Input;
use saltatory_fuzz::{Folder, each_sample, options};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    input: Input,
}

const NPY: &[u8] = b"\x93NUMPY\x01\x00\x3a\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1,)}\n\x01\x02";

fuzz_target!(|data: &[u8]| {
    let leaves = |line: &[u8]| line.starts_with(b"/") || line.windows(2).any(|two| two == b"..");
    let lines: Vec<&[u8]> = data.split(|&b| b == b'\n').filter(|line| !leaves(line)).collect();
    let folder = Folder::new();
    std::env::set_current_dir(folder.path()).expect("a folder");
    folder.put("a.npy", NPY);
    folder.put("b", &[0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 1, 9]);
    folder.put("c.png", b"broken");
    std::fs::create_dir(folder.path().join("d")).expect("a folder");
    folder.put("d/e.bmp", b"BM");
    folder.put("list", &lines.join(&b'\n'));
    let arguments = Arguments::try_parse_from(["run", "--list", "list"].map(OsStr::new)).expect("arguments");
    let spec = options([3, 0]).spec;
    if let Ok(samples) = arguments.input.open(&spec) {
        each_sample(samples, &spec);
    }
});
