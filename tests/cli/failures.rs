//! What bad inputs and bad requests do: a message that names the fault, an exit code, and nothing half written.

use super::Bench;
use super::files::{f32s, idx, image, npy};

const OUTPUTS: &str = "--output out.npy --predictions out.csv --report out.json --record out.npz";

#[test]
fn a_bad_file_among_good_ones_is_named() {
    let bench = Bench::new();
    let images = bench.path("images");
    std::fs::create_dir(&images).unwrap();
    let whole = image(::image::ImageFormat::Png);
    for name in ["a.png", "b.png", "c.png"] {
        std::fs::write(images.join(name), if name == "b.png" { &whole[..whole.len() / 2] } else { &whole[..] })
            .unwrap();
    }
    let arguments = format!("run net.safetensors images --steps 4 --batch 2 {OUTPUTS}");
    let output = bench.saltatory(&arguments);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("b.png") && !text.contains("a.png"), "{text}");
    let scores = bench.array("out.npy");
    assert_eq!(scores.shape(), [3, 3]);
    let rows: Vec<&[f32]> = scores.data().chunks(3).collect();
    assert!(rows[1].iter().all(|x| x.is_nan()) && rows[0] == rows[2] && rows[0].iter().all(|x| x.is_finite()));
    let report = bench.json("out.json");
    assert_eq!((&report["samples"], &report["good"]), (&3.into(), &2.into()));
    assert!(
        report["bad"][0]["name"].as_str().unwrap().contains("b.png") && report["bad"].as_array().unwrap().len() == 1
    );
    assert!(!report["bad"][0]["reason"].as_str().unwrap().is_empty());
    let csv = String::from_utf8(bench.read("out.csv")).unwrap();
    assert!(csv.lines().nth(2).unwrap().contains("b.png,,NaN,NaN,NaN"), "{csv}");
    let recorded = super::arrays(bench.read("out.npz"));
    let h = super::array(&recorded["lif.h"]);
    assert_eq!(h.shape()[0], 3);
    let sample = h.len() / 3;
    assert!(h.data()[sample..2 * sample].iter().all(|x| x.is_nan()) && h.data()[2 * sample].is_finite());
    // Quiet, but not about faults.
    let quiet = bench.saltatory("run net.safetensors images --steps 4 --quiet");
    assert!(quiet.status.code() == Some(2) && quiet.stdout.is_empty() && super::stderr(&quiet).contains("b.png"));
}

/// Arguments, and what the message must say.
const REQUESTS: &[(&str, &[&str])] = &[
    ("run net.safetensors x.npy", &["--steps"]),
    ("run net.safetensors x.npy --steps 0", &["steps", "0"]),
    ("run net.safetensors x.npy --steps 4 --batch 0", &["--batch"]),
    ("run net.safetensors x.npy --steps 4 --threads 0", &["thread"]),
    ("run net.safetensors x.npy --steps 4 --device gpu7", &["--device", "gpu7"]),
    ("run net.safetensors x.npy --steps 4 --limit 0", &["sample"]),
    ("run net.safetensors x.npy --steps 4 --dt 0", &["dt"]),
    ("run net.safetensors x.npy --steps 4 --dialect brian", &["brian", "spikingjelly"]),
    ("run net.safetensors x.npy --steps 4 --readout count", &["fc", "count"]),
    ("run net.safetensors missing.npy --steps 4", &["missing.npy"]),
    ("run missing.nir x.npy --steps 4", &["missing.nir"]),
    ("run net.safetensors x.npy --steps 4 --labels missing.csv", &["missing.csv"]),
    ("run net.safetensors x.npy --steps 4 --labels few.npy", &["few.npy", "20", "2"]),
    ("run net.safetensors x.npy --steps 4 --labels large.npy", &["label", "9", "3"]),
    ("run net.safetensors sequences.npy --steps 4", &["sequences.npy", "[N, 1, 4, 4]"]),
    ("run leaky.safetensors sequences.npy --steps 4", &["6", "4"]),
    ("run net.safetensors empty.npy --steps 4", &["empty.npy"]),
    ("run net.safetensors no-images --steps 4", &["no-images"]),
    ("run net.safetensors broken.npy --steps 4", &["broken.npy"]),
    ("run net.safetensors text.txt --steps 4", &["text.txt"]),
    ("run text.txt x.npy --steps 4", &["text.txt"]),
    ("run damaged.safetensors x.npy --steps 4", &["damaged.safetensors"]),
    ("run pickle.nir x.npy --steps 4", &["pickle.nir", "run code"]),
    ("run net.toml x.npy --steps 4", &["--weights"]),
    ("run net.toml x.npy --steps 4 --weights missing.safetensors", &["missing.safetensors"]),
    ("run net.toml x.npy --steps 4 --weights net.safetensors", &["fc2"]),
    ("run fixed.toml x.npy --steps 5", &["7", "5", "steps"]),
    ("run typo.toml x.npy", &["typo.toml", "kernal"]),
    ("run nan.safetensors x.npy --steps 4", &["NaN", "fc"]),
    ("run net.safetensors x.npy --steps 4 --mean 1,2,3", &["mean"]),
    ("run net.safetensors x.npy --steps 4 --std 0", &["std"]),
    ("run net.safetensors", &["<INPUT>"]),
    ("run net.safetensors x.npy --step 4", &["--step"]),
    ("run net.safetensors x.npy --steps four", &["--steps", "four"]),
    ("inspect missing.nir", &["missing.nir"]),
    ("inspect net.safetensors --plan --measure", &["--measure", "--device gpu"]),
    ("inspect net.safetensors --measure", &["--plan"]),
    ("inspect net.safetensors --plan --dialect missing.toml", &["missing.toml"]),
];

