//! Samples of different length, recordings in parts, samples that stop when they are certain.

use super::files::{f32s, npy, npz};
use super::{Bench, array, arrays, values};

/// What `sequences.npy` holds: 5 samples of 6 steps of 2 values.
const LENGTHS: [usize; 5] = [6, 3, 1, 5, 3];

impl Bench {
    /// Scores of a run of the leaky network.
    fn leaky(&self, arguments: &str) -> Vec<f32> {
        self.good(&format!("run leaky.safetensors {arguments} --output leaky.npy --quiet"));
        self.array("leaky.npy").into_data()
    }

    fn rows(&self, csv: &str, column: usize) -> Vec<String> {
        let text = String::from_utf8(self.read(csv)).unwrap();
        text.lines().map(|line| line.split(',').nth(column).unwrap().to_owned()).collect()
    }
}

#[test]
fn samples_of_different_length_give_what_they_give_alone() {
    let bench = Bench::new();
    let padded = bench.read("sequences.npy");
    let lengths: Vec<u8> = LENGTHS.map(|n| n as u8).to_vec();
    let lengths = npy("|u1", &[5], &lengths);
    bench.folder.put("lengths.npy", &lengths);
    bench.folder.put("padded.npz", &npz(&[("x", &padded), ("lengths", &lengths)], true));
    let mut names = Vec::new();
    for (sample, &steps) in LENGTHS.iter().enumerate() {
        let own = &values(60)[sample * 12..][..steps * 2];
        bench.folder.put(&format!("{sample}.npy"), &npy("<f4", &[steps, 2], &f32s(own)));
        names.push(format!("{sample}.npy"));
    }
    let together = [
        "padded.npz".to_string(),
        "sequences.npy --lengths lengths.npy".into(),
        format!("{} --one-sequence", names.join(" ")),
        "padded.npz --batch 2 --threads 1".into(),
    ];
    for readout in ["mean", "last", "trace"] {
        let alone: Vec<f32> = names
            .iter()
            .zip(LENGTHS)
            .flat_map(|(name, steps)| {
                let mut scores = bench.leaky(&format!("{name} --one-sequence --readout {readout}"));
                assert_eq!(scores.len(), if readout == "trace" { 2 * steps } else { 2 });
                scores.resize(if readout == "trace" { 12 } else { 2 }, f32::NAN);
                scores
            })
            .collect();
        let bits = |scores: &[f32]| scores.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        for inputs in &together {
            let scores = bench.leaky(&format!("{inputs} --readout {readout}"));
            assert_eq!(bits(&scores), bits(&alone), "{inputs}, {readout}");
        }
    }
    let report = bench.good(
        "run leaky.safetensors padded.npz --predictions p.csv --record r.npz --report r.json --readout trace --resume",
    );
    assert!(report.contains("3.60 on average, from 1 to 6"), "{report}");
    assert_eq!(bench.json("r.json")["mean_steps"], 3.6);
    assert_eq!(bench.rows("p.csv", 2), ["steps", "6", "3", "1", "5", "3"]);
    assert!(bench.rows("p.csv", 1)[1..].iter().all(|class| class == "0" || class == "1"));
    // Behind the end of a sample nothing is recorded.
    for (name, bytes) in arrays(bench.read("r.npz")).iter().filter(|(name, _)| name.ends_with(".v")) {
        let potentials = array(bytes);
        let row = potentials.len() / 30;
        for (i, step) in potentials.data().chunks(row).enumerate() {
            let ended = i % 6 >= LENGTHS[i / 6];
            assert!(step.iter().all(|v| v.is_nan() == ended), "{name}, sample {}, step {}", i / 6, i % 6);
        }
    }
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let bench = Bench::new();
    for (lengths, part) in [
        (vec![6, 3, 1, 5], "expected 5 lengths, one per sample, got 4"),
        (vec![6, 3, 7, 5, 3], "sample 2: expected a length from 1 to 6 steps, got 7"),
        (vec![6, 3, 0, 5, 3], "sample 2: expected a length from 1 to 6 steps, got 0"),
    ] {
        bench.folder.put("l.npy", &npy("|u1", &[lengths.len()], &lengths));
        let message = bench.fails("run leaky.safetensors sequences.npy --lengths l.npy --output o.npy");
        assert!(message.contains(part) && message.contains("sequences.npy"), "{message}");
    }
    let message = bench.fails("run net.safetensors x.npy --steps 4 --lengths l.npy --output o.npy");
    assert!(message.contains("no axis of time"), "{message}");
    let message = bench.fails("run leaky.safetensors sequences.npy sequences.npy --lengths l.npy --output o.npy");
    assert!(message.contains("one array"), "{message}");
}

