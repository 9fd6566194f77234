//! Trainings that are interrupted, killed or stopped, and gone on with.

#![cfg(unix)]

use std::process::{Command, Output};
use std::time::Duration;

use saltatory::network::checkpoint::read;

use super::train::{TRAIN, bench};
use super::{Bench, stderr};

/// Every step is logged and made safe.
const RUN: &str = "--augment shift=1 --weight-bits 5 --schedule cosine --log l.jsonl --log-every 1 --checkpoint 0 --best b.safetensors";

impl Bench {
    /// Starts a training and sends a signal once its log has that many lines; what became of it.
    fn interrupted_training(&self, arguments: &str, lines: usize, signal: &str) -> Output {
        std::fs::remove_file(self.path("l.jsonl")).ok();
        self.interrupted_again(arguments, lines, signal)
    }

    /// The same, of a log that is there.
    fn interrupted_again(&self, arguments: &str, lines: usize, signal: &str) -> Output {
        let mut child = self.start(arguments);
        let now = || std::fs::read(self.path("l.jsonl")).map_or(0, |text| text.iter().filter(|&&b| b == b'\n').count());
        while now() < lines && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        child.wait_with_output().unwrap()
    }

    /// The models, and the log without its times.
    fn trained(&self) -> (Vec<u8>, Vec<u8>, Vec<serde_json::Value>) {
        let text = String::from_utf8(self.read("l.jsonl")).unwrap();
        let lines = text.lines().map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["samples_per_second"].take();
            if line["kind"] == "epoch" {
                line["seconds"].take();
            }
            line
        });
        (self.read("m.safetensors"), self.read("b.safetensors"), lines.collect())
    }

    fn remove_trained(&self) {
        for name in ["m.safetensors", "b.safetensors", "l.jsonl"] {
            std::fs::remove_file(self.path(name)).ok();
        }
    }
}

#[test]
fn killed_trainings_go_on_and_end_with_the_same_bytes() {
    let (bench, run) = (bench(), format!("{TRAIN} {RUN}"));
    bench.good(&run);
    let expected = bench.trained();
    assert_eq!(expected.2.len(), 28);
    let mut killed = 0;
    for lines in [1, 2, 6, 7, 13, 20, 27, 28] {
        bench.remove_trained();
        let output = bench.interrupted_training(&run, lines, "-KILL");
        if !output.status.success() {
            killed += 1;
            // Twice in one training.
            bench.interrupted_again(&format!("{run} --resume"), lines + 4, "-KILL");
            bench.good(&format!("{run} --resume"));
        }
        assert!(bench.trained() == expected, "killed at line {lines}");
        assert!(bench.hidden_files().is_empty(), "{:?}", bench.hidden_files());
    }
    assert!(killed > 3, "{killed}");
}

#[test]
fn trainings_killed_at_random_end_with_the_same_bytes() {
    let (bench, mut expected) = (bench(), None);
    bench.killed_at_random(&format!("{TRAIN} {RUN}"), 10, |bench| {
        assert!(*expected.get_or_insert_with(|| bench.trained()) == bench.trained());
        bench.remove_trained();
    });
}

#[test]
fn a_training_that_is_asked_to_stop_saves_what_is_done() {
    let (bench, run) = (bench(), format!("{TRAIN} {}", RUN.replace("--checkpoint 0", "")));
    bench.good(&run);
    let expected = bench.trained();
    for signal in ["-TERM", "-INT"] {
        bench.remove_trained();
        let output = bench.interrupted_training(&run, 9, signal);
        if !output.status.success() {
            let message = stderr(&output);
            assert_eq!(output.status.code(), Some(130), "{message}");
            assert!(message.contains("stopped: ") && message.contains("--resume"), "{message}");
            assert!(!bench.path("m.safetensors").exists());
            assert_eq!(bench.hidden_files(), [".m.safetensors.checkpoint"]);
            bench.good("run .m.safetensors.checkpoint x.npy");
            bench.good(&format!("{run} --resume"));
        }
        assert!(bench.trained() == expected);
        assert!(bench.hidden_files().is_empty());
    }
}

#[test]
fn device_and_memory_may_change_under_way() {
    let (bench, run) = (bench(), format!("{TRAIN} {RUN}"));
    bench.good(&run);
    let (expected, log) = (read(bench.path("m.safetensors")).unwrap(), bench.trained().2);
    bench.remove_trained();
    while bench.interrupted_training(&run, 9, "-KILL").status.success() {}
    let elsewhere = run.replace("--device cpu", "--device reference");
    let output = bench.saltatory(&format!("{elsewhere} --resume --recompute"));
    let message = stderr(&output);
    assert!(output.status.success() && message.contains("on cpu, plain twins; until then it ran on cpu"), "{message}");
    assert!(read(bench.path("m.safetensors")).unwrap() == expected && bench.trained().2 == log);
}

#[test]
fn leftovers_are_named_and_other_trainings_refused() {
    let (bench, run) = (bench(), format!("{TRAIN} {RUN}"));
    while bench.interrupted_training(&run, 9, "-KILL").status.success() {}
    // The lock of a training that was killed is no one's.
    std::fs::remove_file(bench.path(".m.safetensors.lock")).unwrap();
    let message = bench.fails(&run);
    assert!(
        [".m.safetensors.checkpoint", "--resume", "--restart"].iter().all(|part| message.contains(part)),
        "{message}"
    );
    std::fs::copy(bench.path("y.npy"), bench.path("y2.npy")).unwrap();
    std::fs::copy(bench.path("net.toml"), bench.path("net2.toml")).unwrap();
    for (from, to, part) in [
        ("--schedule cosine", "--schedule one_cycle", "recipe's schedule"),
        ("--schedule cosine", "--schedule cosine --epochs 5", "recipe's epochs: 4 there, 5 here"),
        ("--schedule cosine", "--schedule cosine --seed 4", "recipe's seed: 3 there, 4 here"),
        ("net.toml", "net2.toml", "model: net.toml"),
        ("y.npy", "y2.npy", "labels: y.npy"),
        ("x.npy", "x.npy --scale 2", "reading: scale None"),
        ("x.npy", "x.npy --dialect snntorch", "network:"),
    ] {
        let message = bench.fails(&format!("{} --resume", run.replace(from, to)));
        assert!(message.contains(part), "{from} -> {to}: {message}");
    }
    bench.good(&format!("{run} --restart"));
    assert!(bench.hidden_files().is_empty());
    // There is nothing to go on with, then.
    let output = bench.saltatory(&format!("{run} --resume"));
    assert!(output.status.success() && stderr(&output).contains("nothing to resume"));
}

#[test]
fn two_trainings_cannot_write_the_same_model() {
    let bench = bench();
    let lock = std::fs::File::create(bench.path(".m.safetensors.lock")).unwrap();
    lock.lock().unwrap();
    let message = bench.fails(TRAIN);
    assert!(message.contains("another training"), "{message}");
}
