//! A naive computation of a network: dense loops in f32, step by step, straight from the equations.
//!
//! Nothing is packed, skipped, fused or hoisted. Two things are taken from the order contract, or bits could not be
//! compared: the order of a sum (cells, then words of 32 channels, then bit planes, then channels; blocks of 8 words;
//! bias last), and that batch norm behind a weighted layer is folded in f64 and rounded once.

use std::collections::BTreeMap;

use saltatory::Network;
use saltatory::layer::{BatchNorm, Conv, Layer, Linear, Pool, PoolKind};
use saltatory::network::InputKind;
use saltatory::neuron::rules::{Reset, SpikesPerStep};
use saltatory::neuron::{Decay, Dialect, Model, Param, Rules};

/// What a layer gives in one step: in people's order, channels first.
#[derive(Clone, Debug)]
pub struct Value {
    data: Vec<f32>,
    /// How many cells each of how many channels: the order in which a linear layer sums.
    cells: usize,
    channels: usize,
    /// Whole numbers are summed plane by plane.
    whole: bool,
}

/// What a population did, step by step.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub spikes: Vec<u32>,
    pub h: Vec<f32>,
    pub v: Vec<f32>,
}

/// What a network did with one sample.
#[derive(Debug, Default)]
pub struct Run {
    /// Output in every step.
    pub trace: Vec<f32>,
    /// Populations by name.
    pub populations: BTreeMap<String, Seen>,
    /// Effective and dense operations of weighted layers, and whether all inputs were 0, 1 or -1.
    pub operations: BTreeMap<String, (u64, u64, bool)>,
}

/// Runs a sample: one frame for every step.
pub fn run(network: &Network, frames: &[&[f32]]) -> Run {
    let network = &folded(network);
    let shapes = network.shapes().unwrap();
    let planes = planes(network);
    let mut past: Vec<Vec<Value>> = vec![Vec::new(); network.nodes.len()];
    let mut states: BTreeMap<usize, Vec<State>> = BTreeMap::new();
    let mut run = Run::default();
    for (t, frame) in frames.iter().enumerate() {
        let mut now: Vec<Option<Value>> = vec![None; network.nodes.len()];
        while now.iter().any(Option::is_none) {
            let before = now.iter().flatten().count();
            for (i, node) in network.nodes.iter().enumerate() {
                if now[i].is_some() {
                    continue;
                }
                if matches!(node.layer, Layer::Input) {
                    let (cells, channels) = canonical(&shapes[i]);
                    now[i] = Some(Value { data: frame.to_vec(), cells, channels, whole: planes[i] > 0 });
                    continue;
                }
                let edges: Vec<_> = network.edges.iter().filter(|e| e.to == i).collect();
                if let Layer::Delay(steps) = &node.layer {
                    now[i] = delayed(steps, edges[0].from, t, &now, &past, &shapes[i]);
                    continue;
                }
                let input = |e: &&saltatory::network::Edge| match e.delay {
                    0 => now[e.from].clone(),
                    d => Some(ago(&past[e.from], t, d as usize, &shapes[e.from])),
                };
                let Some(inputs) = edges.iter().map(input).collect::<Option<Vec<Value>>>() else { continue };
                let mut input = added(inputs, &shapes[edges[0].from]);
                input.whole = sum_planes(edges.iter().map(|e| planes[e.from])) > 0;
                count(node, &input, &shapes, network, i, &mut run);
                let mut value = match &node.layer {
                    Layer::Neuron(neuron) => {
                        let rules = network.rules_at(i);
                        let shape = &shapes[i];
                        let states = states.entry(i).or_insert_with(|| {
                            (0..input.data.len()).map(|n| start(network.dialect, &neuron.model, shape, n)).collect()
                        });
                        let seen = run.populations.entry(node.name.clone()).or_default();
                        let fires = neuron.model.spikes();
                        let mut out = input.clone();
                        for (n, state) in states.iter_mut().enumerate() {
                            let at = At { network, rules: &rules, shape, n };
                            let (h, spikes) = step(&neuron.model, &at, state, input.data[n]);
                            seen.h.push(h);
                            seen.v.push(state.v);
                            if fires {
                                seen.spikes.push(spikes as u32);
                            }
                            out.data[n] = if fires { spikes } else { state.v };
                        }
                        out
                    }
                    layer => dense(layer, &input, &shapes[edges[0].from], &shapes[i]),
                };
                value.whole = planes[i] > 0;
                now[i] = Some(value);
            }
            assert!(now.iter().flatten().count() > before, "the oracle is stuck");
        }
        run.trace.extend(&now[network.output].as_ref().unwrap().data);
        for (past, now) in past.iter_mut().zip(now) {
            past.push(now.unwrap());
        }
    }
    run
}

