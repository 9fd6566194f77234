//! `saltatory simulate`: what it prints, what it writes, and how it fails.

use std::collections::BTreeMap;

use saltatory::Network;
use saltatory::circuit::Statistics;
use saltatory::network::{OpenOptions, open};
use saltatory::run::{Simulation, SimulationOptions};

use super::{Bench, arrays, header, stderr};

/// Noise that drives cells which inhibit each other; every cell of `out` is probed.
const NET: &str = r#"
name = "small"
seed = 3
[[population]]
name = "noise"
size = 40
cell = "SpikeSourcePoisson"
parameters = { rate = 200.0 }
[[population]]
name = "out"
size = 50
cell = "IF_curr_exp"
parameters = { tau_refrac = 1.0 }
v_init = { uniform = [-65.0, -50.0] }
probes = [0, 49]
[[projection]]
from = "noise"
to = "out"
connector = { fixed_number_post = 10 }
weight = 0.5
delay = { uniform = [0.5, 2.0] }
[[projection]]
from = "out"
to = "out"
connector = { fixed_probability = 0.2 }
weight = -0.4
delay = 1.5
"#;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.folder.put("net.toml", NET.as_bytes());
    bench
}

/// What the library says of so many steps: statistics, times (ms) and cells of each population, potentials of the probes.
struct Library {
    statistics: Statistics,
    spikes: BTreeMap<String, (Vec<f64>, Vec<u32>)>,
    v: Vec<f32>,
}

fn library(network: &Network, steps: usize) -> Library {
    let circuit = network.circuit().unwrap();
    let names: Vec<String> = circuit.populations.iter().map(|p| p.name.clone()).collect();
    let mut statistics = Statistics::of(circuit, network.dt);
    let mut spikes: BTreeMap<_, (Vec<f64>, Vec<u32>)> = names.iter().map(|n| (n.clone(), Default::default())).collect();
    let mut v = Vec::new();
    let mut simulation = Simulation::of(network, &SimulationOptions { window: Some(7), ..Default::default() }).unwrap();
    let mut see = |activity: &saltatory::run::Activity<'_>| {
        for (step, population, cell) in activity.spikes() {
            statistics.spike(step, population, cell);
            let (times, cells) = spikes.get_mut(&names[population]).unwrap();
            times.push(step as f64 / (1.0 / network.dt).round());
            cells.push(cell as u32);
        }
        statistics.advance(activity.steps as u64);
        v.extend(activity.probes().flatten().map(|values| values[0]));
        Ok(())
    };
    simulation.advance(steps, &mut see).unwrap();
    Library { statistics, spikes, v }
}

fn f64s(npy: &[u8]) -> Vec<f64> {
    let (descr, _, start) = header(npy);
    assert_eq!(descr, "<f8");
    npy[start..].chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
}

