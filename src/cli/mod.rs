//! One file per verb of the command line, and what they share.

mod batch;
mod bench;
mod compare;
mod course;
mod devices;
mod export;
mod input;
mod inspect;
mod job;
mod merge;
mod model;
mod predictions;
mod profile;
mod progress;
mod recordings;
mod report;
mod run;
mod simulate;
mod sinks;
mod tally;
mod train;
mod written;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use saltatory::Error;

/// Runs, trains and simulates spiking neural networks.
#[derive(Debug, Parser)]
#[command(name = "saltatory", version, about, propagate_version = true)]
#[command(after_help = "Examples:
  saltatory run model.nir samples/ --dialect snntorch --steps 25
  saltatory run net.toml images.npy --weights weights.safetensors --labels labels.npy --output scores.npy
  saltatory run model.nir samples/ --output scores.npy --report report.json --resume
  saltatory simulate circuit.toml --duration 1s --record spikes.npz --raster raster.png
  saltatory train net.toml train.npz --split 0.1 --out model.safetensors
  saltatory merge report-*.json --output scores.npy --report report.json
  saltatory inspect model.nir --plan
  saltatory export net.toml --weights weights.safetensors --out model.nir
  saltatory devices
  saltatory bench

Exit codes: 0 all good, 2 some inputs bad, 1 failed, 130 stopped by a signal.")]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run a trained network on samples: predictions, accuracy, spikes, synaptic operations.
    Run(Box<run::Arguments>),
    /// Simulate a circuit of populations and projections: spikes, traces, rates, pictures.
    Simulate(Box<simulate::Arguments>),
    /// Train a network on labelled samples, with surrogate gradients through time.
    Train(Box<train::Arguments>),
    /// Join what the shards of a run have written into what one run writes.
    Merge(merge::Arguments),
    /// Show a network: layers, shapes, parameters, rules of every neuron, memory, operations, the plan.
    Inspect(inspect::Arguments),
    /// Write a network as NIR, which other frameworks and neuromorphic hardware read, or as a checkpoint.
    Export(export::Arguments),
    /// List the devices that networks can run on.
    Devices(devices::Arguments),
    /// Measure how fast known workloads run here, beside what the machine could do and what other frameworks do.
    Bench(bench::Arguments),
}

/// How a verb ended, other than by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All good.
    Good,
    /// Some inputs were bad; the others are done.
    SomeBad,
    /// A signal came; what was done until then is saved.
    Stopped,
}

/// Runs a verb; prints an error with its cause.
pub fn run(arguments: Arguments) -> ExitCode {
    let outcome = match arguments.verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Simulate(arguments) => simulate::run(&arguments),
        Verb::Train(arguments) => train::run(&arguments),
        Verb::Merge(arguments) => merge::run(&arguments),
        Verb::Inspect(arguments) => inspect::run(&arguments),
        Verb::Export(arguments) => export::run(&arguments),
        Verb::Devices(arguments) => devices::run(&arguments),
        Verb::Bench(arguments) => bench::run(&arguments),
    };
    match outcome {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::SomeBad) => ExitCode::from(2),
        Ok(Outcome::Stopped) => ExitCode::from(job::stop::EXIT_CODE),
        Err(error) => {
            note(&format!("error: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output. A reader that went away (`| head`) is no error of ours.
fn print(text: &str) -> Result<(), Error> {
    use std::io::Write;
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::io("standard output", e)),
        _ => Ok(()),
    }
}

/// Writes to standard error. One that is closed, as by a terminal that went away, is no reason to end a run.
fn note(text: &str) {
    use std::io::Write;
    std::io::stderr().lock().write_all(text.as_bytes()).ok();
}