/// Bit planes of what each layer gives; 0: reals. Known from the graph alone: a neuron fires once, or up to 255 times.
fn planes(network: &Network) -> Vec<u32> {
    let mut known: Vec<Option<u32>> = vec![None; network.nodes.len()];
    for _ in 0..=network.nodes.len() {
        for (i, node) in network.nodes.iter().enumerate() {
            let inputs: Option<Vec<u32>> = network.edges.iter().filter(|e| e.to == i).map(|e| known[e.from]).collect();
            let input = inputs.map(|planes| sum_planes(planes.into_iter()));
            known[i] = match &node.layer {
                Layer::Input => Some(match network.input.kind {
                    InputKind::Real => 0,
                    InputKind::Bits => 1,
                    InputKind::Counts => 8,
                }),
                Layer::Neuron(neuron) if neuron.model.spikes() => {
                    let many = network.rules_at(i).spikes == SpikesPerStep::Many;
                    Some(if many && !matches!(neuron.model, Model::Threshold(_)) { 16 } else { 1 })
                }
                Layer::Pool(pool) if pool.kind == PoolKind::Sum => input.map(|planes| {
                    let largest = ((1u64 << planes) - 1) * pool.kernel.iter().product::<usize>() as u64;
                    if largest >> MAX_PLANES > 0 { 0 } else { 64 - largest.leading_zeros() }
                }),
                Layer::Pool(pool) if pool.kind == PoolKind::Max => input,
                Layer::Add | Layer::Flatten { .. } | Layer::Dropout { .. } | Layer::Delay(_) => input,
                _ => Some(0),
            };
        }
    }
    known.into_iter().map(|planes| planes.unwrap_or(0)).collect()
}

/// Bit planes of a sum.
fn sum_planes(inputs: impl Iterator<Item = u32>) -> u32 {
    let added = |a: u32, b: u32| if a == 0 || b == 0 || a.max(b) >= MAX_PLANES { 0 } else { a.max(b) + 1 };
    inputs.reduce(added).unwrap_or(0)
}

/// Counts of more bit planes than this are reals.
const MAX_PLANES: u32 = 24;

/// Cells and channels of a shape.
fn canonical(shape: &[usize]) -> (usize, usize) {
    (shape[1..].iter().product(), shape[0])
}

fn ago(past: &[Value], t: usize, delay: usize, shape: &[usize]) -> Value {
    let (cells, channels) = canonical(shape);
    match t.checked_sub(delay) {
        Some(t) => Value { cells, channels, ..past[t].clone() },
        None => Value { data: vec![0.0; shape.iter().product()], cells, channels, whole: false },
    }
}

fn delayed(
    steps: &[u32],
    from: usize,
    t: usize,
    now: &[Option<Value>],
    past: &[Vec<Value>],
    shape: &[usize],
) -> Option<Value> {
    let (cells, channels) = canonical(shape);
    let elements: usize = shape.iter().product();
    let mut data = vec![0.0; elements];
    for (i, x) in data.iter_mut().enumerate() {
        let delay = steps[i % steps.len()] as usize;
        let source = if delay == 0 { Some(now[from].as_ref()?) } else { t.checked_sub(delay).map(|t| &past[from][t]) };
        if let Some(source) = source {
            *x = source.data[i];
        }
    }
    Some(Value { data, cells, channels, whole: false })
}

