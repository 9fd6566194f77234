//! Where a plan runs.
//!
//! [`Session`] is the way in: it compiles a network for what it is given, keeps plans and memory, and hands out
//! scores, measurements and recordings. Three machines run the same plans on the same layouts, to the bit:
//!
//! | machine | how |
//! |---|---|
//! | [`Device::Reference`] | the plain twins of [`crate::kernel`], in [`cpu`] |
//! | [`Device::Cpu`] | the same, but for what `fast` computes in vectors of 32 channels |
//! | `Device::Gpu` | WGSL kernels through wgpu, in `gpu` |
//!
//! [`verify`] compares a machine with the plain twins.

mod activity;
mod bound;
mod circuit_state;
mod collect;
mod confident;
pub mod cpu;
mod fast;
#[cfg(feature = "gpu")]
pub mod gpu;
mod machine;
mod metrics;
mod output;
mod pack;
mod profile;
mod record;
#[cfg(feature = "formats")]
mod recorder;
mod session;
mod simulation;
mod spread;
mod state;
mod stream;
pub(crate) mod training;
pub(crate) mod values;
pub mod verify;

pub use confident::Confident;
pub use machine::Device;
pub use metrics::{Metrics, PopulationMetrics, WeightedMetrics};
pub use output::Output;
pub use profile::{Profile, Profiler, Span, StepProfile};
pub use record::Recording;
#[cfg(feature = "formats")]
pub use recorder::{SpikeRecorder, TraceRecorder};
pub use session::{Options, Session, Ticket};
pub use simulation::{Activity, Simulation, SimulationOptions};
pub use state::State;
