//! `saltatory run`: samples in, predictions out.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use saltatory::io::dataset::Dataset;
use saltatory::network::{Readout, compile};
use saltatory::plan::{EventLists, Plan, Request};
use saltatory::run::{Device, Options, Profiler};
use saltatory::{Error, Network, Result, Session};

use super::batch::fallback::{Computer, Fallback};
use super::batch::outputs::{Form, Paths};
use super::batch::pipeline::{Pipeline, saved_text, with_saved};
use super::batch::results::Results;
use super::batch::shard::Shard;
use super::batch::size;
use super::course::Course;
use super::input::Input;
use super::job::stop::Stop;
use super::job::trace::Trace;
use super::job::{self, DEVICE, Job, Start};
use super::model::Model;
use super::report::{Facts, Report, footprint};
use super::sinks::Columns;
use super::written::Written;
use super::{Outcome, compare, devices, note, print, profile, progress};

/// The options of `run`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  saltatory run net.toml samples.npz --weights weights.safetensors
  saltatory run model.nir t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz --steps 8 --output scores.npy
  saltatory run model.nir photos/ --resize --predictions predictions.csv --report report.json
  saltatory run model.nir --list photos.txt --resize --output scores.npy --resume
  saltatory run model.nir photos/ --resize --shard 2/4 --output scores-2.npy --report report-2.json
  saltatory run net.toml images/ --weights weights.safetensors --steps 8 --confident 0.95
  saltatory run net.toml minute-2.npz --keep-state --initial-state 1.safetensors --final-state 2.safetensors
  saltatory run lif.nir current.npy --dt 1e-4 --readout trace --record everything.npz

A run that is interrupted leaves hidden files beside its outputs (.NAME.partial, .NAME.journal): the same command with
--resume goes on from there and ends with the same results; --device may be another one.

Exit codes: 0 all good, 2 some inputs bad (their rows are NaN), 1 failed, 130 stopped by SIGINT or SIGTERM.")]
pub struct Arguments {
    #[command(flatten)]
    model: Model,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    course: Course,
    /// Write the scores of all samples as an array [samples, classes].
    #[arg(long, value_name = "FILE.npy")]
    output: Option<PathBuf>,
    /// Write name, prediction and scores of every sample: as CSV, or, in builds with `--features arrow`, as Parquet
    /// (.parquet) or Arrow (.arrow, .feather, .ipc).
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Write everything that was measured.
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// Write spikes and potentials (before and after reset) of every spiking layer.
    #[arg(long, value_name = "FILE.npz")]
    record: Option<PathBuf>,
    /// Samples computed together (default: by device and network). Results do not depend on it.
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// auto, cpu, reference (the plain twins on the CPU), gpu, an index from `saltatory devices`, or a part of a name.
    /// A GPU that is lost is opened anew; where that fails too, `auto` goes on on the CPU.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads (default: one for each core).
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Go on with what an interrupted run has left, if there is any.
    #[arg(long, conflicts_with_all = ["restart", "compare"])]
    resume: bool,
    /// Throw away what an interrupted run has left.
    #[arg(long)]
    restart: bool,
    /// Saves results every so many seconds, so that a crash loses no more; 0: after every batch.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    checkpoint: f64,
    /// Run only the I-th of N equal parts of the samples; `saltatory merge` joins them. Needs --report.
    #[arg(long, value_name = "I/N", requires = "report", conflicts_with = "compare")]
    shard: Option<Shard>,
    /// Write what every thread did when, for chrome://tracing or Perfetto.
    #[arg(long, value_name = "FILE.json", conflicts_with = "compare")]
    trace: Option<PathBuf>,
    /// Time every step of the plan, and print how long each took; with --trace they are in its file, too.
    #[arg(long, conflicts_with = "compare")]
    profile: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
    /// Run CPU and GPU side by side, step by step, and name where they part, instead of predicting.
    #[arg(long)]
    compare: bool,
}

/// Runs a network on samples.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let every = arguments.check()?;
    let trace = Trace::create(arguments.trace.as_deref())?;
    let ended = run_traced(arguments, every, &trace);
    // Of a run that fails or is stopped, too.
    let written = trace.write();
    ended.and_then(|outcome| written.map(|()| outcome))
}