fn added(inputs: Vec<Value>, shape: &[usize]) -> Value {
    let several = inputs.len() > 1;
    let (cells, channels) = canonical(shape);
    let sum = inputs.into_iter().reduce(|mut a, b| {
        a.data.iter_mut().zip(&b.data).for_each(|(a, b)| *a += b);
        a
    });
    let sum = sum.unwrap();
    if several { Value { cells, channels, ..sum } } else { sum }
}

fn dense(layer: &Layer, input: &Value, from: &[usize], to: &[usize]) -> Value {
    let (cells, channels) = canonical(to);
    let data = match layer {
        Layer::Conv(conv) => convolved(conv, input, from, to),
        Layer::Linear(linear) => multiplied(linear, input),
        Layer::SparseLinear(sparse) => {
            let weight = sparse.weight.as_ref().map(|weight| weight.to_dense().unwrap());
            let (out_features, has_bias, bias) = (sparse.out_features, sparse.has_bias, sparse.bias.clone());
            multiplied(&Linear { out_features, has_bias, weight, bias }, input)
        }
        Layer::Pool(pool) => {
            let whole = input.whole && pool.kind != PoolKind::Average;
            return Value { data: pooled(pool, input, from, to), cells, channels, whole };
        }
        Layer::BatchNorm(norm) => {
            let factors = factors(norm);
            let per = to[1..].iter().product::<usize>();
            let at = |i: usize| (factors[i / per].0 as f32, factors[i / per].1 as f32);
            let data = input.data.iter().enumerate().map(|(i, x)| x * at(i).0 + at(i).1).collect();
            return Value { data, whole: false, ..*input };
        }
        Layer::Scale(scale) => {
            let per = input.data.len() / scale.len();
            let data = input.data.iter().enumerate().map(|(i, x)| x * scale.data()[i / per]).collect();
            return Value { data, whole: false, ..*input };
        }
        Layer::Add | Layer::Flatten { .. } | Layer::Dropout { .. } => return input.clone(),
        Layer::Input | Layer::Delay(_) | Layer::Neuron(_) | Layer::Circuit(_) => unreachable!(),
    };
    Value { data, cells, channels, whole: false }
}

/// The canonical sum of terms `(word, channel in word, weight, value)`, which come by cell and channel.
fn canonical_sum(terms: &[(usize, usize, f32, f32)], whole: bool) -> f32 {
    let mut blocks: BTreeMap<usize, f32> = BTreeMap::new();
    let mut words: BTreeMap<usize, Vec<&(usize, usize, f32, f32)>> = BTreeMap::new();
    for term in terms {
        words.entry(term.0).or_default().push(term);
    }
    for (word, terms) in words {
        let sum = blocks.entry(word / 8).or_insert(0.0);
        if whole {
            for plane in 0..24 {
                for &&(_, _, w, x) in &terms {
                    let bit = (x as u32 >> plane & 1) as f32;
                    *sum += w * (bit * (1u32 << plane) as f32);
                }
            }
        } else {
            for &&(_, _, w, x) in &terms {
                *sum += w * x;
            }
        }
    }
    blocks.values().fold(0.0, |total, block| total + block)
}

fn convolved(conv: &Conv, input: &Value, from: &[usize], to: &[usize]) -> Vec<f32> {
    let weight = conv.weight.as_ref().unwrap();
    let (inputs, outputs) = (from[0] / conv.groups, to[0] / conv.groups);
    let words = inputs.div_ceil(32);
    let mut out = Vec::new();
    for o in 0..to[0] {
        let group = o / outputs;
        for at in positions(&to[1..]) {
            let mut terms = Vec::new();
            for (tap, tap_at) in positions(&conv.kernel).into_iter().enumerate() {
                let source: Option<Vec<usize>> = (0..at.len())
                    .map(|axis| {
                        let reach = at[axis] * conv.stride[axis] + tap_at[axis] * conv.dilation[axis];
                        reach.checked_sub(conv.pads()[axis].0).filter(|&x| x < from[1 + axis])
                    })
                    .collect();
                let Some(source) = source else { continue };
                for c in 0..inputs {
                    let taps: usize = conv.kernel.iter().product();
                    let w = weight.data()[(o * inputs + c) * taps + tap];
                    let x = input.data[index(&source, group * inputs + c, from)];
                    terms.push((tap * words + c / 32, c % 32, w, x));
                }
            }
            let bias = conv.bias.as_ref().map_or(0.0, |b| b.data()[o]);
            out.push(canonical_sum(&terms, input.whole) + bias);
        }
    }
    out
}

