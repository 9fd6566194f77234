//! The command line: parse, call, print errors with their cause, exit.

#![allow(missing_docs)]

mod cli;

use clap::Parser;

fn main() -> std::process::ExitCode {
    match cli::Arguments::try_parse() {
        Ok(arguments) => cli::run(arguments),
        // Clap itself would exit with 2, which says that some inputs were bad.
        Err(error) => {
            error.print().ok();
            std::process::ExitCode::from(u8::from(error.use_stderr()))
        }
    }
}