#[test]
fn a_recording_goes_on_from_part_to_part() {
    let bench = Bench::new();
    let all = values(60);
    bench.folder.put("whole.npy", &npy("<f4", &[30, 2], &f32s(&all)));
    bench.folder.put("first.npy", &npy("<f4", &[2, 6, 2], &f32s(&all[..24])));
    bench.folder.put("rest.npy", &npy("<f4", &[3, 6, 2], &f32s(&all[24..])));
    let whole = bench.leaky("whole.npy --one-sequence --readout trace");
    let parts = bench.leaky("sequences.npy --readout trace --keep-state --final-state end.safetensors");
    assert_eq!(parts, whole);
    assert_ne!(bench.leaky("sequences.npy --readout trace"), whole);
    let first = bench.leaky("first.npy --readout trace --keep-state --final-state mid.safetensors --batch 1");
    let rest = "rest.npy --readout trace --keep-state --initial-state mid.safetensors --final-state e.safetensors";
    assert_eq!([first, bench.leaky(rest)].concat(), whole);
    assert_eq!(bench.read("end.safetensors"), bench.read("e.safetensors"));
    // In a batch every sample begins with the state.
    let given = bench.leaky("rest.npy --readout trace --initial-state mid.safetensors --batch 3");
    assert_eq!(given[..12], whole[24..36]);
    let third = &all[48..];
    bench.folder.put("third.npy", &npy("<f4", &[1, 6, 2], &f32s(third)));
    assert_eq!(given[24..], bench.leaky("third.npy --readout trace --initial-state mid.safetensors"));
}

#[cfg(unix)]
#[test]
fn a_killed_recording_goes_on_with_its_state() {
    let bench = Bench::new();
    let count = 60;
    bench.folder.put("long.npy", &npy("<f4", &[count, 50, 2], &f32s(&values(count * 100))));
    let run =
        "run leaky.safetensors long.npy --keep-state --checkpoint 0 --batch 1 --output out.npy --final-state s.st";
    bench.good(run);
    let expected = (bench.read("out.npy"), bench.read("s.st"));
    let mut killed = 0;
    for lines in [2, 3, 10, 25, 40] {
        ["out.npy", "s.st"].iter().for_each(|name| std::fs::remove_file(bench.path(name)).unwrap());
        let output = bench.interrupted(run, lines, "-KILL");
        if !output.status.success() {
            killed += 1;
            bench.good(&format!("{run} --resume"));
        }
        assert!((bench.read("out.npy"), bench.read("s.st")) == expected, "killed at line {lines}");
        assert!(bench.names().iter().all(|name| !name.starts_with('.')), "{:?}", bench.names());
    }
    assert!(killed > 0);
}

#[test]
fn certain_samples_stop() {
    let bench = Bench::new();
    let run = "run net.safetensors x.npy --steps 8 --labels labels.npy --output out.npy --predictions p.csv";
    bench.good(run);
    let whole = bench.array("out.npy");
    // No lead is so large.
    let report = bench.good(&format!("{run} --confident 0.999999999999"));
    assert!(report.contains("0.0 % saved"), "{report}");
    assert_eq!(bench.array("out.npy"), whole);
    assert_eq!(bench.rows("p.csv", 3)[1..], vec!["8"; 20]);
    let report = bench.good(&format!("{run} --confident 0.52 --report r.json"));
    let mean = bench.json("r.json")["mean_steps"].as_f64().unwrap();
    assert!(mean < 8.0 && report.contains(&format!("{mean:.2} on average")), "{report}");
    let steps: Vec<usize> = bench.rows("p.csv", 3)[1..].iter().map(|n| n.parse().unwrap()).collect();
    assert_eq!(steps.iter().sum::<usize>() as f64 / 20.0, mean);
    // Each has the scores of a run of so many steps.
    let early = bench.array("out.npy");
    for (sample, steps) in steps.iter().enumerate() {
        bench.good(&format!("run net.safetensors x.npy --steps {steps} --output short.npy --quiet"));
        assert_eq!(early.data()[sample * 3..][..3], bench.array("short.npy").data()[sample * 3..][..3]);
    }
    bench.good(&format!("{run} --confident 0.52 --look-every 4"));
    assert!(bench.rows("p.csv", 3)[1..].iter().all(|steps| steps == "4" || steps == "8"));
    for (arguments, part) in [
        ("--confident 0.5", "above 0.5"),
        ("--confident 1", "below 1"),
        ("--confident 0.9 --readout trace", "trace"),
        ("--confident 0.9 --look-every 0", "at least one step"),
        ("--initial-state net.safetensors", "has no such state"),
    ] {
        let message = bench.fails(&format!("run net.safetensors x.npy --steps 8 --output o.npy {arguments}"));
        assert!(message.contains(part), "{arguments}: {message}");
    }
}
