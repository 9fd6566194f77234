//! How samples are gone through: with what state they begin, and when they stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use saltatory::run::{Confident, State};
use saltatory::{Error, Result};

use super::job::{self, Job};

/// How samples are gone through.
#[derive(Args, Debug)]
pub struct Course {
    /// A sample stops as soon as its best score leads the second best so far that a softmax over the two gives it
    /// probability P (above 0.5, below 1).
    #[arg(long, value_name = "P", conflicts_with_all = ["keep_state", "compare"])]
    confident: Option<f64>,
    /// Steps from one look at the scores to the next.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "confident")]
    look_every: usize,
    /// The samples are parts of one recording: each begins with the state that the one before has left.
    #[arg(long, conflicts_with_all = ["shard", "compare"])]
    pub keep_state: bool,
    /// Every sample begins with this state, or with --keep-state the first (safetensors, as --final-state writes it).
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    initial_state: Option<PathBuf>,
    /// Write the state that the last sample has left: potentials, currents, what is on its way through delays.
    #[arg(long, value_name = "FILE.safetensors", requires = "keep_state")]
    pub final_state: Option<PathBuf>,
}

impl Course {
    /// When samples stop before their end.
    pub fn confident(&self) -> Result<Option<Confident>> {
        let Some(probability) = self.confident else { return Ok(None) };
        if self.look_every == 0 {
            return Err(Error::Request("--look-every: expected at least one step, got 0".into()));
        }
        let confident = Confident::of_probability(probability).ok_or_else(|| {
            Error::Request(format!("--confident: expected a probability above 0.5 and below 1, got {probability}"))
        })?;
        Ok(Some(Confident { every: self.look_every, ..confident }))
    }

    /// The state that is given.
    pub fn initial_state(&self) -> Result<Option<Arc<State>>> {
        let load = |path: &PathBuf| State::load(path).map(Arc::new);
        self.initial_state.as_ref().map(load).transpose()
    }

    /// Whether samples may run fewer steps than the plan has.
    pub fn may_stop(&self) -> bool {
        self.confident.is_some()
    }

    /// The file of the state that is given, where messages need it.
    pub fn initial_path(&self) -> Option<&Path> {
        self.initial_state.as_deref()
    }

    /// What results depend on.
    pub fn job(&self) -> Job {
        let mut job = Job::new();
        if let Some(probability) = self.confident {
            job.insert("--confident".into(), format!("{probability}, every {}", self.look_every));
        }
        if self.keep_state {
            job.insert("--keep-state".into(), "yes".into());
        }
        if let Some(path) = &self.initial_state {
            job.extend(job::of_file("initial state", path));
        }
        job
    }
}
