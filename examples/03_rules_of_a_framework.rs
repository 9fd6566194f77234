//! The same neuron under the rules of five frameworks: what a dialect is, and why a file that does not state it can be
//! run wrongly.
//!
//!     cargo run --release --example 03_rules_of_a_framework

use saltatory::neuron::{Dialect, Lif, Neuron};
use saltatory::run::Options;
use saltatory::{Network, Result, Session, Tensor};

fn main() -> Result<()> {
    let drive = Tensor::filled([1, 24, 1], 1.25);
    for dialect in Dialect::ALL {
        let neuron = Neuron::from(Lif::tau(4.0));
        let network = Network::new([1]).dialect(dialect).dt(1.0).spiking(neuron).name("lif").build()?;
        let options = Options { record: true, ..Default::default() };
        let output = Session::new(network, options)?.run(&drive)?;
        let spikes: String = output.recordings[0][0].spikes.iter().map(|&n| if n > 0 { '|' } else { '.' }).collect();
        println!("{:<13} {spikes}", dialect.name());
    }
    Ok(())
}
