//! Training: surrogate gradients through time.
//!
//! A [`Trainer`] takes a network and batches of labelled samples; [`Trainer::step`] computes the loss, its gradients and
//! one step of the optimiser. The steps of the computation are a plan of the same kernels that networks run on, and of
//! those that go back; see [`crate::plan`].
//!
//! With a loss of one's own a step is in three parts: [`Trainer::forward`] and [`Trainer::outputs`], the gradient of that
//! loss with respect to these outputs, and [`Trainer::backward`] with it; then [`Trainer::optimise`].
//!
//! What is around the steps: a [`Recipe`] says how a network is trained, [`mod@schedule`] how the learning rate goes,
//! [`order()`] and [`Augmenter`] what every step sees, and a [`Checkpoint`] keeps a training on disk. All of it depends on
//! the seed and on where it is drawn for, so a training that is gone on with ends with the same bits.
//!
//! ```
//! use saltatory::{Network, neuron::Lif, train::{Trainer, TrainOptions}};
//!
//! let network = Network::new([2]).linear(8).spiking(Lif::tau(2.0)).linear(2).steps(4).build()?;
//! let mut trainer = Trainer::new(network, TrainOptions::default())?;
//! let report = trainer.step(&[&[0.0, 1.0], &[1.0, 0.0]], &[0, 1])?;
//! assert!(report.loss > 0.0 && report.correct <= 2);
//! # Ok::<(), saltatory::Error>(())
//! ```

mod augment;
mod check;
pub mod checkpoint;
mod options;
mod order;
mod own_loss;
mod populations;
mod progress;
mod quantise;
pub mod recipe;
pub mod schedule;
mod settings;
mod tensors;
mod trainer;

pub use crate::kernel::grad::loss::{LossKind, Over};
pub use crate::neuron::surrogate::{Surrogate, SurrogateKind};
pub use crate::plan::RatePenalty;
pub use augment::{Augment, Augmenter};
pub use checkpoint::Checkpoint;
pub use options::{Loss, Momentum, Optimiser, TrainOptions};
pub use order::{order, split};
pub use own_loss::ForwardReport;
pub use progress::{Best, Epoch, Point, Progress, Sums};
pub use quantise::quantise;
pub use recipe::Recipe;
pub use schedule::{Schedule, Warmup};
pub use trainer::{StepReport, Trainer, TrainerState};
