//! What the command line changes of a recipe.
//!
//! Options become keys of the same tables that a network file has under `[train]`, so that both are read, and refused, in
//! one way.

use std::path::Path;

use clap::Args;
use saltatory::train::Recipe;
use saltatory::{Error, Result};
use toml::{Table, Value};

/// How the network is trained, where that is not as its file says.
#[derive(Args, Debug)]
#[command(next_help_heading = "Recipe (these go before the `[train]` of the network's file)")]
pub struct Changes {
    /// How often every sample is seen (10).
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Samples of a step (128).
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Learning rate (by optimiser: 0.1 for sgd, else 0.001).
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// Seed of missing weights, the order of samples, dropout and augmentation (0).
    #[arg(long, value_name = "N")]
    seed: Option<i64>,
    /// The part of the samples that is kept for validation, such as 0.1.
    #[arg(long, value_name = "PART", conflicts_with = "validation")]
    split: Option<f64>,
    /// Clips the norm of all gradients together to this.
    #[arg(long, value_name = "NORM")]
    clip_norm: Option<f64>,
    /// What batch norm gives is computed again on the way back instead of kept: less memory, the same bits.
    #[arg(long)]
    recompute: bool,
    /// Weights are used as if they had so many bits, 2 to 16, and have them in the end.
    #[arg(long, value_name = "N")]
    weight_bits: Option<usize>,
    /// cross_entropy or mse, and over what of an output in time: mean, sum, last or each_step (`cross_entropy,over=mean`).
    #[arg(long, value_name = "NAME[,over=..]")]
    loss: Option<String>,
    /// adam, adamw or sgd, with parameters: `sgd,momentum=0.9,nesterov=true,weight_decay=5e-4` (adam).
    #[arg(long, value_name = "NAME[,KEY=VALUE..]")]
    optimiser: Option<String>,
    /// constant, `step,every=10,gamma=0.1` (epochs), `cosine` (also `cosine,by=epochs,min=1e-5`), or `one_cycle` (constant).
    #[arg(long, value_name = "NAME[,KEY=VALUE..]")]
    schedule: Option<String>,
    /// Steps in which the learning rate rises, from a third or as said: `500,start=0.1`.
    #[arg(long, value_name = "STEPS[,start=..]")]
    warmup: Option<String>,
    /// atan, sigmoid, fast_sigmoid, super_spike, piecewise_quadratic, soft_sign, rectangle, triangle or exponential:
    /// `atan,alpha=2` (that).
    #[arg(long, value_name = "NAME[,alpha=..]")]
    surrogate: Option<String>,
    /// Samples are moved by up to so many pixels (`shift=2`; `crop=2` is the same) and mirrored (`flip`): `shift=2,flip`.
    #[arg(long, value_name = "shift=N,flip")]
    augment: Option<String>,
    /// Populations are drawn towards a firing rate, in spikes per neuron and step: `target=0.05,weight=1`.
    #[arg(long, value_name = "target=..,weight=..")]
    rate_penalty: Option<String>,
}

impl Changes {
    /// Lays the options over a recipe.
    pub fn over(&self, recipe: &Recipe) -> Result<Recipe> {
        let unreadable = |e: toml::de::Error| Error::Request(format!("the recipe cannot be read: {e}"));
        let mut file: Table = recipe.to_toml()?.parse().map_err(unreadable)?;
        let Some(Value::Table(mut table)) = file.remove("train") else { return Ok(recipe.clone()) };
        let whole = |n: Option<usize>| n.map(|n| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX)));
        let named = |text: &Option<String>, first: Option<&str>| text.as_deref().map(|text| table_of(text, first));
        for (key, value) in [
            ("epochs", whole(self.epochs)),
            ("batch", whole(self.batch)),
            ("seed", self.seed.map(Value::Integer)),
            ("split", self.split.map(Value::Float)),
            ("clip_norm", self.clip_norm.map(Value::Float)),
            ("recompute", self.recompute.then_some(Value::Boolean(true))),
            ("weight_bits", whole(self.weight_bits)),
            ("loss", named(&self.loss, Some("kind"))),
            ("optimiser", named(&self.optimiser, Some("name"))),
            ("schedule", named(&self.schedule, Some("name"))),
            ("warmup", named(&self.warmup, Some("steps"))),
            ("surrogate", named(&self.surrogate, Some("name"))),
            ("augment", named(&self.augment, None)),
            ("rate_penalty", named(&self.rate_penalty, None)),
        ] {
            if let Some(value) = value {
                table.insert(key.into(), value);
            }
        }
        if let (Some(lr), Some(Value::Table(optimiser))) = (self.lr, table.get_mut("optimiser")) {
            optimiser.insert("lr".into(), Value::Float(lr));
        }
        Recipe::parse(&table.to_string(), Path::new("recipe"))
    }
}

