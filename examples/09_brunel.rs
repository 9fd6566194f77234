//! A balanced random network (Brunel 2000) in its asynchronous irregular state: rates, and how irregular spikes are.
//!
//!     cargo run --release --example 09_brunel [SEEDS [DEVICE]]

use std::time::Instant;

use saltatory::Result;
use saltatory::run::{Device, Simulation, SimulationOptions};

#[path = "circuits/brunel.rs"]
mod brunel;
#[path = "circuits/trains.rs"]
mod trains;

use brunel::Brunel;
use trains::Trains;

/// Time step, what is left out at the start, and what is recorded, ms.
const DT: f64 = 0.1;
const SETTLING: f64 = 200.0;
const RECORDED: f64 = 1000.0;

fn main() -> Result<()> {
    let seeds = std::env::args().nth(1).and_then(|seeds| seeds.parse().ok()).unwrap_or(1);
    let device: Device = std::env::args().nth(2).as_deref().unwrap_or("cpu").parse()?;
    let options = SimulationOptions { device, ..SimulationOptions::default() };
    println!("on {}", options.device.name());
    println!("{:>6}{:>12}{:>12}{:>12}{:>12}", "seed", "rate Hz", "CV", "build s", "run s");
    for seed in 1..=seeds {
        let network = Brunel::default();
        let start = Instant::now();
        let mut simulation = Simulation::new(network.circuit(seed), DT, &options)?;
        let build = start.elapsed().as_secs_f64();
        let start = Instant::now();
        simulation.advance((SETTLING / DT) as usize, |_| Ok(()))?;
        let mut trains = Trains::new(network.cells);
        simulation.advance((RECORDED / DT) as usize, |activity| {
            let excitatory = network.cells * 4 / 5;
            activity.spikes().for_each(|(step, population, cell)| {
                trains.push(population * excitatory + cell, step as u32);
            });
            Ok(())
        })?;
        let run = start.elapsed().as_secs_f64();
        let (rate, variation) = (trains.rate(RECORDED), trains.variation());
        println!("{seed:>6}{rate:>12.3}{variation:>12.4}{build:>12.2}{run:>12.2}");
    }
    Ok(())
}
