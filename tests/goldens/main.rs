//! Every golden case of the frameworks that this version can run: spikes exactly, potentials within the tolerance
//! that the goldens' README states.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backward;
mod case;
#[cfg(feature = "gpu")]
#[path = "../gpu/gpus.rs"]
mod gpus;
mod nets;
mod neurons;
#[cfg(feature = "nir")]
mod nir;
#[cfg(feature = "nir")]
mod nir_real;
mod own_loss;
mod srnn;
mod training;
