//! The same workloads under other frameworks, in turns with ours: `benches/peers/` in a Python of the user's.

mod agree;
mod compared;
mod process;

use std::path::Path;
use std::time::Duration;

use saltatory::Result;
use serde_json::{Value, json};

use super::case::Case;
use super::ours::{Given, Ours};
use super::rounds::{Round, Rounds, Target};
use agree::Agreement;
pub use compared::Compared;
use process::Process;

/// Frameworks that are there.
pub struct Peers {
    process: Process,
    description: Value,
}

impl Peers {
    /// Starts the harness and asks which frameworks it finds.
    ///
    /// # Errors
    /// A program that cannot be started, or that is no Python with NumPy.
    pub fn start(python: &Path, threads: usize, on_gpu: bool) -> Result<Peers> {
        let mut process = Process::start(python, threads)?;
        let device = if on_gpu { "cuda" } else { "cpu" };
        let description = process.ask(&json!({ "do": "hello", "threads": threads, "device": device }))?;
        match description["error"].as_str() {
            Some(error) => Err(process.fault(error)),
            None => Ok(Peers { process, description }),
        }
    }

    /// `peers` and their versions, and why others are `skipped`.
    pub fn description(&self) -> &Value {
        &self.description
    }

    /// Tries every mode of every peer on a case and keeps the best of each.
    ///
    /// # Errors
    /// A harness that has ended. A mode that fails is no error of ours: the line says it.
    pub fn case(&mut self, case: &Case, stream: bool, target: Target, say: impl Fn(&str)) -> Result<Contest<'_>> {
        let (neurons, fan_out) = (case.variant.neurons, case.variant.fan_out);
        let opened = self.process.ask(&json!({
            "do": "open", "workload": case.name, "batch": case.batch, "neurons": neurons, "fan_out": fan_out,
        }))?;
        if let Some(error) = opened["error"].as_str() {
            return Err(self.process.fault(error));
        }
        let mut rivals: Vec<Rival> = Vec::new();
        for (index, mode) in opened["modes"].as_array().into_iter().flatten().enumerate() {
            let name = |key: &str| mode[key].as_str().unwrap_or_default().to_owned();
            let (peer, mode) = (name("peer"), name("mode"));
            say(&format!("{peer} {mode}"));
            let prepared = self.process.ask(&json!({ "do": "prepare", "mode": index }))?;
            if rivals.last().is_none_or(|rival| rival.peer != peer) {
                rivals.push(Rival { peer, failed: Vec::new(), best: None });
            }
            let Some(rival) = rivals.last_mut() else { continue };
            let dropped = rival.offer(Best::read(index, mode.clone(), &prepared), mode, &prepared);
            if let Some(dropped) = dropped {
                self.process.ask(&json!({ "do": "drop", "mode": dropped }))?;
            }
        }
        for best in rivals.iter_mut().filter_map(|rival| rival.best.as_mut()) {
            best.rounds = Rounds::new(target, Duration::from_secs_f64(best.once), stream);
        }
        Ok(Contest { process: Some(&mut self.process), rivals })
    }
}

/// A peer on a case.
struct Rival {
    peer: String,
    /// Modes that failed, with what was said.
    failed: Vec<(String, String)>,
    best: Option<Best>,
}

impl Rival {
    /// Keeps a mode if it is the best so far; the index of the one that is not needed any more.
    fn offer(&mut self, offered: Option<Best>, mode: String, prepared: &Value) -> Option<usize> {
        let Some(offered) = offered else {
            let error = prepared["error"].as_str().unwrap_or("no times came").to_owned();
            self.failed.push((mode, error));
            return None;
        };
        let dropped = match &self.best {
            Some(best) if best.once <= offered.once => return Some(offered.index),
            best => best.as_ref().map(|best| best.index),
        };
        self.best = Some(offered);
        dropped
    }
}

/// A peer's best mode on a case.
struct Best {
    index: usize,
    mode: String,
    /// Seconds of a run, before the rounds.
    once: f64,
    scores: Vec<f32>,
    spikes: Option<u64>,
    rounds: Rounds,
}

impl Best {
    fn read(index: usize, mode: String, prepared: &Value) -> Option<Best> {
        let scores = prepared["scores"].as_array()?.iter().map(|x| x.as_f64().map_or(f32::NAN, |x| x as f32)).collect();
        let once = prepared["seconds"].as_f64().filter(|&once| once > 0.0)?;
        Some(Best { index, mode, once, scores, spikes: prepared["spikes"].as_u64(), rounds: Rounds::default() })
    }
}

/// Peers that take their turns on a case; of none unless there are some.
#[derive(Default)]
pub struct Contest<'a> {
    process: Option<&'a mut Process>,
    rivals: Vec<Rival>,
}

impl Contest<'_> {
    /// A round of every peer.
    pub fn round(&mut self) -> Result<()> {
        let Some(process) = &mut self.process else { return Ok(()) };
        for best in self.rivals.iter_mut().filter_map(|rival| rival.best.as_mut()) {
            let request = json!({ "do": "run", "mode": best.index, "runs": best.rounds.runs });
            let reply = best.rounds.others.during(Some(process.id()), || process.ask(&request))?;
            if let Some(error) = reply["error"].as_str() {
                return Err(process.fault(error));
            }
            let seconds = reply["seconds"].as_array().into_iter().flatten().filter_map(Value::as_f64);
            let latencies: Vec<Duration> = seconds.map(Duration::from_secs_f64).collect();
            best.rounds.push(Round { elapsed: latencies.iter().sum(), latencies });
        }
        Ok(())
    }

    /// How every peer did beside ours.
    pub fn end(self, ours: &Ours, rounds: &Rounds) -> Result<Vec<Compared>> {
        if let Some(process) = self.process {
            process.ask(&json!({ "do": "close" }))?;
        }
        let compared = |rival: Rival| {
            let result = rival.best.map(|best| compared::Measured {
                agreement: Agreement::of(&ours.given, &best.scores, best.spikes),
                ratio: rounds.faster_than(&best.rounds),
                mode: best.mode,
                rounds: best.rounds,
            });
            Compared { peer: rival.peer, failed: rival.failed, result }
        };
        Ok(self.rivals.into_iter().map(compared).collect())
    }
}
