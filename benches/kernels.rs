//! Kernels one by one: the smallest network whose time is one kernel's, at three sizes and firing rates, on one thread.
//!
//!     cargo bench --bench kernels
//!     cargo bench --bench kernels -- conv_spike/fast
//!     SALTATORY_BENCH_GPU=0 cargo bench --bench kernels -- gpu
//!
//! A session does more than its kernel: it packs the input and reduces the output over time. `SALTATORY_BENCH_GPU` is a
//! number, a part of a name, or empty for the best GPU; a batch is larger there.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use saltatory::network::{Builder, InputKind, InputSpec};
use saltatory::neuron::Lif;
use saltatory::run::{Device, Options};
use saltatory::workloads::uniform;
use saltatory::{Network, Result, Session, Tensor};

/// Steps of a sample.
const STEPS: usize = 8;
/// Spikes per input and step.
const RATES: [f32; 3] = [0.01, 0.05, 0.2];
/// Samples run together on a GPU.
#[cfg(feature = "gpu")]
const GPU_BATCH: usize = 64;

/// A kernel, and networks of three sizes that need it.
struct Bench {
    kernel: &'static str,
    networks: [Builder; 3],
    /// What an input that fires is.
    spike: f32,
}

/// Channels and extent of images.
const IMAGES: [[usize; 3]; 3] = [[32, 14, 14], [64, 28, 28], [128, 32, 32]];
/// Neurons of a layer.
const LAYERS: [usize; 3] = [256, 1024, 4096];
/// Neurons where they are alone.
const POPULATIONS: [usize; 3] = [1 << 12, 1 << 14, 1 << 16];

fn benches() -> Vec<Bench> {
    let bits =
        |shape: &[usize]| Network::new(shape.to_vec()).input(InputSpec { kind: InputKind::Bits, ..Default::default() });
    let lif = || Lif::tau(2.0);
    let conv = IMAGES.map(|s| bits(&s).conv2d(s[0], 3).padding(1).spiking(lif()));
    let linear = LAYERS.map(|n| bits(&[n]).linear(n).spiking(lif()));
    let alone = POPULATIONS.map(|n| Network::new([n]).spiking(lif()));
    // A linear layer as the output needs no more than the number of spikes.
    let counted = POPULATIONS.map(|n| bits(&[n]).linear(1));
    let metered = POPULATIONS.map(|n| bits(&[n]).linear(1).spiking(lif()));
    let pooled = IMAGES.map(|s| bits(&s).sum_pool(2));
    let bench = |kernel, networks| Bench { kernel, networks, spike: 1.0 };
    vec![
        bench("conv_spike", conv),
        bench("linear_spike", linear),
        // A current under which a neuron at rest fires at once.
        Bench { kernel: "membrane", networks: alone, spike: 4.0 },
        bench("count", counted),
        bench("meter", metered),
        bench("pool", pooled),
    ]
}

/// Devices by name, each with the samples that run together there.
fn devices() -> Result<Vec<(&'static str, Device, usize)>> {
    #[allow(unused_mut)] // where there are no GPUs
    let mut devices = vec![("reference", Device::Reference, 1), ("fast", Device::Cpu, 1)];
    #[cfg(feature = "gpu")]
    if let Ok(name) = std::env::var("SALTATORY_BENCH_GPU") {
        use saltatory::run::gpu::{Choice, Gpu};
        let choice = match name.parse() {
            Ok(index) => Choice::Index(index),
            Err(_) if name.is_empty() => Choice::Best,
            Err(_) => Choice::Name(name),
        };
        devices.push(("gpu", Device::Gpu(Gpu::open(&choice)?), GPU_BATCH));
    }
    Ok(devices)
}

/// A session for a kernel, and a batch of so many samples with spikes at a rate.
fn prepare(bench: &Bench, size: usize, device: &Device, batch: usize, rate: f32) -> Result<(Session, Tensor)> {
    let mut network = bench.networks[size].clone().steps(STEPS).build()?;
    network.init(7)?;
    let shape = [&[batch, STEPS], &network.input.shape[..]].concat();
    let count: usize = shape.iter().product();
    let values = (0..count as u32).map(|i| if uniform(1, i) < rate { bench.spike } else { 0.0 }).collect();
    let no_meter = bench.kernel != "meter";
    let options = Options { device: device.clone(), threads: Some(1), no_meter, ..Default::default() };
    let mut session = Session::new(network, options)?;
    let plan = session.plan(Some(STEPS))?;
    assert!(plan.steps().any(|step| step.kernel.name() == bench.kernel), "no {} in:\n{plan}", bench.kernel);
    Ok((session, Tensor::new(shape, values)?))
}

#[allow(clippy::expect_used)] // a benchmark that cannot run says so
fn kernels(criterion: &mut Criterion) {
    let devices = devices().expect("no device");
    for bench in benches() {
        for (name, device, batch) in &devices {
            let mut group = criterion.benchmark_group(format!("{}/{name}", bench.kernel));
            for size in 0..bench.networks.len() {
                for rate in RATES {
                    let (mut session, input) = prepare(&bench, size, device, *batch, rate).expect("no session");
                    group.throughput(Throughput::Elements(input.len() as u64));
                    let shape = &input.shape()[2..];
                    let extent = shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
                    group.bench_function(format!("{extent}/{}%", (100.0 * rate).round()), |bencher| {
                        bencher.iter(|| session.run(&input).expect("a run failed"));
                    });
                }
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = kernels
}
criterion_main!(all);
