//! `saltatory bench`: how fast the workloads run here, beside what the machine could do and what others do.

mod case;
#[cfg(feature = "charts")]
mod chart;
#[cfg(not(feature = "charts"))]
#[path = "no_chart.rs"]
mod chart;
#[cfg(feature = "gpu")]
mod crossover;
mod date;
mod floor;
mod line;
mod memory;
mod others;
mod ours;
mod peers;
mod rounds;
mod sweep;

use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use saltatory::run::{Device, Options, Profile};
use saltatory::workloads::Variant;
use saltatory::{Error, Result};

use super::{Outcome, devices, print, profile, progress};
use case::Case;
use chart::Chart;
use floor::Machine;
use line::Line;
use memory::Watch;
use ours::Ours;
use peers::{Compared, Contest, Peers};
use rounds::{Rounds, Target};
use sweep::Measured;

/// The options of `bench`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  saltatory bench
  saltatory bench --workload spiking-cnn,stream-latency --batch 1,32
  saltatory bench --workload spiking-cnn --peers .venv/bin/python --json
  saltatory bench --workload sparse-fc-1 --neurons 16384 --fan-out 1000
  saltatory bench --sweep steps,rate --device cpu
  saltatory bench --crossover --device gpu --neurons 1024 --plot crossover.png

`sparse-fc` stands for all of its rates. A batch is in memory before it is timed, and synaptic operations are not counted
while it is. Floors are those of the CPU: `x bytes` is the time over that to move all bytes of the plan once through
memory (below 1 where they stay in caches), `x ops` over that to add one row of weights after the other from the fastest
cache, on all threads. `~` before a rate: other processes took more than 15 % of the machine meanwhile.

A sweep takes turns through its points. It tells the exponent of the time, by least squares of logarithms: of all points,
and of the upper half, where what every run costs, whatever its size, counts least; behind it what single rounds give. The
line has that fixed cost apart.")]
pub struct Arguments {
    /// Workloads (default: all of them).
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    workload: Vec<String>,
    /// auto, cpu, reference (the plain twins on the CPU), gpu, an index from `saltatory devices`, or a part of a name.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Sizes of batches (default: by workload). A stream has none.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    batch: Vec<usize>,
    /// Neurons of `lif`, `dense-lif` and `sparse-fc-R`, and as many inputs (default: by workload); of the layer of
    /// `--crossover` (default: 4096).
    #[arg(long, value_name = "N", conflicts_with = "sweep")]
    neurons: Option<usize>,
    /// Makes `sparse-fc-R` sparse: so many synapses from every input, drawn by chance.
    #[arg(long, value_name = "K", conflicts_with = "sweep")]
    fan_out: Option<usize>,
    /// Threads (default: one for each core).
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Seconds that every case is timed for; five rounds at least.
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    seconds: f64,
    /// A Python with PyTorch and SpikingJelly, snnTorch or Norse: the same workloads there, in turns with ours.
    #[arg(long, value_name = "PYTHON")]
    peers: Option<PathBuf>,
    /// Instead: how the time of a run grows with steps, batch, neurons or rate (of firing), or all.
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with_all = ["workload", "batch", "peers", "profile"])]
    sweep: Vec<String>,
    /// Also draw a chart, a PNG: bars of rates, or curves of a sweep. Needs a build with `--features charts`.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Instead: up to which rate of firing a linear layer on a GPU is quicker with lists of the inputs that fired than with
    /// all words of them, by batch (default: 1). It is kept, and networks with such layers follow it.
    #[cfg(feature = "gpu")]
    #[arg(long, conflicts_with_all = ["workload", "peers", "profile", "sweep", "chart"])]
    crossover: bool,
    /// Draw both times over the rate, a PNG. Needs a build with `--features charts`.
    #[cfg(feature = "gpu")]
    #[arg(long, value_name = "FILE", requires = "crossover")]
    plot: Option<PathBuf>,
    /// Also time every step of the plans, in runs of their own.
    #[arg(long)]
    profile: bool,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// Runs the benchmarks.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    #[cfg(feature = "gpu")]
    if arguments.crossover {
        return crossover::run(arguments);
    }
    let target = Target::new(arguments.seconds)?;
    let series = sweep::series(&arguments.sweep)?;
    let variant = Variant { neurons: arguments.neurons, fan_out: arguments.fan_out, ..Variant::default() };
    let cases =
        if series.is_empty() { case::cases(&arguments.workload, &arguments.batch, variant)? } else { Vec::new() };
    let chart = arguments.chart.as_deref().map(|path| Chart::new("--chart", path)).transpose()?;
    if arguments.threads == Some(0) {
        return Err(Error::Request("--threads: expected at least one thread, got 0".into()));
    }
    let device = devices::choose(&arguments.device)?;
    let threads = arguments.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let on_gpu = !matches!(device, Device::Cpu | Device::Reference);
    let options = Options { device, threads: arguments.threads, no_meter: true, ..Default::default() };
    let mut peers = arguments.peers.as_deref().map(|python| Peers::start(python, threads, on_gpu)).transpose()?;
    let bar = progress::steps(cases.len() + series.len(), if series.is_empty() { "cases" } else { "series" });
    bar.set_message("measuring the machine");
    let machine = Machine::measure(threads)?;
    let mut out = Printer { json: arguments.json, bar: &bar, chart };
    out.head(&machine, &options.device, peers.as_ref(), !cases.is_empty())?;
    for case in &cases {
        bar.set_message(case.to_string());
        run_case(case, &options, target, (!on_gpu).then_some(&machine), peers.as_mut(), &mut out)?;
        if arguments.profile {
            let (profile, runs) = ours::profile(case, &options, target)?;
            out.profile(case, &profile, runs)?;
        }
        bar.inc(1);
    }
    for series in series {
        out.series(&sweep::measure(series, &options, target, |said| bar.set_message(said.to_owned()))?)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(chart) = out.chart {
        chart.write(&about(&format!("{}, {threads} threads", options.device.name())))?;
    }
    Ok(Outcome::Good)
}

