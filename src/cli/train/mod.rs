//! `saltatory train`: labelled samples in, a trained network out.

mod changes;
#[cfg(feature = "charts")]
mod curves;
#[cfg(not(feature = "charts"))]
#[path = "no_curves.rs"]
mod curves;
mod data;
mod files;
mod live;
mod log;
mod report;
mod setup;
mod training;
mod validation;

use std::path::PathBuf;

use clap::Args;
use saltatory::Result;
use saltatory::train::{Checkpoint, checkpoint};

use super::input::Input;
use super::job::{Job, Start, moved};
use super::model::Model;
use super::{Outcome, note, print};
use changes::Changes;
use files::Paths;
use report::Report;
use setup::Setup;

/// The options of `train`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  saltatory train net.toml train.npz --out model.safetensors
  saltatory train net.toml train-images-idx3-ubyte.gz --labels train-labels-idx1-ubyte.gz --split 0.1 --out model.safetensors
  saltatory train net.toml train/ --validation test/ --epochs 20 --lr 2e-3 --schedule cosine --out model.safetensors
  saltatory train net.toml train.npz --split 0.1 --log log.jsonl --curves curves.png --out model.safetensors --resume
  saltatory train model.safetensors more.npz --lr 1e-4 --out better.safetensors

How a network is trained stands in its file, under `[train]`; options go before it. What is trained is a network like any
other: `saltatory run` runs it, `saltatory train` trains it further.

A training that is interrupted leaves a hidden checkpoint beside its model (.NAME.checkpoint): the same command with
--resume goes on from there and ends with the same bits.

Exit codes: 0 all good, 1 failed, 130 stopped by SIGINT or SIGTERM.")]
pub struct Arguments {
    #[command(flatten)]
    model: Model,
    #[command(flatten)]
    input: Input,
    /// Samples for validation after each epoch, read as the others are; several are read in order.
    #[arg(long, value_name = "INPUT")]
    validation: Vec<PathBuf>,
    /// Classes of the samples for validation: IDX, `.npy` or CSV.
    #[arg(long, value_name = "FILE", requires = "validation")]
    validation_labels: Option<PathBuf>,
    /// Write the trained network, after the last epoch.
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    /// Write the network whenever validation was better than ever.
    #[arg(long, value_name = "FILE.safetensors")]
    best: Option<PathBuf>,
    /// Write loss, accuracy, firing rates and speed, an object a line, every few steps and after each epoch.
    #[arg(long, value_name = "FILE.jsonl")]
    log: Option<PathBuf>,
    /// Steps from one line of the log, and point of the curves, to the next.
    #[arg(long, value_name = "N", default_value_t = 50)]
    log_every: usize,
    /// Draw loss and accuracy, anew after each epoch. Needs a build with `--features charts`.
    #[arg(long, value_name = "FILE.png")]
    curves: Option<PathBuf>,
    /// auto, cpu, reference (the plain twins on the CPU), gpu, an index from `saltatory devices`, or a part of a name.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads (default: one for each core).
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Go on with what an interrupted training has left, if there is any.
    #[arg(long, conflicts_with = "restart")]
    resume: bool,
    /// Throw away what an interrupted training has left.
    #[arg(long)]
    restart: bool,
    /// Seconds after which the training is made safe within an epoch, too; 0: after every step.
    #[arg(long, value_name = "SECONDS")]
    checkpoint: Option<f64>,
    /// Print the report as JSON, and nothing else.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    changes: Changes,
}

/// Trains a network.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let paths = arguments.paths();
    let setup = Setup::new(arguments, &paths)?;
    let _lock = paths.lock()?;
    let checkpoint = paths.checkpoint()?;
    let past = files::past(&checkpoint, &setup.job, Start::of(arguments.resume, arguments.restart))?;
    if arguments.resume && !arguments.quiet {
        note(&match &past {
            None => "nothing to resume\n".into(),
            Some(past) => format!("resumed: {}{}\n", setup.place(&past.progress), elsewhere(past, &setup.job)),
        });
    }
    let mut training = setup.training(arguments, &paths, checkpoint.clone(), past)?;
    let ended = training.run();
    training.live.end();
    if !ended? {
        let place = setup.place(&training.progress);
        note(&format!("stopped: {place} are saved: go on with the same command and `--resume`\n"));
        return Ok(Outcome::Stopped);
    }
    checkpoint::save_trained(&training.trained()?, &setup.recipe, &paths.out)?;
    let report = Report::new(&setup, &training, &paths)?;
    std::fs::remove_file(&checkpoint).ok();
    if arguments.json {
        print(&report.json()?)?;
    } else if !arguments.quiet {
        print(&report.text())?;
    }
    Ok(Outcome::Good)
}

/// What to say of a training that goes on on another device.
fn elsewhere(past: &Checkpoint, job: &Job) -> String {
    moved(&past.progress.notes, job).map_or(String::new(), |(then, now)| {
        format!(" on {now}; until then it ran on {then}, which may round other bits")
    })
}

impl Arguments {
    fn paths(&self) -> Paths {
        let Arguments { out, best, log, curves, .. } = self;
        Paths { out: out.clone(), best: best.clone(), log: log.clone(), curves: curves.clone() }
    }
}