fn multiplied(linear: &Linear, input: &Value) -> Vec<f32> {
    let weight = linear.weight.as_ref().unwrap();
    let features = input.data.len();
    let words = input.channels.div_ceil(32);
    (0..linear.out_features)
        .map(|o| {
            let mut terms = Vec::new();
            for cell in 0..input.cells {
                for c in 0..input.channels {
                    let i = c * input.cells + cell;
                    terms.push((cell * words + c / 32, c % 32, weight.data()[o * features + i], input.data[i]));
                }
            }
            canonical_sum(&terms, input.whole) + linear.bias.as_ref().map_or(0.0, |b| b.data()[o])
        })
        .collect()
}

fn pooled(pool: &Pool, input: &Value, from: &[usize], to: &[usize]) -> Vec<f32> {
    let mut out = Vec::new();
    for c in 0..to[0] {
        for at in positions(&to[1..]) {
            let mut seen = Vec::new();
            for tap in positions(&pool.kernel) {
                let source: Option<Vec<usize>> = (0..at.len())
                    .map(|axis| {
                        let reach = at[axis] * pool.stride[axis] + tap[axis];
                        reach.checked_sub(pool.padding[axis]).filter(|&x| x < from[1 + axis])
                    })
                    .collect();
                seen.extend(source.map(|source| input.data[index(&source, c, from)]));
            }
            let sum = seen.iter().fold(0.0f32, |sum, x| sum + x);
            out.push(match pool.kind {
                PoolKind::Max => seen.iter().fold(f32::NEG_INFINITY, |m, &x| m.max(x)),
                PoolKind::Sum => sum,
                PoolKind::Average => sum * (1.0 / pool.kernel.iter().product::<usize>() as f64) as f32,
            });
        }
    }
    out
}

/// All indices of a shape in row-major order.
fn positions(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![Vec::new()], |all, &extent| {
        all.iter().flat_map(|at| (0..extent).map(move |x| [&at[..], &[x]].concat())).collect()
    })
}

fn index(at: &[usize], channel: usize, shape: &[usize]) -> usize {
    at.iter().zip(&shape[1..]).fold(channel, |i, (x, extent)| i * extent + x)
}

/// Batch norm behind a weighted layer that nobody else uses becomes part of its weights.
fn folded(network: &Network) -> Network {
    let mut network = network.clone();
    for i in 0..network.nodes.len() {
        let Layer::BatchNorm(norm) = network.nodes[i].layer.clone() else { continue };
        let from = network.edges.iter().find(|e| e.to == i).unwrap().from;
        let uses = network.edges.iter().filter(|e| e.from == from).count();
        let (weight, bias) = match &mut network.nodes[from].layer {
            Layer::Conv(c) if uses == 1 => (c.weight.as_mut().unwrap(), &mut c.bias),
            Layer::Linear(l) if uses == 1 => (l.weight.as_mut().unwrap(), &mut l.bias),
            _ => continue,
        };
        let factors = factors(&norm);
        let row = weight.len() / factors.len();
        let scale = |(j, w): (usize, &mut f32)| *w = (f64::from(*w) * factors[j / row].0) as f32;
        weight.data_mut().iter_mut().enumerate().for_each(scale);
        let old = |o: usize| bias.as_ref().map_or(0.0, |b| f64::from(b.data()[o]));
        let new = factors.iter().enumerate().map(|(o, (a, c))| (old(o) * a + c) as f32).collect();
        *bias = Some(saltatory::Tensor::vector(new));
        network.nodes[i].layer = Layer::Dropout { p: 0.0 };
    }
    network
}

