//! Runs in parts that are joined; samples from lists.

use std::io::Write;
use std::process::{Command, Stdio};

use super::Bench;
use super::files::{f32s, image, npy};
use super::night::timeless;

const RUN: &str = "run net.safetensors x.npy --steps 4 --labels labels.npy --batch 2 --device cpu --threads 1 --quiet";

impl Bench {
    /// Runs all shards; `more` are outputs beside the usual ones, with # for the shard.
    fn shards(&self, of: usize, more: &str) {
        for i in 1..=of {
            let outputs = format!("--output s#.npy --predictions p#.csv --report r#.json {more}");
            self.good(&format!("{RUN} --shard {i}/{of} {}", outputs.replace('#', &i.to_string())));
        }
    }
}

#[test]
fn shards_join_into_what_one_run_gives() {
    let bench = Bench::new();
    bench.shards(4, "--record v#.npz");
    let outputs = "--output s.npy --predictions p.csv --report r.json --record v.npz";
    bench.good(&format!("merge r2.json r1.json r4.json r3.json {outputs}"));
    let files = || ["s.npy", "p.csv", "v.npz"].map(|name| bench.read(name));
    let (joined, report) = (files(), bench.json("r.json"));
    bench.good(&format!("{RUN} {outputs}"));
    assert!(joined == files());
    let report = [report, bench.json("r.json")].map(|report| {
        let mut report = timeless(report);
        // Each shard ends with a batch of its own.
        report["latency_per_batch_ms"].take();
        report
    });
    assert_eq!(report[0], report[1]);
    assert!(report[0]["counts"]["metrics"]["populations"][0]["spikes"].as_u64() > Some(50));
}

#[test]
fn recordings_join_where_a_shard_has_none() {
    let bench = Bench::new();
    // NaN: the samples of the first of four shards are bad, and the first of the third.
    let mut samples = super::values(20 * 16);
    samples[..5 * 16].fill(f32::NAN);
    samples[10 * 16] = f32::NAN;
    bench.folder.put("x.npy", &npy("<f4", &[20, 1, 4, 4], &f32s(&samples)));
    for i in 1..=4 {
        bench.saltatory(&format!("{RUN} --shard {i}/4 --report r{i}.json --record v{i}.npz"));
    }
    assert_eq!(bench.json("r1.json")["good"], 0);
    bench.saltatory("merge r1.json r2.json r3.json r4.json --quiet --record joined.npz");
    bench.saltatory(&format!("{RUN} --record whole.npz"));
    assert!(bench.read("joined.npz") == bench.read("whole.npz"));
    assert_eq!(super::header(&super::arrays(bench.read("joined.npz"))["lif.v"]).1, [20, 4, 8, 4, 4]);
}

#[test]
fn shards_that_do_not_make_a_whole_are_refused() {
    let bench = Bench::new();
    bench.shards(3, "");
    bench.good(&format!("{RUN} --report whole.json"));
    let other = RUN.replace("--steps 4", "--steps 5");
    bench.good(&format!("{other} --shard 3/3 --report other.json"));
    bench.good(&format!("{RUN} --shard 1/4 --report quarter.json"));
    let text = bench.read("s3.npy");
    bench.folder.put("s3.npy", &bench.read("s2.npy"));
    for (reports, parts) in [
        ("r1.json r3.json", &["missing", "2/3"][..]),
        ("r1.json r2.json r3.json r2.json", &["2/3", "once", "r2.json"]),
        ("r1.json r2.json whole.json", &["whole.json", "--shard"]),
        ("r1.json r2.json other.json", &["other.json", "steps: 4 there, 5 here"]),
        ("quarter.json r2.json r3.json", &["r2.json", "4 shards"]),
        ("r1.json r2.json r3.json", &["s3.npy", "checksum"]),
        ("r1.json gone.json", &["gone.json"]),
        ("r1.json x.npy", &["x.npy", "report"]),
    ] {
        let message = bench.fails(&format!("merge {reports} --output s.npy --report r.json"));
        assert!(parts.iter().all(|part| message.contains(part)), "{reports}: {message}");
    }
    bench.folder.put("s3.npy", &text);
    bench.good("merge r1.json r2.json r3.json --output s.npy");
    let message = bench.fails("merge r1.json r2.json r3.json --output s.npy --record v.npz");
    assert!(message.contains("r1.json") && message.contains("--record"), "{message}");
    for shard in ["0/3", "4/3", "x"] {
        assert!(bench.fails(&format!("{RUN} --report r.json --shard {shard}")).contains("--shard"), "{shard}");
    }
    assert!(bench.fails(&format!("{RUN} --shard 1/2 --output s.npy")).contains("--report"));
    assert!(bench.fails(&format!("{RUN} --report r.json --shard 1/21")).contains("21"));
}

