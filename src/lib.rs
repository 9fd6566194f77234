//! Saltatory runs spiking neural networks.

#![warn(missing_docs)]

pub mod error;
pub mod io;
pub mod kernel;
pub mod layer;
pub mod network;
pub mod neuron;
pub mod plan;
pub mod run;
pub mod tensor;

pub use error::{Error, Result};
pub use network::Network;
pub use run::Session;
pub use tensor::Tensor;
