//! `saltatory run`: samples in, predictions out.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use saltatory::io::dataset::{Dataset, Sample};
use saltatory::io::output::AtomicFile;
use saltatory::run::{Device, Metrics, Options, Ticket};
use saltatory::{Error, Result, Session};

use super::input::Input;
use super::model::Model;
use super::report::{self, Report};
use super::sinks::{self, Predictions, Record, Row, Scores};
use super::{Outcome, compare, devices, print, progress};

/// The options of `run`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  saltatory run net.toml samples.npz --weights weights.safetensors
  saltatory run model.nir t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz --steps 8 --output scores.npy
  saltatory run model.nir photos/ --resize --predictions predictions.csv --report report.json
  saltatory run lif.nir current.npy --dt 1e-4 --readout trace --record everything.npz

Exit codes: 0 all good, 2 some inputs bad (their rows are NaN), 1 failed.")]
pub struct Arguments {
    #[command(flatten)]
    model: Model,
    #[command(flatten)]
    input: Input,
    /// Write the scores of all samples as an array [samples, classes].
    #[arg(long, value_name = "FILE.npy")]
    output: Option<PathBuf>,
    /// Write name, prediction and scores of every sample.
    #[arg(long, value_name = "FILE.csv")]
    predictions: Option<PathBuf>,
    /// Write everything that was measured.
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// Write spikes and potentials (before and after reset) of every spiking layer.
    #[arg(long, value_name = "FILE.npz")]
    record: Option<PathBuf>,
    /// Samples computed together.
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch: usize,
    /// auto, cpu, reference (the plain twins on the CPU), gpu, an index from `saltatory devices`, or a part of a name.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads (default: one for each core).
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
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
    if arguments.batch == 0 {
        return Err(Error::Request("--batch: expected at least one sample, got 0".into()));
    }
    arguments.distinct_outputs()?;
    let network = arguments.model.open()?;
    let mut samples = arguments.input.open(&network.input)?;
    let device = devices::choose(&arguments.device)?;
    if arguments.compare {
        return compare::run(&device, network, samples, arguments.model.steps);
    }
    let mut job = Job::new(arguments, network, device, &samples)?;
    let bar = progress::bar(samples.len(), arguments.quiet || arguments.json);
    let start = Instant::now();
    // While a GPU computes a batch the next one is read and packed.
    let mut under_way = VecDeque::new();
    loop {
        let batch: Vec<Sample> = samples.by_ref().take(arguments.batch).collect();
        let done = batch.is_empty();
        if !done {
            under_way.push_back(job.begin(batch)?);
        }
        while under_way.len() > if done { 0 } else { job.in_flight } {
            let Some(batch) = under_way.pop_front() else { break };
            bar.inc(batch.samples.len() as u64);
            job.end(batch)?;
        }
        if done {
            break;
        }
    }
    let report = job.finish(arguments, start.elapsed().as_secs_f64())?;
    bar.finish_and_clear();
    if arguments.json {
        print(&format!("{:#}\n", report.json()))?;
    } else if arguments.quiet {
        eprint!("{}", report.bad_inputs());
    } else {
        print(&report.text())?;
    }
    Ok(if report.bad.is_empty() { Outcome::Good } else { Outcome::SomeBad })
}

impl Arguments {
    /// Refuses to write two results into one file.
    fn distinct_outputs(&self) -> Result<()> {
        let all = [&self.output, &self.predictions, &self.report, &self.record];
        let given: Vec<_> = all.into_iter().flatten().collect();
        match given.iter().enumerate().find(|(i, path)| given[..*i].contains(path)) {
            Some((_, path)) => Err(Error::Request(format!(
                "{}: expected a file of its own for each of --output, --predictions, --report and --record",
                path.display()
            ))),
            None => Ok(()),
        }
    }
}

/// A batch on its way.
struct Batch {
    samples: Vec<Sample>,
    /// What computes the good ones; `None` where there are none.
    ticket: Option<Ticket>,
    begun: Instant,
}

impl Batch {
    fn good(&self) -> Vec<&[f32]> {
        self.samples.iter().filter_map(|s| s.values.as_deref().ok()).collect()
    }
}

/// A run on its way.
struct Job {
    session: Session,
    /// Batches under way while another is begun.
    in_flight: usize,
    device: String,
    /// Steps of the samples, where they have time.
    sequence: Option<usize>,
    steps: usize,
    /// Shape of a row of scores.
    row: Vec<usize>,
    classes: usize,
    has_labels: bool,
    scores: Option<Scores>,
    predictions: Option<Predictions>,
    record: Option<Record>,
    report: Option<AtomicFile>,
    samples: usize,
    bad: Vec<(String, String)>,
    confusion: Vec<Vec<u64>>,
    latencies: Vec<f64>,
    metrics: Metrics,
}

