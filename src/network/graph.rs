//! Order, cycles and shapes of the graph.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashSet};

use super::{Edge, Network};
use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::neuron::cell::CellType;
use crate::tensor::{Shape, element_count, shape_text};

/// An error names no more layers than this.
const MOST_NAMED: usize = 20;

/// The edges by the node they leave and by the node they enter, in their order.
struct Links<'a> {
    out: Vec<Vec<&'a Edge>>,
    into: Vec<Vec<&'a Edge>>,
}

impl<'a> Links<'a> {
    fn new(network: &'a Network) -> Result<Self> {
        let count = network.nodes.len();
        let mut links = Links { out: vec![Vec::new(); count], into: vec![Vec::new(); count] };
        for edge in &network.edges {
            if edge.from >= count || edge.to >= count {
                return Err(Error::Network(format!(
                    "an edge goes from node {} to node {}, there are {count}",
                    edge.from, edge.to
                )));
            }
            links.out[edge.from].push(edge);
            links.into[edge.to].push(edge);
        }
        Ok(links)
    }
}

/// Well-formed as a graph: names, indices, one input, everything reached, cycles delayed.
pub(super) fn check(network: &Network) -> Result<()> {
    let nodes = &network.nodes;
    let mut names = HashSet::new();
    for node in nodes {
        if !names.insert(node.name.as_str()) {
            return Err(Error::Network(format!("two layers are called `{}`", node.name)));
        }
    }
    let links = Links::new(network)?;
    for edge in &network.edges {
        if matches!(nodes[edge.to].layer, Layer::Input) {
            return Err(Error::Network(format!("an edge goes into the input `{}`", nodes[edge.to].name)));
        }
    }
    let inputs = nodes.iter().filter(|n| matches!(n.layer, Layer::Input)).count();
    let circuits = nodes.iter().filter(|n| matches!(n.layer, Layer::Circuit(_))).count();
    if inputs > 1 || inputs + circuits == 0 {
        return Err(Error::Network(format!("expected one input, got {inputs}")));
    }
    if network.output >= nodes.len() {
        return Err(Error::Network(format!("the output is node {}, there are {}", network.output, nodes.len())));
    }
    for (i, node) in nodes.iter().enumerate() {
        if links.into[i].is_empty() && !works_alone(&node.layer) {
            return Err(Error::layer(&node.name, "has no input"));
        }
    }
    order(network).map(|_| ())
}

/// Whether a layer needs no other before it: circuits of which no cell waits for an input.
fn works_alone(layer: &Layer) -> bool {
    match layer {
        Layer::Input => true,
        Layer::Circuit(circuit) => circuit.populations.iter().all(|p| !matches!(p.cell, CellType::Input {})),
        _ => false,
    }
}

/// The nodes in an order in which every node comes after those it takes undelayed input from; ties by index.
///
/// # Errors
/// [`Error::Network`] naming the layers of a cycle without delay.
pub fn order(network: &Network) -> Result<Vec<usize>> {
    let count = network.nodes.len();
    let links = Links::new(network)?;
    let within_step = |e: &Edge| e.delay == 0 && !is_delay(network, e.from);
    let mut waiting: Vec<usize> =
        links.into.iter().map(|edges| edges.iter().filter(|e| within_step(e)).count()).collect();
    let mut ready: BinaryHeap<Reverse<usize>> = (0..count).filter(|&i| waiting[i] == 0).map(Reverse).collect();
    let mut done = vec![false; count];
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(next)) = ready.pop() {
        done[next] = true;
        order.push(next);
        for edge in links.out[next].iter().filter(|e| within_step(e)) {
            waiting[edge.to] -= 1;
            if waiting[edge.to] == 0 {
                ready.push(Reverse(edge.to));
            }
        }
    }
    if order.len() == count {
        return Ok(order);
    }
    let names = (0..count).filter(|&i| !done[i]).map(|i| network.nodes[i].name.as_str());
    let stuck: Vec<&str> = names.take(MOST_NAMED).collect();
    Err(Error::Network(format!(
        "a cycle needs an edge with a delay of at least one step; there is one without through `{}`",
        stuck.join("`, `")
    )))
}

/// Whether a node's output never depends on its input of the same step.
fn is_delay(network: &Network, node: usize) -> bool {
    matches!(&network.nodes[node].layer, Layer::Delay(steps) if steps.iter().all(|&s| s > 0))
}

/// Output shapes by following the edges from the input; what a delayed edge brings back is checked at the end.
pub(super) fn shapes(network: &Network) -> Result<Vec<Shape>> {
    let input = &network.input.shape;
    let has_input = network.nodes.iter().any(|node| matches!(node.layer, Layer::Input));
    if has_input == input.is_empty()
        || input.len() > 3
        || has_input && element_count(input).is_none_or(|n| n == 0 || n > crate::layer::MAX_ELEMENTS)
    {
        return Err(Error::Network(format!(
            "expected an input of shape [features], [channels, length] or [channels, height, width], got {input:?}"
        )));
    }
    let links = Links::new(network)?;
    let mut shapes: Vec<Option<Shape>> = vec![None; network.nodes.len()];
    // How many undelayed inputs of each node are still unknown; a node is ready when none is.
    let mut unknown: Vec<usize> =
        links.into.iter().map(|edges| edges.iter().filter(|e| e.delay == 0).count()).collect();
    let mut ready: Vec<usize> = (0..shapes.len()).filter(|&i| links.into[i].is_empty()).collect();
    let mut reached = BTreeSet::new();
    // Where none is ready there is a cycle, whose own return is not known yet: what has reached it decides.
    while let Some(next) = ready.pop().or_else(|| reached.pop_first()) {
        if shapes[next].is_some() {
            continue;
        }
        reached.remove(&next);
        let node = &network.nodes[next];
        shapes[next] = match links.into[next].iter().find_map(|e| shapes[e.from].as_deref()) {
            Some(source) => Some(node.layer.output_shape(&node.name, source)?),
            None if matches!(node.layer, Layer::Input) => Some(input.clone()),
            None => Some(node.layer.output_shape(&node.name, &[])?),
        };
        for edge in &links.out[next] {
            reached.insert(edge.to);
            if edge.delay == 0 {
                unknown[edge.to] -= 1;
            }
            if unknown[edge.to] == 0 {
                ready.push(edge.to);
            }
        }
    }
    let mut known = Vec::with_capacity(shapes.len());
    for (shape, node) in shapes.into_iter().zip(&network.nodes) {
        known.push(shape.ok_or_else(|| Error::layer(&node.name, "is not reached from the input"))?);
    }
    for (i, node) in network.nodes.iter().enumerate() {
        let mut sources = links.into[i].iter().map(|e| e.from);
        if let Some(first) = sources.next()
            && let Some(other) = sources.find(|&s| known[s] != known[first])
        {
            return Err(Error::layer(
                &node.name,
                format!(
                    "its inputs `{}` ({}) and `{}` ({}) differ in shape",
                    network.nodes[first].name,
                    shape_text(&known[first]),
                    network.nodes[other].name,
                    shape_text(&known[other])
                ),
            ));
        }
    }
    Ok(known)
}
