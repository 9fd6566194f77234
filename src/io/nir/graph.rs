//! Flattening nested graphs: inner nodes are called `outer.inner`, inner inputs and outputs vanish.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::convert::{self, Declared, Item};
use super::hdf5::{Graph, MAX_EDGES, Node};
use super::params::Params;
use crate::error::{Error, Result};

/// A node of the flat graph.
pub(super) struct Part {
    /// `outer.inner` where it was nested.
    pub name: String,
    /// What becomes of it.
    pub item: Item,
    /// What it states about its input.
    pub declared: Declared,
}

/// A graph without nesting. Edges are pairs of indices and may occur twice, which counts twice.
pub(super) struct Flat {
    /// The nodes.
    pub parts: Vec<Part>,
    /// From, to.
    pub edges: Vec<(usize, usize)>,
}

/// Flattens a file's graph; no node of the result is [`Item::Pass`] and has edges.
pub(super) fn flatten(path: &Path, graph: Graph, dt: f64) -> Result<Flat> {
    let mut flat = Flat { parts: Vec::new(), edges: Vec::new() };
    let mut walk = Walk { path, dt, flat: &mut flat };
    walk.graph(graph, "")?;
    splice(&mut flat)?;
    Ok(flat)
}

struct Walk<'a> {
    path: &'a Path,
    dt: f64,
    flat: &'a mut Flat,
}

/// Where a graph begins and ends, as nodes of the flat one.
struct Ends {
    input: usize,
    output: usize,
}

impl Walk<'_> {
    fn graph(&mut self, graph: Graph, prefix: &str) -> Result<Ends> {
        let place = if prefix.is_empty() { "the graph".to_owned() } else { format!("the graph `{prefix}`") };
        let fail = |message: String| Error::file(self.path, format!("{place} {message}"));
        let edges = named(graph.edges, &graph.nodes).map_err(fail)?;
        let mut ends: BTreeMap<String, Ends> = BTreeMap::new();
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for (name, node) in graph.nodes {
            let full = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let own = match node {
                Node::Graph(inner) => self.graph(inner, &full)?,
                Node::Primitive(kind, arrays) => {
                    let (mut item, declared) = convert::item(Params::new(full.clone(), kind, arrays), self.dt)?;
                    let index = self.flat.parts.len();
                    match item {
                        Item::Input(_) => inputs.push(index),
                        Item::Output => outputs.push(index),
                        _ => {}
                    }
                    if !prefix.is_empty() && matches!(item, Item::Input(_) | Item::Output) {
                        item = Item::Pass;
                    }
                    self.flat.parts.push(Part { name: full, item, declared });
                    Ends { input: index, output: index }
                }
            };
            ends.insert(name, own);
        }
        for (from, to) in &edges {
            if let (Some(from), Some(to)) = (ends.get(from), ends.get(to)) {
                self.flat.edges.push((from.output, to.input));
            }
        }
        let one = |what: &str, found: &[usize]| match found {
            &[index] => Ok(index),
            [] => Err(Error::file(self.path, format!("{place} has no {what} node"))),
            several => {
                let names: Vec<&str> = several.iter().map(|&i| self.flat.parts[i].name.as_str()).collect();
                Err(Error::Unsupported(format!("{place} has several {what} nodes: `{}`", names.join("`, `"))))
            }
        };
        Ok(Ends { input: one("Input", &inputs)?, output: one("Output", &outputs)? })
    }
}

/// Checks that edges name nodes, each pair once.
///
/// The nested graphs that the NIR paper publishes call a node `lif1` and its edges say `lif`. So where edges use one
/// name that no node has, and one node is in no edge, they mean that node; nothing else they could mean is there.
fn named(edges: Vec<(String, String)>, nodes: &[(String, Node)]) -> Result<Vec<(String, String)>, String> {
    let known: BTreeSet<&str> = nodes.iter().map(|(name, _)| name.as_str()).collect();
    let used: BTreeSet<&str> = edges.iter().flat_map(|(a, b)| [a.as_str(), b.as_str()]).collect();
    let unknown: Vec<&str> = used.difference(&known).copied().collect();
    let unused: Vec<&str> = known.difference(&used).copied().collect();
    let rename = match (&unknown[..], &unused[..]) {
        ([], _) => None,
        (&[unknown], &[unused]) => Some((unknown.to_owned(), unused.to_owned())),
        _ => {
            let names: Vec<&str> = known.into_iter().collect();
            let (unknown, names) = (unknown.join("`, `"), names.join("`, `"));
            return Err(format!("has edges to `{unknown}`, expected one of its nodes `{names}`"));
        }
    };
    let meant = |name: String| match &rename {
        Some((unknown, unused)) if name == *unknown => unused.clone(),
        _ => name,
    };
    let edges: Vec<(String, String)> = edges.into_iter().map(|(a, b)| (meant(a), meant(b))).collect();
    let mut seen = BTreeSet::new();
    if let Some((a, b)) = edges.iter().find(|edge| !seen.insert(*edge)) {
        return Err(format!("has the edge from `{a}` to `{b}` twice"));
    }
    Ok(edges)
}

/// Joins what goes into each [`Item::Pass`] to what comes out of it.
fn splice(flat: &mut Flat) -> Result<()> {
    for pass in 0..flat.parts.len() {
        if !matches!(flat.parts[pass].item, Item::Pass) {
            continue;
        }
        let name = &flat.parts[pass].name;
        let (touching, mut edges): (Vec<_>, Vec<_>) =
            flat.edges.iter().partition(|&&(from, to)| from == pass || to == pass);
        if touching.contains(&(pass, pass)) {
            return Err(Error::layer(name, "is in a cycle of nodes that only hand on what they get"));
        }
        let sources = touching.iter().filter(|e| e.1 == pass).map(|e| e.0);
        let targets: Vec<usize> = touching.iter().filter(|e| e.0 == pass).map(|e| e.1).collect();
        if edges.len() + sources.clone().count() * targets.len() > MAX_EDGES {
            return Err(Error::layer(name, format!("makes a graph of more than {MAX_EDGES} edges")));
        }
        edges.extend(sources.flat_map(|from| targets.iter().map(move |&to| (from, to))));
        flat.edges = edges;
    }
    Ok(())
}