/// `y = (x - mean) / sqrt(var + eps) * weight + bias` as factor and offset.
fn factors(norm: &BatchNorm) -> Vec<(f64, f64)> {
    let at = |t: &Option<saltatory::Tensor>, c: usize| f64::from(t.as_ref().unwrap().data()[c]);
    let channels = norm.running_mean.as_ref().unwrap().len();
    let factor = |c: usize| at(&norm.weight, c) / (at(&norm.running_var, c) + norm.eps).sqrt();
    (0..channels).map(|c| (factor(c), at(&norm.bias, c) - at(&norm.running_mean, c) * factor(c))).collect()
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    v: f32,
    i: f32,
}

/// One neuron's place.
struct At<'a> {
    network: &'a Network,
    rules: &'a Rules,
    shape: &'a [usize],
    n: usize,
}

impl At<'_> {
    fn get(&self, param: &Param) -> f64 {
        of(param, self.shape, self.n)
    }
}

fn of(param: &Param, shape: &[usize], n: usize) -> f64 {
    let per_channel: usize = shape[1..].iter().product();
    match param {
        Param::Shared(x) => *x,
        Param::Each { values, .. } if values.len() == shape[0] => values[n / per_channel],
        Param::Each { values, .. } => values[n],
    }
}

/// SpikingJelly starts at `v_reset`; Norse at `v_leak`, its IAF at `v_reset`; the others at zero.
fn start(dialect: Dialect, model: &Model, shape: &[usize], n: usize) -> State {
    let v = match (dialect, model) {
        (Dialect::SpikingJelly | Dialect::Norse, Model::If(m)) => Some(&m.v_reset),
        (Dialect::SpikingJelly, Model::Lif(m)) => Some(&m.v_reset),
        (Dialect::SpikingJelly, Model::ParametricLif(m)) => Some(&m.v_reset),
        (Dialect::SpikingJelly, Model::CubaLif(m)) => Some(&m.v_reset),
        (Dialect::Norse, Model::Lif(m)) => m.v_leak.as_ref(),
        (Dialect::Norse, Model::CubaLif(m)) => m.v_leak.as_ref(),
        _ => None,
    };
    State { v: v.map_or(0.0, |v| of(v, shape, n) as f32), i: 0.0 }
}

/// One step of one neuron by its framework's equations: `h` and the spikes.
fn step(model: &Model, at: &At<'_>, state: &mut State, x: f32) -> (f32, f32) {
    let get = |param: &Param| at.get(param);
    match (at.network.dialect, model) {
        (_, Model::Threshold(m)) => {
            let theta = get(&m.threshold) as f32;
            let fires = if at.network.dialect == Dialect::SpikingJelly || at.network.dialect == Dialect::Sinabs {
                x >= theta
            } else {
                x > theta
            };
            // It keeps nothing that it would use; what it shows is reset as a membrane is.
            let spikes = f32::from(fires);
            state.v = match at.rules.reset {
                Reset::Hard if fires => 0.0,
                Reset::Subtract => x - spikes * theta,
                _ => x,
            };
            (x, spikes)
        }
        (_, Model::Integrator(_)) => {
            state.v += x;
            (state.v, 0.0)
        }
        (Dialect::SpikingJelly, model) => spikingjelly(model, at, state, x),
        (Dialect::SnnTorch, model) => snntorch(model, at, state, x),
        (Dialect::Sinabs, model) => sinabs(model, at, state, x),
        (Dialect::Norse, model) => norse(model, at, state, x),
        (Dialect::Nir, _) => unreachable!("no random network is made in it"),
    }
}

