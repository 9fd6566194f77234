//! `train`: what is learnt and written, and what bad recipes and data do.

use std::collections::BTreeSet;

use saltatory::layer::Layer;
use saltatory::network::checkpoint;

use super::Bench;
use super::files::{f32s, npy};

/// A small network that learns which third of its input is bright.
pub const NET: &str = "steps = 4\n[input]\nshape = [1, 4, 6]\n[[layer]]\ntype = \"flatten\"\n[[layer]]\n\
                       type = \"linear\"\nname = \"fc1\"\nout_features = 12\n[[layer]]\ntype = \"lif\"\nname = \"lif\"\n\
                       tau = 2.0\n[[layer]]\ntype = \"linear\"\nname = \"fc2\"\nout_features = 3\n";
/// Its recipe: six steps an epoch.
const RECIPE: &str =
    "[train]\nepochs = 4\nbatch = 9\nseed = 3\nsplit = 0.1\noptimiser = { name = \"adam\", lr = 1e-2 }\n";
pub const TRAIN: &str = "train net.toml x.npy --labels y.npy --threads 1 --device cpu --out m.safetensors";
/// Samples in `x.npy`.
pub const SAMPLES: usize = 60;

/// A folder with a network, a recipe, and samples that can be learnt.
pub fn bench() -> Bench {
    let bench = Bench::new();
    bench.folder.put("net.toml", format!("{NET}{RECIPE}").as_bytes());
    bench.folder.put("plain.toml", NET.as_bytes());
    let bright = |sample: usize, pixel: usize| f32::from(u8::from(pixel % 6 / 2 == sample % 3));
    let noise = |i: usize| (i * 7919 % 101) as f32 / 200.0;
    let pixel = |i: usize| bright(i / 24, i % 24) + noise(i);
    let values: Vec<f32> = (0..SAMPLES * 24).map(pixel).collect();
    bench.folder.put("x.npy", &npy("<f4", &[SAMPLES, 1, 4, 6], &f32s(&values)));
    let labels: Vec<u8> = (0..SAMPLES).map(|i| (i % 3) as u8).collect();
    bench.folder.put("y.npy", &npy("|u1", &[SAMPLES], &labels));
    bench.folder.put("y9.npy", &npy("|u1", &[SAMPLES], &[9; SAMPLES]));
    bench.folder.put("few.npy", &npy("|u1", &[2], &[1, 0]));
    bench
}

#[test]
fn a_network_learns_and_runs() {
    let bench = bench();
    let report: serde_json::Value =
        serde_json::from_str(&bench.good(&format!("{TRAIN} --epochs 20 --best b.safetensors --log l.jsonl --json")))
            .unwrap();
    assert!(bench.hidden_files().is_empty(), "{:?}", bench.hidden_files());
    assert_eq!(
        (&report["samples"], &report["validation_samples"], &report["steps"]),
        (&54.into(), &6.into(), &120.into())
    );
    let epochs = report["epochs"].as_array().unwrap();
    let loss = |epoch: &serde_json::Value| epoch["loss"].as_f64().unwrap();
    assert!(epochs.len() == 20 && loss(&epochs[19]) < 0.5 * loss(&epochs[0]), "{report}");
    assert!(report["best"]["accuracy"].as_f64().unwrap() > 0.9, "{report}");
    assert!(epochs[19]["firing_rates"]["lif"].as_f64().unwrap() > 0.0);
    for model in ["m.safetensors", "b.safetensors"] {
        bench.good(&format!("run {model} x.npy --labels y.npy --report r.json"));
        assert!(bench.json("r.json")["accuracy"].as_f64().unwrap() > 0.9, "{model}");
    }
    // What was trained can be trained on, by its own recipe.
    let more = bench.good("train m.safetensors x.npy --labels y.npy --epochs 1 --out more.safetensors --json");
    let more: serde_json::Value = serde_json::from_str(&more).unwrap();
    assert!(loss(&more["epochs"][0]) < 0.5 * loss(&epochs[0]), "{more}");
    assert_eq!(more["job"]["recipe's batch"], "9");
}

