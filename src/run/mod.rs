//! Where a plan runs.
//!
//! [`Session`] is the way in: it compiles a network for what it is given, keeps plans and memory, and hands out
//! scores, measurements and recordings. [`cpu`] is the machine of plain twins, [`gpu`] that of any GPU.

mod collect;
pub mod cpu;
mod fast;
#[cfg(feature = "gpu")]
pub mod gpu;
mod machine;
mod metrics;
mod pack;
mod record;
mod session;
pub mod verify;

pub use machine::Device;
pub use metrics::{Metrics, PopulationMetrics, WeightedMetrics};
pub use record::Recording;
pub use session::{Options, Output, Session, Ticket};
