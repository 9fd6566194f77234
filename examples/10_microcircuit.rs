//! The cortical microcircuit of Potjans and Diesmann (2014): rates of its eight populations beside those published.
//!
//!     cargo run --release --example 10_microcircuit [SCALE [MS [DEVICE]]]
//!
//! In full (a scale of 1) it has 77,169 cells and 0.3 billion synapses, 2.4 GB. A smaller one has that share of the cells and
//! of their inputs, with stronger weights and a current in place of what is missing: rates stay nearly, correlations do not.

use std::time::Instant;

use saltatory::Result;
use saltatory::run::{Device, Simulation, SimulationOptions};

#[path = "circuits/microcircuit.rs"]
mod microcircuit;
#[path = "circuits/trains.rs"]
mod trains;

use microcircuit::{Microcircuit, POPULATIONS, RATES};
use trains::Trains;

/// Time step, and what is left out at the start, ms.
const DT: f64 = 0.1;
const SETTLING: f64 = 500.0;

fn main() -> Result<()> {
    let argument = |n: usize, default: f64| std::env::args().nth(n).and_then(|x| x.parse().ok()).unwrap_or(default);
    let (network, recorded) = (Microcircuit { scale: argument(1, 0.1) }, argument(2, 1000.0));
    let device: Device = std::env::args().nth(3).as_deref().unwrap_or("cpu").parse()?;
    println!("on {}", device.name());
    let start = Instant::now();
    let options = SimulationOptions { device, ..SimulationOptions::default() };
    let mut simulation = Simulation::new(network.circuit(1, DT), DT, &options)?;
    let build = start.elapsed().as_secs_f64();
    let synapses: usize = (0..64).map(|pair| network.synapses(pair / 8, pair % 8)).sum();
    let cells: usize = network.sizes().iter().sum();
    println!("{cells} cells, {synapses} synapses of 8 bytes, built in {build:.1} s");

    simulation.advance((SETTLING / DT) as usize, |_| Ok(()))?;
    let mut trains = network.sizes().map(Trains::new);
    let start = Instant::now();
    simulation.advance((recorded / DT) as usize, |activity| {
        activity.spikes().for_each(|(step, population, cell)| trains[population].push(cell, step as u32));
        Ok(())
    })?;
    let run = start.elapsed().as_secs_f64();
    println!("{recorded} ms in {run:.2} s: real-time factor {:.2}", run / (recorded / 1000.0));
    println!("{:<10}{:>12}{:>14}{:>8}", "", "rate Hz", "published", "CV");
    for ((name, trains), published) in POPULATIONS.into_iter().zip(&trains).zip(RATES) {
        let rate = trains.rate(recorded);
        println!("{name:<10}{rate:>12.3}{published:>14.3}{:>8.3}", trains.variation());
    }
    // What it took at most, where the system says so.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        println!("peak memory {}", peak.trim());
    }
    Ok(())
}