fn spikingjelly(model: &Model, at: &At<'_>, state: &mut State, x: f32) -> (f32, f32) {
    let get = |param: &Param| at.get(param) as f32;
    let soft = at.rules.reset == Reset::Subtract;
    let decay_input = at.rules.input_gain == saltatory::neuron::rules::InputGain::DtOverTau;
    let leaky = |v: f32, v_r: f32, tau: f64| {
        let k = (1.0 / tau) as f32;
        if decay_input { v + (x - (v - v_r)) * k } else { v - (v - v_r) * k + x }
    };
    let (h, theta, v_reset) = match model {
        Model::If(m) => (state.v + x, get(&m.threshold), get(&m.v_reset)),
        Model::Lif(m) => (leaky(state.v, get(&m.v_reset), tau(&m.decay, at)), get(&m.threshold), get(&m.v_reset)),
        Model::ParametricLif(m) => {
            let tau = 1.0 + (-at.get(&m.w)).exp();
            (leaky(state.v, get(&m.v_reset), tau), get(&m.threshold), get(&m.v_reset))
        }
        Model::CubaLif(m) => {
            state.i = factor(&m.decay_syn, at) * state.i + x;
            (factor(&m.decay_mem, at) * state.v + state.i, get(&m.threshold), get(&m.v_reset))
        }
        Model::Li(m) => {
            state.v = leaky(state.v, 0.0, tau(&m.decay, at));
            return (state.v, 0.0);
        }
        other => unreachable!("{other:?}"),
    };
    let s = f32::from(h >= theta);
    state.v = if soft { h - s * theta } else { s * v_reset + (1.0 - s) * h };
    (h, s)
}

fn snntorch(model: &Model, at: &At<'_>, state: &mut State, x: f32) -> (f32, f32) {
    let (beta, theta) = match model {
        Model::Lif(m) => (factor(&m.decay, at), at.get(&m.threshold) as f32),
        Model::CubaLif(m) => (factor(&m.decay_mem, at), at.get(&m.threshold) as f32),
        other => unreachable!("{other:?}"),
    };
    let beta = beta.clamp(0.0, 1.0);
    let r = f32::from(state.v > theta);
    let mem = state.v;
    let h = match model {
        Model::CubaLif(m) => {
            state.i = factor(&m.decay_syn, at).clamp(0.0, 1.0) * state.i + x;
            let base = beta * mem + state.i;
            match at.rules.reset {
                Reset::Subtract => base - r * theta,
                Reset::Hard => (1.0 - r) * base,
                Reset::None => base,
            }
        }
        _ => match at.rules.reset {
            Reset::Subtract => beta * mem + x - r * theta,
            Reset::Hard if at.rules.reset_keeps_input => beta * ((1.0 - r) * mem) + x,
            Reset::Hard => (1.0 - r) * (beta * mem + x),
            Reset::None => beta * mem + x,
        },
    };
    let s = f32::from(h > theta);
    let d = s - r;
    state.v = match (at.rules.reset_delay, at.rules.reset) {
        (1, _) | (_, Reset::None) => h,
        (_, Reset::Subtract) => h - d * theta,
        (_, Reset::Hard) => h - d * h,
    };
    (h, s)
}

fn norse(model: &Model, at: &At<'_>, state: &mut State, x: f32) -> (f32, f32) {
    let k = |decay: &Decay| (at.network.dt / tau(decay, at)) as f32;
    let leak = |v_leak: &Option<Param>| v_leak.as_ref().map_or(0.0, |v| at.get(v) as f32);
    let (h, theta, v_reset) = match model {
        Model::If(m) => (state.v + x, &m.threshold, &m.v_reset),
        Model::Lif(m) => (state.v + k(&m.decay) * ((leak(&m.v_leak) - state.v) + x), &m.threshold, &m.v_reset),
        Model::CubaLif(m) => {
            let jump = state.i + x;
            let h = state.v + k(&m.decay_mem) * ((leak(&m.v_leak) - state.v) + jump);
            state.i = jump - k(&m.decay_syn) * jump;
            (h, &m.threshold, &m.v_reset)
        }
        other => unreachable!("{other:?}"),
    };
    let (theta, v_reset) = (at.get(theta) as f32, at.get(v_reset) as f32);
    let s = f32::from(h > theta);
    state.v = if at.rules.reset == Reset::Subtract { h - s * theta } else { (1.0 - s) * h + s * v_reset };
    (h, s)
}

