//! Networks of random layers, neurons, rules and weights, of what NIR has a word for.

use saltatory::layer::{Conv, Layer, Pool, PoolKind};
use saltatory::network::{Builder, Network};
use saltatory::neuron::rules::{Current, Fire, Form, InputGain, Integrator as Steps, Order, Reset, SpikesPerStep};
use saltatory::neuron::{
    CubaLi, CubaLif, Decay, Dialect, If, Integrator, Li, Lif, Neuron, Param, ParametricLif, RuleChanges, Threshold,
};
use saltatory::tensor::Tensor;

/// A stream of numbers (xorshift).
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.below(1 << 24) as f64 / f64::from(1 << 24)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// A network that depends on the seed alone.
pub fn network(seed: u64) -> Network {
    let numbers = &mut Numbers::new(seed + 1);
    let dialect = Dialect::ALL[seed as usize % 5];
    let planes = numbers.chance(40);
    let mut builder = if planes { Network::new([2, 6, 7]) } else { Network::new([6]) }.dialect(dialect);
    if numbers.chance(30) {
        builder = builder.rules(rules(numbers));
    }
    let mut shape: Vec<usize> = if planes { vec![2, 6, 7] } else { vec![6] };
    for _ in 0..2 + numbers.below(2) {
        builder = weighted(builder, &mut shape, numbers);
        let mut neuron = neuron(dialect, &shape, numbers);
        if numbers.chance(15) {
            neuron = neuron.with(rules(numbers));
        }
        builder = builder.spiking(neuron);
        if shape.len() == 1 && numbers.chance(25) {
            builder = builder.recurrent(numbers.chance(50));
        }
        if numbers.chance(10) {
            builder = builder.delay(1 + numbers.below(3) as u32);
        }
        if numbers.chance(10) {
            builder = builder.dropout(0.5);
        }
    }
    let mut network = builder.build().unwrap();
    network.init(seed).unwrap();
    for node in &mut network.nodes {
        // So that enough fires.
        let gain = 2.0 + numbers.below(3) as f32;
        let weight = match &mut node.layer {
            Layer::Conv(conv) => conv.weight.as_mut(),
            Layer::Linear(linear) => linear.weight.as_mut(),
            _ => None,
        };
        weight.into_iter().for_each(|w| w.data_mut().iter_mut().for_each(|w| *w = gain * *w + 0.1));
    }
    network
}

fn weighted(mut builder: Builder, shape: &mut Vec<usize>, numbers: &mut Numbers) -> Builder {
    if shape.len() == 3 && numbers.chance(70) {
        let conv = Conv { groups: numbers.of(&[1, 2]), ..Conv::conv2d(4, 3) };
        builder = builder.layer(Layer::Conv(conv)).padding(numbers.of(&[1, 2]));
        *shape = Layer::Conv(Conv { has_bias: true, ..Conv::conv2d(4, 3) }).output_shape("", shape).unwrap();
        // The builder knows what the padding makes of it.
        let padded = builder.clone().build().unwrap();
        shape.clone_from(&padded.shapes().unwrap()[padded.output]);
        if numbers.chance(50) {
            builder = builder.batch_norm();
        }
        if numbers.chance(30) {
            let kind = numbers.of(&[PoolKind::Average, PoolKind::Sum]);
            let pool = Layer::Pool(Pool::square(kind, 2));
            *shape = pool.output_shape("", shape).unwrap();
            builder = builder.layer(pool);
        }
    } else {
        if shape.len() == 3 && numbers.chance(50) {
            builder = builder.flatten();
        }
        let features = 3 + numbers.below(5);
        builder = builder.linear(features);
        if numbers.chance(40) {
            builder = builder.no_bias();
        }
        *shape = vec![features];
    }
    if numbers.chance(20) {
        let scale = (0..shape[0]).map(|_| numbers.of(&[0.5, 1.0, 2.0, 0.75])).collect();
        builder = builder.scale(Tensor::vector(scale));
    }
    builder
}

