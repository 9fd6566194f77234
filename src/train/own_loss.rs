//! A loss of one's own: a batch goes forward, somebody else has the gradient of a number with respect to its outputs, and
//! with that the batch goes back.
//!
//! ```
//! use saltatory::{Network, Tensor, neuron::Lif, train::{Trainer, TrainOptions}};
//!
//! // Spikes are drawn towards a pattern: the sum of the squared differences.
//! let network = Network::new([2]).linear(3).spiking(Lif::tau(2.0)).steps(4).build()?;
//! let mut trainer = Trainer::new(network, TrainOptions { input_gradient: true, ..Default::default() })?;
//! trainer.forward(&[&[0.5, 1.0], &[1.0, 0.0]])?;
//! let outputs = trainer.outputs()?;
//! assert_eq!(outputs.shape(), [4, 2, 3]);
//! let wanted = 1.0;
//! let gradient = outputs.data().iter().map(|x| 2.0 * (x - wanted)).collect();
//! trainer.backward(&Tensor::new(outputs.shape(), gradient)?)?;
//! assert_eq!(trainer.input_gradient()?.shape(), [2, 2]);
//! trainer.optimise()?;
//! # Ok::<(), saltatory::Error>(())
//! ```

use std::borrow::Borrow;

use super::Trainer;
use super::trainer::{InMemory, no_plan};
use crate::error::{Error, Result};
use crate::plan::{Holds, LossMemory};
use crate::run::training::Order;
use crate::run::values::check_gradient;
use crate::tensor::{Tensor, shape_text};

/// What a batch on its way forward gave, beside its outputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForwardReport {
    /// Samples of the batch.
    pub samples: usize,
    /// Spikes per neuron and step of every spiking layer, by its name.
    pub firing_rates: Vec<(String, f64)>,
}

impl Trainer {
    /// A batch forward, as in training: with the statistics of the batch, with dropout. Samples are as those of
    /// [`Trainer::step`]. What comes out, [`Trainer::outputs`], stays where it was computed until it is asked for.
    ///
    /// # Errors
    /// Samples that do not fit; a batch that does not fit on the device as a whole.
    pub fn forward(&mut self, samples: &[&[f32]]) -> Result<ForwardReport> {
        self.forward_of(samples, false)
    }

    /// A batch forward and back: [`Trainer::forward`], then [`Trainer::backward`] with the gradient that `gradient` makes of
    /// the [`Trainer::outputs`]. Samples are not kept between the two, but read again.
    ///
    /// ```
    /// use saltatory::{Network, Tensor, neuron::Lif, train::{Trainer, TrainOptions}};
    ///
    /// let network = Network::new([2]).linear(3).spiking(Lif::tau(2.0)).steps(4).build()?;
    /// let mut trainer = Trainer::new(network, TrainOptions::default())?;
    /// let report = trainer.forward_backward(&[&[0.5, 1.0], &[1.0, 0.0]], |trainer| {
    ///     let outputs = trainer.outputs()?;
    ///     Tensor::new(outputs.shape(), outputs.data().iter().map(|x| 2.0 * (x - 1.0)).collect())
    /// })?;
    /// assert_eq!(report.samples, 2);
    /// trainer.optimise()?;
    /// # Ok::<(), saltatory::Error>(())
    /// ```
    ///
    /// # Errors
    /// As of these two, and what `gradient` returns: running statistics are as they were.
    pub fn forward_backward<G: Borrow<Tensor>>(
        &mut self,
        samples: &[&[f32]],
        gradient: impl FnOnce(&Trainer) -> Result<G>,
    ) -> Result<ForwardReport> {
        let before = self.accumulated;
        let report = self.forward_of(samples, true)?;
        let back = gradient(self).and_then(|gradient| self.backward_of(gradient.borrow(), samples));
        if let Err(error) = back {
            // There is nothing from which it could go back later: it is as if it had never been.
            (self.in_memory, self.accumulated) = (None, before);
            self.statistics_before()?;
            return Err(error);
        }
        Ok(report)
    }

    /// A batch forward; whether its samples `stay` where they are until it goes back.
    fn forward_of(&mut self, samples: &[&[f32]], stay: bool) -> Result<ForwardReport> {
        let (steps, constant) = self.check_samples(samples)?;
        self.prepare(steps, constant, None)?;
        self.check_values(samples, stay)?;
        let result = self.steps_of(samples, &vec![0; samples.len()], samples.len(), stay)?;
        let firing_rates = self.firing_rates(&result, samples.len())?;
        self.in_memory = Some(InMemory { samples: samples.len(), constant, back: false });
        Ok(ForwardReport { samples: samples.len(), firing_rates })
    }

