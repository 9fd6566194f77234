//! GPUs from the command line: the same bytes as the CPU's, for every batch.

use crate::{Bench, stderr};

/// Whether there is no GPU, and that may be.
fn skipped() -> bool {
    let none = saltatory::run::gpu::adapters().is_empty();
    assert!(!none || std::env::var("REQUIRE_GPU").as_deref() != Ok("1"), "no GPU adapter found");
    if none {
        println!("skipped: no GPU adapter found");
    }
    none
}

#[test]
fn a_gpu_writes_the_same_bytes() {
    if skipped() {
        return;
    }
    let bench = Bench::new();
    let scores = |device: &str, batch: usize| {
        let out = format!("{device}{batch}.npy");
        let to = format!("--steps 9 --quiet --device {device} --batch {batch} --output {out}");
        bench.good(&format!("run net.safetensors x.npy {to}"));
        bench.read(&out)
    };
    let expected = scores("cpu", 64);
    for batch in [1, 7, 64] {
        assert!(scores("gpu", batch) == expected, "batch {batch}");
    }
    let report = bench.good("run net.safetensors x.npy --steps 9 --json --device 0");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert!(!report["device"].as_str().unwrap().starts_with("cpu"), "{report}");
}

#[test]
fn machines_are_compared_step_by_step() {
    if skipped() {
        return;
    }
    let bench = Bench::new();
    let said = bench.good("run net.safetensors x.npy --steps 9 --limit 2 --compare --device gpu");
    assert_eq!(said.matches("equal to the bit").count(), 2, "{said}");
    let error = bench.fails("run net.safetensors x.npy --steps 9 --compare --device cpu");
    assert!(error.contains("--compare") && error.contains("--device gpu"), "{error}");
}

#[test]
fn a_device_that_is_not_there_is_named() {
    let bench = Bench::new();
    for device in ["99", "nosuchcard"] {
        let output = bench.saltatory(&format!("run net.safetensors x.npy --steps 2 --device {device}"));
        assert_eq!(output.status.code(), Some(1));
        let error = stderr(&output);
        assert!(error.contains(device) && error.contains("saltatory devices"), "{error}");
    }
}
