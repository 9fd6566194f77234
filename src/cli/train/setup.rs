//! A training before it begins: the network, the recipe, the samples, and what makes two trainings the same.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use saltatory::io::dataset::Dataset;
use saltatory::network::{Readout, file};
use saltatory::run::Options;
use saltatory::train::schedule::Length;
use saltatory::train::{Augmenter, Checkpoint, Over, Progress, Recipe, TrainOptions, Trainer, split};
use saltatory::{Error, Network, Result, Session};
use toml::{Table, Value};

use super::Arguments;
use super::curves::Curves;
use super::data::Data;
use super::files::Paths;
use super::live::Live;
use super::log::Log;
use super::training::Training;
use super::validation::Validation;
use crate::cli::job::stop::Stop;
use crate::cli::job::{self, DEVICE, Job};
use crate::cli::model::Model;
use crate::cli::written::Written;
use crate::cli::{devices, progress};

/// A training before it begins.
pub struct Setup {
    network: Network,
    pub recipe: Recipe,
    pub length: Length,
    /// How validation runs; with the device, the steps and the threads of training.
    pub options: Options,
    data: Data,
    /// The samples that it learns from.
    pub learnt: Vec<usize>,
    pub validation: Option<Validation>,
    augmenter: Option<Augmenter>,
    /// What the trained network depends on.
    pub job: Job,
    pub model: String,
    every: Option<Duration>,
}

impl Setup {
    /// Refuses what cannot be, and reads the network and the samples.
    pub fn new(arguments: &Arguments, paths: &Paths) -> Result<Setup> {
        let every = check(arguments)?;
        paths.check()?;
        if let Some(path) = &paths.curves {
            Curves::new(path, "")?;
        }
        let (network, recipe) = network(arguments)?;
        let (input, augment) = (&network.input, recipe.augment);
        let prepare = || augment.prepare(recipe.seed, &input.shape, input.black());
        let augmenter = (!augment.is_none()).then(prepare).transpose()?;
        let samples = arguments.input.open(input)?;
        let others = match &arguments.validation[..] {
            [] => None,
            paths => Some(arguments.input.open_others(paths, arguments.validation_labels.clone(), input)?),
        };
        if paths.best.is_some() && others.is_none() && recipe.split == 0.0 {
            let message =
                "--best: the best network is told by validation: give samples for it (--validation), or --split";
            return Err(Error::Request(message.into()));
        }
        let options = options(arguments, &network, samples.steps())?;
        let mut job = of_network(&arguments.model, &network, &recipe)?;
        job.extend(of_samples(arguments, &samples, others.as_ref(), &network));
        job.insert(DEVICE.into(), options.device.name());
        let threads = arguments.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let read = |samples| read(samples, &network, threads, arguments.quiet || arguments.json);
        let data = read(samples)?;
        let all = || (0..data.len()).collect();
        let (learnt, validation) = match others {
            Some(others) => (all(), Some(Validation::of(read(others)?))),
            None if recipe.split > 0.0 => {
                let (learnt, kept) = split(recipe.seed, recipe.split, data.len())?;
                (learnt, Some(Validation::among(kept)))
            }
            None => (all(), None),
        };
        let length = Length { epochs: recipe.epochs, steps: learnt.len().div_ceil(recipe.batch) };
        let model = arguments.model.name();
        Ok(Setup { network, recipe, length, options, data, learnt, validation, augmenter, job, model, every })
    }

    /// The training, from its beginning or after what was saved of it.
    pub fn training(
        &self,
        arguments: &Arguments,
        paths: &Paths,
        checkpoint: PathBuf,
        past: Option<Checkpoint>,
    ) -> Result<Training<'_>> {
        let (recipe, options) = (&self.recipe, &self.options);
        let (device, threads) = (options.device.clone(), options.threads);
        let train_options = TrainOptions { steps: options.steps, device, threads, ..recipe.options() };
        let (trainer, progress) = match past {
            None => {
                let progress = Progress { notes: self.job.clone(), ..Progress::default() };
                (Trainer::new(self.network.clone(), train_options)?, progress)
            }
            Some(past) => {
                let mut trainer = Trainer::new(past.network, train_options)?;
                trainer.set_state(&past.state).map_err(|e| Error::file(&checkpoint, e.to_string()))?;
                (trainer, Progress { notes: self.job.clone(), ..past.progress })
            }
        };
        let log = Log::open(paths.log.as_deref(), progress.log_bytes)?;
        let silent = arguments.quiet || arguments.json;
        let live = Live::new(log, self.length, self.learnt.len(), recipe.batch, &progress, silent);
        let about = format!("{}, {}", self.network.name, self.options.device.name());
        let curves = paths.curves.as_deref().map(|path| Curves::new(path, &about)).transpose()?;
        Ok(Training {
            trainer,
            recipe,
            length: self.length,
            progress,
            data: &self.data,
            learnt: &self.learnt,
            augmenter: self.augmenter.as_ref(),
            validation: self.validation.as_ref(),
            options: options.clone(),
            checkpoint,
            every: self.every,
            best: paths.best.clone(),
            curves,
            log_every: arguments.log_every,
            live,
            stop: Stop::listen()?,
            saved: Instant::now(),
        })
    }

    /// How far a training has come, for people.
    pub fn place(&self, progress: &Progress) -> String {
        let Length { epochs, steps } = self.length;
        format!("{} of {epochs} epochs, and {} of {steps} steps of the next,", progress.epoch, progress.position)
    }
}

