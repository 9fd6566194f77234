//! The parsers of the command line, which are not in the library: their files, built once more for the targets.
#![allow(dead_code)]

pub mod batch;
#[path = "../../../src/cli/input.rs"]
pub mod input;
#[path = "../../../src/cli/merge/mod.rs"]
pub mod merge;
#[path = "../../../src/cli/predictions/mod.rs"]
pub mod predictions;
#[path = "../../../src/cli/recordings.rs"]
pub mod recordings;
#[path = "../../../src/cli/report.rs"]
pub mod report;
#[path = "../../../src/cli/sinks.rs"]
pub mod sinks;
#[path = "../../../src/cli/tally.rs"]
pub mod tally;
#[path = "../../../src/cli/written.rs"]
pub mod written;

/// As the command line has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Good,
    SomeBad,
}

/// Makes the text and throws it away.
fn print(_: &str) -> saltatory::Result<()> {
    Ok(())
}

/// Likewise.
fn note(_: &str) {}
