//! What the file leaves out, and where a framework's own NIR reader goes another way than the framework itself.
//!
//! Read off the sources of SpikingJelly 2.0.0, snnTorch 1.0.0, Norse 1.1.0, Sinabs 2.0.3 and nir 1.0.8.

use crate::layer::Layer;
use crate::network::{InputKind, InputSpec, Network};
use crate::neuron::rules::{Current, InputGain, Reset};
use crate::neuron::{Dialect, Model, Param, Rules};

/// What a network says beside what it computes, which NIR has no place for.
pub(super) fn left_out(network: &Network) -> Vec<String> {
    let mut notes = Vec::new();
    let input = InputSpec { classes: Vec::new(), kind: InputKind::Real, ..network.input.clone() };
    if input != (InputSpec { shape: input.shape.clone(), ..Default::default() }) {
        notes.push("how samples become inputs (scale, mean, std, resizing, order of axes) is not in the file".into());
    }
    let kind = match network.input.kind {
        InputKind::Real => None,
        InputKind::Counts => Some("--input-kind counts".to_owned()),
        InputKind::Bits => Some("--input-kind bits".to_owned()),
    };
    let steps = network.steps.map(|steps| format!("--steps {steps}"));
    let readout = network.readout.map(|readout| format!("--readout {}", readout.name()));
    let said: Vec<String> = kind.into_iter().chain(steps).chain(readout).collect();
    if !said.is_empty() {
        notes.push(format!("what the network says of its run is not in the file: run it with `{}`", said.join(" ")));
    }
    notes
}

/// What the readers of frameworks would make of the file that is not what the network computes.
pub(super) fn notes(plain: &Network) -> Vec<String> {
    let mut notes = Notes(Vec::new());
    for node in &plain.nodes {
        if let Layer::Conv(conv) = &node.layer
            && (conv.groups > 1 || conv.kernel.windows(2).any(|k| k[0] != k[1]))
        {
            notes.add(
                "nir.read gets the shapes of grouped convolutions and of kernels that are not square wrong: give it \
                       type_check=False",
            );
        }
    }
    let Some((reader, known)) = reader(plain.dialect) else { return notes.0 };
    if plain.dialect == Dialect::SnnTorch && plain.edges.iter().any(|e| e.delay > 0) {
        notes.add("snnTorch's import_from_nir fails on recurrent networks: convert them node by node");
    }
    for (i, node) in plain.nodes.iter().enumerate() {
        let kind = node.layer.kind();
        if !known.contains(&kind) {
            notes.add(&format!("{reader} knows no layer like `{}` ({kind})", node.name));
        }
        if kind == "flatten" && matches!(plain.dialect, Dialect::SnnTorch | Dialect::Norse) {
            notes.add(&format!("{reader} lets Flatten merge the batch axis too: give it one sample at a time"));
        }
        if let Layer::Neuron(neuron) = &node.layer {
            let rules = plain.rules_at(i);
            match plain.dialect {
                Dialect::SpikingJelly => spikingjelly(&mut notes, &neuron.model, &rules),
                Dialect::SnnTorch => snntorch(&mut notes, &neuron.model, &rules),
                Dialect::Norse => norse(&mut notes, &neuron.model, &rules),
                Dialect::Sinabs => sinabs(&mut notes, &neuron.model, &rules),
                Dialect::Nir => {}
            }
        }
    }
    notes.0
}

