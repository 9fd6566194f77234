//! Circuits against Brian2: small networks of every cell spike by spike and potential by potential, and networks that no two
//! simulators have alike by their rates and their irregularity.
//!
//! Needs a Python with brian2, named by SALTATORY_PYTHON (default: python3); skips without. The large networks are left to
//!
//!     cargo test --release --test brian2 -- --ignored --nocapture --test-threads 1

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use saltatory::circuit::{Circuit, Connector, Population, Projection, Receptor};
use saltatory::neuron::cell::CellType;
use saltatory::neuron::cell::models::{
    EifCondExp, EifCurrExp, IfCondExp, IfCurrDelta, IfCurrExp, IfCurrExpThreshold, Izhikevich, QifCurrExp,
};
use saltatory::run::{Simulation, SimulationOptions};
use serde_json::{Value, json};

#[path = "../examples/circuits/brunel.rs"]
mod brunel;
#[path = "../examples/circuits/microcircuit.rs"]
mod microcircuit;
#[path = "../examples/circuits/trains.rs"]
mod trains;

use brunel::Brunel;
use microcircuit::{Microcircuit, POPULATIONS, RATES};
use trains::Trains;

const DT: f64 = 0.1;
/// What the script exits with where Brian2 is not there.
const MISSING: i32 = 77;

/// A spike: step, population, cell.
type Spike = (u64, usize, usize);

/// What a simulator says of a run.
struct Run {
    spikes: Vec<Spike>,
    /// Of all neurons after every step, where they are recorded.
    potentials: Vec<f64>,
    /// Of every step the smallest distance of a potential to its threshold, where they are recorded.
    margins: Vec<f64>,
    /// Seconds of building, and of running.
    seconds: [f64; 2],
}

/// The circuit as the script reads it.
fn described(circuit: &Circuit, steps: usize, seed: u64, record: bool) -> Value {
    let populations = circuit.populations.iter().map(|population| {
        json!({
            "name": population.name, "size": population.size, "cell": population.cell,
            "v_init": population.v_init.unwrap_or(population.cell.v_init().into()),
            "i_offset": population.i_offset, "background": population.background, "currents": population.currents,
        })
    });
    let projections = circuit.projections.iter().map(|projection| {
        json!({
            "from": projection.from, "to": projection.to, "connector": projection.connector,
            "weight": projection.weight, "delay": projection.delay, "receptor": projection.arrives_at(),
        })
    });
    let (populations, projections): (Vec<Value>, Vec<Value>) = (populations.collect(), projections.collect());
    // Compiled where that is worth it.
    let target = if circuit.cells() > 5000 { "cython" } else { "numpy" };
    json!({
        "dt": DT, "steps": steps, "seed": seed, "record": record, "target": target,
        "populations": populations, "projections": projections,
    })
}

/// What Brian2 makes of a circuit, or why there is nothing.
fn theirs(circuit: &Circuit, steps: usize, seed: u64, record: bool) -> Result<Run, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("circuit.json");
    std::fs::write(&file, described(circuit, steps, seed, record).to_string()).unwrap();
    let python = std::env::var("SALTATORY_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/brian2_circuit.py");
    let run = Command::new(&python).arg(script).arg(file).arg(folder.path()).output();
    let run = run.map_err(|error| format!("{python}: {error}"))?;
    let said = String::from_utf8_lossy(&run.stdout).trim().to_owned();
    let last = said.lines().last().unwrap_or_default();
    if run.status.code() == Some(MISSING) {
        return Err(last.to_owned());
    }
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    let said: Value = serde_json::from_str(last).unwrap();
    let number = |name: &str| said[name].as_f64().unwrap_or(f64::NAN);
    let spikes = std::fs::read(folder.path().join("spikes")).unwrap();
    let spikes = spikes.chunks_exact(12).map(|spike| {
        let number = |at: usize| u32::from_le_bytes(spike[4 * at..][..4].try_into().unwrap());
        (number(0).into(), number(1) as usize, number(2) as usize)
    });
    let numbers = |name: &str| -> Vec<f64> {
        let bytes = if record { std::fs::read(folder.path().join(name)).unwrap() } else { Vec::new() };
        bytes.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
    };
    Ok(Run {
        spikes: spikes.collect(),
        potentials: numbers("potentials"),
        margins: numbers("margins"),
        seconds: [number("build"), number("run")],
    })
}