/// One value, or one for each channel or neuron.
fn param(shape: &[usize], from: f64, to: f64, numbers: &mut Numbers) -> Param {
    match numbers.below(4) {
        0 => (0..shape[0]).map(|_| numbers.between(from, to)).collect::<Vec<_>>().into(),
        1 if shape.len() > 1 => {
            let values = (0..shape.iter().product()).map(|_| numbers.between(from, to)).collect();
            Param::Each { shape: shape.to_vec(), values }
        }
        _ => numbers.between(from, to).into(),
    }
}

fn decay(dialect: Dialect, shape: &[usize], numbers: &mut Numbers) -> Decay {
    if numbers.chance(40) {
        return Decay::Factor(match numbers.below(8) {
            0 => 1.0.into(),
            1 if dialect != Dialect::Sinabs => 0.0.into(),
            _ => param(shape, 0.05, 0.99, numbers),
        });
    }
    let dt = dialect.native_dt();
    Decay::Tau(if numbers.chance(30) {
        (numbers.of(&[2.0, 4.0, 10.0]) * dt).into()
    } else {
        param(shape, 1.5 * dt, 20.0 * dt, numbers)
    })
}

fn neuron(dialect: Dialect, shape: &[usize], numbers: &mut Numbers) -> Neuron {
    let n = &mut *numbers;
    let (threshold, r) = (param(shape, 0.3, 1.2, n), if n.chance(70) { 1.0.into() } else { param(shape, 0.5, 2.0, n) });
    let v_reset: Param = if n.chance(70) { 0.0.into() } else { param(shape, -0.3, 0.2, n) };
    let v_leak = n.chance(30).then(|| param(shape, -0.1, 0.2, n));
    match n.below(10) {
        0..4 => Lif { decay: decay(dialect, shape, n), r, v_leak, threshold, v_reset }.into(),
        4 => If { r, threshold, v_reset }.into(),
        5 | 6 => CubaLif {
            decay_syn: decay(dialect, shape, n),
            decay_mem: decay(dialect, shape, n),
            w_in: param(shape, 0.5, 2.0, n),
            r,
            v_leak,
            threshold,
            v_reset,
        }
        .into(),
        7 => ParametricLif { w: param(shape, -1.0, 1.0, n), v_leak, threshold, v_reset }.into(),
        8 => Threshold { threshold }.into(),
        _ => match n.below(3) {
            0 => Li { decay: decay(dialect, shape, n), r, v_leak: v_leak.unwrap_or(0.0.into()) }.into(),
            1 => Integrator { r }.into(),
            _ => CubaLi {
                decay_syn: decay(dialect, shape, n),
                decay_mem: decay(dialect, shape, n),
                w_in: 1.0.into(),
                r,
                v_leak: 0.0.into(),
            }
            .into(),
        },
    }
}

fn rules(numbers: &mut Numbers) -> RuleChanges {
    let n = numbers;
    RuleChanges {
        fire: n.chance(30).then(|| n.of(&[Fire::Ge, Fire::Gt])),
        integrator: n.chance(15).then(|| n.of(&[Steps::Euler, Steps::Exponential])),
        input_gain: n.chance(30).then(|| n.of(&[InputGain::DtOverTau, InputGain::R, InputGain::One])),
        current: n.chance(20).then(|| n.of(&[Current::Filter, Current::Jump, Current::JumpThenDecay])),
        order: n.chance(10).then_some(Order::VoltageFirst),
        reset: n.chance(30).then(|| n.of(&[Reset::Hard, Reset::Subtract, Reset::None])),
        reset_delay: n.chance(20).then(|| n.of(&[0, 1])),
        reset_keeps_input: n.chance(20).then(|| n.chance(50)),
        reset_adds: n.chance(10).then(|| n.chance(50)),
        spikes: n.chance(10).then_some(SpikesPerStep::One),
        v_min: n.chance(10).then_some(-0.5),
        form: n.chance(15).then(|| n.of(&[Form::Leak, Form::Factor])),
        ..Default::default()
    }
}
