//! How a network is trained, apart from the data: the `[train]` of a network file.
//!
//! ```toml
//! [train]
//! epochs = 10
//! batch = 128
//! seed = 0                      # of missing weights, the order of samples, dropout and augmentation
//! split = 0.1                   # the part of the samples that is kept for validation; default: none
//! clip_norm = 1.0               # default: gradients are not clipped
//! detach_reset = true           # default: as the dialect has it
//! recompute = true              # what batch norm gives is not kept for the way back: less memory; default: false
//! weight_bits = 4               # weights of so many bits, 2 to 16; default: exact ones
//! loss = { kind = "cross_entropy", over = "mean" }       # or "mse"; mean sum last each_step
//! optimiser = { name = "adam", lr = 1e-3 }               # or "adamw", "sgd", with their parameters
//! schedule = { name = "cosine" }                         # constant step cosine one_cycle
//! warmup = { steps = 100, start = 0.1 }
//! surrogate = { name = "atan", alpha = 2.0 }
//! augment = { shift = 2, flip = true }                   # default: samples as they are
//! rate_penalty = { target = 0.05, weight = 1.0 }         # default: populations fire as they like
//! ```
//!
//! Every key has a default. Where a table has a name and nothing else, the name will do: `optimiser = "adam"`.

mod ranges;

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::augment::Augment;
use super::schedule::{Length, Schedule, Warmup};
use super::{Loss, Optimiser, RatePenalty, Surrogate, TrainOptions};
use crate::error::{Error, Result};
use crate::network::file::{Keys, table};

/// More epochs or samples in a batch than this are taken for a mistake.
const MOST: usize = 1_000_000;

/// How a network is trained, apart from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// How often it sees every sample.
    pub epochs: usize,
    /// Samples of a step.
    pub batch: usize,
    /// Of missing weights, the order of samples, dropout and augmentation.
    pub seed: u64,
    /// The part of the samples that is kept for validation.
    pub split: f64,
    /// Gradients longer than this, all parameters together, are made as long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Gradients do not flow through resets; `None`: as the network's rules say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detach_reset: Option<bool>,
    /// What batch norm gives is computed again on the way back, not kept: less memory, the same bits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recompute: bool,
    /// Weights are used as if they had so many bits, and have them in the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_bits: Option<u32>,
    /// What is made small.
    pub loss: Loss,
    /// How parameters follow their gradients.
    pub optimiser: Optimiser,
    /// How the learning rate goes.
    pub schedule: Schedule,
    /// How it begins.
    pub warmup: Warmup,
    /// What stands for the derivative of a spike.
    pub surrogate: Surrogate,
    /// What is done to samples before they are learnt from.
    pub augment: Augment,
    /// Populations are drawn towards a firing rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_penalty: Option<RatePenalty>,
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe {
            epochs: 10,
            batch: 128,
            seed: 0,
            split: 0.0,
            clip_norm: None,
            detach_reset: None,
            recompute: false,
            weight_bits: None,
            loss: Loss::default(),
            optimiser: Optimiser::default(),
            schedule: Schedule::default(),
            warmup: Warmup::default(),
            surrogate: Surrogate::default(),
            augment: Augment::default(),
            rate_penalty: None,
        }
    }
}

impl Recipe {
    /// The keys of `[train]`.
    pub const KEYS: [&str; 15] = [
        "epochs",
        "batch",
        "seed",
        "split",
        "clip_norm",
        "detach_reset",
        "recompute",
        "weight_bits",
        "loss",
        "optimiser",
        "schedule",
        "warmup",
        "surrogate",
        "augment",
        "rate_penalty",
    ];

    /// Reads what stands under `[train]`, as a text of its own; `origin` is what errors call it.
    ///
    /// # Errors
    /// [`Error::File`] naming the key.
    pub fn parse(text: &str, origin: &Path) -> Result<Recipe> {
        Recipe::read(Keys::new(origin, "", table(text, origin)?))
    }