/// What reports may say that no run has written. None may take memory or time by it.
#[test]
fn damaged_reports_are_refused() {
    let bench = Bench::new();
    bench.shards(2, "");
    let sound = bench.json("r1.json");
    let damaged = |place: &str, value: serde_json::Value| {
        let mut report = sound.clone();
        *report.pointer_mut(place).unwrap() = value;
        bench.folder.put("damaged.json", report.to_string().as_bytes());
        bench.fails("merge damaged.json r2.json --output s.npy --report r.json")
    };
    let absurd = serde_json::json!([1u64 << 40, 1u64 << 40]);
    for (place, value, part) in [
        ("/shard", serde_json::json!({ "index": 0, "of": 0 }), "its shard is 0/0"),
        ("/shard/of", (1u64 << 60).into(), "expected 0 samples in shard"),
        ("/row", absurd, "absurd shape"),
        ("/row", serde_json::json!([0]), "absurd shape"),
        ("/row", serde_json::json!([1 << 28]), "of scores"),
        ("/counts/samples", 0.into(), "expected 10 samples"),
        ("/counts/samples", u64::MAX.into(), "expected 10 samples"),
        ("/files/output/bytes", 7.into(), "7 bytes"),
        ("/files/output/path", "/dev/zero".into(), "/dev/zero"),
    ] {
        let message = damaged(place, value);
        assert!(message.contains(part), "{message}");
    }
    for text in ["\"a text\"", "[1]", "7", "{}"] {
        bench.folder.put("damaged.json", text.as_bytes());
        assert!(bench.fails("merge damaged.json --report r.json").contains("expected a report"), "{text}");
    }
    let mut alone = sound.clone();
    alone["shard"]["of"] = (1u64 << 60).into();
    alone["job"]["samples"] = (20u64 << 59).to_string().into();
    bench.folder.put("damaged.json", alone.to_string().as_bytes());
    let message = bench.fails("merge damaged.json --report r.json");
    assert!(message.contains("missing: 2/1152921504606846976") && message.contains("more"), "{message}");
    alone["bad"] = serde_json::json!(vec![serde_json::json!({ "name": "a", "reason": "b" }); 11]);
    bench.folder.put("damaged.json", alone.to_string().as_bytes());
    assert!(bench.fails("merge damaged.json --report r.json").contains("11 bad inputs among 10"));
    // Counts that overflow, and a table that would not fit into memory.
    let mut wide = sound.clone();
    wide["confusion_size"] = (1u64 << 40).into();
    wide["counts"]["metrics"]["steps"] = u64::MAX.into();
    wide["counts"]["metrics"]["populations"][0]["spikes"] = u64::MAX.into();
    bench.folder.put("damaged.json", wide.to_string().as_bytes());
    bench.good("merge damaged.json r2.json --report r.json");
    assert_eq!(bench.json("r.json")["confusion"], serde_json::json!([]));
}

#[test]
fn inputs_from_a_list_or_standard_input() {
    let bench = Bench::new();
    for name in ["a.png", "b.png"] {
        std::fs::write(bench.path(name), image(::image::ImageFormat::Png)).unwrap();
    }
    bench.folder.put("list.txt", b"b.png\n\ngone.png\na.png\n");
    let run = "run net.safetensors --steps 4 --quiet --predictions";
    let output = bench.saltatory(&format!("{run} list.csv --list list.txt"));
    assert_eq!(output.status.code(), Some(2));
    assert!(super::stderr(&output).contains("gone.png"));
    let csv = String::from_utf8(bench.read("list.csv")).unwrap();
    let names: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(names, ["b.png", "gone.png", "a.png"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_saltatory"))
        .args(format!("{run} standard.csv -").split_whitespace())
        .current_dir(bench.path(""))
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bench.read("list.txt")).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert_eq!(bench.read("standard.csv"), bench.read("list.csv"));
    bench.folder.put("empty.txt", b"\n");
    assert!(bench.fails(&format!("{run} p.csv --list empty.txt")).contains("empty.txt"));
    assert!(bench.fails(&format!("{run} p.csv --list none.txt")).contains("none.txt"));
}
