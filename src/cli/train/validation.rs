//! How well a network does on samples that it does not learn from.

use saltatory::network::Readout;
use saltatory::run::Options;
use saltatory::tensor::arg_max;
use saltatory::train::Loss;
use saltatory::{Network, Result, Session};

use super::data::Data;
use crate::cli::batch::size;
use crate::cli::job::stop::Stop;

/// The samples that a network is tried on.
#[derive(Debug)]
pub struct Validation {
    /// `None`: among those it learns from.
    data: Option<Data>,
    numbers: Vec<usize>,
}

/// How well a network did.
#[derive(Clone, Copy, Debug)]
pub struct Validated {
    /// The part of the samples that it got right, by its own read-out.
    pub accuracy: f64,
    /// The mean loss of the samples.
    pub loss: f64,
}

impl Validation {
    /// Some of the samples that are read for training.
    pub fn among(numbers: Vec<usize>) -> Validation {
        Validation { data: None, numbers }
    }

    /// Samples of their own.
    pub fn of(data: Data) -> Validation {
        Validation { numbers: (0..data.len()).collect(), data: Some(data) }
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Tries a network; `None` where it is to stop.
    pub fn validate(
        &self,
        network: Network,
        loss: Loss,
        options: &Options,
        all: &Data,
        stop: &Stop,
    ) -> Result<Option<Validated>> {
        let (mut correct, mut sum) = (0, 0.0);
        let mut session = Session::new(network.clone(), options.clone())?;
        let compared = loss.readout();
        let same = match session.readout() {
            Readout::Count => compared == Readout::Sum,
            readout => compared == readout,
        };
        let finished = self.scores(&mut session, options, all, stop, |scores, classes, label| {
            correct += u32::from(arg_max(scores) == Some(label));
            sum += if same { f64::from(loss.of(scores, classes, label)) } else { 0.0 };
        })?;
        if !finished {
            return Ok(None);
        }
        if !same {
            // What the loss compares is not what the network is read out by: it is run once more.
            let options = Options { readout: Some(compared), ..options.clone() };
            let mut session = Session::new(network, options.clone())?;
            let add = |scores: &[f32], classes, label| sum += f64::from(loss.of(scores, classes, label));
            if !self.scores(&mut session, &options, all, stop, add)? {
                return Ok(None);
            }
        }
        let count = self.numbers.len() as f64;
        Ok(Some(Validated { accuracy: f64::from(correct) / count, loss: sum / count }))
    }

    /// Runs all samples, and gives of each the scores, the number of classes and the label to `each`, in order; `false` where
    /// it is to stop.
    fn scores(
        &self,
        session: &mut Session,
        options: &Options,
        all: &Data,
        stop: &Stop,
        mut each: impl FnMut(&[f32], usize, usize),
    ) -> Result<bool> {
        let data = self.data.as_ref().unwrap_or(all);
        let frame: usize = session.network().input.shape.iter().product();
        let plan = session.plan(data.steps)?;
        let threads = options.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let classes = plan.score_shape.iter().product();
        let row = if session.readout() == Readout::Trace { classes * plan.request.steps } else { classes };
        let batch = size::automatic(&plan, &options.device, threads, frame * data.steps.unwrap_or(1), row);
        for numbers in self.numbers.chunks(batch) {
            if stop.asked() {
                return Ok(false);
            }
            let samples: Vec<&[f32]> = numbers.iter().map(|&number| data.sample(number)).collect();
            let scores = session.run_samples(&samples, data.steps)?.scores;
            for (scores, &number) in scores.data().chunks_exact(row).zip(numbers) {
                each(scores, classes, data.label(number) as usize);
            }
        }
        Ok(true)
    }
}
