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
            assert!(
                number(line, "peak_memory_bytes") > 1e6 && line["peak_memory_of_case_alone"].is_boolean(),
                "{line}"
            );
        }
    }
}

#[test]
fn cases_are_rows_for_people() {
    let said = Bench::new().good("bench --workload sparse-fc-1 --seconds 0.05 --device cpu");
    assert!(said.starts_with("device cpu; ") && said.contains("GB/s") && said.contains("samples/s"), "{said}");
    assert!(said.lines().any(|line| line.starts_with("sparse-fc-1 ")), "{said}");
}

#[test]
fn what_cannot_be_measured_is_named() {
    let bench = Bench::new();
    let error = bench.fails("bench --workload spiking-cnn,lief --json");
    assert!(error.contains("lief") && error.contains("stream-latency") && error.contains("csnn-dvs"), "{error}");
    assert!(bench.fails("bench --seconds 0").contains("--seconds"));
    assert!(bench.fails("bench --batch 0").contains("--batch"));
    assert!(bench.fails("bench --threads 0").contains("thread"));
    let error = bench.fails("bench --workload lif --peers no-such-python");
    assert!(error.contains("--peers no-such-python"), "{error}");
}
