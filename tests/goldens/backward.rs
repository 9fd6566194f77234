//! Surrogates, and single neurons back through time, against every framework.

use saltatory::neuron::affine::{Core, State};
use saltatory::neuron::backward::{Back, COEFFICIENT_GRADIENTS, Passing};
use saltatory::neuron::rules::{InputGain, Reset, SpikesPerStep};
use saltatory::neuron::{CubaLif, Decay, Dialect, If, Lif, Neuron, ParametricLif, RuleChanges};
use saltatory::train::{Surrogate, SurrogateKind};

use crate::case::{self, Case, Report};

#[test]
fn surrogates_are_those_of_the_frameworks() {
    use SurrogateKind::{Atan, Exponential, FastSigmoid, PiecewiseQuadratic, Rectangle, Sigmoid, SoftSign, SuperSpike};
    let mut report = Report::default();
    for case in case::cases("surrogate/pointwise") {
        let x = case.tensor("x");
        for (name, kind, alpha) in [
            ("sj.ATan.alpha2.0", Atan, 2.0),
            ("sj.ATan.alpha1.0", Atan, 1.0),
            ("sj.Sigmoid.alpha4.0", Sigmoid, 4.0),
            ("sj.Sigmoid.alpha1.0", Sigmoid, 1.0),
            ("sj.PiecewiseQuadratic.alpha1.0", PiecewiseQuadratic, 1.0),
            ("sj.PiecewiseQuadratic.alpha2.0", PiecewiseQuadratic, 2.0),
            ("sj.SoftSign.alpha2.0", SoftSign, 2.0),
            ("sj.SoftSign.alpha4.0", SoftSign, 4.0),
            ("sj.SuperSpike.alpha1.0", SuperSpike, 1.0),
            ("sj.SuperSpike.alpha2.0", SuperSpike, 2.0),
            ("sj.Rect.alpha1.0", Rectangle, 1.0),
            ("sj.Rect.alpha2.0", Rectangle, 2.0),
            ("snntorch.atan.2.0", Atan, 2.0),
            ("snntorch.fast_sigmoid.25", FastSigmoid, 25.0),
            ("snntorch.fast_sigmoid.5", FastSigmoid, 5.0),
            ("snntorch.sigmoid.5", Sigmoid, 5.0),
            ("norse.super", SuperSpike, 1.0),
            ("sinabs.SingleExponential", Exponential, 2.0),
        ] {
            let name = format!("{name}.grad");
            if !case.has(&name) {
                println!("{name} is not in the goldens");
                continue;
            }
            let got: Vec<f32> = x.data().iter().map(|&x| kind.derivative(alpha, x)).collect();
            report.gradient(&name, &got, case.tensor(&name).data());
        }
    }
    report.finish_silent(14);
}

#[test]
fn neurons_back_through_time() {
    let mut report = Report::default();
    for case in case::cases("surrogate/bptt") {
        let number = |key: &str| case.number(key);
        let (neuron, dialect) = neuron(&case);
        let rules = dialect.rules().with(&neuron.rules);
        let dt = number("dt").unwrap_or(1.0);
        let x = case.tensor("x");
        let core = neuron.affine().bind(&rules, dt, &x.shape()[2..]).unwrap();
        let detach = case.meta["params"]["detach_reset"].as_bool().or(case.meta["detach_reset"].as_bool());
        let (gradient, of) = back(&case, &core, surrogate(&case), detach.unwrap_or(rules.detach_reset), &mut report);
        report.gradient(&format!("{} grad_x", case.id), &gradient, case.tensor("grad_x").data());
        let decay = |key: &str| number(key).map(|tau| (-1.0 / tau).exp()).unwrap_or(0.0);
        // From the coefficients to what people call their parameters.
        let w = if case.has("w") { f64::from(case.tensor("w").data()[0]) } else { 0.0 };
        let k = 1.0 / (1.0 + (-w).exp());
        for (name, got) in [
            ("grad_w", of[0] * k * (1.0 - k)),
            ("grad_beta", of[0]),
            ("grad_alpha", of[5]),
            ("grad_threshold", of[3]),
            ("grad_tau_mem", (of[0] - of[1]) * decay("tau_mem") / number("tau_mem").unwrap_or(1.0).powi(2)),
            ("grad_tau_syn", (of[5] + of[6]) * decay("tau_syn") / number("tau_syn").unwrap_or(1.0).powi(2)),
        ] {
            if case.has(name) {
                report.gradient(&format!("{} {name}", case.id), &[got as f32], case.tensor(name).data());
            }
        }
    }
    report.finish_silent(40);
}

