//! What good runs print and write.

use saltatory::network::checkpoint;
use saltatory::run::Options;
use saltatory::{Session, Tensor};

use super::{Bench, SAMPLES, array, arrays, header, values};

#[test]
fn the_same_bytes_whatever_batch_and_threads() {
    let bench = Bench::new();
    let mut first = None;
    for (batch, threads) in [(1, 1), (7, 2), (64, 1), (64, 5)] {
        let out = format!("{batch}-{threads}");
        bench.good(&format!(
            "run net.safetensors x.npy --steps 4 --quiet --batch {batch} --threads {threads} \
             --output {out}.npy --predictions {out}.csv --record {out}.npz"
        ));
        let files = ["npy", "csv", "npz"].map(|kind| bench.read(&format!("{out}.{kind}")));
        let arrays = arrays(files[2].clone());
        let got = (files[0].clone(), files[1].clone(), arrays);
        assert!(*first.get_or_insert_with(|| got.clone()) == got, "batch {batch}, threads {threads}");
    }
}

#[test]
fn scores_are_those_of_the_library() {
    let bench = Bench::new();
    bench.good("run net.safetensors x.npy --steps 4 --quiet --output scores.npy");
    let network = checkpoint::read(bench.path("net.safetensors")).unwrap();
    let mut session = Session::new(network, Options { steps: Some(4), ..Default::default() }).unwrap();
    let x = Tensor::new([SAMPLES, 1, 4, 4], values(SAMPLES * 16)).unwrap();
    let expected = session.run(&x).unwrap();
    assert!(expected.metrics.populations[0].spikes > 50);
    assert_eq!(bench.array("scores.npy"), expected.scores);
}

