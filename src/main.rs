//! The command line: parse, call, print errors with their cause, exit.

#![allow(missing_docs)]

mod cli;

use clap::Parser;

fn main() -> std::process::ExitCode {
    cli::run(cli::Arguments::parse())
}
