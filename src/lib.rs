//! Saltatory runs, trains and simulates spiking neural networks, by plans that skip silence.
//!
//! ```
//! use saltatory::{Network, Session, Tensor, neuron::Lif, run::Options};
//!
//! let mut network = Network::new([1, 28, 28])
//!     .conv2d(32, 3).padding(1).batch_norm().spiking(Lif::tau(2.0)).max_pool(2)
//!     .flatten().linear(10).steps(4)
//!     .build()?;
//! network.init(42)?; // or: saltatory::network::open("model.nir", &Default::default())?
//! let mut session = Session::new(network, Options::default())?;
//! let scores = session.run(&Tensor::filled([8, 1, 28, 28], 0.5))?.scores;
//! assert_eq!(scores.shape(), [8, 10]);
//! # Ok::<(), saltatory::Error>(())
//! ```
//!
//! # The map
//!
//! The folders are the questions, and data flows one way:
//!
//! ```text
//! Network (what)  ->  Plan (how)  ->  Machine (where)
//! ```
//!
//! | module | what it knows |
//! |---|---|
//! | [`neuron`] | the mathematics of one neuron; the rules in which frameworks differ |
//! | [`layer`] | one layer: parameters, shapes |
//! | [`circuit`] | populations of cells and projections between them |
//! | [`network`] | the graph; builder, TOML files, checkpoints; compiling to a plan |
//! | [`kernel`] | the mathematics of one dispatch: parameters, slots, CPU twin; the order contract |
//! | [`plan`] | what is computed in which order, on which memory; prints as text |
//! | [`run`] | sessions, the machines (plain, fast, GPU), what is counted and recorded |
//! | [`io`] | samples, also read ahead; labels, scores, NIR files |
//! | `plot` | pictures: rasters, traces, histograms, matrices (feature `plot`) |
//! | [`train`] | gradients, losses, optimisers |
//! | [`workloads`] | the networks that speed is measured on |
//! | [`tensor`], [`sparse`], [`error`] | dense and sparse values, errors |
//! | [`shared`] | structs that have the same fields here and in shaders |
//!
//! Beside `src`: `shaders` (one file a kernel, and what they share), `src/cli` (the binary), `benches` (`kernels.rs` for
//! criterion; `peers`, the same workloads in Python; `RESULTS.md`), `tests`, a folder for each question: `goldens` (other
//! frameworks' results), `gpu` (shaders against twins, and shaders broken on purpose), `invariance` (batches, threads,
//! slices), `training`, `circuits`, `network_files`, `cli`.
//!
//! # Features
//!
//! | feature | what it brings |
//! |---|---|
//! | `gpu` (default) | GPUs through wgpu |
//! | `cli` (default) | the binary, with `formats` and `nir` |
//! | `formats` | samples and results as files: `.npy`, `.npz`, IDX, images |
//! | `nir` | networks as `.nir` |
//! | `plot` | pictures |
//! | `charts`, `arrow` | the binary with pictures; with Parquet and Arrow |
//!
//! # How to add a ...
//!
//! neuron model: see [`neuron`]. Layer: see [`layer`]. Kernel: see [`kernel`]. Fusion rule: `network::lower`.
//! File format of samples: `io::dataset`.
//!
//! # What equals what
//!
//! Results do not depend on the batch, the number of threads, the machine, or the path a sum takes: the same input gives
//! the same bits. Spikes equal those of the framework whose dialect is chosen, as far as its rounding allows: the goldens in
//! `tests/goldens` say how far.

pub mod circuit;
pub mod error;
pub mod io;
pub mod kernel;
pub mod layer;
pub mod network;
pub mod neuron;
pub mod plan;
#[cfg(feature = "plot")]
pub mod plot;
mod random;
pub mod run;
pub mod shared;
pub mod sparse;
pub mod tensor;
pub mod train;
pub mod workloads;

pub use error::{Error, Result};
pub use network::Network;
pub use run::Session;
pub use sparse::SparseMatrix;
pub use tensor::Tensor;