/// What we make of it.
fn ours(circuit: &Circuit, steps: usize) -> Run {
    let start = Instant::now();
    let mut simulation = Simulation::new(circuit.clone(), DT, &SimulationOptions::default()).unwrap();
    let built = start.elapsed().as_secs_f64();
    let (mut spikes, mut potentials) = (Vec::new(), Vec::new());
    let start = Instant::now();
    let each = simulation.advance(steps, |activity| {
        spikes.extend(activity.spikes());
        potentials.extend(activity.probes().flatten().map(|probe| f64::from(probe[0])));
        Ok(())
    });
    each.unwrap();
    Run { spikes, potentials, margins: Vec::new(), seconds: [built, start.elapsed().as_secs_f64()] }
}

/// Numbers that are the same everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    /// A share of the pairs, with weights of half to one and a half, and delays of 1 to 50 steps.
    fn synapses(&mut self, sources: usize, targets: usize, percent: usize, weight: f64) -> Connector {
        let mut list = Vec::new();
        for source in 0..sources {
            for target in 0..targets {
                if self.below(100) < percent {
                    let weight = weight * (0.5 + self.below(1000) as f64 / 1000.0);
                    list.push((source, target, weight, (1 + self.below(50)) as f64 * DT));
                }
            }
        }
        Connector::FromList(list)
    }
}

const STEPS: usize = 3000;
/// Cells of each population.
const SOURCES: usize = 50;
const EXCITATORY: usize = 60;
const INHIBITORY: usize = 20;

/// Weights of what comes from the sources, of excitation and of inhibition; a current for a while.
struct Drive {
    source: f64,
    excitation: f64,
    inhibition: f64,
    current: f64,
}

/// Sources, cells that excite, cells that inhibit, all onto all.
fn network(cells: [CellType; 2], drive: &Drive, seed: u64) -> Circuit {
    let mut draw = Draw(seed);
    let spike_times = (0..SOURCES).map(|_| {
        let steps: std::collections::BTreeSet<usize> = (0..12).map(|_| draw.below(STEPS)).collect();
        steps.into_iter().map(|step| step as f64 * DT).collect()
    });
    let sources = CellType::SpikeSourceArray { spike_times: spike_times.collect() };
    let [excite, inhibit] = cells;
    let excite = Population::new("excite", EXCITATORY, excite).probes(0..EXCITATORY);
    let inhibit = Population::new("inhibit", INHIBITORY, inhibit).probes(0..INHIBITORY);
    let mut circuit = Circuit::new(1)
        .population(Population::new("sources", SOURCES, sources))
        .population(excite.current(100.0, drive.current).current(200.0, 0.0))
        .population(inhibit);
    let sizes = [SOURCES, EXCITATORY, INHIBITORY];
    let from = [("sources", drive.source), ("excite", drive.excitation), ("inhibit", drive.inhibition)];
    for (at, (from, weight)) in from.into_iter().enumerate() {
        for (to, target) in [("excite", EXCITATORY), ("inhibit", INHIBITORY)] {
            let list = draw.synapses(sizes[at], target, if at == 0 { 40 } else { 20 }, weight);
            let receptor = if at == 2 { Receptor::Inhibitory } else { Receptor::Excitatory };
            circuit = circuit.projection(Projection::new(from, to, list).receptor(receptor));
        }
    }
    circuit
}

/// Every spike is Brian2's, and potentials are, as far as f32 goes. Seeds are such that no potential comes so near to its
/// threshold that rounding decides; where one does, a spike is a step early or late, and everything parts behind it. What
/// rounding leaves is multiplied in an upstroke, by hundreds where it is steep: hence a `tolerance` of each, in mV.
fn agrees(what: &str, cells: [impl Into<CellType>; 2], drive: &Drive, seed: u64, tolerance: f64) {
    let circuit = network(cells.map(Into::into), drive, seed);
    let ours = ours(&circuit, STEPS);
    let theirs = match theirs(&circuit, STEPS, 1, true) {
        Ok(theirs) => theirs,
        Err(reason) => return println!("skipped {what}: {reason}"),
    };
    let neurons = EXCITATORY + INHIBITORY;
    assert_eq!([ours.potentials.len(), theirs.potentials.len()], [STEPS * neurons; 2], "{what}");
    let apart = ours.potentials.iter().zip(&theirs.potentials).map(|(a, b)| (a - b).abs());
    let apart: Vec<f64> = apart.collect();
    let largest = |steps: usize| apart[..steps * neurons].iter().fold(0.0, |most: f64, off| most.max(*off));
    let parted = ours.spikes.iter().zip(&theirs.spikes).find(|(a, b)| a != b);
    if let Some((a, b)) = parted {
        let step = a.0.min(b.0) as usize;
        let nearest = theirs.margins[..=step].iter().fold(f64::INFINITY, |least: f64, off| least.min(*off));
        panic!(
            "{what}: {a:?} here, {b:?} in Brian2; {:.1e} apart before, {nearest:.1e} from a threshold",
            largest(step)
        );
    }
    assert_eq!(ours.spikes.len(), theirs.spikes.len(), "{what}");
    let nearest = theirs.margins.iter().fold(f64::INFINITY, |least: f64, off| least.min(*off));
    let fired = ours.spikes.iter().filter(|spike| spike.1 > 0).count();
    let off = largest(STEPS);
    println!("{what}: {fired} spikes, potentials {off:.1e} apart, nearest to a threshold {nearest:.1e}");
    assert!(fired >= 300, "{what}: {fired} spikes");
    assert!(off < tolerance, "{what}: potentials {off} apart");
}

