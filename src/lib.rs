//! Saltatory runs spiking neural networks.

#![warn(missing_docs)]

pub mod error;
pub mod io;
pub mod layer;
pub mod network;
pub mod neuron;
pub mod tensor;

pub use error::{Error, Result};
pub use network::Network;
pub use tensor::Tensor;
