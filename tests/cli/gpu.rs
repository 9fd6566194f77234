//! GPUs from the command line: the same bytes as the CPU's, for every batch.

use std::process::Command;

use serde_json::Value;

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
    let report: Value = serde_json::from_str(&report).unwrap();
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

/// Of a folder of its own for what was measured: what a plan says follows the file, and what is known is not measured again.
#[test]
fn where_lists_pay_is_measured_and_kept() {
    if skipped() {
        return;
    }
    let bench = Bench::new();
    let good = |arguments: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_saltatory"))
            .args(arguments.split_whitespace())
            .current_dir(bench.path(""))
            .env("XDG_CACHE_HOME", bench.path("cache"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let file = bench.path("cache/saltatory/event_lists.json");
    let kept = || -> Vec<Value> { serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap() };
    let said = good("bench --crossover --device gpu --neurons 64 --json");
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (whole, points) = lines.split_last().unwrap();
    let rates: Vec<f64> = points.iter().map(|point| point["rate"].as_f64().unwrap()).collect();
    assert!(rates.len() >= 10 && rates.is_sorted() && rates[0] == 0.0005, "{rates:?}");
    for time in ["words_seconds_a_step", "list_seconds_a_step"] {
        assert!(points.iter().all(|point| point[time].as_f64().unwrap() > 0.0), "{said}");
    }
    let share_of = |value: &Value| value["share"].as_f64().unwrap() as f32;
    assert!((0.0..=0.31).contains(&share_of(whole)) && share_of(&kept()[0]) == share_of(whole), "{said}");

    let plan = "inspect net.safetensors --plan --steps 4 --readout trace --device gpu";
    assert!(!good(plan).contains("event list"));
    good(&format!("{plan} --measure"));
    let mut known = kept();
    assert_eq!(known.iter().map(|of| of["steps"].as_u64().unwrap()).collect::<Vec<_>>(), [16, 4, 4]);
    known.iter_mut().for_each(|of| of["share"] = 0.125.into());
    std::fs::write(&file, serde_json::to_string(&known).unwrap()).unwrap();
    for again in [plan, &format!("{plan} --measure")] {
        let text = good(again);
        assert!(text.contains("event list up to 12.5 % of inputs (measured)"), "{text}");
    }
    assert_eq!(kept(), known);
}

#[test]
fn lists_are_measured_on_gpus_alone() {
    let bench = Bench::new();
    let error = bench.fails("bench --crossover --device cpu");
    assert!(error.contains("--crossover") && error.contains("--device gpu"), "{error}");
    assert!(bench.fails("bench --plot curve.png").contains("--crossover"));
}