    /// What the batch that went [`Trainer::forward`] last gave in every step: spikes, or potentials of a read-out,
    /// `[steps, batch, ...]` with the shape of the network's output.
    ///
    /// # Errors
    /// There is no such batch, or another has taken its place. A device that is lost.
    pub fn outputs(&self) -> Result<Tensor> {
        let (shape, output, _) = self.own_loss()?;
        let Some((_, machine)) = &self.machine else { return Err(no_plan()) };
        let values = machine.values(output, Order::ByStep)?;
        // What holds for all steps is there once.
        match shape.iter().product::<usize>() / values.len().max(1) {
            1 => Tensor::new(shape, values),
            repeats => Tensor::new(shape, values.repeat(repeats)),
        }
    }

    /// The batch that went [`Trainer::forward`] last goes back: the gradients of the parameters are added to those that are
    /// there, and [`Trainer::optimise`] follows them. `gradient` is that of the loss, a number, with respect to
    /// [`Trainer::outputs`], and of their shape; where the loss is a mean over the samples it has that factor in it.
    ///
    /// # Errors
    /// No batch has gone forward since the last went back. A gradient of another shape, or that is not finite; after the
    /// latter the batch has to go forward anew.
    pub fn backward(&mut self, gradient: &Tensor) -> Result<()> {
        self.backward_of(gradient, &[])
    }

    /// The batch back; `samples` are its own where they stayed.
    fn backward_of(&mut self, gradient: &Tensor, samples: &[&[f32]]) -> Result<()> {
        let (shape, _, buffer) = self.own_loss()?;
        if self.in_memory.is_some_and(|batch| batch.back) {
            return Err(Error::Request("the batch has gone back: call `forward` before `backward`".into()));
        }
        if gradient.shape() != shape {
            let (expected, got) = (shape_text(&shape), shape_text(gradient.shape()));
            return Err(Error::Request(format!("expected the gradient of outputs {expected}, got {got}")));
        }
        let Some((plan, machine)) = &mut self.machine else { return Err(no_plan()) };
        let checked = if machine.checks_gradient() { Ok(()) } else { check_gradient(gradient.data(), 0) };
        let back = checked.and_then(|()| match plan.plan.buffers[buffer].holds {
            // What holds for all steps gets the gradients of all of them.
            Holds::Edge(edge) if edge.series == 0 => {
                let mut sum = vec![0.0; gradient.len() / shape[0]];
                for step in gradient.data().chunks_exact(sum.len()) {
                    sum.iter_mut().zip(step).for_each(|(sum, of)| *sum += of);
                }
                machine.back(&sum, samples)
            }
            _ => machine.back(gradient.data(), samples),
        });
        if let Err(error) = back {
            // Some samples may have gone back already, over what they had in memory.
            self.in_memory = None;
            return Err(error);
        }
        self.learned.take(plan, machine, &self.network)?;
        if let Some(batch) = &mut self.in_memory {
            batch.back = true;
        }
        Ok(())
    }

    /// The gradient of the loss with respect to the samples of the last batch, where [`super::TrainOptions`] ask for it:
    /// `[batch, ...]` with the shape of the network's input, or `[batch, time, ...]` for samples with a frame for each step.
    /// After [`Trainer::step`] and [`Trainer::accumulate`], too.
    ///
    /// # Errors
    /// It was not asked for; no batch has gone back. A device that is lost.
    pub fn input_gradient(&self) -> Result<Tensor> {
        if !self.options.input_gradient {
            return Err(Error::Request("the gradient of the input was not asked for: `input_gradient`".into()));
        }
        let Some((batch, (plan, machine))) = self.in_memory.filter(|batch| batch.back).zip(self.machine.as_ref())
        else {
            return Err(Error::Request("there is no gradient of the input yet: no batch has gone back".into()));
        };
        let Some(buffer) = plan.input_gradient else { return Err(no_plan()) };
        let values = machine.values(buffer, Order::BySample)?;
        let shape = &self.network.input.shape;
        let steps = [values.len() / shape.iter().product::<usize>() / batch.samples];
        let time = if batch.constant { &[][..] } else { &steps };
        Tensor::new([&[batch.samples], time, shape].concat(), values)
    }

    /// Shape of the outputs of the batch in memory, their buffer, and that of their gradient.
    fn own_loss(&self) -> Result<(Vec<usize>, usize, usize)> {
        if let (Some(batch), Some((plan, _))) = (self.in_memory, &self.machine)
            && let LossMemory::Own { output, gradient } = plan.loss
        {
            let shape = [&[plan.plan.request.steps, batch.samples], &plan.plan.score_shape[..]].concat();
            return Ok((shape, output, gradient));
        }
        Err(Error::Request("no batch has gone `forward` yet".into()))
    }
}
