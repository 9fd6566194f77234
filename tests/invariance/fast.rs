//! The fast machine against the plain twins, where its forms have edges of their own.

use saltatory::Tensor;
use saltatory::network::Network;
use saltatory::neuron::{CubaLif, Decay, Dialect, Lif};
use saltatory::run::{Device, Options, verify};

use super::{random::Noise, run};

/// Values from -5 to 15, under which neurons of any time constant fire, or zero but for a part.
fn values(count: usize, seed: u32, part: f32) -> Vec<f32> {
    let mut noise = Noise::new(seed);
    let mut next = || noise.next();
    (0..count).map(|_| if next() < part { next() * 20.0 - 5.0 } else { 0.0 }).collect()
}

/// The same bits from both machines, whole and in windows, on one thread and on more; and something happens.
fn agrees(name: &str, mut network: Network, (samples, steps): (usize, usize), part: f32) {
    network.init(5).unwrap();
    let shape = [&[samples, steps], &network.input.shape[..]].concat();
    let batch = Tensor::new(shape.clone(), values(shape.iter().product(), 11, part)).unwrap();
    for (slice, threads) in [(None, 1), (None, 3), (Some(3), 2)] {
        let options = |device| Options { device, slice, threads: Some(threads), ..Default::default() };
        let expected = run(&network, &batch, options(Device::Reference));
        let spikes: u64 = expected.metrics.populations.iter().map(|population| population.spikes).sum();
        assert!(spikes > 50, "{name}: {spikes} spikes");
        let got = run(&network, &batch, options(Device::Cpu));
        assert_eq!(verify::difference(&expected, &got), None, "{name}, {slice:?}, {threads} threads");
    }
}

/// Populations alone: large enough for several threads, of an odd size, pooled, of coefficients for each channel.
#[test]
fn populations_alone() {
    let alone = |shape: &[usize]| Network::new(shape.to_vec());
    agrees("large", alone(&[1 << 16]).spiking(Lif::tau(2.0)).build().unwrap(), (1, 9), 1.0);
    agrees("odd", alone(&[70_001]).spiking(Lif::tau(3.0)).build().unwrap(), (1, 9), 1.0);
    agrees("two", alone(&[96]).spiking(Lif::tau(5.0)).build().unwrap(), (2, 5), 1.0);
    agrees("cells", alone(&[40, 6, 8]).spiking(Lif::tau(2.0)).flatten().linear(3).build().unwrap(), (1, 5), 1.0);
    let pooled = alone(&[33, 96, 64]).spiking(Lif::tau(2.0)).max_pool(2).flatten().linear(3);
    agrees("pooled", pooled.build().unwrap(), (1, 4), 1.0);
}

/// Currents, resets that are late, and other forms.
#[test]
fn populations_of_every_dialect() {
    for dialect in [Dialect::SpikingJelly, Dialect::SnnTorch, Dialect::Norse, Dialect::Nir] {
        let network = |shape: [usize; 1]| Network::new(shape).dialect(dialect);
        // Some count time in steps, others in seconds, of which a step is a thousandth.
        let step = if matches!(dialect, Dialect::Norse | Dialect::Nir) { 1e-3 } else { 1.0 };
        let tau = |steps: f64| Decay::Tau((steps * step).into());
        let lif = || Lif { decay: tau(3.0), ..Default::default() };
        let cuba = || CubaLif { decay_syn: tau(5.0), decay_mem: tau(3.0), ..Default::default() };
        let name = format!("{dialect:?}");
        agrees(&name, network([100]).spiking(lif()).build().unwrap(), (3, 40), 1.0);
        agrees(&name, network([64]).spiking(cuba()).build().unwrap(), (3, 40), 1.0);
        let between = network([50]).linear(70).spiking(cuba()).linear(40).spiking(lif());
        agrees(&name, between.build().unwrap(), (3, 60), 1.0);
    }
}

/// Real inputs of a linear layer: most of them zero or not, in one block sum or more, of an odd number of steps.
#[test]
fn real_inputs_of_linear_layers() {
    for part in [1.0, 0.5, 0.1] {
        for (shape, outputs) in [(vec![300], 70), (vec![512], 32), (vec![20, 3, 6], 45), (vec![7], 64)] {
            let layer = Network::new(shape.clone()).flatten().linear(outputs).spiking(Lif::tau(5.0));
            agrees(&format!("{shape:?}, {part}"), layer.build().unwrap(), (3, 71), part);
        }
    }
}

/// Rates over more steps than a counter of the fast form counts at once.
#[test]
fn rates_of_many_steps() {
    agrees("rates", Network::new([600]).spiking(Lif::tau(2.0)).build().unwrap(), (2, 95), 1.0);
}