    /// Reads `[train]`.
    pub(crate) fn read(mut keys: Keys) -> Result<Recipe> {
        keys.only(&Recipe::KEYS)?;
        let usual = Recipe::default();
        let recipe = Recipe {
            epochs: keys.size("epochs", 1..=MOST)?.unwrap_or(usual.epochs),
            batch: keys.size("batch", 1..=MOST)?.unwrap_or(usual.batch),
            // What TOML holds of whole numbers.
            seed: keys.size("seed", 0..=i64::MAX as usize)?.map_or(usual.seed, |seed| seed as u64),
            split: keys.number("split")?.unwrap_or(usual.split),
            clip_norm: keys.number("clip_norm")?,
            detach_reset: keys.flag("detach_reset")?,
            recompute: keys.flag("recompute")?.unwrap_or(usual.recompute),
            weight_bits: keys.size("weight_bits", 2..=16)?.map(|bits| bits as u32),
            loss: part(&mut keys, "loss")?,
            optimiser: part(&mut keys, "optimiser")?,
            schedule: part(&mut keys, "schedule")?,
            warmup: part(&mut keys, "warmup")?,
            surrogate: part(&mut keys, "surrogate")?,
            augment: part(&mut keys, "augment")?,
            rate_penalty: part(&mut keys, "rate_penalty")?,
        };
        ranges::check(&recipe).map_err(|message| keys.fail(message))?;
        Ok(recipe)
    }

    /// As a `[train]` that stands behind everything else in a network file.
    ///
    /// # Errors
    /// A seed that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        #[derive(Serialize)]
        struct Part<'a> {
            train: &'a Recipe,
        }
        toml::to_string(&Part { train: self }).map_err(|e| Error::Request(format!("a recipe cannot be written: {e}")))
    }

    /// The options of a trainer that follows it.
    pub fn options(&self) -> TrainOptions {
        TrainOptions {
            loss: self.loss,
            optimiser: self.optimiser,
            surrogate: self.surrogate,
            detach_reset: self.detach_reset,
            clip_norm: self.clip_norm,
            recompute: self.recompute,
            weight_bits: self.weight_bits,
            rate_penalty: self.rate_penalty,
            seed: self.seed,
            ..TrainOptions::default()
        }
    }

    /// The learning rate of a step, counted from 0, of a training that long.
    pub fn learning_rate(&self, step: u64, length: Length) -> f64 {
        self.warmup.factor(step) * self.schedule.rate(self.optimiser.learning_rate(), step, length)
    }
}

/// A table of `[train]`, or the name that stands for one.
fn part<T: DeserializeOwned + Default>(keys: &mut Keys, key: &str) -> Result<T> {
    let tag = if key == "loss" { "kind" } else { "name" };
    let table = match keys.take(key) {
        None => return Ok(T::default()),
        Some(Value::Table(table)) => table,
        Some(name @ Value::String(_)) => Table::from_iter([(tag.to_owned(), name)]),
        Some(other) => return Err(keys.mismatch(key, "a table, or the name of one", &other)),
    };
    let inner = keys.inside(key, table.clone());
    if let Some(allowed) = allowed(key, table.get("name").and_then(Value::as_str)) {
        inner.only(allowed)?;
    }
    Value::Table(table).try_into().map_err(|e| inner.fail(e.to_string().trim().replace('\n', ", ")))
}

