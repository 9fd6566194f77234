//! Runs that are interrupted: killed, stopped, or out of disk; and gone on with.

#![cfg(unix)]

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use saltatory::workloads::uniform;

use super::{Bench, stderr};

/// The signal that nothing can catch.
const KILL: i32 = 9;

/// What every run here writes.
const OUTPUTS: [&str; 4] = ["out.npy", "out.csv", "out.json", "out.npz"];
/// A batch for every sample, each made safe.
const RUN: &str = "run net.safetensors x.npy --steps 100 --labels labels.npy --batch 1 --checkpoint 0 --threads 1 \
                   --output out.npy --predictions out.csv --report out.json --record out.npz";

impl Bench {
    pub fn start(&self, arguments: &str) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saltatory"));
        command.args(arguments.split_whitespace()).current_dir(self.path(""));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts a run and sends a signal once the journal has that many lines; what became of it.
    pub fn interrupted(&self, arguments: &str, lines: usize, signal: &str) -> Output {
        let mut child = self.start(arguments);
        let journal = self.path(".out.npy.journal");
        let lines_now = || std::fs::read(&journal).map_or(0, |text| text.iter().filter(|&&b| b == b'\n').count());
        while lines_now() < lines && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        child.wait_with_output().unwrap()
    }

    /// Kills a command at random moments, so many times, and goes on with it; whenever it comes to its end, `ended` looks at
    /// what it left, and takes it away.
    pub fn killed_at_random(&self, command: &str, times: usize, mut ended: impl FnMut(&Bench)) {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        let start = Instant::now();
        self.good(command);
        let took = start.elapsed();
        ended(self);
        let (resume, mut killed) = (format!("{command} --resume"), 0);
        for attempt in 0.. {
            let mut child = self.start(&resume);
            std::thread::sleep(took.mul_f32(uniform(seed, attempt)));
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                ended(self);
            } else {
                let message = stderr(&output);
                assert_eq!(output.status.signal(), Some(KILL), "attempt {attempt} of seed {seed}: {message}");
                killed += 1;
            }
            if killed == times {
                break;
            }
            assert!(attempt < 20 * times as u32, "killed {killed} times, seed {seed}");
        }
        self.good(&resume);
        ended(self);
        assert!(self.hidden().is_empty(), "{:?}", self.hidden());
    }

    /// Interrupts a run in its middle, however fast it is.
    fn leave_half(&self) {
        while self.interrupted(RUN, 4, "-KILL").status.success() {}
    }

    /// What was written, times left out.
    fn results(&self) -> (Vec<Vec<u8>>, serde_json::Value) {
        let [scores, predictions, _, record] = OUTPUTS.map(|name| self.read(name));
        (vec![scores, predictions, record], timeless(self.json("out.json")))
    }

    fn remove_results(&self) {
        OUTPUTS.iter().for_each(|name| std::fs::remove_file(self.path(name)).unwrap_or(()));
    }

    pub fn hidden(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| name.starts_with('.')).collect()
    }
}

/// A report without its times.
pub fn timeless(mut report: serde_json::Value) -> serde_json::Value {
    for name in ["seconds", "samples_per_second", "compute_seconds", "compute_samples_per_second"] {
        assert!(report[name].take().as_f64().unwrap() > 0.0, "{name}");
    }
    for (part, name) in [
        ("latency_per_batch_ms", "median"),
        ("latency_per_batch_ms", "p99"),
        ("counts", "seconds"),
        ("counts", "busy"),
        ("counts", "latencies"),
    ] {
        report[part][name].take();
    }
    report
}

#[test]
fn runs_killed_at_random_end_with_the_same_bytes() {
    let (bench, mut expected) = (Bench::new(), None);
    bench.killed_at_random(RUN, 10, |bench| {
        assert!(*expected.get_or_insert_with(|| bench.results()) == bench.results());
        bench.remove_results();
    });
}

#[test]
fn killed_runs_go_on_and_end_with_the_same_bytes() {
    let bench = Bench::new();
    bench.good(RUN);
    let expected = bench.results();
    assert!(bench.hidden().is_empty());
    let mut killed = 0;
    for lines in [1, 2, 5, 12, 22] {
        bench.remove_results();
        let output = bench.interrupted(RUN, lines, "-KILL");
        if !output.status.success() {
            killed += usize::from(!bench.hidden().is_empty());
            // What has its name already is whole.
            for (name, whole) in [OUTPUTS[0], OUTPUTS[1], OUTPUTS[3]].iter().zip(&expected.0) {
                assert!(!bench.path(name).exists() || bench.read(name) == *whole, "{name}");
            }
            // Twice in one run.
            bench.interrupted(&format!("{RUN} --resume"), lines + 3, "-KILL");
            bench.good(&format!("{RUN} --resume"));
        }
        assert!(bench.results() == expected, "killed at line {lines}");
        assert!(bench.hidden().is_empty(), "{:?}", bench.hidden());
    }
    assert!(killed > 0);
}

#[test]
fn a_run_that_is_asked_to_stop_saves_what_is_done() {
    let bench = Bench::new();
    bench.good(RUN);
    let expected = bench.results();
    for signal in ["-TERM", "-INT"] {
        bench.remove_results();
        let output = bench.interrupted(RUN, 4, signal);
        if !output.status.success() {
            assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
            let message = stderr(&output);
            assert!(message.contains("of 20 samples are saved") && message.contains("--resume"), "{message}");
            assert!(OUTPUTS.iter().all(|name| !bench.path(name).exists()));
            bench.good(&format!("{RUN} --resume"));
        }
        assert!(bench.results() == expected);
        assert!(bench.hidden().is_empty());
    }
}