fn sinabs(model: &Model, at: &At<'_>, state: &mut State, x: f32) -> (f32, f32) {
    let a = |decay: &Decay| (-1.0 / tau(decay, at)).exp();
    let norm = at.rules.input_gain == saltatory::neuron::rules::InputGain::OneMinusDecay;
    let leaky = |v: f32, i: f32, a: f64| a as f32 * v + if norm { (1.0 - a) as f32 * i } else { i };
    let (h, theta, v_reset) = match model {
        Model::If(m) => (state.v + x, &m.threshold, &m.v_reset),
        Model::Lif(m) => (leaky(state.v, x, a(&m.decay)), &m.threshold, &m.v_reset),
        Model::CubaLif(m) => {
            // As the core rounds it: a i + a x.
            let a_syn = a(&m.decay_syn) as f32;
            state.i = a_syn * state.i + a_syn * x;
            (leaky(state.v, state.i, a(&m.decay_mem)), &m.threshold, &m.v_reset)
        }
        other => unreachable!("{other:?}"),
    };
    let (theta, v_reset) = (at.get(theta) as f32, at.get(v_reset) as f32);
    let s = match at.rules.spikes {
        // In f64 a quotient of two f32 is on the right side of every whole number.
        SpikesPerStep::Many if h > 0.0 => (f64::from(h) / f64::from(theta)).trunc() as f32,
        SpikesPerStep::Many => 0.0,
        SpikesPerStep::One => f32::from(h >= theta),
    };
    let v = match at.rules.reset {
        Reset::Subtract => h - s * theta,
        Reset::Hard => h * f32::from(s == 0.0) + v_reset,
        Reset::None => h,
    };
    state.v = at.rules.v_min.map_or(v, |floor| v.max(floor as f32));
    (h, s)
}

fn tau(decay: &Decay, at: &At<'_>) -> f64 {
    let Decay::Tau(tau) = decay else { unreachable!("a factor where a time constant was expected") };
    at.get(tau)
}

fn factor(decay: &Decay, at: &At<'_>) -> f32 {
    let Decay::Factor(factor) = decay else { unreachable!("a time constant where a factor was expected") };
    at.get(factor) as f32
}

/// NeuroBench's count, literally: the layer is run on ones in place of what is not zero, weights likewise, no bias.
fn count(
    node: &saltatory::network::Node,
    input: &Value,
    shapes: &[Vec<usize>],
    network: &Network,
    i: usize,
    run: &mut Run,
) {
    let ones = |x: &f32| f32::from(*x != 0.0);
    let binary = |weight: &saltatory::Tensor, all: bool| {
        let data = weight.data().iter().map(|w| if all { 1.0 } else { ones(w) }).collect();
        saltatory::Tensor::new(weight.shape().to_vec(), data).unwrap()
    };
    let total = |all: bool| -> Option<u64> {
        let data = input.data.iter().map(|x| if all { 1.0 } else { ones(x) }).collect();
        let input = Value { data, whole: false, ..*input };
        let from = &shapes[network.edges.iter().find(|e| e.to == i).unwrap().from];
        let out = match &node.layer {
            Layer::Conv(c) => {
                let c = Conv { weight: c.weight.as_ref().map(|w| binary(w, all)), bias: None, ..c.clone() };
                convolved(&c, &input, from, &shapes[i])
            }
            Layer::Linear(l) => {
                let l = Linear { weight: l.weight.as_ref().map(|w| binary(w, all)), bias: None, ..l.clone() };
                multiplied(&l, &input)
            }
            _ => return None,
        };
        Some(out.iter().map(|&x| x as u64).sum())
    };
    if let (Some(effective), Some(dense)) = (total(false), total(true)) {
        let unit = input.data.iter().all(|&x| x == 0.0 || x.abs() == 1.0);
        let sums = run.operations.entry(node.name.clone()).or_insert((0, 0, true));
        *sums = (sums.0 + effective, sums.1 + dense, sums.2 && unit);
    }
}