impl Job {
    fn new(arguments: &Arguments, network: saltatory::Network, device: Device, samples: &Dataset) -> Result<Job> {
        let names = network.input.classes.clone();
        let threads = arguments.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let (in_flight, place) = match &device {
            Device::Cpu => (0, format!("cpu, {threads} threads")),
            Device::Reference => (0, format!("cpu, plain twins, {threads} threads")),
            #[cfg(feature = "gpu")]
            gpu => (1, gpu.name()),
        };
        let options = Options {
            device,
            steps: arguments.model.steps,
            readout: arguments.model.readout.map(Into::into),
            threads: arguments.threads,
            record: arguments.record.is_some(),
            ..Default::default()
        };
        let mut session = Session::new(network, options)?;
        let plan = session.plan(samples.steps())?;
        let classes: usize = plan.score_shape.iter().product();
        let trace = session.readout() == saltatory::network::Readout::Trace;
        let steps = plan.request.steps;
        let row = if trace { [&[steps], &plan.score_shape[..]].concat() } else { plan.score_shape.clone() };
        let has_labels = samples.has_labels();
        let width = row.iter().product();
        let predictions = arguments.predictions.as_ref();
        let predictions = predictions.map(|path| Predictions::create(path, &names, width, has_labels));
        Ok(Job {
            session,
            in_flight,
            device: place,
            sequence: samples.steps(),
            steps,
            classes,
            has_labels,
            scores: arguments.output.as_ref().map(|path| Scores::create(path, &row)).transpose()?,
            predictions: predictions.transpose()?,
            record: arguments.record.as_ref().map(|path| Record::create(path)).transpose()?,
            report: arguments.report.as_ref().map(AtomicFile::create).transpose()?,
            row,
            samples: 0,
            bad: Vec::new(),
            confusion: if has_labels { vec![vec![0; classes]; classes] } else { Vec::new() },
            latencies: Vec::new(),
            metrics: Metrics::default(),
        })
    }

    /// Begins a batch.
    fn begin(&mut self, samples: Vec<Sample>) -> Result<Batch> {
        let mut batch = Batch { samples, ticket: None, begun: Instant::now() };
        let good = batch.good();
        if !good.is_empty() {
            batch.ticket = Some(self.session.submit(&good, self.sequence)?);
        }
        Ok(batch)
    }

    /// Waits for a batch and writes its rows, in order; bad samples are named and left out.
    fn end(&mut self, mut batch: Batch) -> Result<()> {
        let output = match batch.ticket.take() {
            Some(ticket) => Some(self.session.finish(ticket, &batch.good())?),
            None => None,
        };
        if let Some(output) = &output {
            self.latencies.push(batch.begun.elapsed().as_secs_f64());
            self.metrics.add(&output.metrics);
        }
        let width: usize = self.row.iter().product();
        let nan = vec![f32::NAN; width];
        let mut results = 0;
        for sample in &batch.samples {
            self.samples += 1;
            match (&sample.values, &output) {
                (Ok(_), Some(output)) => {
                    let scores = &output.scores.data()[results * width..(results + 1) * width];
                    let recording = output.recordings.get(results).map(Vec::as_slice);
                    results += 1;
                    let prediction = sinks::predict(scores, self.classes);
                    self.confuse(sample, prediction)?;
                    self.write(sample, scores, prediction, recording)?;
                }
                (Err(reason), _) => {
                    self.bad.push((sample.name.clone(), reason.to_string()));
                    self.write(sample, &nan, None, None)?;
                }
                (Ok(_), None) => {}
            }
        }
        Ok(())
    }

    fn confuse(&mut self, sample: &Sample, prediction: Option<usize>) -> Result<()> {
        if let (true, Some(label), Some(prediction)) = (self.has_labels, sample.label, prediction) {
            let classes = self.classes;
            let row = self.confusion.get_mut(label as usize).ok_or_else(|| {
                Error::Request(format!("{}: its label is {label}, the network has {classes} outputs", sample.name))
            })?;
            row[prediction] += 1;
        }
        Ok(())
    }

    fn write(
        &mut self,
        sample: &Sample,
        scores: &[f32],
        prediction: Option<usize>,
        recording: Option<&[saltatory::run::Recording]>,
    ) -> Result<()> {
        let row = Row { name: &sample.name, label: sample.label, scores, prediction };
        if let Some(scores) = &mut self.scores {
            scores.write(&row)?;
        }
        if let Some(predictions) = &mut self.predictions {
            predictions.write(&row)?;
        }
        if let Some(record) = &mut self.record {
            record.write(recording)?;
        }
        Ok(())
    }

    /// Gives every file its name, and says what was measured.
    fn finish(self, arguments: &Arguments, seconds: f64) -> Result<Report> {
        if let Some(scores) = self.scores {
            scores.commit()?;
        }
        if let Some(predictions) = self.predictions {
            predictions.commit()?;
        }
        if let Some(record) = self.record {
            record.commit()?;
        }
        let report = Report {
            model: arguments.model.name(),
            device: self.device,
            steps: self.steps,
            batch: arguments.batch,
            readout: self.session.readout().name(),
            samples: self.samples,
            bad: self.bad,
            confusion: self.confusion,
            seconds,
            latencies: self.latencies,
            metrics: self.metrics,
            classes: self.session.network().input.classes.clone(),
            footprint: report::footprint(self.session.network()),
        };
        if let Some(mut file) = self.report {
            let path = file.target().to_owned();
            let text = format!("{:#}\n", report.json());
            std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|e| Error::io(&path, e))?;
            file.commit()?;
        }
        Ok(report)
    }
}
