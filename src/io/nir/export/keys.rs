//! Which rules a reader must be told, because they are not those it assumes and make a difference.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::neuron::affine::Core;
use crate::neuron::bind::Affine;
use crate::neuron::{Dialect, RuleChanges, Rules};

/// Rules that only round otherwise: the real numbers are the same.
const ROUNDING: [&str; 1] = ["form"];

/// A population with what it computes, and the keys it needs for that.
pub(super) struct Population {
    name: String,
    affine: Affine,
    /// What a reader assumes.
    base: Rules,
    core: Core,
    shape: Vec<usize>,
    dt: f64,
    keys: Table,
}

impl Population {
    /// Finds the keys that `affine` needs to compute `core`, which it does under `rules`.
    pub(super) fn new(
        name: String,
        affine: Affine,
        base: Rules,
        rules: Rules,
        core: Core,
        shape: Vec<usize>,
        dt: f64,
    ) -> Result<Self> {
        let assumed = table(&base)?;
        let mut keys = table(&rules)?;
        keys.retain(|key, value| assumed.get(key) != Some(value));
        let mut population = Population { name, affine, base, core, shape, dt, keys: keys.clone() };
        for (key, value) in keys {
            population.keys.remove(&key);
            if !population.computes_the_same(&population.keys)? {
                population.keys.insert(key, value);
            }
        }
        Ok(population)
    }

    fn computes_the_same(&self, keys: &Table) -> Result<bool> {
        let bound = self.affine.bind(&self.base.with(&changes(keys)?), self.dt, &self.shape);
        Ok(bound.is_ok_and(|core| super::same::cores(&core, &self.core, &self.shape)))
    }

    /// Whether a key makes no difference here, or is needed anyway.
    fn agrees(&self, key: &str, value: &Value) -> Result<bool> {
        let mut keys = self.keys.clone();
        keys.insert(key.to_owned(), value.clone());
        self.computes_the_same(&keys)
    }
}

/// The keys for the whole network, as far as all populations agree, and those for single ones.
pub(super) fn hoisted(populations: &[Population]) -> Result<(RuleChanges, BTreeMap<String, RuleChanges>)> {
    let mut whole = Table::new();
    for (key, value) in populations.iter().flat_map(|p| &p.keys) {
        let mut agree = !whole.contains_key(key);
        for population in populations {
            agree = agree && population.agrees(key, value)?;
        }
        if agree {
            whole.insert(key.clone(), value.clone());
        }
    }
    let mut single = BTreeMap::new();
    for population in populations {
        let mut own = population.keys.clone();
        own.retain(|key, _| !whole.contains_key(key));
        if !own.is_empty() {
            single.insert(population.name.clone(), changes(&own)?);
        }
    }
    Ok((changes(&whole)?, single))
}

/// Refuses a population that needs more than its dialect's name.
pub(super) fn refuse(populations: &[Population], dialect: Dialect) -> Result<()> {
    for population in populations {
        let Some((key, value)) = population.keys.iter().find(|(key, _)| !ROUNDING.contains(&key.as_str())) else {
            continue;
        };
        let assumed = table(&population.base)?;
        let assumed = assumed.get(key).map_or_else(|| "none".to_owned(), Value::to_string);
        return Err(Error::layer(
            &population.name,
            format!(
                "has {key} = {value}, NIR cannot say so, and a reader that takes the file for {} assumes {assumed}: hand \
                 the rule on beside the file (`--rules FILE.toml`, which `--dialect FILE.toml` reads)",
                dialect.name()
            ),
        ));
    }
    Ok(())
}

fn table(rules: &Rules) -> Result<Table> {
    Table::try_from(rules).map_err(|e| Error::Network(format!("its rules cannot be written: {e}")))
}

fn changes(keys: &Table) -> Result<RuleChanges> {
    Value::Table(keys.clone()).try_into().map_err(|e| Error::Network(format!("its rules cannot be written: {e}")))
}