/// `first,key=value,flag` as a table. The first word goes under the key `first`, where there is one.
fn table_of(text: &str, first: Option<&str>) -> Value {
    let mut table = Table::new();
    for (i, piece) in text.split(',').map(str::trim).enumerate() {
        let (key, value) = match (piece.split_once('='), first) {
            (Some((key, value)), _) => (key.trim(), value_of(value.trim())),
            (None, Some(first)) if i == 0 => (first, value_of(piece)),
            (None, _) => (piece, Value::Boolean(true)),
        };
        table.insert(key.to_owned(), value);
    }
    Value::Table(table)
}

/// A number or a truth value as TOML has it, else a string.
fn value_of(text: &str) -> Value {
    let table = format!("x = {text}").parse::<Table>().ok();
    let value = table.and_then(|mut table| table.remove("x"));
    value.filter(|v| !matches!(v, Value::Table(_) | Value::Array(_))).unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::Parser;
    use saltatory::train::schedule::Warmup;
    use saltatory::train::{
        Augment, LossKind, Momentum, Optimiser, Over, RatePenalty, Schedule, Surrogate, SurrogateKind,
    };

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        changes: Changes,
        #[arg(long)]
        validation: bool,
    }

    fn changed(options: &str, recipe: &Recipe) -> Result<Recipe> {
        Line::try_parse_from(std::iter::once("x").chain(options.split_whitespace())).unwrap().changes.over(recipe)
    }

    #[test]
    fn options_go_before_the_file() {
        let recipe = Recipe { epochs: 3, seed: 5, clip_norm: Some(2.0), ..Recipe::default() };
        assert_eq!(changed("", &recipe).unwrap(), recipe);
        let options = "--epochs 7 --batch 9 --lr 1e-2 --split 0.5 --loss mse,over=last --optimiser sgd,momentum=0.9 \
                       --schedule step,every=2 --warmup 10,start=0 --surrogate sigmoid,alpha=3 --augment shift=2,flip \
                       --weight-bits 4 --rate-penalty target=0.1,weight=2";
        let got = changed(options, &recipe).unwrap();
        assert_eq!((got.epochs, got.batch, got.seed, got.split, got.clip_norm), (7, 9, 5, 0.5, Some(2.0)));
        assert_eq!((got.loss.kind, got.loss.over), (LossKind::Mse, Over::Last));
        let sgd = Optimiser::Sgd { lr: 0.01, momentum: 0.9, nesterov: false, weight_decay: 0.0 };
        assert_eq!((got.optimiser, got.schedule), (sgd, Schedule::Step { every: 2, gamma: 0.1 }));
        assert_eq!(got.warmup, Warmup { steps: 10, start: 0.0 });
        assert_eq!(got.surrogate, Surrogate { name: SurrogateKind::Sigmoid, alpha: 3.0 });
        assert_eq!(got.augment, Augment { shift: 2, flip: true });
        assert_eq!((got.weight_bits, got.rate_penalty), (Some(4), Some(RatePenalty { target: 0.1, weight: 2.0 })));
        let adam = changed("--lr 0.5", &recipe).unwrap().optimiser;
        assert_eq!(adam, Optimiser::Adam(Momentum { lr: 0.5, ..Momentum::default() }));
    }

    #[test]
    fn faults_are_those_of_a_file() {
        for (options, parts) in [
            ("--optimiser adm", &["recipe", "`optimiser`", "adm", "adamw"][..]),
            ("--optimiser sgd,momentun=0.9", &["`momentun`", "are `momentum`"]),
            ("--lr 0", &["`lr`", "got 0"]),
            ("--epochs 0", &["`epochs`"]),
            ("--seed=-1", &["`seed`"]),
            ("--augment flop", &["`augment`", "`flop`", "`flip`"]),
            ("--warmup many", &["`warmup`", "steps"]),
            ("--surrogate atan,alpha=wide", &["`surrogate`", "alpha"]),
        ] {
            let message = changed(options, &Recipe::default()).unwrap_err().to_string();
            for part in parts {
                assert!(message.contains(part), "{options}: expected `{part}` in: {message}");
            }
        }
    }
}
