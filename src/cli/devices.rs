//! `saltatory devices`: what networks can run on, and which of it is meant.

use clap::Args;
use saltatory::run::Device;
use saltatory::{Error, Result};
use serde_json::{Value, json};

use super::{Outcome, print};

/// The options of `devices`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  saltatory devices
  saltatory devices --verify")]
pub struct Arguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Run the exact suite on every GPU: does it compute what the CPU computes, to the bit?
    #[arg(long)]
    verify: bool,
}

/// Lists the CPU and every GPU adapter.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let adapters = adapters(arguments.verify)?;
    let good = adapters.iter().all(|(_, json)| json["bit_exact"] != json!(false));
    if arguments.json {
        let list: Vec<_> = adapters.into_iter().map(|(_, json)| json).collect();
        let text = json!({ "cpu": { "threads": threads, "runs": true }, "gpus": list });
        print(&format!("{text:#}\n"))?;
    } else {
        let mut text = format!("cpu    {threads} threads, {}\n", std::env::consts::ARCH);
        for (lines, _) in &adapters {
            text += lines;
        }
        if adapters.is_empty() {
            text += "no GPU adapter found\n";
        }
        text += "\nUse one with `--device cpu`, `--device gpu` (the best), or `--device INDEX`.\n";
        print(&text)?;
    }
    Ok(if good { Outcome::Good } else { Outcome::SomeBad })
}

/// The device that an argument means. `auto`: a GPU unless all there is is software, which the CPU itself outruns.
#[cfg(feature = "gpu")]
pub fn choose(argument: &str) -> Result<Device> {
    use saltatory::run::gpu::{Choice, Gpu, adapters};
    let open = |choice: Choice| {
        let folder = cache_folder();
        Gpu::open(&choice).map(|gpu| Device::Gpu(gpu.keep_pipelines(&folder).keep_crossovers(&folder)))
    };
    match argument {
        "cpu" | "reference" => argument.parse(),
        "auto" if !may_have_gpu() => Ok(Device::Cpu),
        "auto" if adapters().iter().all(|a| matches!(a.kind, "software" | "other")) => Ok(Device::Cpu),
        "auto" => open(Choice::Best).or(Ok(Device::Cpu)),
        other => open(other.into()),
    }
    .map_err(|e| Error::Request(format!("--device {argument}: {e}; `saltatory devices` lists what there is")))
}

/// Whether there may be more than software: asking the drivers loads them all, with their compilers.
#[cfg(feature = "gpu")]
fn may_have_gpu() -> bool {
    // The kernel's interfaces: of most drivers, of NVIDIA's, of a Windows host's, of computing cards.
    const NODES: [&str; 4] = ["/dev/dri", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd"];
    !cfg!(target_os = "linux") || NODES.iter().any(|node| std::path::Path::new(node).exists())
}

/// Where compiled pipelines are kept, and what was measured of devices: the folder of the user for such things.
#[cfg(feature = "gpu")]
fn cache_folder() -> std::path::PathBuf {
    use std::path::PathBuf;
    let variable = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || variable("HOME").map(|home| home.join(".cache"));
    let user = variable("XDG_CACHE_HOME").or_else(|| variable("LOCALAPPDATA")).or_else(home);
    user.unwrap_or_else(std::env::temp_dir).join("saltatory")
}

/// The device that an argument means.
#[cfg(not(feature = "gpu"))]
pub fn choose(argument: &str) -> Result<Device> {
    match argument {
        "auto" => Ok(Device::Cpu),
        "cpu" | "reference" => argument.parse(),
        other => Err(Error::Unsupported(format!("--device {other}: this program was built without the feature `gpu`"))),
    }
}

/// Every GPU adapter as lines for people and as JSON.
#[cfg(feature = "gpu")]
fn adapters(verify: bool) -> Result<Vec<(String, Value)>> {
    let mut list = Vec::new();
    for (index, a) in saltatory::run::gpu::adapters().into_iter().enumerate() {
        let mut lines = format!("gpu {index:<2} {} ({}, {}, {})\n", a.name, a.kind, a.backend, a.driver);
        let mut json = json!({
            "index": index, "name": a.name, "kind": a.kind, "backend": a.backend, "driver": a.driver,
            "max_binding_bytes": a.max_binding, "storage_buffers": a.storage_buffers, "runs": a.storage_buffers >= 8,
        });
        if verify {
            let (said, exact) = verdict(index)?;
            lines += &said;
            json["bit_exact"] = json!(exact);
        }
        list.push((lines, json));
    }
    Ok(list)
}

/// Whether an adapter passes the exact suite, and what does not.
#[cfg(feature = "gpu")]
fn verdict(index: usize) -> Result<(String, bool)> {
    use saltatory::run::{gpu, verify};
    let device = match gpu::Gpu::open(&gpu::Choice::Index(index)) {
        Ok(gpu) => Device::Gpu(gpu),
        Err(error) => return Ok((format!("       cannot be used: {error}\n"), false)),
    };
    let cases = verify::cases()?.len();
    let bar = super::progress::bar(cases, false);
    let verdicts = verify::verify(&device, |_| bar.inc(1));
    bar.finish_and_clear();
    let verdicts = match verdicts {
        Ok(verdicts) => verdicts,
        Err(error) => return Ok((format!("       failed: {error}\n"), false)),
    };
    let mut lines = String::new();
    for verdict in &verdicts {
        if let Some(difference) = &verdict.difference {
            lines += &format!("       {}: {difference}\n", verdict.name);
        }
    }
    let exact = lines.is_empty();
    let spikes: u64 = verdicts.iter().map(|v| v.spikes).sum();
    let said = if exact { "yes" } else { "NO" };
    lines += &format!("       bit-exact: {said}  ({} cases, {spikes} spikes compared with the CPU)\n", verdicts.len());
    Ok((lines, exact))
}

#[cfg(not(feature = "gpu"))]
fn adapters(_: bool) -> Result<Vec<(String, Value)>> {
    Ok(Vec::new())
}
