//! Which numbers a recipe may hold.

use super::{Optimiser, Recipe, Schedule};

/// Says which number is out of range.
pub(super) fn check(recipe: &Recipe) -> Result<(), String> {
    below_one("`split`", recipe.split)?;
    above_zero("`clip_norm`", recipe.clip_norm.unwrap_or(1.0))?;
    above_zero("`surrogate`: `alpha`", recipe.surrogate.alpha)?;
    part("`warmup`: `start`", recipe.warmup.start)?;
    if let Some(penalty) = recipe.rate_penalty {
        not_below_zero("`rate_penalty`: `target`", penalty.target)?;
        not_below_zero("`rate_penalty`: `weight`", penalty.weight)?;
    }
    above_zero("`optimiser`: `lr`", recipe.optimiser.learning_rate())?;
    match recipe.optimiser {
        Optimiser::Sgd { momentum, weight_decay, nesterov, .. } => {
            below_one("`optimiser`: `momentum`", momentum)?;
            not_below_zero("`optimiser`: `weight_decay`", weight_decay)?;
            if nesterov && momentum == 0.0 {
                return Err("`optimiser`: `nesterov`: expected a `momentum` above 0 with it".into());
            }
        }
        Optimiser::Adam(adam) | Optimiser::AdamW(adam) => {
            below_one("`optimiser`: `beta1`", adam.beta1)?;
            below_one("`optimiser`: `beta2`", adam.beta2)?;
            not_below_zero("`optimiser`: `eps`", adam.eps)?;
            not_below_zero("`optimiser`: `weight_decay`", adam.weight_decay)?;
        }
    }
    match recipe.schedule {
        Schedule::Constant => Ok(()),
        Schedule::Step { every, gamma } => {
            above_zero("`schedule`: `every`", every as f64)?;
            above_zero("`schedule`: `gamma`", gamma)
        }
        Schedule::Cosine { min, .. } => not_below_zero("`schedule`: `min`", min),
        Schedule::OneCycle { pct_start, div_factor, final_div_factor } => {
            part("`schedule`: `pct_start`", pct_start)?;
            above_zero("`schedule`: `div_factor`", div_factor)?;
            above_zero("`schedule`: `final_div_factor`", final_div_factor)
        }
    }
}

fn above_zero(key: &str, x: f64) -> Result<(), String> {
    expect(key, x, x > 0.0, "above 0")
}

fn not_below_zero(key: &str, x: f64) -> Result<(), String> {
    expect(key, x, x >= 0.0, "of at least 0")
}

fn below_one(key: &str, x: f64) -> Result<(), String> {
    expect(key, x, (0.0..1.0).contains(&x), "from 0 and below 1")
}

fn part(key: &str, x: f64) -> Result<(), String> {
    expect(key, x, (0.0..=1.0).contains(&x), "from 0 to 1")
}

fn expect(key: &str, x: f64, good: bool, range: &str) -> Result<(), String> {
    if good && x.is_finite() { Ok(()) } else { Err(format!("{key}: expected a number {range}, got {x}")) }
}