#[test]
fn leftovers_are_named_and_other_runs_refused() {
    let bench = Bench::new();
    bench.leave_half();
    let message = bench.fails(RUN);
    assert!(["samples", "--resume", "--restart"].iter().all(|part| message.contains(part)), "{message}");
    let other = |from: &str, to: &str| format!("{} --resume", RUN.replace(from, to));
    bench.folder.put("y.npy", &bench.read("x.npy"));
    std::fs::copy(bench.path("net.safetensors"), bench.path("net2.safetensors")).unwrap();
    for (from, to, part) in [
        ("--steps 100", "--steps 99", "steps: 100 there, 99 here"),
        ("net.safetensors", "net2.safetensors", "model: net.safetensors there, net2.safetensors here"),
        ("x.npy", "y.npy", "inputs: 1 file"),
        ("x.npy", "x.npy y.npy --labels", "labels"),
        ("x.npy", "x.npy --scale 2", "reading: scale None"),
        ("--batch 1", "--batch 2", "--batch: 1 there, 2 here"),
        ("x.npy", "x.npy --readout sum", "readout: mean there, sum here"),
        ("x.npy", "x.npy --limit 5", "samples: 20 there, 5 here"),
        ("x.npy", "x.npy --report2", "--report2"),
        ("--labels labels.npy", "", "labels"),
        ("--predictions out.csv", "", "--predictions: out.csv there, none here"),
    ] {
        let message = bench.fails(&other(from, to));
        assert!(message.contains(part), "{from} -> {to}: {message}");
    }
    // Another run that shares an output.
    let message = bench.fails("run net.safetensors x.npy --steps 4 --predictions out.csv");
    assert!(message.contains(".out.csv.partial") && message.contains("--restart"), "{message}");
    // An input that has changed.
    let samples = bench.read("x.npy");
    let changed: Vec<u8> = samples.iter().rev().copied().rev().collect();
    std::fs::remove_file(bench.path("x.npy")).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    bench.folder.put("x.npy", &changed);
    let message = bench.fails(&format!("{RUN} --resume"));
    assert!(message.contains("times of inputs"), "{message}");
    bench.good(&format!("{RUN} --restart"));
    assert!(bench.hidden().is_empty() && bench.array("out.npy").shape() == [20, 3]);
}

#[test]
fn a_reader_that_goes_away_does_not_end_a_run() {
    let bench = Bench::new();
    for arguments in [format!("{RUN} --json"), format!("{RUN} --resume")] {
        let mut child = bench.start(&arguments);
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments}");
        let whole = bench.results();
        assert_eq!((bench.array("out.npy").shape(), &whole.1["good"]), (&[20, 3][..], &20.into()));
        assert!(bench.hidden().is_empty());
        bench.remove_results();
        bench.good(RUN);
        assert!(bench.results() == whole);
    }
    // Its message is lost, its exit code is not.
    let mut child = bench.start("run gone.safetensors x.npy");
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_run_may_go_on_on_another_device() {
    let bench = Bench::new();
    bench.good(RUN);
    let expected = bench.results();
    bench.remove_results();
    bench.leave_half();
    bench.good(&format!("{RUN} --resume --device reference"));
    let (files, report) = bench.results();
    assert!(files == expected.0);
    let said = report["fallbacks"].as_array().unwrap();
    let first = said[0].as_str().unwrap();
    assert!(said.len() == 1 && first.contains("resumed on cpu, plain twins, begun on"), "{first}");
    assert_eq!(expected.1["fallbacks"], serde_json::json!([]));
}

#[test]
fn resuming_needs_something_to_go_on_with() {
    let bench = Bench::new();
    let message = bench.fails("run net.safetensors x.npy --steps 4 --resume");
    assert!(message.contains("--resume") && message.contains("--output"), "{message}");
    bench.good("run net.safetensors x.npy --steps 4 --resume --output out.npy");
    assert_eq!(bench.array("out.npy").shape(), [20, 3]);
    bench.fails("run net.safetensors x.npy --steps 4 --output out.npy --checkpoint -1");
    bench.fails("run net.safetensors x.npy --steps 4 --output /dev/null");
}

#[test]
fn two_runs_cannot_write_the_same_outputs() {
    let bench = Bench::new();
    bench.leave_half();
    let journal = std::fs::File::options().write(true).open(bench.path(".out.npy.journal")).unwrap();
    journal.lock().unwrap();
    let message = bench.fails(&format!("{RUN} --resume"));
    assert!(message.contains("another run"), "{message}");
}

#[test]
fn a_full_disk_ends_a_run_that_can_be_gone_on_with() {
    let bench = Bench::new();
    let run = "run net.safetensors x.npy --steps 100 --readout trace --batch 1 --checkpoint 0 --output out.npy";
    bench.good(run);
    let expected = bench.read("out.npy");
    std::fs::remove_file(bench.path("out.npy")).unwrap();
    // A limit on the size of files stands for the disk: writing fails, as it does there.
    let limited = |kib: usize| {
        let line = format!("trap '' XFSZ; ulimit -f {kib}; exec {} {run}", env!("CARGO_BIN_EXE_saltatory"));
        Command::new("bash").args(["-c", &line]).current_dir(bench.path("")).output().unwrap()
    };
    let output = limited(1);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("out.npy") && bench.hidden().is_empty(), "{:?}", bench.hidden());
    let output = limited(10);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("of 20 samples are saved") && message.contains("--resume"), "{message}");
    assert!(!bench.path("out.npy").exists());
    bench.good(&format!("{run} --resume"));
    assert!(bench.read("out.npy") == expected && bench.hidden().is_empty());
}