const CURRENTS: Drive = Drive { source: 0.25, excitation: 0.15, inhibition: -0.6, current: 0.2 };
const CONDUCTANCES: Drive = Drive { source: 0.005, excitation: 0.003, inhibition: 0.03, current: 0.2 };

#[test]
fn if_curr_exp() {
    let excite = IfCurrExp { tau_refrac: 2.0, tau_syn_i: 8.0, ..Default::default() };
    let inhibit = IfCurrExp { tau_m: 12.0, tau_refrac: 0.0, i_offset: 0.1, ..Default::default() };
    agrees("IF_curr_exp", [excite, inhibit], &CURRENTS, 2, 1e-3);
}

#[test]
fn if_curr_exp_with_adaptation() {
    let excite = IfCurrExp { tau_refrac: 2.0, b: 0.3, ..Default::default() };
    let inhibit = IfCurrExp { tau_m: 12.0, a: 0.01, b: 0.1, tau_w: 30.0, ..Default::default() };
    agrees("IF_curr_exp with adaptation", [excite, inhibit], &CURRENTS, 2, 1e-3);
}

#[test]
fn if_curr_exp_threshold() {
    let excite = IfCurrExpThreshold { tau_refrac: 2.0, theta_jump: 2.0, ..Default::default() };
    let inhibit = IfCurrExpThreshold { tau_m: 12.0, tau_theta: 30.0, ..Default::default() };
    agrees("IF_curr_exp_threshold", [excite, inhibit], &CURRENTS, 1, 1e-3);
}

#[test]
fn if_curr_delta() {
    let excite = IfCurrDelta { tau_refrac: 2.0, ..Default::default() };
    let inhibit = IfCurrDelta { tau_m: 12.0, i_offset: 0.4, ..Default::default() };
    let drive = Drive { source: 1.2, excitation: 0.6, inhibition: -3.0, current: 0.2 };
    agrees("IF_curr_delta", [excite, inhibit], &drive, 1, 1e-3);
}

#[test]
fn if_cond_exp() {
    let excite = IfCondExp { tau_refrac: 2.0, tau_syn_i: 8.0, ..Default::default() };
    let inhibit = IfCondExp { tau_m: 12.0, i_offset: 0.1, ..Default::default() };
    agrees("IF_cond_exp", [excite, inhibit], &CONDUCTANCES, 1, 1e-3);
}

#[test]
fn eif_cond_exp_isfa_ista() {
    let excite = EifCondExp { tau_refrac: 2.0, ..Default::default() };
    let inhibit = EifCondExp { b: 0.0, i_offset: 0.1, ..Default::default() };
    agrees("EIF_cond_exp_isfa_ista", [excite, inhibit], &CONDUCTANCES, 1, 0.1);
}

#[test]
fn eif_curr_exp() {
    let excite = EifCurrExp { tau_refrac: 2.0, ..Default::default() };
    let inhibit = EifCurrExp { tau_m: 12.0, delta_t: 1.0, ..Default::default() };
    agrees("EIF_curr_exp", [excite, inhibit], &CURRENTS, 1, 0.1);
}

#[test]
fn qif_curr_exp() {
    let excite = QifCurrExp { tau_refrac: 2.0, a: 0.5, b: 2.0, ..Default::default() };
    let inhibit = QifCurrExp { tau_m: 12.0, ..Default::default() };
    agrees("QIF_curr_exp", [excite, inhibit], &CURRENTS, 1, 0.1);
}

#[test]
fn izhikevich() {
    // Strong and few: a potential that lingers below the upstroke grows apart by e in every ms.
    let excite = Izhikevich { d: 8.0, ..Default::default() };
    let inhibit = Izhikevich { a: 0.1, ..Default::default() };
    let drive = Drive { source: 5.0, excitation: 3.0, inhibition: -5.0, current: 12.0 };
    agrees("Izhikevich", [excite, inhibit], &drive, 3, 1.0);
}

