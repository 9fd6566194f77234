//! `saltatory export`: a network as a file of another format.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use saltatory::io::nir::{WriteOptions, Written, write};
use saltatory::io::output::AtomicFile;
use saltatory::{Error, Result};

use super::model::Source;
use super::{Outcome, print};

/// The options of `export`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  saltatory export net.toml --weights weights.safetensors --out model.nir
  saltatory export checkpoint.safetensors --out model.nir --rules model.toml
  saltatory run model.nir samples/ --dialect model.toml --steps 25

NIR holds neither a time step nor how neurons fire and reset: a file means a network only together with the dialect that
is printed, which its own framework assumes. Batch norm becomes part of the weights before it, a max pool of spikes a sum
pool and a threshold. What NIR cannot hold is refused, or where it is a rule of the neurons goes into the file of `--rules`.")]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Write here. The file appears when it is complete.
    #[arg(long, value_name = "FILE.nir")]
    out: PathBuf,
    /// Seconds per step that time constants are written for; default: what the dialect's framework assumes of NIR (1e-4,
    /// Norse 1e-3, Sinabs 1).
    #[arg(long, value_name = "SECONDS")]
    nir_dt: Option<f64>,
    /// Write the dialect, the time step and every rule that differs from the dialect's here, as `--dialect` reads them.
    /// Without it, a network with such rules is refused.
    #[arg(long, value_name = "FILE.toml")]
    rules: Option<PathBuf>,
}

/// Writes a network.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let network = arguments.source.open()?;
    if arguments.rules.as_ref() == Some(&arguments.out) {
        return Err(Error::Request("--out and --rules are the same file".into()));
    }
    // Begun first: where it cannot be written, the network is not either.
    let rules = arguments.rules.as_ref().map(AtomicFile::create).transpose()?;
    let options = WriteOptions { dt: arguments.nir_dt, rules_apart: rules.is_some() };
    let written = write(&network, &arguments.out, &options)?;
    let reading = written.reading.to_toml()?;
    if let Some(mut file) = rules {
        file.write_all(reading.as_bytes()).map_err(|e| Error::io(file.target(), e))?;
        file.commit()?;
    }
    print(&as_text(arguments, &written, &reading))?;
    Ok(Outcome::Good)
}

fn as_text(arguments: &Arguments, written: &Written, reading: &str) -> String {
    let mut text = String::new();
    let out = arguments.out.display();
    let _ = writeln!(text, "{out}: {} nodes, {} edges. A reader must assume:\n", written.nodes, written.edges);
    for line in reading.lines() {
        let _ = writeln!(text, "{}", format!("  {line}").trim_end());
    }
    let choice = &written.reading;
    let dialect = match (&arguments.rules, choice.dialect) {
        (Some(rules), _) => format!(" --dialect {}", rules.display()),
        (None, Some(dialect)) if choice.dt == Some(dialect.nir_dt()) => format!(" --dialect {}", dialect.name()),
        (None, Some(dialect)) => {
            format!(" --dialect {} --dt {:e}", dialect.name(), choice.dt.unwrap_or_else(|| dialect.nir_dt()))
        }
        (None, None) => String::new(),
    };
    let _ = writeln!(text, "\nRun it with `saltatory run {out} INPUT{dialect}`.");
    if arguments.rules.is_none() && (choice.rules != Default::default() || !choice.nodes.is_empty()) {
        text += "note: `form` only rounds otherwise; `--rules FILE.toml` hands it on too\n";
    }
    for note in &written.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}
