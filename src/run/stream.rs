//! Streams: a session that goes on where it was, step by step or part by part.

use std::sync::Arc;

use super::machine::Machine;
use super::output::{Output, gather};
use super::session::Session;
use super::state::State;
use super::values::check_values;
use crate::error::{Error, Result};
use crate::network::Readout;
use crate::plan::Request;
use crate::tensor::{Tensor, shape_text};

impl Session {
    /// Runs one step of a stream on a frame of the network's input shape; state is kept for the next. Returns the
    /// output of this step.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn step(&mut self, frame: &Tensor) -> Result<Output> {
        pollster::block_on(self.step_async(frame))
    }

    /// [`Session::step`] for the web.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub async fn step_async(&mut self, frame: &Tensor) -> Result<Output> {
        if frame.shape() != self.network.input.shape {
            let expected = shape_text(&self.network.input.shape);
            return Err(Error::Request(format!("expected a frame of {expected}, got {:?}", frame.shape())));
        }
        check_values(frame.data(), self.network.input.kind).map_err(Error::Request)?;
        let request = Request { readout: Readout::Last, ..self.request_for(1, false) };
        let machine = self.stream(request).await?;
        let result = machine.advance(frame.data()).await?;
        Ok(Output {
            scores: Tensor::new(machine.plan().score_shape.clone(), result.scores)?,
            steps: vec![1],
            metrics: result.metrics,
            recordings: vec![result.recording],
        })
    }

    /// Runs a sample as the next part of the stream: `[...]`, repeated over all steps, or `[time, ...]` with `sequence`
    /// steps or fewer. State is kept for the next; scores are those of this sample alone.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn advance(&mut self, sample: &[f32], sequence: Option<usize>) -> Result<Output> {
        self.check_samples(&[sample], sequence)?;
        let request = self.request(sequence)?;
        pollster::block_on(async {
            let machine = self.stream(request).await?;
            let result = machine.advance(sample).await?;
            gather(machine.plan(), vec![result])
        })
    }

    /// The state of the stream: what the steps so far have left. `None` where there were none.
    ///
    /// # Errors
    /// A device that is lost.
    pub fn state(&self) -> Result<Option<State>> {
        match &self.stream {
            Some(machine) => pollster::block_on(state_of(machine)),
            None => Ok(None),
        }
    }

    /// The stream goes on from a state: one of [`Session::state`], or from elsewhere.
    ///
    /// # Errors
    /// Names that the network does not have, shapes that do not fit.
    pub fn set_state(&mut self, state: &State) -> Result<()> {
        let request = Request { readout: Readout::Last, ..self.request_for(1, false) };
        pollster::block_on(async {
            let machine = self.stream(request).await?;
            let words = state.words(machine.plan())?;
            machine.set_state(&words).await
        })
    }

    /// The machine of the stream under a request. What ran under another has its state taken over.
    async fn stream(&mut self, request: Request) -> Result<&mut Machine> {
        // A stream cannot be run again with more planes: it has them from the start.
        let request = Request { streaming: true, count_planes: Request::MOST_COUNT_PLANES, ..request };
        let before = self.stream.take();
        let machine = match before {
            Some(machine) if machine.plan().request == request => machine,
            before => {
                let plan = Arc::new(self.options.device.compile(&self.network, &request)?);
                let mut machine =
                    Machine::new(&self.options.device, plan, self.threads.clone(), self.options.profile.clone())?;
                let state = match &before {
                    Some(before) => state_of(before).await?,
                    None => None,
                };
                if let Some(state) = state {
                    let words = state.words(machine.plan())?;
                    machine.set_state(&words).await?;
                }
                machine
            }
        };
        Ok(self.stream.insert(machine))
    }

    /// Forgets the state of the stream: the next [`Session::step`] is the first.
    pub fn reset(&mut self) {
        if let Some(machine) = &mut self.stream {
            machine.reset();
        }
    }
}

/// The state of a stream, with its names.
async fn state_of(machine: &Machine) -> Result<Option<State>> {
    let words = machine.state().await?;
    words.map(|words| words.named(machine.plan())).transpose()
}
