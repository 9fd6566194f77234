//! `--trace`: events of every stage, from threads of their own, also of a run that fails.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Bench;
use super::files::{image, npy};

/// The threads by the name of their events; every event is whole.
fn stages(bench: &Bench, name: &str) -> BTreeMap<String, BTreeSet<u64>> {
    let Value::Array(events) = bench.json(name) else { panic!("no array") };
    let named: BTreeSet<u64> =
        events.iter().filter(|e| e["name"] == "thread_name").map(|e| e["tid"].as_u64().unwrap()).collect();
    let mut stages: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for event in events.iter().filter(|e| e["ph"] == "X") {
        assert!(event["ts"].as_f64() >= Some(0.0) && event["dur"].as_f64() >= Some(0.0), "{event}");
        let thread = event["tid"].as_u64().unwrap();
        assert!(named.contains(&thread), "{event}");
        stages.entry(event["name"].as_str().unwrap().into()).or_default().insert(thread);
    }
    stages
}

#[test]
fn every_stage_of_a_run_is_traced() {
    let bench = Bench::new();
    let run =
        "run net.safetensors --steps 9 --batch 2 --checkpoint 0 --quiet --device cpu --output out.npy --trace t.json";
    bench.good(&format!("{run} x.npy"));
    let arrays = stages(&bench, "t.json");
    assert_eq!(arrays.keys().collect::<Vec<_>>(), ["collect", "finish", "read", "save", "submit", "write"]);
    assert_eq!(arrays["collect"], arrays["submit"]);
    assert!(arrays["read"].is_disjoint(&arrays["submit"]) && arrays["write"].is_disjoint(&arrays["submit"]));
    for name in ["a.png", "b.png", "c.png"] {
        std::fs::write(bench.path(name), image(::image::ImageFormat::Png)).unwrap();
    }
    bench.good(&format!("{run} a.png b.png c.png"));
    let images = stages(&bench, "t.json");
    assert!(images.contains_key("decode") && !images.contains_key("read"), "{images:?}");
}

#[test]
fn a_run_that_fails_leaves_its_trace() {
    let bench = Bench::new();
    bench.folder.put("labels.npy", &npy("|u1", &[20], &[9; 20]));
    let output = bench.saltatory("run net.safetensors x.npy --steps 4 --labels labels.npy --trace t.json");
    assert_eq!(output.status.code(), Some(1));
    assert!(stages(&bench, "t.json").contains_key("submit"));
    std::fs::remove_file(bench.path("t.json")).unwrap();
    let run = "run net.safetensors x.npy --steps 4 --output out.npy --trace";
    assert!(bench.fails(&format!("{run} out.npy")).contains("--trace"));
    assert!(bench.fails(&format!("{run} gone/t.json")).contains("gone"));
    assert!(bench.fails(&format!("{run} t.json --batch 0")).contains("--batch"));
}

#[test]
fn every_step_of_the_plan_is_timed() {
    let bench = Bench::new();
    let run = "run net.safetensors x.npy --steps 9 --batch 2 --output out.npy --profile";
    for device in ["cpu", "reference"] {
        let text = bench.good(&format!("{run} --device {device} --trace t.json"));
        let table = text.split_once("Steps of the plan").unwrap().1;
        assert!(table.contains("readout") && table.contains("%"), "{table}");
        let Value::Array(events) = bench.json("t.json") else { panic!("no array") };
        let steps: Vec<&Value> = events.iter().filter(|e| e["pid"] == 2 && e["ph"] == "X").collect();
        assert!(steps.iter().any(|e| e["name"].as_str().unwrap().starts_with("readout ")), "{steps:?}");
    }
    let text = bench.good(&format!("{run} --device cpu --json"));
    let profile: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let steps = profile["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["runs"].as_u64() > Some(0)), "{profile}");
    let sum: f64 = steps.iter().map(|step| step["seconds"].as_f64().unwrap()).sum();
    assert!((sum - profile["seconds"].as_f64().unwrap()).abs() < 1e-6, "{profile}");
}