fn run_traced(arguments: &Arguments, every: Duration, trace: &Trace) -> Result<Outcome> {
    let paths = arguments.paths();
    paths.check()?;
    let network = arguments.model.open()?;
    if network.circuit().is_some() {
        let message = "is a circuit alone, which takes no samples: `saltatory simulate` runs it";
        return Err(Error::file(arguments.model.name(), message));
    }
    let mut samples = arguments.input.open(&network.input)?;
    let device = devices::choose(&arguments.device)?;
    if arguments.compare {
        return compare::run(&device, network, samples, arguments.model.steps);
    }
    let prepared = Prepared::new(arguments, network, device, &mut samples)?;
    let Prepared { mut computer, form, facts, job, classes, values, threads, in_flight, profiler } = prepared;
    let mut results =
        Results::open(&paths, form, classes, &job, Start::of(arguments.resume, arguments.restart), every)?;
    results.trace = trace.clone();
    let (all, done) = (samples.len(), results.done());
    if arguments.resume && !arguments.quiet {
        note(&match done {
            0 => "nothing to resume\n".into(),
            _ => format!("resumed after {done} of {all} samples\n"),
        });
    }
    if let Some(state) = results.state() {
        computer.session.set_state(state)?;
    }
    samples.narrow(done..all);
    let bar = progress::bar(all, arguments.quiet || arguments.json);
    bar.set_position(done as u64);
    let stop = if results.is_written() { Stop::listen()? } else { Stop::default() };
    let (batch, fallback) = (facts.batch, Fallback::new(computer, arguments.device == "auto"));
    let pipeline = Pipeline {
        fallback,
        batch,
        keep_state: arguments.course.keep_state,
        in_flight,
        decoders: threads,
        values,
        stop,
        bar: bar.clone(),
        trace: trace.clone(),
    };
    let (results, ran) = pipeline.run(samples, results);
    bar.finish_and_clear();
    let profile = profiler.map(|profiler| (profiler.begun(), profiler.take()));
    if let Some((begun, profile)) = &profile {
        trace.plan_steps(*begun, profile);
    }
    match ran {
        Ok(true) => {}
        Ok(false) => {
            note(&format!("stopped: {}\n", saved_text(results.abandon(), all)));
            return Ok(Outcome::Stopped);
        }
        Err(error) => return Err(with_saved(error, results.abandon(), all)),
    }
    let state = results.state().cloned();
    let finished = results.finish(|tally| {
        let mut facts = facts;
        if let Some(path) = &arguments.course.final_state {
            let none = || Error::file(path, "there is no state: no sample was good");
            state.as_ref().ok_or_else(none)?.save(path)?;
        }
        for (option, path) in paths.given().filter(|(option, _)| *option != "--report") {
            facts.files.insert(option[2..].into(), Written::of(path)?);
        }
        let report = Report { facts, tally };
        let text = report.json_text()?;
        Ok((report, text))
    });
    let report = finished.map_err(|(error, saved)| with_saved(error, saved, all))?;
    if arguments.json {
        print(&report.json_text()?)?;
    } else if arguments.quiet {
        note(&report.bad_inputs());
    } else {
        print(&report.text())?;
    }
    if let Some((_, steps)) = profile.filter(|_| !arguments.quiet) {
        let batches = all.div_ceil(batch);
        print(&if arguments.json {
            format!("{}\n", profile::json(&steps, batches))
        } else {
            format!("\nSteps of the plan, a batch of {batch}:\n{}", profile::table(&steps, batches))
        })?;
    }
    Ok(if report.tally.bad.is_empty() { Outcome::Good } else { Outcome::SomeBad })
}

impl Arguments {
    /// Refuses options out of range; the time between two checkpoints.
    fn check(&self) -> Result<Duration> {
        if self.batch == Some(0) {
            return Err(Error::Request("--batch: expected at least one sample, got 0".into()));
        }
        if let Some(trace) = &self.trace
            && self.paths().given().any(|(_, path)| path == trace)
        {
            return Err(Error::Request(format!("--trace: expected a file of its own, got {}", trace.display())));
        }
        Duration::try_from_secs_f64(self.checkpoint)
            .map_err(|e| Error::Request(format!("--checkpoint: expected seconds, got {}: {e}", self.checkpoint)))
    }

    fn paths(&self) -> Paths {
        let Arguments { output, predictions, report, record, .. } = self;
        Paths {
            output: output.clone(),
            predictions: predictions.clone(),
            report: report.clone(),
            record: record.clone(),
        }
    }
}

/// A run about to begin.
struct Prepared {
    computer: Computer,
    form: Form,
    facts: Facts,
    job: Job,
    classes: usize,
    /// Values of a sample.
    values: usize,
    threads: usize,
    in_flight: usize,
    profiler: Option<Profiler>,
}

