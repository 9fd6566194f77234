//! `saltatory bench`: lines that can be read, whatever the times. How long something takes is never tested.

use serde_json::Value;

use crate::Bench;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn number(line: &Value, key: &str) -> f64 {
    line[key].as_f64().unwrap_or_else(|| panic!("{key} of {line}"))
}

#[test]
fn cases_are_lines_of_json() {
    let said =
        lines(&Bench::new().good(
            "bench --workload spiking-cnn,stream-latency --batch 2 --seconds 0.05 --json --device cpu --threads 2",
        ));
    let [machine, batch, stream] = &said[..] else { panic!("{said:?}") };
    assert_eq!(
        (&machine["kind"], &machine["threads"], &machine["device"]),
        (&"machine".into(), &2.into(), &"cpu".into())
    );
    assert!(number(machine, "bandwidth_gb_s") > 0.0 && number(machine, "additions_gop_s") > 0.0, "{machine}");
    assert_eq!((&batch["workload"], &batch["batch"], &batch["steps"]), (&"spiking-cnn".into(), &2.into(), &8.into()));
    assert_eq!(
        (&stream["workload"], &stream["batch"], &stream["steps"]),
        (&"stream-latency".into(), &1.into(), &1.into())
    );
    for line in [batch, stream] {
        assert_eq!(line["kind"], "case");
        assert!(number(line, "rounds") >= 5.0, "{line}");
        let rate = |what: &str| number(line, &format!("samples_per_second{what}"));
        assert!(0.0 < rate("_min") && rate("_min") <= rate("") && rate("") <= rate("_max"), "{line}");
        assert!(number(line, "latency_p50_ms") <= number(line, "latency_p99_ms"), "{line}");
        assert!(number(line, "operations_a_run") > 1e5 && number(line, "bytes_moved_a_run") > 1e5, "{line}");
        assert!(number(line, "over_bytes_floor") > 0.0 && number(line, "over_operations_floor") > 0.0, "{line}");
        if cfg!(target_os = "linux") {
            assert!(line["others_cpu"].as_f64().is_none_or(|share| (0.0..=1.0).contains(&share)), "{line}");
            assert!(
                number(line, "peak_memory_bytes") > 1e6 && line["peak_memory_of_case_alone"].is_boolean(),
                "{line}"
            );
        }
    }
}

#[test]
fn a_population_forward_and_back_moves_what_it_must() {
    let said = lines(&Bench::new().good("bench --workload lif-training --batch 2 --seconds 0.05 --json --device cpu"));
    let case = &said[1];
    assert_eq!((&case["workload"], &case["batch"], &case["steps"]), (&"lif-training".into(), &2.into(), &16.into()));
    // Currents twice, spikes as bits, gradients of spikes and currents.
    let each = number(case, "bytes_moved_a_run") / f64::from(2 * 16 * (1 << 16));
    assert!((16.125..16.25).contains(&each), "{each}");
}

#[test]
fn cases_are_rows_for_people() {
    let said = Bench::new().good("bench --workload sparse-fc-1 --seconds 0.05 --device cpu");
    assert!(said.starts_with("device cpu; ") && said.contains("GB/s") && said.contains("samples/s"), "{said}");
    assert!(said.lines().any(|line| line.starts_with("sparse-fc-1 ")), "{said}");
}

#[test]
fn sweeps_tell_points_and_what_fits_them() {
    let bench = Bench::new();
    let said = lines(&bench.good("bench --sweep steps --seconds 0.01 --device cpu --json"));
    let [machine, series @ ..] = &said[..] else { panic!("{said:?}") };
    let [points @ .., fit] = &series[..series.len() / 2] else { panic!("{series:?}") };
    assert_eq!((&machine["kind"], &fit["kind"]), (&"machine".into(), &"fit".into()));
    assert!(points.len() > 4 && points.iter().all(|point| point["kind"] == "point" && point["sweep"] == "steps"));
    for point in points {
        let seconds = ["_min", "", "_max"].map(|which| number(point, &format!("seconds_a_run{which}")));
        assert!(0.0 < seconds[0] && seconds.is_sorted() && number(point, "rounds") >= 5.0, "{point}");
    }
    assert_eq!(number(&points[0], "x"), number(&fit["all_points"], "from"));
    assert!(number(&fit["upper_half"], "from") > number(&fit["all_points"], "from"), "{fit}");
    for part in [&fit["all_points"], &fit["upper_half"]] {
        assert!(number(part, "exponent_min") <= number(part, "exponent_max"), "{fit}");
        assert!(number(part, "exponent").is_finite(), "{fit}");
    }
    assert!(number(fit, "seconds_each").is_finite() && number(fit, "fixed_seconds").is_finite(), "{fit}");
}

