//! Feeds a network frame by frame, as a camera would: state is kept from step to step.
//!
//!     cargo run --release --example 02_stream

use saltatory::neuron::{If, Lif};
use saltatory::run::Options;
use saltatory::{Network, Result, Session, Tensor};

fn main() -> Result<()> {
    let mut network = Network::new([2, 16, 16])
        .conv2d(8, 3)
        .padding(1)
        .spiking(Lif::tau(2.0))
        .max_pool(4)
        .flatten()
        .linear(4)
        .spiking(If::default())
        .build()?;
    network.init(7)?;
    let mut session = Session::new(network, Options::default())?;

    for t in 0..12 {
        // A bright column that moves to the right.
        let mut frame = Tensor::filled([2, 16, 16], 0.0);
        for y in 0..16 {
            frame.data_mut()[y * 16 + t] = 4.0;
        }
        let spikes = session.step(&frame)?.scores;
        println!("step {t:>2}: {:?}", spikes.data());
    }
    session.reset();
    Ok(())
}
