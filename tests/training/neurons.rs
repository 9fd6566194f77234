//! One neuron back through time against finite differences in smooth mode: the surrogate's own integral stands for the
//! step function. Every model in every dialect, every reset, every surrogate; states, inputs and coefficients.

use saltatory::neuron::affine::{Coefficients, State, Stepped, flag};
use saltatory::neuron::backward::{Back, COEFFICIENT_GRADIENTS, Passing};
use saltatory::neuron::rules::Reset;
use saltatory::neuron::{CubaLif, Decay, Dialect, If, Lif, Neuron, Param, RuleChanges};
use saltatory::train::SurrogateKind;

use crate::numbers;

const STEPS: usize = 6;
/// f64 throughout, but for what is tested, which is f32.
const MOVE: f64 = 1e-5;
const TOLERANCE: f64 = 5e-4;

/// Coefficients as numbers that can be moved, in the order of their gradients.
type Numbers = [f64; COEFFICIENT_GRADIENTS];

/// A step in smooth mode. `fixed`: the spikes that a detached reset sees.
fn smooth(
    (kind, alpha): (SurrogateKind, f64),
    flags: u32,
    c: &Numbers,
    state: &mut [f64; 2],
    x: f64,
    fixed: Option<f64>,
) -> (f64, f64) {
    let is = |bit: u32| flags & bit != 0;
    let [leak, input, rest, threshold, v_reset, keep, take, decay] = *c;
    let [before, i] = *state;
    let seen = if is(flag::CURRENT) {
        let new = keep * i + take * x;
        state[1] = new * decay;
        if is(flag::VOLTAGE_FIRST) { i } else { new }
    } else {
        x
    };
    let late = (is(flag::RESET_LATE) || is(flag::RESET_RESIDUAL)) && before > threshold;
    let late_hard = late && is(flag::RESET_HARD);
    let v = if late_hard { v_reset } else { before };
    let mut h = if is(flag::FORM_LEAK_ALL) {
        v + leak * (input * seen - (v - rest))
    } else if is(flag::FORM_LEAK_POTENTIAL) {
        v - leak * (v - rest) + input * seen
    } else {
        leak * v + input * seen + rest
    };
    if late && is(flag::RESET_SUBTRACT) {
        h -= threshold;
    } else if late_hard && !is(flag::RESET_KEEPS_INPUT) {
        h = v_reset;
    }
    let s = kind.smooth(alpha, h - threshold);
    let seen = fixed.unwrap_or(s);
    let again = if late { 1.0 } else { 0.0 };
    state[0] = if is(flag::RESET_LATE) {
        h
    } else if is(flag::RESET_SUBTRACT) {
        h - (seen - again) * threshold
    } else if is(flag::RESET_HARD) && is(flag::RESET_RESIDUAL) && late {
        h - (seen - again) * h
    } else if is(flag::RESET_HARD) {
        seen * v_reset + (1.0 - seen) * h
    } else {
        h
    };
    (h, s)
}

/// The sum of weighted spikes, and of the last state.
fn run(
    kind: (SurrogateKind, f64),
    flags: u32,
    c: &Numbers,
    v_init: f64,
    x: &[f64],
    w: &[f64],
    fixed: &[Option<f64>],
) -> f64 {
    let mut state = [v_init, 0.0];
    let each = x.iter().zip(w).zip(fixed).map(|((x, w), fixed)| w * smooth(kind, flags, c, &mut state, *x, *fixed).1);
    each.sum::<f64>() + 0.7 * state[0] + 0.3 * state[1]
}

