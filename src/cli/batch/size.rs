//! How many samples are computed together where nobody says so. Results do not depend on it.

use saltatory::plan::Plan;
use saltatory::run::Device;

/// Samples per thread of a CPU: at the end of a batch threads wait for the slowest, for half a sample on average.
const PER_THREAD: usize = 32;
/// Bytes that the inputs, results and recordings of a batch on a CPU may take; several batches are in memory.
const CPU_BYTES: usize = 64 << 20;
/// Bytes of work of a batch on a GPU: enough threads for a large one, and a binding of any.
const GPU_BYTES: usize = 128 << 20;
/// The most: larger ones gain nothing.
const MOST: usize = 1024;

/// The most where software stands in for a GPU: a run that is stopped ends with its batch.
#[cfg(feature = "gpu")]
const SOFTWARE: usize = 64;

/// The size of a batch for a plan on a device.
pub fn automatic(plan: &Plan, device: &Device, threads: usize, input: usize, row: usize) -> usize {
    let ends = 4 * (input + row);
    let fits = |bytes: usize, of_sample: usize| (bytes / of_sample.max(1)).clamp(1, MOST);
    match device {
        Device::Cpu | Device::Reference => {
            let of_sample = if plan.request.record { ends + plan.sample_bytes() } else { ends };
            fits(CPU_BYTES, of_sample).min(PER_THREAD * threads)
        }
        #[cfg(feature = "gpu")]
        Device::Gpu(gpu) => {
            let most = if gpu.info().kind == "software" { SOFTWARE } else { MOST };
            1 << fits(GPU_BYTES, ends + plan.sample_bytes()).min(most).ilog2()
        }
    }
}
