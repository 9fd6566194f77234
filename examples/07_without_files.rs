//! How fast batches go that are in memory already: what `saltatory run` with its files is to be measured against.
//!
//! `cargo run --release --example 07_without_files -- net.toml weights.safetensors samples.npy [DEVICE] [BATCH] [SECONDS]`

use std::time::Instant;

use saltatory::io::dataset::{Dataset, Options as Reading};
use saltatory::network::{OpenOptions, open};
use saltatory::run::{Device, Options};
use saltatory::{Error, Result, Session};

/// Samples that are kept in memory.
const SAMPLES: usize = 4096;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, weights, samples, rest @ ..] = &arguments[..] else {
        return Err(Error::Request("expected a network, weights, samples; then a device, a batch, seconds".into()));
    };
    let number = |at: usize, default: usize| rest.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let device: Device = rest.first().map_or("cpu", String::as_str).parse()?;
    let network = open(model, &OpenOptions { weights: Some(weights.into()), ..Default::default() })?;
    let dataset = Dataset::open(&[samples.into()], &Reading::of(&network.input))?;
    let sequence = dataset.steps();
    let values: Vec<Vec<f32>> = dataset.take(SAMPLES).map(|sample| sample.values).collect::<Result<_>>()?;
    let rows: Vec<&[f32]> = values.iter().map(Vec::as_slice).collect();
    let (batch, seconds) = (number(1, 64), number(2, 3));
    // Two batches under way where the device works on its own.
    let ahead = usize::from(!matches!(device, Device::Cpu));
    let mut session = Session::new(network, Options { device, ..Default::default() })?;
    session.run_samples(&rows[..batch.min(rows.len())], sequence)?;
    let (begun, mut done, mut under_way) = (Instant::now(), 0, std::collections::VecDeque::new());
    for batch in rows.chunks(batch).cycle() {
        under_way.push_back((session.submit(batch, sequence)?, batch));
        while under_way.len() > ahead {
            let Some((ticket, batch)) = under_way.pop_front() else { break };
            session.finish(ticket, batch)?;
            done += batch.len();
        }
        if begun.elapsed().as_secs() as usize >= seconds {
            break;
        }
    }
    println!("{:.0} samples/s", done as f64 / begun.elapsed().as_secs_f64());
    Ok(())
}
