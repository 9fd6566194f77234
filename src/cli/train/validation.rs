//! How many samples a network gets right that it does not learn from.

use saltatory::run::Options;
use saltatory::tensor::arg_max;
use saltatory::{Network, Result, Session};

use super::data::Data;
use crate::cli::batch::size;
use crate::cli::batch::stop::Stop;

/// The samples that a network is tried on.
#[derive(Debug)]
pub struct Validation {
    /// `None`: among those it learns from.
    data: Option<Data>,
    numbers: Vec<usize>,
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

    /// The part of them that a network gets right; `None` where it is to stop.
    pub fn accuracy(&self, network: Network, options: &Options, all: &Data, stop: &Stop) -> Result<Option<f64>> {
        let data = self.data.as_ref().unwrap_or(all);
        let frame: usize = network.input.shape.iter().product();
        let mut session = Session::new(network, options.clone())?;
        let plan = session.plan(data.steps)?;
        let threads = options.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let (values, row) = (frame * data.steps.unwrap_or(1), plan.score_shape.iter().product());
        let batch = size::automatic(&plan, &options.device, threads, values, row);
        let mut correct = 0;
        for numbers in self.numbers.chunks(batch) {
            if stop.asked() {
                return Ok(None);
            }
            let samples: Vec<&[f32]> = numbers.iter().map(|&number| data.sample(number)).collect();
            let scores = session.run_samples(&samples, data.steps)?.scores;
            let best = scores.data().chunks_exact(row).map(arg_max);
            let right = best.zip(numbers).filter(|&(best, &number)| best == Some(data.label(number) as usize));
            correct += right.count();
        }
        Ok(Some(correct as f64 / self.numbers.len() as f64))
    }
}
