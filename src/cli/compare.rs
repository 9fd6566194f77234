//! `saltatory run --compare`: both machines side by side.

use saltatory::io::dataset::Dataset;
use saltatory::run::{Device, Options};
use saltatory::{Error, Network, Result, Session};

use super::{Outcome, print};

/// Differences that are printed of one sample.
const NAMED: usize = 10;

/// Runs every sample on the CPU and on a GPU, step by step, and says where they part.
#[cfg(feature = "gpu")]
pub fn run(device: &Device, network: Network, samples: Dataset, steps: Option<usize>) -> Result<Outcome> {
    let Device::Gpu(gpu) = device else {
        return Err(Error::Request("--compare: needs a GPU beside the CPU: add `--device gpu` or an index".into()));
    };
    let options = Options { device: device.clone(), steps, ..Default::default() };
    let sequence = samples.steps();
    let mut session = Session::new(network, options)?;
    let (mut parted, mut bad) = (0, 0);
    for sample in samples {
        let values = match &sample.values {
            Ok(values) => values,
            Err(reason) => {
                bad += 1;
                print(&format!("{}: {reason}\n", sample.name))?;
                continue;
            }
        };
        let plan = session.plan(sequence)?;
        let found = saltatory::run::gpu::compare(gpu, &plan, values)?;
        parted += usize::from(!found.is_empty());
        if found.is_empty() {
            print(&format!("{}: equal to the bit, {} plan steps\n", sample.name, plan.steps().count()))?;
        }
        for d in found.iter().take(NAMED) {
            let (some, all) = d.differing;
            print(&format!(
                "{}: plan step {} ({} of `{}`), time {}: `{}` differs at {}: cpu {}, gpu {}  ({some} of {all} words)\n",
                sample.name, d.step, d.kernel, d.layer, d.clock, d.slot, d.index, d.cpu, d.gpu
            ))?;
        }
    }
    Ok(if parted + bad == 0 { Outcome::Good } else { Outcome::SomeBad })
}

/// Runs every sample on the CPU and on a GPU.
#[cfg(not(feature = "gpu"))]
pub fn run(_: &Device, _: Network, _: Dataset, _: Option<usize>) -> Result<Outcome> {
    Err(Error::Unsupported("--compare: this program was built without the feature `gpu`".into()))
}
