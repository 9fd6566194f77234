//! `saltatory simulate`: circuits of populations and projections, by themselves.

mod duration;
mod outputs;
#[cfg(not(feature = "charts"))]
#[path = "no_pictures.rs"]
mod pictures;
#[cfg(feature = "charts")]
mod pictures;
mod report;
mod setup;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use saltatory::Result;
use saltatory::run::{Device, Profiler, Simulation, SimulationOptions};

use self::duration::Duration;
use self::outputs::Outputs;
use self::report::Report;
use self::setup::Setup;
use super::job::stop::Stop;
use super::job::trace::Trace;
use super::{Outcome, devices, print, profile, progress};

/// The options of `simulate`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  saltatory simulate assets/networks/balanced.toml --duration 1s
  saltatory simulate net.toml --duration 1s --dt 0.1ms --record spikes.npz --raster raster.png
  saltatory simulate net.toml --duration 500ms --probe exc:0-4 --record-traces traces.npz --traces traces.png
  saltatory simulate net.toml --duration 10s --only exc,inh --histogram rates.png --matrix matrix.png --json
  saltatory simulate net.toml --duration 1min --device gpu --profile

spikes.npz has NAME.times (ms) and NAME.cells of every population, dt and duration (ms); traces.npz NAME.v, .w, .e and .i
[steps, cells] of the probed cells NAME.cells: potential, adaptation, excitatory and inhibitory synapse.

SIGINT or SIGTERM ends a simulation after the steps in hand; what happened until then is written.

Exit codes: 0 all good, 1 failed, 130 stopped by SIGINT or SIGTERM.")]
pub struct Arguments {
    /// A network file with `[[population]]` and `[[projection]]`.
    #[arg(value_name = "NET.toml")]
    network: PathBuf,
    /// How long: 1s, 500ms, 20 (ms).
    #[arg(long, value_name = "TIME", default_value = "1s")]
    duration: Duration,
    /// The time step, such as 0.1ms (default: the file's).
    #[arg(long, value_name = "TIME")]
    dt: Option<Duration>,
    /// What everything random is drawn from (default: the file's).
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Write every spike: as .npz, or .csv.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Write what probed cells remember after every step.
    #[arg(long, value_name = "FILE.npz")]
    record_traces: Option<PathBuf>,
    /// Probe more cells than the file does: exc:0,1,2 or exc:0-9. May be given again.
    #[arg(long, value_name = "POP:CELLS")]
    probe: Vec<String>,
    /// Record and draw the spikes of these populations alone.
    #[arg(long, value_name = "POP,POP", value_delimiter = ',')]
    only: Vec<String>,
    /// Draw the spikes, and the rates of the populations.
    #[arg(long, value_name = "FILE.png")]
    raster: Option<PathBuf>,
    /// Draw the potentials of probed cells.
    #[arg(long, value_name = "FILE.png")]
    traces: Option<PathBuf>,
    /// Draw how many cells fire at which rate.
    #[arg(long, value_name = "FILE.png")]
    histogram: Option<PathBuf>,
    /// Draw who reaches whom.
    #[arg(long, value_name = "FILE.png")]
    matrix: Option<PathBuf>,
    /// Raster and traces begin at this time.
    #[arg(long, value_name = "TIME")]
    from: Option<Duration>,
    /// Raster and traces end at this time.
    #[arg(long, value_name = "TIME")]
    to: Option<Duration>,
    /// auto, cpu, reference (the plain twins on the CPU), gpu, an index from `saltatory devices`, or a part of a name.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads (default: one for each core). Results do not depend on them.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Time every step of the plan, and print how long each took in all; with --trace they are in its file, too.
    #[arg(long)]
    profile: bool,
    /// Write what ran when, for chrome://tracing or Perfetto.
    #[arg(long, value_name = "FILE.json", requires = "profile")]
    trace: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
}