fn u32s(npy: &[u8]) -> Vec<u32> {
    let (descr, _, start) = header(npy);
    assert_eq!(descr, "<u4");
    npy[start..].chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// Compares a recording with the library, which runs as long as it says; how many spikes there were.
fn check_recording(bench: &Bench, name: &str, network: &Network) -> usize {
    let recorded = arrays(bench.read(name));
    assert_eq!(f64s(&recorded["dt"]), [network.dt]);
    let [duration] = f64s(&recorded["duration"])[..] else { panic!() };
    let expected = library(network, (duration / network.dt).round() as usize);
    for (population, (times, cells)) in &expected.spikes {
        assert_eq!(&f64s(&recorded[&format!("{population}.times")]), times, "{population}");
        assert_eq!(&u32s(&recorded[&format!("{population}.cells")]), cells, "{population}");
    }
    assert_eq!(recorded.len(), 2 + 2 * expected.spikes.len());
    expected.spikes.values().map(|(times, _)| times.len()).sum()
}

#[test]
fn what_is_recorded_is_what_the_library_gives() {
    let bench = bench();
    let run = "simulate net.toml --duration 100ms --device cpu --threads 2";
    let text = bench.good(&format!("{run} --record s.npz --record-traces t.npz"));
    assert!(text.starts_with("small  0.1 s in 1000 steps of 0.1 ms"), "{text}");
    assert!(text.contains("noise") && text.contains(" Hz") && text.contains("real-time factor"), "{text}");
    let network = open(bench.path("net.toml"), &OpenOptions::default()).unwrap();
    assert!(check_recording(&bench, "s.npz", &network) > 500);
    let expected = library(&network, 1000);
    let traces = arrays(bench.read("t.npz"));
    let names: Vec<&str> = traces.keys().map(String::as_str).collect();
    assert_eq!(names, ["dt", "duration", "out.cells", "out.e", "out.i", "out.v", "out.w"]);
    assert_eq!(u32s(&traces["out.cells"]), [0, 49]);
    let v = super::array(&traces["out.v"]);
    assert_eq!((v.shape(), v.data()), (&[1000, 2][..], &expected.v[..]));

    let report: serde_json::Value = serde_json::from_str(&bench.good(&format!("{run} --json"))).unwrap();
    for (at, name) in ["noise", "out"].into_iter().enumerate() {
        let (of, is) = (&report["populations"][at], expected.statistics.population(at));
        assert_eq!((&of["name"], &of["size"], &of["spikes"]), (&name.into(), &is.size.into(), &is.spikes.into()));
        // JSON is read with an error in the last place.
        let same = |key: &str, expected: f64| (of[key].as_f64().unwrap() / expected - 1.0).abs() < 1e-14;
        assert!(is.rate > 10.0 && same("rate_hz", is.rate) && same("cv", is.cv.unwrap()), "{is:?} {of}");
    }
    assert_eq!(report["populations"][1]["expected_synapses"], 400.0 + 500.0);
    assert_eq!((&report["steps"], &report["stopped"], &report["seed"]), (&1000.into(), &false.into(), &3.into()));
    for key in ["run_seconds", "build_seconds", "real_time_factor", "constant_bytes", "work_bytes"] {
        assert!(report[key].as_f64().unwrap() > 0.0, "{key}");
    }
    assert!(bench.good(&format!("{run} --quiet")).is_empty());
}

#[test]
fn options_change_what_runs_and_what_is_kept() {
    let bench = bench();
    let run = "simulate net.toml --device cpu --quiet --dt 0.25ms --seed 9 --duration 50";
    bench.good(&format!("{run} --only out --probe out:1,3-4 --record s.csv --record-traces t.npz"));
    let options = OpenOptions { dt: Some(0.25), ..Default::default() };
    let text = NET.replace("seed = 3", "seed = 9");
    bench.folder.put("other.toml", text.as_bytes());
    let network = open(bench.path("other.toml"), &options).unwrap();
    let (times, cells) = library(&network, 200).spikes.remove("out").unwrap();
    let rows: String = times.iter().zip(&cells).map(|(time, cell)| format!("{time},out,{cell}\n")).collect();
    assert!(times.len() > 50, "{}", times.len());
    assert_eq!(String::from_utf8(bench.read("s.csv")).unwrap(), format!("time,population,cell\n{rows}"));
    assert_eq!(u32s(&arrays(bench.read("t.npz"))["out.cells"]), [0, 49, 1, 3, 4]);
    let table = bench.good("simulate net.toml --device cpu --duration 5ms --profile --trace trace.json");
    assert!(table.contains("cells") && table.contains("propagate") && bench.read("trace.json").len() > 100, "{table}");
}

#[test]
fn faults_are_named_and_leave_nothing() {
    let bench = bench();
    bench.folder.put("nan.toml", NET.replace("weight = 0.5", "weight = nan").as_bytes());
    bench.folder.put("cell.toml", NET.replace("IF_curr_exp", "IF_curr_exq").as_bytes());
    bench.folder.put("parameter.toml", NET.replace("tau_refrac", "tau_ref").as_bytes());
    bench.folder.put("empty.toml", NET.replace("size = 50", "size = 0").as_bytes());
    bench.folder.put("delay.toml", NET.replace("delay = 1.5", "delay = 0.01").as_bytes());
    bench.folder.put("chance.toml", NET.replace("probability = 0.2", "probability = 2").as_bytes());
    bench.folder.put("mute.toml", NET.replace("probes = [0, 49]", "").as_bytes());
    let cases: [(&str, &[&str]); 22] = [
        ("none.toml", &["none.toml"]),
        ("nan.toml", &["nan.toml", "projection `noise -> out`", "weight", "NaN"]),
        ("cell.toml", &["cell.toml", "population `out`", "`IF_curr_exq`", "`IF_curr_exp`"]),
        ("parameter.toml", &["population `out`: `parameters`", "`tau_ref`", "`tau_refrac`"]),
        ("empty.toml", &["population `out`", "`size`", "the integer 0"]),
        ("delay.toml", &["projection `out -> out`", "one step of 0.1 ms", "0.01"]),
        ("chance.toml", &["projection `out -> out`", "between 0 and 1, got 2"]),
        ("net.safetensors", &["net.safetensors", "a circuit alone", "saltatory run"]),
        ("net.toml --duration 0", &["--duration", "at least one step of 0.1 ms", "got 0 ms"]),
        ("net.toml --duration 1e30s", &["--duration", "at most"]),
        ("net.toml --dt 5ms", &["net.toml", "5 ms"]),
        ("net.toml --dt 0", &["dt must be above zero"]),
        ("net.toml --only in", &["--only", "`in`", "`noise`, `out`"]),
        ("net.toml --probe out", &["--probe", "POPULATION:0,1,2", "`out`"]),
        ("net.toml --probe out:50", &["population `out`", "50 cells", "got 50"]),
        ("net.toml --probe noise:1", &["population `noise`", "no potential"]),
        ("net.toml --from 2s", &["--from", "step"]),
        ("net.toml --record s.txt", &["s.txt", ".npz or .csv"]),
        ("net.toml --record none/s.npz", &["none"]),
        ("net.toml --record-traces s.csv", &["s.csv", ".npz"]),
        ("mute.toml --record-traces t.npz", &["t.npz", "no population has `probes`"]),
        ("net.toml --record s.npz --record-traces s.npz", &["--record, --record-traces", "s.npz"]),
    ];
    for (arguments, parts) in cases {
        let message = bench.fails(&format!("simulate {arguments}"));
        parts.iter().for_each(|part| assert!(message.contains(part), "{arguments}: {message} lacks {part}"));
    }
    for (arguments, part) in [("--duration one", "expected a time such as 1s"), ("--duration -1s", "'-1'")] {
        assert!(bench.fails(&format!("simulate net.toml {arguments}")).contains(part), "{arguments}");
    }
    let message = bench.fails("run net.toml x.npy");
    assert!(message.contains("net.toml") && message.contains("saltatory simulate"), "{message}");
}

#[cfg(unix)]
#[test]
fn a_signal_leaves_what_happened_until_then() {
    let bench = bench();
    let child = bench.start("simulate net.toml --duration 1e6s --device cpu --json --record s.npz");
    // Until some spikes are on the disk: the buffers of a file are flushed when they are full.
    let large = || bench.hidden().iter().any(|name| std::fs::metadata(bench.path(name)).is_ok_and(|m| m.len() > 8000));
    while !large() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["stopped"], true);
    assert!(bench.hidden().is_empty(), "{:?}", bench.hidden());
    let network = open(bench.path("net.toml"), &OpenOptions::default()).unwrap();
    let spikes = check_recording(&bench, "s.npz", &network);
    assert!(spikes >= 1000 && report["spikes"] == spikes, "{spikes} {report}");
}