impl Prepared {
    /// Makes the plan, and leaves those of the samples that are not of the shard out.
    fn new(arguments: &Arguments, network: Network, device: Device, samples: &mut Dataset) -> Result<Prepared> {
        let threads = arguments.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let course = &arguments.course;
        let given = course.initial_state()?;
        let (in_flight, place) = match &device {
            Device::Cpu => (0, format!("cpu, {threads} threads")),
            Device::Reference => (0, format!("cpu, plain twins, {threads} threads")),
            #[cfg(feature = "gpu")]
            gpu => (1, gpu.name()),
        };
        let options = Options {
            device: device.clone(),
            steps: arguments.model.steps,
            readout: arguments.model.readout.map(Into::into),
            threads: arguments.threads,
            record: arguments.record.is_some(),
            confident: course.confident()?,
            profile: arguments.profile.then(Profiler::new),
            // A recording has one state, which goes on; else every sample begins with the one that is given.
            initial_state: if course.keep_state { None } else { given.clone() },
            ..Default::default()
        };
        let profiler = options.profile.clone();
        let margin = options.confident.map(|confident| confident.margin);
        let mut session = Session::new(network, options.clone())?;
        let named = |e: Error| match course.initial_path() {
            Some(path) if e.to_string().starts_with("state `") => Error::file(path, e.to_string()),
            _ => e,
        };
        if let Some(state) = given.filter(|_| course.keep_state) {
            session.set_state(&state).map_err(named)?;
        }
        let plan = session.plan(samples.steps()).map_err(named)?;
        let (readout, steps) = (session.readout(), plan.request.steps);
        let classes: usize = plan.score_shape.iter().product();
        let trace = readout == Readout::Trace;
        let row = if trace { [&[steps], &plan.score_shape[..]].concat() } else { plan.score_shape.clone() };
        let input = &session.network().input;
        let values = input.shape.iter().product::<usize>() * samples.steps().unwrap_or(1);
        let automatic = || size::automatic(&plan, &device, threads, values, row.iter().product());
        let batch = arguments.batch.unwrap_or_else(automatic);
        // What merges depend on, and what going on with a run does.
        let mut shared = job::of_plan(&anywhere(session.network(), plan));
        shared.extend(job::of_samples(samples));
        shared.insert("reading".into(), arguments.input.choices(input));
        arguments.input.others().for_each(|(name, path)| shared.extend(job::of_file(name, path)));
        shared.extend(course.job());
        let mut job = shared.clone();
        shared.retain(|name, _| !name.starts_with("time"));
        job.insert("model".into(), arguments.model.name());
        job.insert(DEVICE.into(), device.name());
        job.insert("--batch".into(), arguments.batch.map_or_else(|| "automatic".into(), |batch| batch.to_string()));
        job.extend(arguments.paths().given().map(|(option, path)| (option.into(), path.display().to_string())));
        if let Some(shard) = arguments.shard {
            let all = samples.len();
            samples.narrow(shard.part(all));
            if samples.is_empty() {
                let message = format!("--shard {shard}: expected at least {} samples, got {all}", shard.of);
                return Err(Error::Request(message));
            }
            job.insert("--shard".into(), shard.to_string());
        }
        let has_labels = samples.has_labels();
        let facts = Facts {
            model: arguments.model.name(),
            device: place,
            steps,
            batch,
            readout: readout.name().into(),
            confident_margin: margin,
            classes: input.classes.clone(),
            confusion_size: if has_labels { classes } else { 0 },
            row: row.clone(),
            footprint_bytes: footprint(session.network()),
            job: shared,
            shard: arguments.shard,
            files: Default::default(),
        };
        let columns = Columns { labels: has_labels, steps: samples.is_ragged() || course.may_stop() };
        let form = Form { row, names: input.classes.clone(), columns, steps };
        let computer = Computer { session, options };
        Ok(Prepared { computer, form, facts, job, classes, values, threads, in_flight, profiler })
    }
}

/// The plan that tells jobs apart: without what a device limits, so that a run can go on on another one.
fn anywhere(network: &Network, plan: Arc<Plan>) -> Arc<Plan> {
    let event_lists = EventLists::Never;
    let request = Request { slice: None, binding_limit: usize::MAX, event_lists, ..plan.request };
    if request == plan.request { plan } else { compile(network, &request).map_or(plan, Arc::new) }
}
