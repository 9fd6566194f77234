//! Journals, and what they name.

#[path = "../../../../src/cli/batch/job.rs"]
pub mod job;
#[path = "../../../../src/cli/batch/journal.rs"]
pub mod journal;
#[path = "../../../../src/cli/batch/outputs.rs"]
pub mod outputs;
#[path = "../../../../src/cli/batch/shard.rs"]
pub mod shard;