#[test]
fn circuits_are_inspected() {
    let bench = bench();
    let text = bench.good("inspect net.toml");
    for part in
        ["small  a circuit, dt 0.1 ms", "SpikeSourcePoisson", "2 probed", "fixed_number_post 10", "~500", "-0.4"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("900 stored") && text.contains("; 0 drawn again"), "{text}");
    assert!(text.contains("0.5 to 2 ms") && text.contains("cells      90, seed 3"), "{text}");
    let plan = bench.good("inspect net.toml --plan");
    assert!(plan.starts_with(&text) && plan.contains("propagate"), "{plan}");
    let json: serde_json::Value = serde_json::from_str(&bench.good("inspect net.toml --json")).unwrap();
    assert_eq!(
        (&json["populations"][1]["size"], &json["projections"][0]["expected_synapses"]),
        (&50.into(), &400.0.into())
    );
    assert!(bench.fails("inspect net.toml --training").contains("cannot be trained"));
}

/// The example of the documentation is what it says that it is: irregular, and not together.
#[test]
fn the_balanced_network_is_asynchronous_and_irregular() {
    let mut network = open("assets/networks/balanced.toml", &OpenOptions::default()).unwrap();
    assert!(network.check().is_ok());
    network.name = "balanced".into();
    let expected = library(&network, 5000);
    for at in 0..2 {
        let of = expected.statistics.population(at);
        let cv = of.cv.unwrap();
        assert!((5.0..25.0).contains(&of.rate) && (0.5..1.2).contains(&cv) && of.cells_of_cv > 100, "{of:?}");
    }
    // Spikes of all in bins of 3 ms, behind the start: their variance over their mean is 1 of independent cells, and near the
    // number of cells where all fire together.
    let mut counts = [0.0; 133];
    for time in expected.spikes.values().flat_map(|(times, _)| times).filter(|time| (100.0..499.0).contains(*time)) {
        counts[((time - 100.0) / 3.0) as usize] += 1.0;
    }
    let mean = counts.iter().sum::<f64>() / 133.0;
    let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 133.0;
    assert!(mean > 20.0 && variance / mean < 4.0, "{mean} {variance}");
}

#[cfg(feature = "charts")]
#[test]
fn pictures_are_drawn() {
    let bench = bench();
    bench.good(
        "simulate net.toml --duration 100ms --device cpu --from 20ms --raster r.png --traces t.png --histogram h.png \
         --matrix m.png",
    );
    for (name, width) in [("r.png", 1200), ("t.png", 1200), ("h.png", 1200), ("m.png", 1190)] {
        let picture = image::load_from_memory(&bench.read(name)).unwrap().to_rgb8();
        assert_eq!(picture.width(), width, "{name}");
        // What is drawn in the colour of the first population; the traces have the first cell in it.
        let blue = picture.pixels().filter(|pixel| pixel.0 == [0, 98, 177]).count();
        assert!(blue > 200, "{name}: {blue}");
    }
    let message = bench.fails("simulate net.toml --raster r.gif");
    assert!(message.contains("--raster r.gif") && message.contains(".png"), "{message}");
    assert!(bench.fails("simulate net.toml --matrix none/m.png").contains("its folder is not there"));
    bench.folder.put("mute.toml", NET.replace("probes = [0, 49]", "").as_bytes());
    assert!(bench.fails("simulate mute.toml --traces t2.png").contains("no cell is probed"));
}

#[cfg(not(feature = "charts"))]
#[test]
fn without_charts_pictures_are_refused() {
    assert!(bench().fails("simulate net.toml --raster r.png").contains("--features charts"));
}
