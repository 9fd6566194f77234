//! What becomes of batches whose device fails in the middle of a run.
//!
//! | failure | what is done |
//! |---|---|
//! | memory does not suffice, or the driver | the batch is computed in halves, down to single samples, and so are those after it |
//! | the device is lost, or fails in another way | it is opened anew, and the batches under way are computed again |
//! | a sample alone is too large, or the device fails again | the CPU goes on where the device was not named, else the run ends |
//!
//! A device may be opened anew once for every batch: one that computes nothing any more cannot hold up a run for ever.

use saltatory::run::{Device, Options, Output, State, Ticket};
use saltatory::{Error, Result, Session};

/// What computes batches: a session, or in tests what fails when it is told to.
pub trait Engine: Sized {
    /// A batch under way.
    type Ticket;
    /// Begins a batch.
    fn submit(&mut self, samples: &[&[f32]], sequence: Option<usize>) -> Result<Self::Ticket>;
    /// The output of a batch.
    fn finish(&mut self, ticket: Self::Ticket, samples: &[&[f32]]) -> Result<Output>;
    /// Runs samples one after the other as parts of a recording; what they give, and the state after them.
    fn advance(&mut self, samples: &[&[f32]], sequence: Option<usize>) -> Result<(Output, Option<State>)>;
    /// The same network elsewhere.
    fn moved(&self, to: Place) -> Result<Self>;
}

/// Where a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the same device, opened anew.
    Same,
    /// On the CPU.
    Cpu,
}

/// A session, and what it takes to make another.
pub struct Computer {
    pub session: Session,
    pub options: Options,
}

impl Engine for Computer {
    type Ticket = Ticket;

    fn submit(&mut self, samples: &[&[f32]], sequence: Option<usize>) -> Result<Ticket> {
        self.session.submit(samples, sequence)
    }

    fn finish(&mut self, ticket: Ticket, samples: &[&[f32]]) -> Result<Output> {
        self.session.finish(ticket, samples)
    }

    fn advance(&mut self, samples: &[&[f32]], sequence: Option<usize>) -> Result<(Output, Option<State>)> {
        let outputs = samples.iter().map(|sample| self.session.advance(sample, sequence));
        let output = Output::together(outputs.collect::<Result<_>>()?)?;
        Ok((output, self.session.state()?))
    }

    fn moved(&self, to: Place) -> Result<Computer> {
        let device = match (to, &self.options.device) {
            (Place::Cpu, _) => Device::Cpu,
            // By its name: indices, and which one is the best, may have changed with what is lost.
            #[cfg(feature = "gpu")]
            (Place::Same, Device::Gpu(gpu)) => crate::cli::devices::choose(&gpu.info().name)?,
            (Place::Same, other) => other.clone(),
        };
        let options = Options { device, ..self.options.clone() };
        let session = Session::new(self.session.network().clone(), options.clone())?;
        Ok(Computer { session, options })
    }
}

/// An engine that is replaced where it fails.
pub struct Fallback<E> {
    engine: E,
    /// How many engines there were before: batches begun on another one are lost.
    moves: usize,
    /// Whether the CPU may go on.
    may_leave: bool,
    /// The most samples at once, where more have turned out not to fit.
    most: usize,
    notes: Vec<String>,
}

/// A batch that was begun, or could not be.
pub struct Begun<T> {
    ticket: Result<T>,
    moves: usize,
}

impl<E: Engine> Fallback<E> {
    /// A run on `engine`; `may_leave`: on the CPU, where the device fails for good.
    pub fn new(engine: E, may_leave: bool) -> Self {
        Fallback { engine, moves: 0, may_leave, most: usize::MAX, notes: Vec::new() }
    }

    /// Begins a batch; a failure shows when it is finished, in the order of batches. `None`: it is too large to be begun.
    pub fn submit(&mut self, samples: &[&[f32]], sequence: Option<usize>) -> Option<Begun<E::Ticket>> {
        (samples.len() <= self.most).then(|| Begun { ticket: self.engine.submit(samples, sequence), moves: self.moves })
    }

    /// The output of a batch.
    pub fn finish(
        &mut self,
        begun: Option<Begun<E::Ticket>>,
        samples: &[&[f32]],
        sequence: Option<usize>,
    ) -> Result<Output> {
        match begun {
            Some(Begun { ticket, moves }) if moves == self.moves => {
                let first = ticket.and_then(|ticket| self.engine.finish(ticket, samples));
                self.settle(first, samples, sequence)
            }
            _ => self.compute(samples, sequence),
        }
    }

    /// Runs samples as parts of a recording. Where the device fails, its state is lost: the run ends, and can go on from
    /// the state that is saved.
    pub fn advance(&mut self, samples: &[&[f32]], sequence: Option<usize>) -> Result<(Output, Option<State>)> {
        self.engine.advance(samples, sequence)
    }