#[test]
fn predictions_have_a_row_for_every_sample() {
    let bench = Bench::new();
    bench.good("run net.safetensors x.npy --steps 4 --labels labels.npy --predictions p.csv --output s.npy --limit 9");
    let text = String::from_utf8(bench.read("p.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["name", "prediction", "label", "score_0", "score_1", "score_2"]);
    assert_eq!(rows.len(), 10);
    let scores = bench.array("s.npy");
    assert_eq!(scores.shape(), [9, 3]);
    for (i, row) in rows[1..].iter().enumerate() {
        assert!(row[0].contains(&i.to_string()), "{row:?}");
        assert_eq!(row[2], (i % 3).to_string());
        let values: Vec<f32> = row[3..].iter().map(|x| x.parse().unwrap()).collect();
        assert_eq!(values, scores.data()[3 * i..3 * i + 3]);
        assert_eq!(row[1], saltatory::tensor::arg_max(&values).unwrap().to_string());
    }
}

#[test]
fn the_report_says_what_was_measured() {
    let bench = Bench::new();
    let printed = bench.good(
        "run net.safetensors x.npy --steps 4 --labels labels.npy --batch 7 --report r.json --json --device cpu --threads 1",
    );
    let (file, printed) = (bench.json("r.json"), serde_json::from_str::<serde_json::Value>(&printed).unwrap());
    assert_eq!(file, printed);
    assert_eq!(
        (&file["samples"], &file["good"], &file["steps"], &file["batch"]),
        (&20.into(), &20.into(), &4.into(), &7.into())
    );
    assert_eq!((&file["readout"], &file["labelled"]), (&"mean".into(), &20.into()));
    assert!(file["device"].as_str().unwrap().contains("cpu"));
    let confusion: Vec<Vec<u64>> = serde_json::from_value(file["confusion"].clone()).unwrap();
    let right: u64 = (0..3).map(|i| confusion[i][i]).sum();
    assert_eq!(confusion.iter().flatten().sum::<u64>(), 20);
    assert_eq!(file["accuracy"].as_f64().unwrap(), right as f64 / 20.0);
    let latency = &file["latency_per_batch_ms"];
    assert_eq!(latency["batches"], 3);
    assert!(latency["p99"].as_f64() >= latency["median"].as_f64() && latency["median"].as_f64().unwrap() > 0.0);
    let lif = &file["populations"][0];
    assert_eq!((&lif["layer"], &lif["neurons"]), (&"lif".into(), &128.into()));
    let (rate, sparsity) = (lif["firing_rate"].as_f64().unwrap(), lif["sparsity"].as_f64().unwrap());
    assert!(rate > 0.0 && (rate + sparsity - 1.0).abs() < 1e-9, "{rate} {sparsity}");
    assert_eq!(lif["spikes_per_sample"].as_f64().unwrap(), rate * 128.0 * 4.0);
    // 4 steps of 4x4 cells under a 3x3 kernel with a border: 100 taps onto 8 channels. Real inputs: multiplications.
    let conv = &file["weighted_layers"][0];
    assert_eq!((&conv["dense"], &conv["effective_acs"]), (&(4.0 * 100.0 * 8.0).into(), &0.0.into()));
    assert!(conv["effective_macs"].as_f64().unwrap() > 0.0 && conv["performed"].as_f64().unwrap() <= 800.0);
    let fc = &file["weighted_layers"][1];
    assert_eq!((&fc["dense"], &fc["effective_macs"]), (&(4.0 * 32.0 * 3.0).into(), &0.0.into()));
    assert!(fc["effective_acs"].as_f64().unwrap() > 0.0);
    assert!(file["footprint_bytes"].as_u64().unwrap() >= 4 * (8 * 9 + 8 + 32 * 3 + 3));
}

#[test]
fn recordings_hold_every_population() {
    let bench = Bench::new();
    bench.good("run net.safetensors x.npy --steps 4 --limit 3 --record r.npz --quiet");
    let recorded = arrays(bench.read("r.npz"));
    assert_eq!(recorded.keys().collect::<Vec<_>>(), ["lif.h", "lif.spikes", "lif.v"]);
    let (descr, shape, start) = header(&recorded["lif.spikes"]);
    assert_eq!((descr.as_str(), &shape[..]), ("|u1", &[3, 4, 16][..]));
    let bits = &recorded["lif.spikes"][start..];
    let (h, v) = (array(&recorded["lif.h"]), array(&recorded["lif.v"]));
    assert_eq!(h.shape(), [3, 4, 8, 4, 4]);
    let mut spikes = 0;
    for (i, (h, v)) in h.data().iter().zip(v.data()).enumerate() {
        let fired = bits[i / 8] >> (i % 8) & 1 == 1;
        assert_eq!((fired, *v), (*h >= 1.0, if fired { 0.0 } else { *h }));
        spikes += u32::from(fired);
    }
    assert!(spikes > 50, "{spikes}");
}

#[test]
fn sequences_and_traces() {
    let bench = Bench::new();
    bench.good("run leaky.safetensors sequences.npy --readout trace --output trace.npy --quiet");
    bench.good("run leaky.safetensors sequences.npy --readout last --output last.npy --quiet");
    bench.good("run leaky.safetensors sequences.npy --readout max --output max.npy --steps 6 --quiet");
    let [trace, last, max] = ["trace.npy", "last.npy", "max.npy"].map(|name| bench.array(name));
    assert_eq!((trace.shape(), last.shape()), (&[5, 6, 2][..], &[5, 2][..]));
    for (sample, steps) in trace.data().chunks(12).enumerate() {
        assert_eq!(&steps[10..], &last.data()[2 * sample..2 * sample + 2]);
        let largest = |class: usize| steps.iter().skip(class).step_by(2).copied().fold(f32::MIN, f32::max);
        assert_eq!([largest(0), largest(1)], max.data()[2 * sample..2 * sample + 2]);
    }
    assert!(trace.data().iter().any(|&x| x != 0.0));
}

#[test]
fn inspect_and_devices() {
    let bench = Bench::new();
    let text = bench.good("inspect net.safetensors --plan --steps 4");
    for part in ["lif", "fc", "8x4x4", "plan", "conv_spike", "readout"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(bench.good("devices").contains("cpu"));
    assert!(
        serde_json::from_str::<serde_json::Value>(&bench.good("devices --json")).unwrap()["cpu"]["threads"].as_u64()
            > Some(0)
    );
    for verb in ["run", "inspect", "devices"] {
        assert!(bench.good(&format!("{verb} --help")).contains("Usage"));
    }
}
