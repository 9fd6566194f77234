//! Shaders and the GPU machine: declarations without a GPU, then results equal to those of the plain twins.
#![cfg(feature = "gpu")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod declarations;
mod embedded;
mod gpus;
mod memory;
mod networks;
mod parity;
#[path = "../invariance/random.rs"]
mod random;
mod sabotage;
mod training;