/// Rate and coefficient of variation behind the first 200 ms, of a network that was not at rest in between.
fn statistics(run: &Run, network: &Brunel, steps: usize) -> [f64; 2] {
    let settled = (200.0 / DT) as u64;
    let mut trains = Trains::new(network.cells);
    for &(step, population, cell) in run.spikes.iter().filter(|spike| spike.0 >= settled) {
        trains.push(population * network.cells * 4 / 5 + cell, step as u32);
    }
    [trains.rate((steps as u64 - settled) as f64 * DT), trains.variation()]
}

/// Means over seeds of rate and coefficient of variation are within these of Brian2's: a share, and a number.
fn agrees_on_average(network: Brunel, seeds: u64, steps: usize, [rate, variation]: [f64; 2]) {
    let mut sums = [[0.0; 2]; 2];
    println!("  seed    ours Hz  Brian2 Hz    ours CV  Brian2 CV      ours s   Brian2 s");
    for seed in 1..=seeds {
        let circuit = network.circuit(seed);
        let ours = ours(&circuit, steps);
        let theirs = match theirs(&circuit, steps, seed, false) {
            Ok(theirs) => theirs,
            Err(reason) => return println!("skipped {network:?}: {reason}"),
        };
        let [a, b] = [&ours, &theirs].map(|run| statistics(run, &network, steps));
        let seconds = [ours.seconds[1], theirs.seconds[1]];
        println!(
            "{seed:>6}{:>11.3}{:>11.3}{:>11.4}{:>11.4}{:>12.2}{:>11.2}",
            a[0], b[0], a[1], b[1], seconds[0], seconds[1]
        );
        for (sum, of_seed) in sums.iter_mut().zip([a, b]) {
            sum.iter_mut().zip(of_seed).for_each(|(sum, value)| *sum += value / seeds as f64);
        }
    }
    let [a, b] = sums;
    let off = [(a[0] / b[0] - 1.0).abs(), (a[1] - b[1]).abs()];
    println!("means: rate {:.2} % apart, coefficient of variation {:.4}", 100.0 * off[0], off[1]);
    assert!(b[0] > 5.0 && (0.2..1.2).contains(&b[1]), "not in the asynchronous irregular state: {b:?}");
    assert!(off[0] <= rate && off[1] <= variation, "{a:?} here, {b:?} in Brian2");
}

/// A quarter of the cells with twice the weight: the mean of the input from outside is that of the full network.
#[test]
fn brunel_small() {
    let network = Brunel { cells: 2500, weight: 0.2, ..Default::default() };
    agrees_on_average(network, 2, 6000, [0.05, 0.05]);
}

#[test]
#[ignore = "minutes long"]
fn brunel_in_full() {
    agrees_on_average(Brunel::default(), 5, 12_000, [0.02, 0.05]);
}

/// Rates of the populations of a microcircuit of a tenth's size, and how long a second of it takes, beside Brian2.
#[test]
#[ignore = "minutes long"]
fn microcircuit_of_a_tenth() {
    let (network, steps, settled) = (Microcircuit { scale: 0.1 }, 15_000, 5_000);
    let circuit = network.circuit(1, DT);
    let ours = ours(&circuit, steps);
    let theirs = match theirs(&circuit, steps, 1, false) {
        Ok(theirs) => theirs,
        Err(reason) => return println!("skipped the microcircuit: {reason}"),
    };
    let recorded = (steps - settled) as f64 * DT;
    let of = |run: &Run| {
        let mut trains = network.sizes().map(Trains::new);
        for &(step, population, cell) in run.spikes.iter().filter(|spike| spike.0 >= settled as u64) {
            trains[population].push(cell, step as u32);
        }
        trains.map(|trains| [trains.rate(recorded), trains.variation()])
    };
    println!("          ours Hz  Brian2 Hz  published    ours CV  Brian2 CV");
    let (a, b) = (of(&ours), of(&theirs));
    for (at, name) in POPULATIONS.iter().enumerate() {
        let published = RATES[at];
        println!("{name:<6}{:>11.3}{:>11.3}{published:>11.3}{:>11.4}{:>11.4}", a[at][0], b[at][0], a[at][1], b[at][1]);
    }
    for (who, run) in [("ours", &ours), ("Brian2", &theirs)] {
        let factor = run.seconds[1] * 1000.0 / (steps as f64 * DT);
        println!("{who}: built in {:.1} s, real-time factor {factor:.2}", run.seconds[0]);
    }
    for (a, b) in a.iter().zip(b) {
        // Two draws of some hundred cells.
        assert!((a[0] - b[0]).abs() < 0.3 + 0.1 * b[0], "{a:?} here, {b:?} in Brian2");
    }
}
