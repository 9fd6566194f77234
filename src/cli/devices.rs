//! `saltatory devices`: what networks can run on.

use clap::Args;
use saltatory::{Error, Result};
use serde_json::json;

use super::{Outcome, print};

/// The options of `devices`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Lists the CPU and every GPU adapter.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let adapters = adapters();
    if arguments.json {
        let list: Vec<_> = adapters.into_iter().map(|(_, json)| json).collect();
        let text = json!({ "cpu": { "threads": threads, "runs": true }, "gpus": list });
        print(&format!("{text:#}\n"))?;
        return Ok(Outcome::Good);
    }
    let mut text = format!("cpu    {threads} threads, {}  [runs networks; the default]\n", std::env::consts::ARCH);
    for (line, _) in &adapters {
        text += &format!("{line}  [listed only]\n");
    }
    if adapters.is_empty() {
        text += "no GPU adapter found\n";
    }
    text += "\nThis version computes on the CPU. GPU kernels are the next part of the project.\n";
    print(&text)?;
    Ok(Outcome::Good)
}

/// Refuses a device that this version cannot run on.
pub fn check(device: &str) -> Result<()> {
    match device {
        "auto" | "cpu" => Ok(()),
        other if other == "gpu" || other.parse::<usize>().is_ok() => Err(Error::Unsupported(format!(
            "--device {other}: this version computes on the CPU alone; use `--device cpu` (GPUs are listed by `saltatory devices`)"
        ))),
        other => Err(Error::Request(format!("--device: expected auto, cpu, gpu or an index, got `{other}`"))),
    }
}

/// Every GPU adapter as a line for people and as JSON.
#[cfg(feature = "gpu")]
fn adapters() -> Vec<(String, serde_json::Value)> {
    let list = saltatory::run::gpu::adapters().into_iter().enumerate();
    let describe = |(index, a): (usize, saltatory::run::gpu::AdapterInfo)| {
        let line = format!("gpu {index:<2} {} ({}, {}, {})", a.name, a.kind, a.backend, a.driver);
        let json = json!({
            "index": index, "name": a.name, "kind": a.kind, "backend": a.backend, "driver": a.driver,
            "max_binding_bytes": a.max_binding, "storage_buffers": a.storage_buffers, "runs": false,
        });
        (line, json)
    };
    list.map(describe).collect()
}

#[cfg(not(feature = "gpu"))]
fn adapters() -> Vec<(String, serde_json::Value)> {
    Vec::new()
}
