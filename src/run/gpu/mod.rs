//! GPUs through wgpu: the only room that says `wgpu`.
//!
//! | file | what it knows |
//! |---|---|
//! | `adapters` | which GPUs there are, and which one is meant |
//! | `budget` | what a GPU is asked for at most |
//! | `context` | [`Gpu`]: a device with its pipelines; shared by everything that runs on it |
//! | `pipelines` | a kernel becomes a pipeline, once |
//! | `prepared` | [`Prepared`]: a plan's memory, pipelines and bind groups on a device |
//! | `schedule` | which dispatches a window of a batch takes, and what each of them is told |
//! | `readback` | results back to the host, sample by sample |
//! | `batch` | samples in, commands out, results back |
//! | `compare` | both machines side by side, step by step |
//! | `trusted` | the one place that is not checked by the compiler |

mod adapters;
mod batch;
mod budget;
mod compare;
mod context;
mod pipelines;
mod prepared;
mod readback;
mod schedule;
mod trusted;

pub use adapters::{AdapterInfo, Choice, adapters};
pub use budget::Budget;
pub use compare::{Difference, Word, compare};
pub use context::{Gpu, ShaderEdit, required};
pub use prepared::Prepared;

pub(super) use batch::{GpuMachine, Pending};