impl Arguments {
    /// The pictures that are asked for.
    fn pictures(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let Arguments { raster, traces, histogram, matrix, .. } = self;
        let all = [("--raster", raster), ("--traces", traces), ("--histogram", histogram), ("--matrix", matrix)];
        all.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)))
    }

    /// All files that are written.
    fn outputs(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let all = [("--record", &self.record), ("--record-traces", &self.record_traces), ("--trace", &self.trace)];
        all.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?))).chain(self.pictures())
    }
}

/// Simulates a circuit.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let setup = Setup::new(arguments)?;
    let device = devices::choose(&arguments.device)?;
    let mut outputs = Outputs::create(arguments, &setup)?;
    let trace = Trace::create(arguments.trace.as_deref())?;
    let profiler = arguments.profile.then(Profiler::new);
    let options = SimulationOptions {
        device: device.clone(),
        threads: arguments.threads,
        profile: profiler.clone(),
        ..SimulationOptions::default()
    };
    let stop = Stop::listen()?;
    let begun = Instant::now();
    let mut simulation = Simulation::of(&setup.network(), &options)?;
    let building = begun.elapsed();
    let begun = Instant::now();
    let bar = progress::simulation(setup.steps, arguments.quiet || arguments.json);
    let stopped = advance(&mut simulation, setup.steps, &mut outputs, (&stop, &bar, &trace));
    bar.finish_and_clear();
    let stopped = stopped?;
    let running = begun.elapsed();
    let plan = simulation.plan();
    let memory = [plan.constant_bytes(), plan.sample_bytes()];
    let cells: usize = setup.circuit.populations.iter().map(|population| population.size).sum();
    let time = Duration(outputs.statistics.seconds() * 1000.0);
    let statistics = outputs.finish(&format!("{}: {cells} cells, {time}", setup.name))?;
    let device = place(&device, arguments.threads);
    let report = Report { setup: &setup, statistics: &statistics, device, memory, building, running, stopped };
    let steps = profiler.map(|profiler| {
        let steps = profiler.take();
        trace.plan_steps(profiler.begun(), &steps);
        steps
    });
    trace.write()?;
    if arguments.json {
        print(&format!("{:#}\n", report.json()))?;
    } else if !arguments.quiet {
        print(&report.text())?;
    }
    if let Some(steps) = steps.filter(|_| !arguments.quiet) {
        print(&if arguments.json {
            format!("{}\n", profile::json(&steps, 1))
        } else {
            format!("\nSteps of the plan, in all:\n{}", profile::table(&steps, 1))
        })?;
    }
    Ok(if stopped { Outcome::Stopped } else { Outcome::Good })
}

/// Runs all steps, or those until a signal came; whether one did.
fn advance(
    simulation: &mut Simulation,
    steps: u64,
    outputs: &mut Outputs,
    (stop, bar, trace): (&Stop, &ProgressBar, &Trace),
) -> Result<bool> {
    let window = simulation.plan().request.steps as u64;
    let cells: usize = simulation.circuit().populations.iter().map(|population| population.size).sum();
    let begun = Instant::now();
    let mut left = steps;
    while left > 0 {
        if stop.asked() {
            return Ok(true);
        }
        let now = left.min(window);
        trace.span("window", now as usize, || simulation.advance(now as usize, |activity| outputs.see(activity)))?;
        left -= now;
        bar.inc(now);
        let (spikes, seconds) = (outputs.statistics.spikes() as f64, outputs.statistics.seconds());
        bar.set_message(format!(
            "{seconds:.3} s  real-time factor {:.2}  {:.2} Hz",
            begun.elapsed().as_secs_f64() / seconds,
            spikes / seconds / cells as f64
        ));
    }
    Ok(false)
}

/// Where it ran, for people.
fn place(device: &Device, threads: Option<usize>) -> String {
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    match device {
        Device::Cpu | Device::Reference => format!("{}, {threads} threads", device.name()),
        #[cfg(feature = "gpu")]
        gpu => gpu.name(),
    }
}