/// The keys of a table; `None` where it has no such name.
fn allowed(key: &str, name: Option<&str>) -> Option<&'static [&'static str]> {
    const ADAM: &[&str] = &["name", "lr", "beta1", "beta2", "eps", "weight_decay"];
    Some(match (key, name) {
        ("loss", _) => &["kind", "over"],
        ("optimiser", Some("sgd")) => &["name", "lr", "momentum", "nesterov", "weight_decay"],
        ("optimiser", Some("adam" | "adamw")) => ADAM,
        ("schedule", Some("constant")) => &["name"],
        ("schedule", Some("step")) => &["name", "every", "gamma"],
        ("schedule", Some("cosine")) => &["name", "by", "min"],
        ("schedule", Some("one_cycle")) => &["name", "pct_start", "div_factor", "final_div_factor"],
        ("warmup", _) => &["steps", "start"],
        ("surrogate", _) => &["name", "alpha"],
        ("augment", _) => &["shift", "crop", "flip"],
        ("rate_penalty", _) => &["target", "weight"],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::train::{LossKind, Momentum, Over, SurrogateKind};

    fn parse(text: &str) -> Result<Recipe> {
        Recipe::parse(text, Path::new("net.toml"))
    }

    #[test]
    fn an_empty_recipe_is_the_usual_one() {
        assert_eq!(parse("").unwrap(), Recipe::default());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = "epochs = 3\nbatch = 7\nseed = 9\nsplit = 0.25\nclip_norm = 1\ndetach_reset = false\n\
                    loss = { kind = \"mse\", over = \"each_step\" }\n\
                    optimiser = { name = \"adamw\", lr = 3e-4, weight_decay = 0.01 }\n\
                    schedule = { name = \"one_cycle\", pct_start = 0.1 }\nwarmup = { steps = 5 }\n\
                    surrogate = \"fast_sigmoid\"\naugment = { crop = 4, flip = true }\nweight_bits = 4\nrecompute = true\n\
                    rate_penalty = { target = 0.1, weight = 2 }";
        let recipe = parse(text).unwrap();
        let adam = Momentum { lr: 3e-4, weight_decay: 0.01, ..Momentum::default() };
        let schedule = Schedule::OneCycle { pct_start: 0.1, div_factor: 25.0, final_div_factor: 1e4 };
        let expected = Recipe {
            epochs: 3,
            batch: 7,
            seed: 9,
            split: 0.25,
            clip_norm: Some(1.0),
            detach_reset: Some(false),
            loss: Loss { kind: LossKind::Mse, over: Over::EachStep },
            optimiser: Optimiser::AdamW(adam),
            schedule,
            warmup: Warmup { steps: 5, ..Warmup::default() },
            surrogate: SurrogateKind::FastSigmoid.into(),
            augment: Augment { shift: 4, flip: true },
            recompute: true,
            weight_bits: Some(4),
            rate_penalty: Some(RatePenalty { target: 0.1, weight: 2.0 }),
        };
        assert_eq!(recipe, expected);
        for recipe in [recipe, Recipe::default()] {
            let text = recipe.to_toml().unwrap();
            let table: Table = text.parse().unwrap();
            let Some(Value::Table(inside)) = table.get("train") else { unreachable!("{text}") };
            assert_eq!(parse(&inside.to_string()).unwrap(), recipe, "{text}");
        }
    }

    #[test]
    fn faults_are_named() {
        for (text, parts) in [
            ("epochz = 3", &["net.toml", "unknown key `epochz`", "`epochs`"][..]),
            ("epochs = 0", &["`epochs`", "from 1"]),
            ("batch = 0", &["`batch`", "from 1"]),
            ("seed = -1", &["`seed`", "-1"]),
            ("split = 1.0", &["`split`", "below 1", "got 1"]),
            ("clip_norm = 0", &["`clip_norm`", "above 0"]),
            ("loss = \"mae\"", &["`loss`", "mae", "cross_entropy"]),
            ("loss = { kind = \"mse\", ovr = \"sum\" }", &["`loss`", "`ovr`", "are `over`"]),
            ("optimiser = \"adm\"", &["`optimiser`", "adm", "adam"]),
            ("optimiser = { lr = 1.0 }", &["`optimiser`", "name"]),
            ("optimiser = { name = \"sgd\", beta1 = 0.9 }", &["`optimiser`", "`beta1`", "`momentum`"]),
            ("optimiser = { name = \"adam\", lr = 0 }", &["`optimiser`", "`lr`", "got 0"]),
            ("optimiser = { name = \"adam\", lr = nan }", &["`lr`", "NaN"]),
            ("optimiser = { name = \"adam\", beta2 = 1.0 }", &["`beta2`", "below 1"]),
            ("optimiser = { name = \"sgd\", nesterov = true }", &["`nesterov`", "`momentum`"]),
            ("optimiser = 3", &["`optimiser`", "table", "the integer 3"]),
            ("schedule = \"step\"", &["`schedule`", "every"]),
            ("schedule = { name = \"cosine\", min = -1 }", &["`schedule`", "`min`"]),
            ("schedule = { name = \"cosine\", by = \"batch\" }", &["`schedule`", "batch", "epochs"]),
            ("warmup = { start = 2 }", &["`warmup`", "`start`", "got 2"]),
            ("surrogate = { name = \"atan\", alpha = 0 }", &["`surrogate`", "`alpha`"]),
            ("surrogate = { name = \"atan\", alfa = 0 }", &["`surrogate`", "`alfa`", "`alpha`"]),
            ("augment = { shift = 1, crop = 2 }", &["`augment`", "duplicate"]),
            ("weight_bits = 1", &["`weight_bits`", "from 2 to 16"]),
            ("rate_penalty = { target = 0.1 }", &["`rate_penalty`", "weight"]),
            ("rate_penalty = { target = -1, weight = 1 }", &["`rate_penalty`", "`target`", "-1"]),
            ("augment = { flip = 1 }", &["`augment`", "flip"]),
        ] {
            let message = parse(text).unwrap_err().to_string();
            for part in parts {
                assert!(message.contains(part), "{text}: expected `{part}` in: {message}");
            }
        }
    }
}
