//! A run over many samples that can be trusted with a night's work.
//!
//! Three things happen at once, each in threads of its own: samples are read ahead ([`saltatory::io::ahead`]), batches are
//! computed ([`pipeline`]), results are written ([`results`]). What is written is made durable every few seconds, with
//! a line in a [`journal`] that says how far it goes; from there an interrupted run goes on, if it is the same [`job`](super::job).

pub mod fallback;
pub mod journal;
pub mod kept_state;
pub mod outputs;
pub mod pipeline;
pub mod results;
pub mod shard;
pub mod size;