/// Refuses options out of range; the time between two checkpoints.
fn check(arguments: &Arguments) -> Result<Option<Duration>> {
    if arguments.log_every == 0 {
        return Err(Error::Request("--log-every: expected at least one step, got 0".into()));
    }
    if arguments.threads == Some(0) {
        return Err(Error::Request("--threads: expected at least one thread, got 0".into()));
    }
    let seconds = |seconds: f64| {
        Duration::try_from_secs_f64(seconds)
            .map_err(|e| Error::Request(format!("--checkpoint: expected seconds, got {seconds}: {e}")))
    };
    arguments.checkpoint.map(seconds).transpose()
}

/// The network as it is before training, and how it is trained.
fn network(arguments: &Arguments) -> Result<(Network, Recipe)> {
    let (mut network, recipe) = arguments.model.open_with_recipe()?;
    let recipe = arguments.changes.over(&recipe.unwrap_or_default())?;
    // As a checkpoint has them: a sum may depend on the order of what comes in.
    network.edges.sort_by_key(|edge| edge.to);
    // What was trained is to see its samples as it did in training.
    network.input = arguments.input.spec(&network.input);
    let readout = arguments.model.readout.map(Into::into).or(network.readout);
    network.readout = readout.or(match recipe.loss.over {
        Over::Mean | Over::EachStep => None,
        Over::Sum => Some(Readout::Sum),
        Over::Last => Some(Readout::Last),
    });
    if network.readout == Some(Readout::Trace) {
        let message = "training needs one score for each class: the read-out `trace` has one for each step";
        return Err(Error::Request(message.into()));
    }
    Ok((network, recipe))
}

/// How the network runs, in training and in validation, on samples of so many frames.
fn options(arguments: &Arguments, network: &Network, frames: Option<usize>) -> Result<Options> {
    let device = devices::choose(&arguments.device)?;
    let steps = arguments.model.steps.or(if network.steps.is_none() { frames } else { None });
    if steps.or(network.steps).is_none() {
        let message = "the network fixes no steps and the samples have no time: say how many steps each has (--steps)";
        return Err(Error::Request(message.into()));
    }
    let options = Options { device, steps, threads: arguments.threads, no_meter: true, ..Options::default() };
    // Refuses steps that the network does not have.
    Session::new(network.clone(), options.clone())?;
    Ok(options)
}

/// Reads samples into memory.
fn read(samples: Dataset, network: &Network, threads: usize, quiet: bool) -> Result<Data> {
    let bar = progress::bar(samples.len(), quiet);
    bar.set_message("read");
    let frame = network.input.shape.iter().product();
    let classes = network.shapes()?[network.output].iter().product();
    let data = Data::read(samples, frame, classes, threads, &bar);
    bar.finish_and_clear();
    data
}

/// The network with the weights it begins with, and every key of the recipe.
fn of_network(model: &Model, network: &Network, recipe: &Recipe) -> Result<Job> {
    let mut job = Job::from([("version".into(), env!("CARGO_PKG_VERSION").into())]);
    for (name, path) in model.files() {
        let Written { bytes, crc32, .. } = Written::of(path)?;
        job.insert(name.into(), format!("{} of {bytes} bytes ({crc32})", path.display()));
    }
    let mut crc = flate2::Crc::new();
    crc.update(file::to_toml(network)?.as_bytes());
    job.insert("network".into(), format!("{:08x}", crc.sum()));
    job.insert("steps".into(), model.steps.or(network.steps).map_or("those of the samples".into(), |n| n.to_string()));
    let unreadable = |e: toml::de::Error| Error::Request(format!("the recipe cannot be read: {e}"));
    let table: Table = recipe.to_toml()?.parse().map_err(unreadable)?;
    for (key, value) in table.get("train").and_then(Value::as_table).into_iter().flatten() {
        job.insert(format!("recipe's {key}"), value.to_string());
    }
    Ok(job)
}

/// The samples, and how they are read.
fn of_samples(arguments: &Arguments, samples: &Dataset, others: Option<&Dataset>, network: &Network) -> Job {
    let mut job = job::of_samples(samples);
    job.insert("reading".into(), arguments.input.choices(&network.input));
    arguments.input.others().for_each(|(name, path)| job.extend(job::of_file(name, path)));
    let others = others.map(job::of_samples).into_iter().flatten();
    job.extend(others.map(|(name, value)| (format!("validation {name}"), value)));
    let labels = arguments.validation_labels.iter();
    labels.for_each(|path| job.extend(job::of_file("validation labels", path)));
    job
}
