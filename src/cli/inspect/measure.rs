//! What a GPU has to be measured for before a plan for it says where lists of events pay.

use saltatory::plan::Request;
use saltatory::run::Device;
use saltatory::{Error, Network, Result};

/// Sizes of batches that layers are measured with: a plan serves all of them, so what is the least of these holds.
#[cfg(feature = "gpu")]
const BATCHES: [usize; 2] = [1, 32];

/// Measures the linear layers of spikes of a network, where that is not known yet.
#[cfg(feature = "gpu")]
pub fn measure(device: &Device, network: &Network, request: &Request) -> Result<()> {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    let Device::Gpu(gpu) = device else { return Err(no_gpu()) };
    let sizes = RefCell::new(BTreeSet::new());
    saltatory::network::compile_with(network, request, &|size| {
        sizes.borrow_mut().insert(size);
        None
    })?;
    let all = sizes.into_inner().into_iter().flat_map(|size| BATCHES.map(|batch| (size, batch)));
    let unknown: Vec<_> = all.filter(|(size, batch)| !gpu.knows_crossover(*size, *batch)).collect();
    let bar = super::super::progress::steps(unknown.len(), "layers");
    for (size, batch) in unknown {
        match gpu.measure_crossover(size, batch, |_| {}) {
            // Nor is such a batch ever run.
            Ok(_) | Err(Error::OutOfMemory { .. }) => bar.inc(1),
            Err(error) => return Err(error),
        }
    }
    bar.finish_and_clear();
    Ok(())
}

#[cfg(not(feature = "gpu"))]
pub fn measure(_: &Device, _: &Network, _: &Request) -> Result<()> {
    Err(no_gpu())
}

fn no_gpu() -> Error {
    Error::Request(
        "--measure: expected a GPU (`--device gpu`): a CPU makes lists of its own wherever they are quicker".into(),
    )
}
