//! A choice of rules from outside the network: a dialect's name, or a file that says more.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Value;

use super::Network;
use super::file::{Keys, dialect, read_text, table};
use super::nearest::listed;
use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::neuron::{Dialect, RuleChanges};

/// Which rules a network is to follow, whatever its file says. As a file:
///
/// ```toml
/// dialect = "sinabs"      # optional
/// dt = 1.0                # optional
/// spikes = "one"          # any key of RuleChanges, for the whole network
///
/// [nodes."1.lif"]         # for single nodes
/// reset = "none"
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DialectChoice {
    /// The framework; `None`: the one the network follows already.
    pub dialect: Option<Dialect>,
    /// The time step, where the choice includes one.
    pub dt: Option<f64>,
    /// Changes to the dialect for all neurons.
    pub rules: RuleChanges,
    /// Changes for single nodes, by name.
    pub nodes: BTreeMap<String, RuleChanges>,
}

impl From<Dialect> for DialectChoice {
    fn from(dialect: Dialect) -> Self {
        DialectChoice { dialect: Some(dialect), ..Default::default() }
    }
}

impl DialectChoice {
    /// Reads an argument: the name of a dialect, or the path of a TOML file.
    ///
    /// # Errors
    /// [`Error::Request`] where it is neither, [`Error::File`] for a fault in the file.
    pub fn parse(argument: &str) -> Result<Self> {
        if let Some(dialect) = Dialect::from_name(argument) {
            return Ok(dialect.into());
        }
        let path = Path::new(argument);
        if path.extension().is_some_and(|e| e == "toml") || path.is_file() {
            return Self::from_toml(&read_text(path)?, path);
        }
        let names = listed(argument, Dialect::ALL.map(Dialect::name), Dialect::ALL.len());
        Err(Error::Request(format!("there is no dialect `{argument}`; known are {names}, or the path of a TOML file")))
    }

    /// Reads the content of such a file; `origin` is its path, for messages.
    ///
    /// # Errors
    /// [`Error::File`] naming the key.
    pub fn from_toml(text: &str, origin: &Path) -> Result<Self> {
        let mut keys = Keys::new(origin, "", table(text, origin)?);
        keys.only(&[&["dialect", "dt", "nodes"], &RuleChanges::KEYS[..]].concat())?;
        let dialect = dialect(&mut keys)?;
        let dt = keys.number("dt")?;
        if let Some(dt) = dt
            && !(dt.is_finite() && dt > 0.0)
        {
            return Err(keys.fail_at("dt", format!("expected a number above zero, got {dt}")));
        }
        let mut nodes = BTreeMap::new();
        for (name, value) in keys.table("nodes")?.unwrap_or_default() {
            let place = format!("nodes.{name}");
            let Value::Table(table) = value else { return Err(keys.mismatch(&place, "a table", &value)) };
            let mut inner = keys.inside(&place, table);
            inner.only(&RuleChanges::KEYS)?;
            nodes.insert(name, inner.rules()?);
        }
        Ok(DialectChoice { dialect, dt, rules: keys.rules()?, nodes })
    }

    /// The content of such a file; [`DialectChoice::from_toml`] reads it back.
    ///
    /// # Errors
    /// None for a choice that came from a network or a file.
    pub fn to_toml(&self) -> Result<String> {
        #[derive(serde::Serialize)]
        struct File<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            dialect: Option<Dialect>,
            #[serde(skip_serializing_if = "Option::is_none")]
            dt: Option<f64>,
            #[serde(flatten)]
            rules: &'a RuleChanges,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            nodes: &'a BTreeMap<String, RuleChanges>,
        }
        let file = File { dialect: self.dialect, dt: self.dt, rules: &self.rules, nodes: &self.nodes };
        toml::to_string(&file).map_err(|e| Error::Request(format!("these rules cannot be written: {e}")))
    }

    /// Lays this choice over a network. A dialect replaces the network's and its rules for all neurons; without one they
    /// are changed. Those of single nodes are changed, and dt stays unless the choice has one.
    ///
    /// # Errors
    /// [`Error::Network`] for a name that is no population of neurons.
    pub fn apply(&self, network: &mut Network) -> Result<()> {
        for (name, changes) in &self.nodes {
            let node = network.nodes.iter_mut().find(|node| node.name == *name);
            if let Some(Layer::Neuron(neuron)) = node.map(|node| &mut node.layer) {
                neuron.rules = changes.over(&neuron.rules);
                continue;
            }
            let populations = network.nodes.iter().filter(|n| matches!(n.layer, Layer::Neuron(_)));
            let names = listed(name, populations.map(|n| n.name.as_str()), 20);
            return Err(Error::Network(format!(
                "there are no neurons `{name}` to change the rules of; there are {names}"
            )));
        }
        network.rules = match self.dialect {
            Some(dialect) => {
                network.dialect = dialect;
                self.rules
            }
            None => self.rules.over(&network.rules),
        };
        network.dt = self.dt.unwrap_or(network.dt);
        Ok(())
    }
}