/// What stands at the top of a chart of what was measured there.
fn about(place: &str) -> String {
    format!("saltatory {}, {place}, {}", env!("CARGO_PKG_VERSION"), date::today())
}

/// Measures a case: warm-up of everyone, then rounds in turns.
fn run_case(
    case: &Case,
    options: &Options,
    target: Target,
    machine: Option<&Machine>,
    peers: Option<&mut Peers>,
    out: &mut Printer<'_>,
) -> Result<()> {
    let mut ours = Ours::new(case, options)?;
    let memory = Watch::begin();
    let once = ours.warm_up(target)?;
    let mut rounds = Rounds::new(target, once, ours.stream);
    let mut theirs = match peers {
        Some(peers) => peers.case(case, ours.stream, target, |said| out.bar.set_message(format!("{case}: {said}")))?,
        None => Contest::default(),
    };
    for _ in 0..rounds.count {
        let runs = rounds.runs;
        let round = rounds.others.during(None, || ours.round(runs))?;
        rounds.push(round);
        theirs.round()?;
    }
    out.line(case, &Line::new(case, &ours, &rounds, machine, memory.peak()))?;
    theirs.end(&ours, &rounds)?.iter().try_for_each(|peer| out.peer(case, ours.steps, peer))
}

/// Prints as soon as something is known, beside the bar.
struct Printer<'a> {
    json: bool,
    bar: &'a ProgressBar,
    chart: Option<Chart>,
}

impl Printer<'_> {
    fn head(&self, machine: &Machine, device: &Device, peers: Option<&Peers>, table: bool) -> Result<()> {
        let described = peers.map(Peers::description);
        let text = if self.json {
            format!("{}\n", machine.json(&device.name(), described))
        } else {
            let heading = if table { line::heading() } else { String::new() };
            format!("{}{heading}", machine.text(&device.name(), described))
        };
        self.bar.suspend(|| print(&text))
    }

    fn line(&mut self, case: &Case, line: &Line) -> Result<()> {
        if let Some(chart) = &mut self.chart {
            chart.ours(case, line.rates());
        }
        let text = if self.json { line.json().to_string() } else { line.text() };
        self.bar.suspend(|| print(&format!("{text}\n")))
    }

    fn series(&mut self, series: &Measured) -> Result<()> {
        if let Some(chart) = &mut self.chart {
            chart.series(series);
        }
        let lines = || series.json().iter().map(|line| format!("{line}\n")).collect();
        let text: String = if self.json { lines() } else { series.text() };
        self.bar.suspend(|| print(&text))
    }

    fn profile(&self, case: &Case, steps: &Profile, runs: usize) -> Result<()> {
        let text = if self.json {
            let mut value = profile::json(steps, runs);
            value["kind"] = "profile".into();
            value["workload"] = case.name.into();
            value["batch"] = case.batch.into();
            format!("{value}\n")
        } else {
            profile::table(steps, runs)
        };
        self.bar.suspend(|| print(&text))
    }

    fn peer(&mut self, case: &Case, steps: usize, peer: &Compared) -> Result<()> {
        if let (Some(chart), Some(rates)) = (&mut self.chart, peer.rates(case)) {
            chart.theirs(&peer.peer, &rates);
        }
        let text = if self.json { peer.json(case, steps).to_string() } else { peer.text(case, steps) };
        self.bar.suspend(|| print(&format!("{text}\n")))
    }
}
