//! Runs a trained network on a batch: open, run, look.
//!
//!     cargo run --release --example 01_run_a_network

use saltatory::io::dataset::{Dataset, Options as Samples};
use saltatory::network::{self, OpenOptions};
use saltatory::run::Options;
use saltatory::tensor::arg_max;
use saltatory::{Result, Session};

fn main() -> Result<()> {
    let weights = Some("assets/gestures/weights.safetensors".into());
    let network = network::open("assets/networks/gestures.toml", &OpenOptions { weights, ..Default::default() })?;
    let classes = network.input.classes.clone();

    let samples = Dataset::open(&["assets/gestures/test.npz".into()], &Samples::of(&network.input))?;
    let steps = samples.steps();
    let mut session = Session::new(network, Options::default())?;
    for sample in samples.take(8) {
        let values = sample.values?;
        let output = session.run_samples(&[&values], steps)?;
        let seen = arg_max(output.scores.data()).map_or("nothing", |class| &classes[class]);
        let shown = sample.label.map_or("?", |class| &classes[class as usize]);
        println!("{}: {shown}, taken for {seen}", sample.name);
    }
    Ok(())
}