fn harmed_bench() -> Bench {
    let bench = Bench::new();
    let put = |name: &str, bytes: &[u8]| drop(bench.folder.put(name, bytes));
    put("few.npy", &npy("|u1", &[2], &[1, 0]));
    put("large.npy", &npy("|u1", &[20], &[9; 20]));
    put("empty.npy", &npy("<f4", &[0, 1, 4, 4], &[]));
    put("broken.npy", &npy("<f4", &[3, 1, 4, 4], &f32s(&[0.0; 40])));
    put("text.txt", b"hello");
    put("pickle.nir", b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94.");
    put("damaged.safetensors", &bench.read("net.safetensors")[..200]);
    std::fs::create_dir(bench.path("no-images")).unwrap();
    let layers = "[input]\nshape = [1, 4, 4]\n[[layer]]\ntype = \"linear\"\nname = \"fc2\"\nout_features = 3\n";
    put("net.toml", layers.as_bytes());
    put("fixed.toml", format!("steps = 7\n{layers}").as_bytes());
    put("typo.toml", layers.replace("out_features", "kernal = 3\nout_features").as_bytes());
    let mut network = saltatory::network::checkpoint::read(bench.path("net.safetensors")).unwrap();
    let fc = network.node("fc").unwrap();
    let saltatory::layer::Layer::Linear(linear) = &mut network.nodes[fc].layer else { panic!() };
    // The checkpoint is written by hand of the byte: `save` would refuse as well.
    let weight = linear.weight.as_ref().unwrap().data()[5].to_le_bytes();
    let mut bytes = bench.read("net.safetensors");
    let at = bytes.windows(4).rposition(|w| w == weight).unwrap();
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    put("nan.safetensors", &bytes);
    bench
}

#[test]
fn requests_that_cannot_be_met_leave_nothing_behind() {
    let bench = harmed_bench();
    let mut faults = Vec::new();
    for (arguments, parts) in REQUESTS {
        let outputs = if arguments.starts_with("run") { OUTPUTS } else { "" };
        let message = bench.fails(&format!("{arguments} {outputs}"));
        assert!(!message.contains("panicked"), "{arguments}: {message}");
        for part in *parts {
            if !message.contains(part) {
                faults.push(format!("{arguments}: expected `{part}` in: {message}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn outputs_that_cannot_be_written_are_told_before_the_work() {
    let bench = Bench::new();
    for option in ["--output", "--predictions", "--report", "--record"] {
        let arguments = format!("run net.safetensors x.npy --steps 4 {option} no-folder/out");
        let message = bench.fails(&arguments);
        assert!(message.contains("no-folder"), "{message}");
    }
    // One that was there before stays as it was.
    bench.folder.put("kept.npy", b"kept");
    bench.fails("run net.safetensors x.npy --steps 0 --output kept.npy");
    assert_eq!(bench.read("kept.npy"), b"kept");
}

#[test]
fn two_outputs_cannot_be_one_file() {
    let bench = Bench::new();
    let message = bench.fails("run net.safetensors x.npy --steps 4 --output out --report out");
    assert!(message.contains("out"), "{message}");
}

#[cfg(not(feature = "arrow"))]
#[test]
fn tables_need_a_build_that_writes_them() {
    let bench = Bench::new();
    for (name, format) in [("out.parquet", "Parquet"), ("out.arrow", "Arrow"), ("out.FEATHER", "Arrow")] {
        let message = bench.fails(&format!("run net.safetensors x.npy --steps 4 --predictions {name}"));
        assert!([name, format, "--features arrow"].iter().all(|part| message.contains(part)), "{message}");
    }
}

#[test]
fn an_idx_file_cut_off_is_refused() {
    let bench = Bench::new();
    bench.folder.put("cut-idx3-ubyte", &idx(8, &[5, 4, 4], &[200; 70]));
    let message = bench.fails("run net.safetensors cut-idx3-ubyte --steps 4 --output out.npy");
    assert!(message.contains("cut-idx3-ubyte") && message.contains("96 bytes"), "{message}");
}