    /// What has happened since this was last asked, for people.
    pub fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Computes samples, as many at once as fit.
    fn compute(&mut self, samples: &[&[f32]], sequence: Option<usize>) -> Result<Output> {
        let mut outputs = Vec::new();
        let mut rest = samples;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(self.most.min(rest.len()));
            rest = after;
            let first = self.at_once(part, sequence);
            outputs.push(self.settle(first, part, sequence)?);
        }
        Output::together(outputs)
    }

    fn at_once(&mut self, samples: &[&[f32]], sequence: Option<usize>) -> Result<Output> {
        let ticket = self.engine.submit(samples, sequence)?;
        self.engine.finish(ticket, samples)
    }

    /// Takes what the engine gave, or does what can be done about its failure.
    fn settle(&mut self, first: Result<Output>, samples: &[&[f32]], sequence: Option<usize>) -> Result<Output> {
        let (mut result, mut again) = (first, false);
        loop {
            let error = match result {
                Ok(output) => return Ok(output),
                Err(error) => error,
            };
            if error.is_too_large() && samples.len() > 1 {
                self.most = self.most.min(samples.len().div_ceil(2));
                self.notes.push(format!("{error}: went on with at most {} at once", self.most));
                return self.compute(samples, sequence);
            }
            if !error.is_too_large() && !matches!(error, Error::Gpu { .. }) {
                return Err(error);
            }
            self.replace(error, &mut again)?;
            result = self.at_once(samples, sequence);
        }
    }

    /// Another engine after a failure; `again`: the device was opened anew already.
    fn replace(&mut self, error: Error, again: &mut bool) -> Result<()> {
        let mut reason = error.to_string();
        if !error.is_too_large() && !std::mem::replace(again, true) {
            match self.engine.moved(Place::Same) {
                Ok(engine) => {
                    self.notes.push(format!("{reason}: opened it anew, and computed the batches under way again"));
                    return self.take(engine);
                }
                Err(error) => reason += &format!("; it cannot be opened anew: {error}"),
            }
        }
        if !self.may_leave {
            return Err(Error::Request(format!(
                "{reason}\nthe device failed: with `--resume` and another `--device`, such as cpu, the run can go on there"
            )));
        }
        // The CPU has no second fallback: what fails there is not the device.
        self.may_leave = false;
        self.most = usize::MAX;
        let engine = self.engine.moved(Place::Cpu)?;
        self.notes.push(format!(
            "{reason}: went on on the CPU (the same results, where `saltatory devices --verify` says so)"
        ));
        self.take(engine)
    }

    fn take(&mut self, engine: E) -> Result<()> {
        self.engine = engine;
        self.moves += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use saltatory::Tensor;
    use saltatory::run::Metrics;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// Gives every sample its first value; what it does is written down.
    struct Fake {
        /// Samples at once that fit.
        fits: usize,
        /// Batches until the device is lost, in this engine and in those after it.
        lost: Vec<usize>,
        log: Rc<RefCell<Vec<String>>>,
    }

    fn lost() -> Error {
        Error::gpu("fake", "the device was lost")
    }

    impl Engine for Fake {
        type Ticket = usize;

        fn submit(&mut self, samples: &[&[f32]], _: Option<usize>) -> Result<usize> {
            self.log.borrow_mut().push(format!("{}", samples.len()));
            if samples.len() > self.fits {
                return Err(Error::OutOfMemory { device: "fake".into(), message: "no".into() });
            }
            match self.lost.first_mut() {
                Some(0) => Err(lost()),
                Some(left) => {
                    *left -= 1;
                    Ok(samples.len())
                }
                None => Ok(samples.len()),
            }
        }

        fn finish(&mut self, ticket: usize, samples: &[&[f32]]) -> Result<Output> {
            assert_eq!(ticket, samples.len());
            if self.lost.first() == Some(&0) {
                return Err(lost());
            }
            let scores = Tensor::new([samples.len(), 1], samples.iter().map(|s| s[0]).collect())?;
            let metrics = Metrics { samples: samples.len() as u64, ..Metrics::default() };
            Ok(Output { scores, steps: vec![1; samples.len()], metrics, recordings: Vec::new() })
        }

        fn advance(&mut self, _: &[&[f32]], _: Option<usize>) -> Result<(Output, Option<State>)> {
            Err(lost())
        }

        fn moved(&self, to: Place) -> Result<Fake> {
            self.log.borrow_mut().push(format!("{to:?}"));
            let lost = if to == Place::Cpu { Vec::new() } else { self.lost.get(1..).unwrap_or_default().to_vec() };
            let fits = if to == Place::Cpu { usize::MAX } else { self.fits };
            Ok(Fake { fits, lost, log: self.log.clone() })
        }
    }

    /// Three batches of four samples, one begun while the one before is under way; the scores, or the error, and the log.
    fn run(fits: usize, lost: &[usize], may_leave: bool) -> (Result<Vec<f32>>, String, Vec<String>) {
        let log = Rc::new(RefCell::new(Vec::new()));
        let fake = Fake { fits, lost: lost.to_vec(), log: log.clone() };
        let mut fallback = Fallback::new(fake, may_leave);
        let values: Vec<f32> = (0..12u8).map(f32::from).collect();
        let rows: Vec<&[f32]> = values.chunks(1).collect();
        let mut scores = Vec::new();
        let mut before = None;
        let mut error = None;
        for batch in rows.chunks(4).map(Some).chain([None]) {
            let begun = batch.map(|batch| (fallback.submit(batch, None), batch));
            if let Some((begun, batch)) = std::mem::replace(&mut before, begun) {
                match fallback.finish(begun, batch, None) {
                    Ok(output) => {
                        assert_eq!(output.metrics.samples, 4);
                        scores.extend_from_slice(output.scores.data());
                    }
                    Err(e) => {
                        error = Some(e);
                        break;
                    }
                }
            }
        }
        let log = log.borrow().join(" ");
        let result = error.map_or(Ok(scores.clone()), Err);
        if result.is_ok() {
            assert_eq!(scores, values);
        }
        (result, log, fallback.notes())
    }

    #[test]
    fn nothing_happens_where_nothing_fails() {
        let (result, log, notes) = run(4, &[], true);
        assert!(result.is_ok() && notes.is_empty());
        assert_eq!(log, "4 4 4");
    }

    #[test]
    fn batches_that_do_not_fit_are_halved_for_good() {
        let (result, log, notes) = run(1, &[], false);
        result.unwrap();
        // The second is under way when the first fails; the third is not begun at four.
        assert_eq!(log, "4 4 2 1 1 1 1 1 1 1 1 1 1 1 1");
        assert!(notes.iter().any(|note| note.contains("at most 1 at once")), "{notes:?}");
    }

    #[test]
    fn a_sample_that_does_not_fit_goes_to_the_cpu() {
        let (result, log, notes) = run(0, &[], true);
        result.unwrap();
        assert_eq!(log, "4 4 2 1 Cpu 1 1 2 4 4");
        assert!(notes.last().unwrap().contains("CPU"), "{notes:?}");
        let (result, ..) = run(0, &[], false);
        assert!(result.unwrap_err().to_string().contains("--device"));
    }

    #[test]
    fn a_lost_device_is_opened_anew_and_batches_under_way_are_computed_again() {
        for may_leave in [false, true] {
            let (result, log, notes) = run(4, &[1, 9], may_leave);
            result.unwrap();
            assert_eq!(log, "4 4 Same 4 4 4");
            assert!(notes.len() == 1 && notes[0].contains("opened it anew"), "{notes:?}");
        }
        // It may be lost again later.
        assert!(run(4, &[1, 2, 9], false).0.is_ok());
    }

    #[test]
    fn a_device_that_stays_lost_leaves_the_run_to_the_cpu_or_ends_it() {
        let (result, log, notes) = run(4, &[1, 0], true);
        result.unwrap();
        assert_eq!(log, "4 4 Same 4 Cpu 4 4 4");
        assert_eq!(notes.len(), 2, "{notes:?}");
        let (result, log, _) = run(4, &[1, 0], false);
        let message = result.unwrap_err().to_string();
        assert!(["lost", "--resume", "--device"].iter().all(|part| message.contains(part)), "{message}");
        assert_eq!(log, "4 4 Same 4");
    }

    /// The scores of a run on a real GPU that is lost after its first batch.
    #[cfg(feature = "gpu")]
    #[test]
    fn a_real_device_is_opened_anew() {
        use saltatory::Network;
        use saltatory::neuron::Lif;
        let Ok(device) = crate::cli::devices::choose("gpu") else {
            println!("skipped: no GPU adapter found");
            return;
        };
        let network = Network::new([1, 4, 4]).conv2d(8, 3).spiking(Lif::tau(2.0)).flatten().linear(3).steps(4);
        let mut network = network.build().unwrap();
        network.init(1).unwrap();
        let values: Vec<f32> = (0..8 * 16u8).map(|i| f32::from(i) / 32.0).collect();
        let rows: Vec<&[f32]> = values.chunks(16).collect();
        let expected = Session::new(network.clone(), Options::default()).unwrap().run_samples(&rows, None).unwrap();
        let options = Options { device: device.clone(), ..Options::default() };
        let session = Session::new(network, options.clone()).unwrap();
        let mut fallback = Fallback::new(Computer { session, options }, false);
        for lost in [false, true, false] {
            let begun = fallback.submit(&rows, None);
            if let (true, Device::Gpu(gpu)) = (lost, &device) {
                gpu.device().destroy();
            }
            let output = fallback.finish(begun, &rows, None).unwrap();
            assert_eq!((&output.scores, &output.metrics), (&expected.scores, &expected.metrics));
        }
    }
}