/// The function of a framework that reads NIR, and the layers it knows.
fn reader(dialect: Dialect) -> Option<(&'static str, &'static [&'static str])> {
    match dialect {
        Dialect::SpikingJelly => Some((
            "SpikingJelly's import_from_nir",
            &["input", "add", "linear", "conv1d", "conv2d", "avg_pool", "sum_pool", "flatten", "if", "lif", "cuba_lif"],
        )),
        Dialect::SnnTorch => Some((
            "snnTorch's import_from_nir",
            &["input", "add", "linear", "conv2d", "avg_pool", "sum_pool", "flatten", "lif", "cuba_lif"],
        )),
        Dialect::Norse => Some((
            "Norse's from_nir",
            &["input", "add", "linear", "conv2d", "sum_pool", "flatten", "if", "lif", "cuba_lif"],
        )),
        Dialect::Sinabs => Some((
            "Sinabs's from_nir",
            &["input", "add", "linear", "conv1d", "conv2d", "sum_pool", "flatten", "if", "lif", "li"],
        )),
        Dialect::Nir => None,
    }
}

/// Notes, each once.
struct Notes(Vec<String>);

impl Notes {
    fn add(&mut self, note: &str) {
        if !self.0.iter().any(|n| n == note) {
            self.0.push(note.to_owned());
        }
    }
}

fn spikingjelly(notes: &mut Notes, model: &Model, rules: &Rules) {
    if model.spikes() && rules.reset != Reset::Hard {
        notes.add(
            "SpikingJelly's import_from_nir gives every neuron a hard reset: set v_reset=None afterwards for one by \
                   subtraction",
        );
    }
    if params(model).iter().any(|(_, p)| !uniform(p)) {
        notes.add("SpikingJelly's import_from_nir refuses parameters that differ within a layer");
    }
}

fn snntorch(notes: &mut Notes, model: &Model, rules: &Rules) {
    if model.spikes() && (rules.reset, rules.reset_delay) != (Reset::Hard, 0) {
        notes.add(
            "snnTorch's import_from_nir gives every neuron reset_mechanism=\"zero\" and reset_delay=False: build its \
                   neurons anew with those of the network",
        );
    }
    if params(model).iter().any(|(what, p)| *what == "v_threshold" && !uniform(p)) {
        notes.add("snnTorch's import_from_nir refuses thresholds that differ within a layer");
    }
    if params(model).iter().any(|(what, p)| *what == "v_leak" && !all(p, 0.0)) {
        notes.add("snnTorch's import_from_nir refuses a v_leak other than 0");
    }
}

fn norse(notes: &mut Notes, model: &Model, rules: &Rules) {
    if let Model::CubaLif(_) = model
        && rules.current != Current::Filter
    {
        notes.add(
            "Norse's from_nir makes a filter with the gain dt / tau_syn of a CubaLIF, unlike its own LIFCell: the \
                   current there is smaller by that gain",
        );
    } else if params(model).iter().any(|(what, p)| *what == "r" && !all(p, 1.0)) {
        notes.add("Norse's from_nir takes r for 1");
    }
    if params(model).iter().any(|(what, p)| *what == "v_reset" && !all(p, 0.0)) {
        notes.add("Norse's from_nir takes v_reset for 0");
    }
}

fn sinabs(notes: &mut Notes, model: &Model, rules: &Rules) {
    match model {
        Model::If(_) if rules.v_min.is_none() => {
            notes.add("Sinabs's from_nir gives an IF a floor of minus its threshold: set min_v_mem=None afterwards");
        }
        Model::Lif(_) | Model::Li(_) if rules.input_gain == InputGain::OneMinusDecay => {
            notes.add(
                "Sinabs's from_nir does not scale the input of a LIF or LI by 1 - decay: set norm_input=True \
                       afterwards, where r is 1",
            );
        }
        _ => {}
    }
    if params(model).iter().any(|(_, p)| p.values().iter().any(|&v| f64::from(v as f32) != v)) {
        notes.add(
            "Sinabs's from_nir keeps parameters in 64 bits, which it cannot mix with 32-bit weights: call .float()",
        );
    }
}

/// Parameters that readers are particular about, by their names in NIR.
fn params(model: &Model) -> Vec<(&'static str, &Param)> {
    use crate::neuron::Decay::Tau;
    let mut params = Vec::new();
    let (tau, r, v_leak, firing) = match model {
        Model::If(m) => (None, &m.r, None, Some((&m.threshold, &m.v_reset))),
        Model::Lif(m) => (Some(&m.decay), &m.r, m.v_leak.as_ref(), Some((&m.threshold, &m.v_reset))),
        Model::CubaLif(m) => (Some(&m.decay_mem), &m.r, m.v_leak.as_ref(), Some((&m.threshold, &m.v_reset))),
        Model::Li(m) => (Some(&m.decay), &m.r, Some(&m.v_leak), None),
        Model::CubaLi(m) => (Some(&m.decay_mem), &m.r, Some(&m.v_leak), None),
        Model::Integrator(m) => (None, &m.r, None, None),
        Model::Threshold(_) | Model::ParametricLif(_) => return params,
    };
    if let Some(Tau(tau)) = tau {
        params.push(("tau", tau));
    }
    params.push(("r", r));
    params.extend(v_leak.map(|p| ("v_leak", p)));
    if let Some((threshold, v_reset)) = firing {
        params.extend([("v_threshold", threshold), ("v_reset", v_reset)]);
    }
    params
}

fn uniform(param: &Param) -> bool {
    all(param, param.values().first().copied().unwrap_or_default())
}

fn all(param: &Param, value: f64) -> bool {
    param.values().iter().all(|&v| v == value)
}