fn check(what: &str, neuron: &Neuron, dialect: Dialect, kind: SurrogateKind, detach: bool, seed: u32) {
    let rules = dialect.rules().with(&neuron.rules);
    let core = neuron.affine().bind(&rules, dialect.native_dt(), &[1]).unwrap();
    let c = core.rows[0];
    let flags = core.flags & !(flag::MANY | flag::RESET_ADDS);
    let alpha = kind.default_alpha().min(4.0);
    let as_numbers = |c: &Coefficients| {
        [c.leak, c.input, c.rest, c.threshold, c.v_reset, c.current_keep, c.current_input, c.current_decay]
            .map(f64::from)
    };
    let numbers_of = as_numbers(&c);
    let scale = if c.input.abs() < 0.2 { 0.6 / c.input.abs().max(1e-3) } else { 1.0 };
    let x: Vec<f64> = numbers(seed, STEPS, -0.2, 2.0).iter().map(|&x| f64::from(x * scale)).collect();
    let w: Vec<f64> = numbers(seed + 50, STEPS, -1.0, 1.0).iter().map(|&x| f64::from(x)).collect();
    let v_init = f64::from(c.v_init);

    // Forward, keeping what a detached reset sees.
    let (mut state, mut before, mut seen) = ([v_init, 0.0], Vec::new(), Vec::new());
    for &x in &x {
        before.push(state);
        seen.push(smooth((kind, alpha), flags, &numbers_of, &mut state, x, None));
    }
    // Whether a late reset comes has a kink at the threshold: not there.
    if before.iter().any(|state| (state[0] - f64::from(c.threshold)).abs() < 1e-3) {
        return check(what, neuron, dialect, kind, detach, seed + 1_000);
    }
    let fixed: Vec<Option<f64>> = seen.iter().map(|(_, s)| detach.then_some(*s)).collect();
    let mut back = Back { state: State { v: 0.7, i: 0.3 }, x: 0.0 };
    let mut sums = [0.0; COEFFICIENT_GRADIENTS];
    let mut by_x = [0.0; STEPS];
    for t in (0..STEPS).rev() {
        let (h, s) = seen[t];
        let surrogate = kind.derivative(alpha as f32, (h - f64::from(c.threshold)) as f32);
        let stepped = Stepped { h: h as f32, spikes: s as f32 };
        let state = State { v: before[t][0] as f32, i: before[t][1] as f32 };
        let passing = Passing { surrogate, detach };
        let of = c.step_back(flags, state, x[t] as f32, stepped, passing, w[t] as f32, &mut back);
        sums.iter_mut().zip(of).for_each(|(sum, of)| *sum += f64::from(of));
        by_x[t] = f64::from(back.x);
    }
    let loss = |c: &Numbers, x: &[f64]| run((kind, alpha), flags, c, v_init, x, &w, &fixed);
    let difference = |size: f64, f: &dyn Fn(f64) -> f64| {
        // Of what it is as large as.
        let by = if size == 0.0 { MOVE } else { MOVE * size.abs() };
        (f(by) - f(-by)) / (2.0 * by)
    };
    let close = |name: String, got: f64, expected: f64| {
        let allowed = TOLERANCE * expected.abs().max(1.0);
        assert!((got - expected).abs() <= allowed, "{what}: {name}: {got}, expected {expected}");
    };
    for t in 0..STEPS {
        let expected = difference(x[t], &|by| {
            let mut x = x.clone();
            x[t] += by;
            loss(&numbers_of, &x)
        });
        close(format!("x[{t}]"), by_x[t], expected);
    }
    for (at, got) in sums.into_iter().enumerate() {
        // Without a current its coefficients are of no matter.
        if at >= 5 && flags & flag::CURRENT == 0 {
            continue;
        }
        let expected = difference(numbers_of[at], &|by| {
            let mut c = numbers_of;
            c[at] += by;
            loss(&c, &x)
        });
        close(format!("coefficient {at}"), got, expected);
    }
}

#[test]
fn neurons_in_smooth_mode() {
    let mut cases = 0;
    for dialect in Dialect::ALL {
        let dt = dialect.native_dt();
        let tau = |n: f64| Decay::Tau((n * dt).into());
        let factor = |a: f64| Decay::Factor(a.into());
        // At 1, a smooth reset by subtraction may end on the threshold itself, where what comes late has a kink.
        let threshold = || Param::Shared(0.9);
        let models: [(&str, Neuron); 5] = [
            ("if", If { v_reset: 0.1.into(), threshold: threshold(), ..Default::default() }.into()),
            (
                "lif",
                Lif {
                    decay: tau(3.0),
                    v_leak: Some(0.05.into()),
                    v_reset: (-0.1).into(),
                    threshold: threshold(),
                    ..Default::default()
                }
                .into(),
            ),
            ("lif by factor", Lif { decay: factor(0.8), threshold: threshold(), ..Default::default() }.into()),
            (
                "cuba",
                CubaLif { decay_syn: tau(2.0), decay_mem: tau(4.0), threshold: threshold(), ..Default::default() }
                    .into(),
            ),
            (
                "cuba by factor",
                CubaLif {
                    decay_syn: factor(0.6),
                    decay_mem: factor(0.9),
                    threshold: threshold(),
                    ..Default::default()
                }
                .into(),
            ),
        ];
        for (name, neuron) in models {
            for reset in [Reset::Hard, Reset::Subtract, Reset::None] {
                for delay in [0, 1] {
                    for (at, kind) in SurrogateKind::ALL.into_iter().enumerate() {
                        for detach in [false, true] {
                            let rules =
                                RuleChanges { reset: Some(reset), reset_delay: Some(delay), ..Default::default() };
                            let what = format!("{} {name} {reset:?} {delay} {kind:?} {detach}", dialect.name());
                            check(&what, &neuron.clone().with(rules), dialect, kind, detach, 10 * at as u32 + 1);
                            cases += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(cases > 1_000, "{cases}");
}