#[test]
fn the_log_has_every_few_steps_and_every_epoch() {
    let bench = bench();
    let printed = bench.good(&format!("{TRAIN} --log l.jsonl --log-every 4"));
    assert!(printed.lines().filter(|line| line.starts_with("epoch ")).count() == 4, "{printed}");
    assert!(["validation", "samples/s", "m.safetensors"].iter().all(|part| printed.contains(part)), "{printed}");
    let text = String::from_utf8(bench.read("l.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    assert_eq!((of("steps").len(), of("epoch").len(), lines.len()), (6, 4, 10));
    assert_eq!((&of("steps")[5]["step"], &of("steps")[5]["epoch"]), (&24.into(), &4.into()));
    assert!(of("epoch").iter().all(|line| line["validation_accuracy"].is_number()));
    assert!(of("epoch").iter().all(|line| line["validation_loss"].as_f64().unwrap() > 0.0), "{text}");
    assert!(printed.contains(" %, loss 0.") || printed.contains(" %, loss 1."), "{printed}");
    let keys = ["loss", "accuracy", "learning_rate", "samples_per_second"];
    assert!(lines.iter().all(|line| keys.iter().all(|key| line[key].is_number())), "{text}");
    assert!(bench.good(&format!("{TRAIN} --quiet")).is_empty());
}

/// The loss of validation is that of the trained network's scores, over what of the output the loss takes.
#[test]
fn validation_has_a_loss_of_its_own() {
    let bench = bench();
    let entropy = |scores: &[f32], label: usize| {
        let sum: f64 = scores.iter().map(|&x| f64::from(x).exp()).sum();
        sum.ln() - f64::from(scores[label])
    };
    let squares = |scores: &[f32], label: usize| {
        let apart = |(class, &x): (usize, &f32)| (f64::from(x) - f64::from(u8::from(class == label))).powi(2);
        scores.iter().enumerate().map(apart).sum::<f64>() / 3.0
    };
    type Loss = fn(&[f32], usize) -> f64;
    // The last but one has another read-out than its loss.
    for (options, readout, loss) in [
        ("", "mean", entropy as Loss),
        ("--loss mse,over=sum", "sum", squares),
        ("--loss cross_entropy,over=last --readout mean", "last", entropy),
        ("--loss mse,over=each_step", "trace", squares),
    ] {
        let validation = "--validation x.npy --validation-labels y.npy";
        let train = TRAIN.replace("net.toml", "whole.toml");
        bench.folder.put("whole.toml", format!("{NET}{}", RECIPE.replace("split = 0.1\n", "")).as_bytes());
        let report: serde_json::Value =
            serde_json::from_str(&bench.good(&format!("{train} {validation} --epochs 3 {options} --json"))).unwrap();
        let got = report["epochs"][2]["validation_loss"].as_f64().unwrap();
        bench.good(&format!("run m.safetensors x.npy --readout {readout} --output s.npy"));
        let scores = bench.array("s.npy");
        let row = scores.len() / SAMPLES;
        let of_sample = |(sample, scores): (usize, &[f32])| {
            scores.chunks_exact(3).map(|scores| loss(scores, sample % 3)).sum::<f64>() / (row / 3) as f64
        };
        let expected = scores.data().chunks_exact(row).enumerate().map(of_sample).sum::<f64>() / SAMPLES as f64;
        assert!((got - expected).abs() < 1e-5 * expected, "{options}: expected {expected}, got {got}");
        // What a network learns from is what it is tried on: it is not far from what it saw while it learnt.
        let learning = report["epochs"][2]["loss"].as_f64().unwrap();
        assert!(got < learning && got > 0.3 * learning, "{options}: {got}, while learning {learning}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let bench = bench();
    let train = |options: &str| {
        bench.good(&format!("{TRAIN} --quiet --epochs 2 {options}"));
        bench.read("m.safetensors")
    };
    let first = train("--augment shift=1,flip");
    assert!(first == train("--augment shift=1,flip"));
    assert!(first != train("--augment shift=1,flip --seed 4"));
    assert!(first != train(""));
}

#[test]
fn weights_of_few_bits_are_what_is_written() {
    let bench = bench();
    bench.good(&format!("{TRAIN} --quiet --epochs 2 --weight-bits 3 --rate-penalty target=0.1,weight=1"));
    let network = checkpoint::read(bench.path("m.safetensors")).unwrap();
    let Layer::Linear(linear) = &network.nodes[network.node("fc1").unwrap()].layer else { panic!("no fc1") };
    for row in linear.weight.as_ref().unwrap().data().chunks_exact(24) {
        let values: BTreeSet<u32> = row.iter().map(|w| (w + 0.0).to_bits()).collect();
        assert!((2..=7).contains(&values.len()), "{row:?}");
    }
}

#[test]
fn a_network_file_with_a_recipe_runs() {
    let bench = bench();
    bench.good(&format!("{TRAIN} --quiet --epochs 1"));
    bench.good("run net.toml x.npy --weights m.safetensors");
    bench.good("inspect net.toml");
}

#[test]
fn a_plan_of_training_is_shown_with_its_memory() {
    let bench = bench();
    let said = |options: &str| -> serde_json::Value {
        serde_json::from_str(&bench.good(&format!("inspect net.toml --training --json {options}"))).unwrap()
    };
    let (usual, small) = (said(""), said("--batch 2"));
    assert_eq!((&usual["batch"], &usual["steps"]), (&9.into(), &4.into()));
    // 24 and 12 weights an output, and biases; Adam has two moments.
    let parameters = 4 * (25 * 12 + 13 * 3);
    let bytes = |value: &serde_json::Value, key: &str| value["bytes"][key].as_u64().unwrap();
    assert_eq!(
        ["parameters", "gradients", "moments"].map(|key| bytes(&usual, key)),
        [parameters, parameters, 2 * parameters]
    );
    let sample = bytes(&usual, "kept") + bytes(&usual, "transient");
    let whole = |value: &serde_json::Value| value["bytes_of_batch"].as_u64().unwrap();
    assert!(sample > 0 && whole(&usual) - whole(&small) == 7 * sample, "{usual}");
    let text = bench.good("inspect net.toml --training --batch 2 --recompute");
    for part in ["membrane_input", "optimise", "kept for the way back", "a batch of 2"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let output = bench.saltatory("inspect net.toml --batch 2");
    assert!(!output.status.success() && crate::stderr(&output).contains("--training"));
    // Training that computes again ends with the same parameters.
    bench.good(&format!("{TRAIN} --quiet --epochs 1 --recompute"));
    let again = checkpoint::read(bench.path("m.safetensors")).unwrap();
    bench.good(&format!("{TRAIN} --quiet --epochs 1").replace("m.safetensors", "kept.safetensors"));
    assert_eq!(checkpoint::read(bench.path("kept.safetensors")).unwrap().nodes, again.nodes);
}

/// Options or a recipe, and what the message must say.
const REQUESTS: &[(&str, &[&str])] = &[
    ("train net.toml x.npy --out m.safetensors", &["--labels", "class"]),
    ("train net.toml x.npy --labels y9.npy --out m.safetensors", &["x.npy[0]", "label is 9", "3 outputs"]),
    ("train net.toml x.npy --labels few.npy --out m.safetensors", &["few.npy", "60", "2"]),
    ("train net.toml x.npy --labels y.npy", &["--out"]),
    ("train net.toml x.npy --labels y.npy --out no-folder/m", &["no-folder"]),
    ("train net.toml x.npy --labels y.npy --out m --log m", &["m", "--log"]),
    ("train missing.toml x.npy --labels y.npy --out m.safetensors", &["missing.toml"]),
    ("train net.toml missing.npy --labels y.npy --out m.safetensors", &["missing.npy"]),
    ("train plain.toml x.npy --labels y.npy --out m.safetensors --best b.safetensors", &["--best", "--validation"]),
    ("train net.toml x.npy --labels y.npy --out m.safetensors --split 0.001", &["split", "60"]),
    ("train net.toml x.npy --labels y.npy --out m.safetensors --epochs 0", &["`epochs`"]),
    ("train net.toml x.npy --labels y.npy --out m.safetensors --batch 0", &["`batch`"]),
    ("train net.toml x.npy --labels y.npy --out m.safetensors --lr 0", &["`lr`"]),
    ("train net.toml x.npy --labels y.npy --out m.safetensors --loss mae", &["`loss`", "mae", "mse"]),
    ("train net.toml x.npy --labels y.npy --out m.safetensors --optimiser adam,beta3=1", &["`beta3`", "`beta1`"]),
    ("train net.toml x.npy --labels y.npy --out m.safetensors --augment shift=4", &["`shift`", "at most 3", "4x6"]),
    ("train net.toml x.npy --labels y.npy --out m.safetensors --log-every 0", &["--log-every"]),
    ("train net.toml x.npy --labels y.npy --out m.safetensors --checkpoint=-1", &["--checkpoint"]),
    ("train net.toml x.npy --labels y.npy --out m.safetensors --readout trace", &["trace"]),
    ("train net.toml x.npy --labels y.npy --out m.safetensors --curves c.jpg", &["--curves"]),
    ("train net.toml x.npy --labels y.npy --out m.safetensors --steps 3", &["steps", "4", "3"]),
    ("train typo.toml x.npy --labels y.npy --out m.safetensors", &["typo.toml", "`train`", "`epoch`", "are `epochs`"]),
    (
        "train deep.toml x.npy --labels y.npy --out m.safetensors",
        &["deep.toml", "`optimiser`", "`learning_rate`", "`lr`"],
    ),
    ("run typo.toml x.npy", &["typo.toml", "`epoch`"]),
];

#[test]
fn requests_that_cannot_be_met_leave_nothing_behind() {
    let bench = bench();
    bench.folder.put("typo.toml", format!("{NET}[train]\nepoch = 3\n").as_bytes());
    let deep = format!("{NET}[train.optimiser]\nname = \"adam\"\nlearning_rate = 0.1\n");
    bench.folder.put("deep.toml", deep.as_bytes());
    let mut faults = Vec::new();
    for (arguments, parts) in REQUESTS {
        let message = bench.fails(arguments);
        assert!(!message.contains("panicked"), "{arguments}: {message}");
        for part in *parts {
            if !message.contains(part) {
                faults.push(format!("{arguments}: expected `{part}` in: {message}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[cfg(not(feature = "charts"))]
#[test]
fn curves_need_a_build_that_draws_them() {
    let message = bench().fails(&format!("{TRAIN} --curves c.png"));
    assert!(message.contains("--curves") && message.contains("--features charts"), "{message}");
}

#[cfg(feature = "charts")]
#[test]
fn curves_are_drawn() {
    let bench = bench();
    for every in [1, 50] {
        bench.good(&format!("{TRAIN} --quiet --curves c.png --log-every {every}"));
        assert!(bench.read("c.png").starts_with(b"\x89PNG"));
    }
}

#[test]
fn a_loss_that_is_not_finite_names_its_step_and_leaves_the_checkpoint() {
    let bench = bench();
    // One good epoch, then steps that throw the weights out of all range.
    let options = "--optimiser sgd,lr=1e-30 --schedule step,every=1,gamma=1e68";
    let output = bench.saltatory(&format!("{TRAIN} {options}"));
    let message = super::stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("epoch 2, step ") || message.contains("epoch 3, step "), "{message}");
    assert!(message.contains(" of 6") && message.contains(".m.safetensors.checkpoint"), "{message}");
    assert!(!bench.path("m.safetensors").exists());
    assert_eq!(bench.hidden_files(), [".m.safetensors.checkpoint"]);
    bench.good("run .m.safetensors.checkpoint x.npy --labels y.npy");
}

impl Bench {
    /// Working files that were left.
    pub fn hidden_files(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| name.starts_with('.')).collect()
    }
}
