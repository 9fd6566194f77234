//! Rules from the command line: the name of a dialect, or a TOML file that sets single keys.
//!
//! ```toml
//! dialect = "sinabs"      # to begin with
//! dt = 1.0
//! v_min = -1.0            # any rule, for the whole network
//! [nodes."1.lif"]         # and for single nodes by name
//! reset = "hard"
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Network;
use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::neuron::{Dialect, RuleChanges};

/// Rules for a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DialectChoice {
    /// The dialect to begin with; `None`: the network's own.
    pub dialect: Option<Dialect>,
    /// The time step.
    pub dt: Option<f64>,
    /// Changes for the whole network.
    pub rules: RuleChanges,
    /// Changes for single nodes by name.
    pub nodes: BTreeMap<String, RuleChanges>,
}

impl DialectChoice {
    /// A dialect of this name, or the rules of a TOML file at this path.
    ///
    /// # Errors
    /// A name that is neither; a file with keys that there are not.
    pub fn parse(argument: &str) -> Result<Self> {
        if let Some(dialect) = Dialect::from_name(argument) {
            return Ok(DialectChoice { dialect: Some(dialect), ..Default::default() });
        }
        let path = Path::new(argument);
        if path.extension().is_none_or(|e| e != "toml") && !path.is_file() {
            let names = Dialect::ALL.map(Dialect::name).join(", ");
            return Err(Error::Request(format!("there is no dialect `{argument}`: expected {names}, or a TOML file")));
        }
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        Self::from_toml(&text).map_err(|message| Error::file(path, message))
    }

    /// The rules of a TOML text.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn from_toml(text: &str) -> std::result::Result<Self, String> {
        let mut table: toml::Table = toml::from_str(text).map_err(|e| e.to_string())?;
        fn take<T: for<'a> Deserialize<'a>>(
            table: &mut toml::Table,
            key: &str,
        ) -> std::result::Result<Option<T>, String> {
            let value = table.remove(key);
            value
                .map(|v| v.try_into().map_err(|e: toml::de::Error| format!("`{key}`: {}", e.message().trim())))
                .transpose()
        }
        let dialect = take(&mut table, "dialect")?;
        let dt = take(&mut table, "dt")?;
        let nodes: BTreeMap<String, RuleChanges> = take(&mut table, "nodes")?.unwrap_or_default();
        let rules = RuleChanges::deserialize(table).map_err(|e| e.message().trim().to_string())?;
        Ok(DialectChoice { dialect, dt, rules, nodes })
    }

    /// Lays these rules over a network.
    ///
    /// # Errors
    /// Names of nodes that there are not, or that are no neurons.
    pub fn apply(&self, network: &mut Network) -> Result<()> {
        if let Some(dialect) = self.dialect {
            if network.dialect != dialect && self.dt.is_none() && network.dt == network.dialect.native_dt() {
                network.dt = dialect.native_dt();
            }
            network.dialect = dialect;
        }
        network.dt = self.dt.unwrap_or(network.dt);
        network.rules = self.rules.over(&network.rules);
        for (name, changes) in &self.nodes {
            let neurons =
                || network.nodes.iter().filter(|n| matches!(n.layer, Layer::Neuron(_))).map(|n| n.name.as_str());
            if !neurons().any(|n| n == name) {
                let list = neurons().collect::<Vec<_>>().join(", ");
                return Err(Error::Network(format!(
                    "the rules name `{name}`, which is no population; there are {list}"
                )));
            }
            for node in network.nodes.iter_mut().filter(|n| n.name == *name) {
                if let Layer::Neuron(neuron) = &mut node.layer {
                    neuron.rules = changes.over(&neuron.rules);
                }
            }
        }
        network.check()
    }
}
