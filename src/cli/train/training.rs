//! The steps of a training, one after the other, and what is made safe between them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use saltatory::run::Options;
use saltatory::train::schedule::Length;
use saltatory::train::{
    Augmenter, Best, Checkpoint, Epoch, Point, Progress, Recipe, Trainer, checkpoint, order, quantise,
};
use saltatory::{Error, Network, Result};

use super::curves::Curves;
use super::data::Data;
use super::live::Live;
use super::validation::{Validated, Validation};
use crate::cli::job::stop::Stop;

/// A loss that is so many times the first one, or the number itself where that was smaller, has exploded.
const EXPLODED: f64 = 1000.0;

/// A training about to go on.
pub struct Training<'a> {
    pub trainer: Trainer,
    pub recipe: &'a Recipe,
    pub length: Length,
    pub progress: Progress,
    pub data: &'a Data,
    /// The samples that it learns from.
    pub learnt: &'a [usize],
    pub augmenter: Option<&'a Augmenter>,
    pub validation: Option<&'a Validation>,
    /// How validation runs.
    pub options: Options,
    pub checkpoint: PathBuf,
    /// Time between two checkpoints within an epoch.
    pub every: Option<Duration>,
    pub best: Option<PathBuf>,
    pub curves: Option<Curves>,
    /// Steps from one point of the curve to the next.
    pub log_every: usize,
    pub live: Live,
    pub stop: Stop,
    /// When the last checkpoint was written.
    pub saved: Instant,
}

impl Training<'_> {
    /// Trains to the end, or until it is to stop: then `false`, and all is saved.
    ///
    /// # Errors
    /// A step that fails, naming it: the last checkpoint stays as it is.
    pub fn run(&mut self) -> Result<bool> {
        while self.progress.epoch < self.recipe.epochs {
            let went_on = self.epoch()?;
            self.save()?;
            if !went_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The rest of an epoch; `false` where it is to stop before its end.
    fn epoch(&mut self) -> Result<bool> {
        let order = order(self.recipe.seed, self.progress.epoch, self.learnt.len());
        for places in order.chunks(self.recipe.batch).skip(self.progress.position) {
            if self.stop.asked() {
                return Ok(false);
            }
            self.step(places)?;
            if self.every.is_some_and(|every| self.saved.elapsed() >= every) {
                self.save()?;
            }
        }
        let mut validation = None;
        if let Some(samples) = self.validation {
            validation = samples.validate(self.trained()?, self.recipe.loss, &self.options, self.data, &self.stop)?;
            if validation.is_none() {
                return Ok(false);
            }
        }
        self.end_epoch(validation)?;
        Ok(true)
    }

    fn step(&mut self, places: &[usize]) -> Result<()> {
        let numbers = places.iter().map(|&place| self.learnt[place]);
        let labels: Vec<u32> = numbers.clone().map(|number| self.data.label(number)).collect();
        let (epoch, done) = (self.progress.epoch, self.done());
        let rate = self.recipe.learning_rate(done, self.length);
        self.trainer.set_learning_rate(rate);
        let stepped = match self.augmenter {
            None => self.trainer.step(&numbers.map(|number| self.data.sample(number)).collect::<Vec<_>>(), &labels),
            Some(augmenter) => {
                let mut values = Vec::new();
                for number in numbers {
                    augmenter.append(epoch, number, self.data.sample(number), &mut values);
                }
                let samples: Vec<&[f32]> = values.chunks_exact(values.len() / places.len()).collect();
                self.trainer.step(&samples, &labels)
            }
        };
        let step = stepped.map_err(|e| self.fault(&e.to_string()))?;
        let first = *self.progress.first_loss.get_or_insert(step.loss);
        if !step.loss.is_finite() || step.loss > EXPLODED * first.max(1.0) {
            let broken = self.trainer.network().and_then(|network| network.check()).err();
            let broken = broken.map_or(String::new(), |e| format!("; {e}"));
            return Err(self.fault(&format!("the loss is {}, the first one was {first}{broken}", step.loss)));
        }
        self.progress.position += 1;
        self.progress.sums.add(&step);
        self.progress.interval.add(&step);
        self.live.step(&self.progress, &step);
        let done = done + 1;
        if done.is_multiple_of(self.log_every as u64) {
            self.live.interval(&self.progress, &step, done, rate)?;
            let sums = std::mem::take(&mut self.progress.interval);
            self.progress.points.push(Point { step: done, loss: sums.mean_loss(), accuracy: sums.accuracy() });
        }
        Ok(())
    }

    fn end_epoch(&mut self, validated: Option<Validated>) -> Result<()> {
        let validation = validated.map(|validated| validated.accuracy);
        let sums = std::mem::take(&mut self.progress.sums);
        let epoch = Epoch {
            loss: sums.mean_loss(),
            accuracy: sums.accuracy(),
            validation,
            validation_loss: validated.map(|validated| validated.loss),
            learning_rate: self.recipe.learning_rate(self.done().saturating_sub(1), self.length),
            firing_rates: sums.firing_rates(),
        };
        self.progress.epoch += 1;
        self.progress.position = 0;
        let number = self.progress.epoch;
        let better = validation.filter(|&accuracy| self.progress.best.is_none_or(|best| accuracy > best.accuracy));
        if let Some(accuracy) = better {
            self.progress.best = Some(Best { epoch: number, accuracy });
            if let Some(path) = &self.best {
                checkpoint::save_trained(&self.trained()?, self.recipe, path)?;
            }
        }
        self.live.epoch(number, &epoch, better.is_some())?;
        self.progress.epochs.push(epoch);
        Ok(())
    }

    /// The network as it is used: its weights have as few bits as they are to have.
    pub fn trained(&self) -> Result<Network> {
        let mut network = self.trainer.network()?;
        self.recipe.weight_bits.map_or(Ok(()), |bits| quantise(&mut network, bits))?;
        Ok(network)
    }

    /// Steps from the beginning.
    fn done(&self) -> u64 {
        (self.progress.epoch * self.length.steps + self.progress.position) as u64
    }

    fn save(&mut self) -> Result<()> {
        self.progress.log_bytes = self.live.log.sync()?;
        let checkpoint = Checkpoint {
            network: self.trainer.network()?,
            state: self.trainer.state()?,
            recipe: self.recipe.clone(),
            progress: self.progress.clone(),
        };
        checkpoint.save(&self.checkpoint)?;
        self.saved = Instant::now();
        self.curves.as_ref().map_or(Ok(()), |curves| curves.write(&self.progress, self.length))
    }

    /// What went wrong in the step under way, and what is left of those before.
    fn fault(&self, message: &str) -> Error {
        let Length { steps, .. } = self.length;
        let (epoch, position) = (self.progress.epoch + 1, self.progress.position + 1);
        let left = if self.checkpoint.exists() {
            format!(
                "what was saved before is in {}: it can be run, or trained on, as a network",
                self.checkpoint.display()
            )
        } else {
            "nothing had been saved before".into()
        };
        Error::Request(format!("epoch {epoch}, step {position} of {steps}: {message}\n{left}"))
    }
}