#[test]
fn sweeps_are_tables_for_people() {
    let bench = Bench::new();
    let chart = if cfg!(feature = "charts") { "--chart curves.png" } else { "" };
    let said = bench.good(&format!("bench --sweep steps --seconds 0.01 --device cpu {chart}"));
    for part in ["steps: spiking-cnn", "steps: lif", "us a step", "upper half, from 16", "ms + "] {
        assert!(said.contains(part), "{part} in {said}");
    }
    #[cfg(feature = "charts")]
    is_drawn(&bench, "curves.png");
}

#[test]
fn sweeps_that_are_not_there_are_named() {
    let bench = Bench::new();
    let error = bench.fails("bench --sweep stepz");
    assert!(error.contains("stepz") && error.contains("neurons"), "{error}");
    assert!(bench.fails("bench --sweep steps --batch 3").contains("--batch"));
}

#[cfg(feature = "charts")]
fn is_drawn(bench: &Bench, name: &str) {
    let drawn = ::image::open(bench.path(name)).unwrap().to_rgb8();
    assert!(drawn.width() >= 600 && drawn.height() >= 100, "{name}");
    let coloured = drawn.pixels().filter(|pixel| pixel.0[2] > 150 && pixel.0[0] < 50).count();
    assert!(coloured > 500, "{name}: {coloured} pixels in our colour");
}

#[cfg(feature = "charts")]
#[test]
fn charts_are_images() {
    let bench = Bench::new();
    bench.good("bench --workload lif --seconds 0.01 --device cpu --chart bars.png");
    is_drawn(&bench, "bars.png");
    assert!(bench.fails("bench --workload lif --chart bars.svg").contains(".png"));
    assert!(bench.fails("bench --workload lif --chart gone/bars.png").contains("gone"));
}

#[cfg(not(feature = "charts"))]
#[test]
fn charts_need_a_build_with_them() {
    assert!(Bench::new().fails("bench --workload lif --chart bars.png").contains("--features charts"));
}

#[test]
fn what_cannot_be_measured_is_named() {
    let bench = Bench::new();
    let error = bench.fails("bench --workload spiking-cnn,lief --json");
    assert!(error.contains("lief") && error.contains("stream-latency") && error.contains("csnn-dvs"), "{error}");
    assert!(bench.fails("bench --seconds 0").contains("--seconds"));
    assert!(bench.fails("bench --batch 0").contains("--batch"));
    assert!(bench.fails("bench --threads 0").contains("thread"));
    let error = bench.fails("bench --workload lif --fan-out 5");
    assert!(error.contains("`lif` has no fan-out"), "{error}");
    assert!(bench.fails("bench --sweep rate --fan-out 5").contains("--fan-out"));
    let error = bench.fails("bench --workload lif --peers no-such-python");
    assert!(error.contains("--peers no-such-python"), "{error}");
}

/// A peer harness in a shell: its first mode fails, its second replies with one score where there are 4096.
#[cfg(unix)]
const HARNESS: &str = r#"#!/bin/sh
while read -r request; do
  case "$request" in
    *hello*) echo '{"device": "cpu", "peers": {"torch": "9.0"}, "skipped": {"norse": "not installed"}}' ;;
    *open*) echo '{"modes": [{"peer": "torch", "mode": "seq"}, {"peer": "torch", "mode": "loop"}]}' ;;
    *prepare*'"mode":0'*) echo '{"error": "RuntimeError: no"}' ;;
    *prepare*) echo '{"scores": [1.0], "spikes": 3, "seconds": 0.5}' ;;
    *run*) echo '{"seconds": [0.5]}' ;;
    *) echo '{}' ;;
  esac
done
"#;

#[test]
#[cfg(unix)]
fn peers_are_compared_before_they_are_measured() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.folder.put("harness", HARNESS.as_bytes());
    std::fs::set_permissions(bench.path("harness"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let command = "bench --workload sparse-fc-1 --seconds 0.05 --device cpu --peers ./harness";
    let said = lines(&bench.good(&format!("{command} --json")));
    let [machine, ours, theirs] = &said[..] else { panic!("{said:?}") };
    assert_eq!(machine["peers"]["skipped"]["norse"], "not installed");
    assert_eq!((&theirs["kind"], &theirs["peer"], &theirs["mode"]), (&"peer".into(), &"torch".into(), &"loop".into()));
    assert_eq!(theirs["failed_modes"][0]["error"], "RuntimeError: no");
    assert_eq!(theirs["agreement"]["spikes_theirs"], 3);
    assert!(theirs["agreement"]["scores"].is_null() && number(theirs, "latency_p50_ms") == 500.0, "{theirs}");
    let ratio = number(theirs, "ours_over_theirs");
    assert!(ratio > 0.0 && number(ours, "samples_per_second") > 0.0, "{ours} {theirs}");
    let said = bench.good(command);
    assert!(said.contains("peers torch 9.0") && said.contains("skipped norse (not installed)"), "{said}");
    assert!(said.contains("DIFFERS") && said.contains("torch seq failed: RuntimeError: no"), "{said}");
    let error = bench.fails("bench --workload lif --peers false");
    assert!(error.contains("--peers false") && error.contains("ended before it replied"), "{error}");
}