/// The gradients of the currents, and of the coefficients.
fn back(
    case: &Case,
    core: &Core,
    surrogate: Surrogate,
    detach: bool,
    report: &mut Report,
) -> (Vec<f32>, [f64; COEFFICIENT_GRADIENTS]) {
    let (x, weights) = (case.tensor("x"), case.tensor("w_loss"));
    let steps = x.shape()[0];
    let row = x.len() / steps;
    let neurons = x.shape()[2];
    let (mut gradient, mut spikes) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let mut sums = [0.0; COEFFICIENT_GRADIENTS];
    for i in 0..row {
        let c = if core.rows.len() == 1 { core.rows[0] } else { core.rows[i % neurons] };
        let mut state = c.initial();
        let mut before = Vec::new();
        for t in 0..steps {
            before.push(state);
            spikes[t * row + i] = c.step(core.flags, &mut state, x.data()[t * row + i]).spikes;
        }
        let last = if case.has("w_v") { case.tensor("w_v").data()[i] } else { 0.0 };
        let mut back = Back { state: State { v: last, i: 0.0 }, ..Default::default() };
        for t in (0..steps).rev() {
            let x = x.data()[t * row + i];
            let stepped = c.step(core.flags, &mut before[t].clone(), x);
            let z = surrogate.name.derivative(surrogate.alpha as f32, stepped.h - c.threshold);
            let passing = Passing { surrogate: z, detach };
            let of = c.step_back(core.flags, before[t], x, stepped, passing, weights.data()[t * row + i], &mut back);
            sums.iter_mut().zip(of).for_each(|(sum, of)| *sum += f64::from(of));
            gradient[t * row + i] = back.x;
        }
    }
    report.exact(&format!("{} s", case.id), &spikes, case.tensor("s").data());
    (gradient, sums)
}

pub fn surrogate(case: &Case) -> Surrogate {
    let text = case.meta["surrogate"].as_str().unwrap_or_default();
    let given = |key: &str| case.meta[key].as_f64().or(case.number(key));
    let named = |name: SurrogateKind, alpha: f64| Surrogate { name, alpha };
    let alpha = given("surrogate_param").or(given("alpha")).or(given("surrogate_alpha"));
    match text.split([' ', ':', '(']).next().unwrap() {
        "SingleExponential" => SurrogateKind::Exponential.into(),
        "super" => SurrogateKind::SuperSpike.into(),
        "atan" | "ATan" => named(SurrogateKind::Atan, alpha.unwrap_or(2.0)),
        "fast_sigmoid" => named(SurrogateKind::FastSigmoid, alpha.unwrap_or(25.0)),
        "Sigmoid" => named(SurrogateKind::Sigmoid, alpha.unwrap_or(4.0)),
        "PiecewiseQuadratic" => named(SurrogateKind::PiecewiseQuadratic, alpha.unwrap_or(1.0)),
        "SoftSign" => named(SurrogateKind::SoftSign, alpha.unwrap_or(2.0)),
        "Rect" => named(SurrogateKind::Rectangle, alpha.unwrap_or(1.0)),
        other => panic!("{}: {other} ({})", case.id, case.meta),
    }
}

/// The neuron of a case, and whose rules it follows.
pub fn neuron(case: &Case) -> (Neuron, Dialect) {
    let number = |key: &str| case.number(key);
    let text = |key: &str| case.meta["params"][key].as_str().unwrap_or_default();
    let id = case.id.trim_start_matches("surrogate/bptt_");
    let mut rules = RuleChanges::default();
    if id.starts_with("sj_") {
        let v_reset = number("v_reset");
        rules.reset = Some(if v_reset.is_some() { Reset::Hard } else { Reset::Subtract });
        let scaled = case.meta["params"]["decay_input"].as_bool() == Some(true);
        rules.input_gain = Some(if scaled { InputGain::DtOverTau } else { InputGain::R });
        let v_reset = v_reset.unwrap_or(0.0).into();
        let neuron: Neuron = match id.split('_').nth(1).unwrap() {
            "if" => If { v_reset, ..Default::default() }.into(),
            "lif" => Lif { v_reset, ..Lif::tau(number("tau").unwrap()) }.into(),
            "plif" => {
                ParametricLif { w: f64::from(case.tensor("w").data()[0]).into(), v_reset, ..Default::default() }.into()
            }
            other => panic!("{other}"),
        };
        return (neuron.with(rules), Dialect::SpikingJelly);
    }
    if id.starts_with("snntorch_") {
        let threshold = number("threshold").unwrap().into();
        rules.reset = Some(if text("reset_mechanism") == "zero" { Reset::Hard } else { Reset::Subtract });
        rules.reset_delay = Some(u8::from(case.meta["params"]["reset_delay"].as_bool() == Some(true)));
        let decay = Decay::Factor(number("beta").unwrap().into());
        let neuron: Neuron = match number("alpha") {
            None => Lif { decay, threshold, ..Default::default() }.into(),
            Some(alpha) => {
                let decay_syn = Decay::Factor(alpha.into());
                CubaLif { decay_syn, decay_mem: decay, threshold, ..Default::default() }.into()
            }
        };
        return (neuron.with(rules), Dialect::SnnTorch);
    }
    if id.starts_with("norse_") {
        let tau = |key: &str| Decay::Tau((1.0 / number(key).unwrap()).into());
        let neuron = CubaLif { decay_syn: tau("tau_syn_inv"), decay_mem: tau("tau_mem_inv"), ..Default::default() };
        return (neuron.into(), Dialect::Norse);
    }
    let tau = |key: &str| number(key).map(|tau| Decay::Tau(tau.into()));
    rules.spikes = Some(if text("spike_fn") == "SingleSpike" { SpikesPerStep::One } else { SpikesPerStep::Many });
    let decay = tau("tau_mem").unwrap();
    let neuron: Neuron = match tau("tau_syn") {
        None => Lif { decay, ..Default::default() }.into(),
        Some(decay_syn) => CubaLif { decay_syn, decay_mem: decay, ..Default::default() }.into(),
    };
    (neuron.with(rules), Dialect::Sinabs)
}
