//! Trains a network step by step on data of one's own: two classes of noisy patterns.
//!
//!     cargo run --release --example 08_train_a_network

use saltatory::neuron::Lif;
use saltatory::train::{Momentum, Optimiser, TrainOptions, Trainer};
use saltatory::workloads::uniform;
use saltatory::{Network, Result};

const SIZE: usize = 12;

fn main() -> Result<()> {
    let network = Network::new([1, SIZE, SIZE])
        .conv2d(16, 3)
        .padding(1)
        .batch_norm()
        .spiking(Lif::tau(2.0))
        .max_pool(2)
        .flatten()
        .linear(2)
        .steps(4)
        .build()?;
    let optimiser = Optimiser::Adam(Momentum { lr: 2e-3, ..Default::default() });
    let mut trainer = Trainer::new(network, TrainOptions { optimiser, seed: 1, ..Default::default() })?;
    for step in 0..60 {
        let samples: Vec<Vec<f32>> = (0..32).map(|n| pattern(n % 2, step * 32 + n)).collect();
        let views: Vec<&[f32]> = samples.iter().map(Vec::as_slice).collect();
        let labels: Vec<u32> = (0..32).map(|n| n % 2).collect();
        let report = trainer.step(&views, &labels)?;
        if step % 10 == 0 {
            println!("step {step}: loss {:.3}, {} of {} right", report.loss, report.correct, report.samples);
        }
    }
    // For inference: a network as any other.
    let trained = trainer.network()?;
    println!(
        "{} layers, {} weights",
        trained.nodes.len(),
        trained.nodes.iter().map(|n| n.layer.parameter_count()).sum::<usize>()
    );
    Ok(())
}

/// Stripes along one axis or the other, under noise.
fn pattern(class: u32, seed: u32) -> Vec<f32> {
    let stripe = |i: usize| if class == 0 { i / SIZE } else { i % SIZE } % 4 < 2;
    let value = |i: usize| 0.6 * uniform(seed, i as u32) + if stripe(i) { 0.4 } else { 0.0 };
    (0..SIZE * SIZE).map(value).collect()
}
