//! `saltatory export`: a network as a file of another format.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use saltatory::io::nir::{WriteOptions, Written, write};
use saltatory::io::output::AtomicFile;
use saltatory::layer::{Layer, SparseLinear};
use saltatory::network;
use saltatory::{Error, Network, Result};

use super::model::Source;
use super::{Outcome, print};

/// The options of `export`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  saltatory export net.toml --weights weights.safetensors --out model.nir
  saltatory export checkpoint.safetensors --out model.nir --rules model.toml
  saltatory export pruned.toml --weights pruned.safetensors --sparse 0.8 --out sparse.safetensors
  saltatory run model.nir samples/ --dialect model.toml --steps 25

NIR holds neither a time step nor how neurons fire and reset: a file means a network only together with the dialect that
is printed, which its own framework assumes. Batch norm becomes part of the weights before it, a max pool of spikes a sum
pool and a threshold, a sparse linear layer a dense one. What NIR cannot hold is refused, or where it is a rule of the neurons goes into the file of `--rules`.

A `.safetensors` file is a checkpoint that carries its network.")]
pub struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Write here, a `.nir` file or a `.safetensors` checkpoint. The file appears when it is complete.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Seconds per step that time constants are written for; default: what the dialect's framework assumes of NIR (1e-4,
    /// Norse 1e-3, Sinabs 1).
    #[arg(long, value_name = "SECONDS")]
    nir_dt: Option<f64>,
    /// Write the dialect, the time step and every rule that differs from the dialect's here, as `--dialect` reads them.
    /// Without it, a network with such rules is refused.
    #[arg(long, value_name = "FILE.toml")]
    rules: Option<PathBuf>,
    /// Make every linear layer sparse of which at least this share of the weights is zero. For checkpoints: NIR has no sparse
    /// layers.
    #[arg(long, value_name = "SHARE")]
    sparse: Option<f64>,
}

/// Writes a network.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let network = arguments.source.open()?;
    if arguments.out.extension().is_some_and(|extension| extension == "safetensors") {
        return checkpoint(arguments, &network);
    }
    if arguments.sparse.is_some() {
        return Err(Error::Request(
            "--sparse: NIR has no sparse layers, write a checkpoint: --out FILE.safetensors".into(),
        ));
    }
    if arguments.rules.as_ref() == Some(&arguments.out) {
        return Err(Error::Request("--out and --rules are the same file".into()));
    }
    // Begun first: where it cannot be written, the network is not either.
    let rules = arguments.rules.as_ref().map(AtomicFile::create).transpose()?;
    let options = WriteOptions { dt: arguments.nir_dt, rules_apart: rules.is_some() };
    let written = write(&network, &arguments.out, &options)?;
    let reading = written.reading.to_toml()?;
    if let Some(file) = rules {
        file.write_whole(reading.as_bytes())?;
    }
    print(&as_text(arguments, &written, &reading))?;
    Ok(Outcome::Good)
}

/// Writes a network as a checkpoint, its linear layers sparse where that is asked for.
fn checkpoint(arguments: &Arguments, network: &Network) -> Result<Outcome> {
    if arguments.rules.is_some() || arguments.nir_dt.is_some() {
        let message = "--rules and --nir-dt are for NIR: a checkpoint has the rules and the time step of its network";
        return Err(Error::Request(message.into()));
    }
    let sparse = arguments.sparse.map(|share| network.sparsified(share)).transpose()?;
    let written = sparse.as_ref().unwrap_or(network);
    network::checkpoint::save(written, &arguments.out)?;
    let mut text = format!("{}: {} layers\n", arguments.out.display(), written.nodes.len());
    for (node, before) in written.nodes.iter().zip(&network.nodes) {
        if let Layer::SparseLinear(SparseLinear { weight: Some(weight), .. }) = &node.layer
            && node.layer != before.layer
        {
            let (synapses, elements) = (weight.len(), weight.rows() * weight.columns());
            let percent = 100.0 * weight.density();
            let _ = writeln!(text, "  {} is sparse: {synapses} of {elements} weights, {percent:.3} %", node.name);
        }
    }
    if sparse.is_some_and(|sparse| sparse == *network) {
        text += "note: no linear layer has such a share of zeros\n";
    }
    print(&text)?;
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
