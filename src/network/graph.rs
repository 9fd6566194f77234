//! Order, cycles and shapes of the graph.

use std::collections::HashSet;

use super::Network;
use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::tensor::{Shape, element_count, shape_text};

/// Well-formed as a graph: names, indices, one input, everything reached, cycles delayed.
pub(super) fn check(network: &Network) -> Result<()> {
    let nodes = &network.nodes;
    let mut names = HashSet::new();
    for node in nodes {
        if !names.insert(node.name.as_str()) {
            return Err(Error::Network(format!("two layers are called `{}`", node.name)));
        }
    }
    for edge in &network.edges {
        if edge.from >= nodes.len() || edge.to >= nodes.len() {
            return Err(Error::Network(format!(
                "an edge goes from node {} to node {}, there are {}",
                edge.from,
                edge.to,
                nodes.len()
            )));
        }
        if matches!(nodes[edge.to].layer, Layer::Input) {
            return Err(Error::Network(format!("an edge goes into the input `{}`", nodes[edge.to].name)));
        }
    }
    let inputs = nodes.iter().filter(|n| matches!(n.layer, Layer::Input)).count();
    if inputs != 1 {
        return Err(Error::Network(format!("expected one input, got {inputs}")));
    }
    if network.output >= nodes.len() {
        return Err(Error::Network(format!("the output is node {}, there are {}", network.output, nodes.len())));
    }
    for (i, node) in nodes.iter().enumerate() {
        if !matches!(node.layer, Layer::Input) && !network.edges.iter().any(|e| e.to == i) {
            return Err(Error::layer(&node.name, "has no input"));
        }
    }
    order(network).map(|_| ())
}

/// The nodes in an order in which every node comes after those it takes undelayed input from; ties by index.
///
/// # Errors
/// [`Error::Network`] naming the layers of a cycle without delay.
pub fn order(network: &Network) -> Result<Vec<usize>> {
    let count = network.nodes.len();
    let mut waiting = vec![0usize; count];
    for edge in network.edges.iter().filter(|e| e.delay == 0 && !is_delay(network, e.from)) {
        waiting[edge.to] += 1;
    }
    let mut done = vec![false; count];
    let mut order = Vec::with_capacity(count);
    while let Some(next) = (0..count).find(|&i| !done[i] && waiting[i] == 0) {
        done[next] = true;
        order.push(next);
        for edge in network.edges.iter().filter(|e| e.from == next && e.delay == 0 && !is_delay(network, e.from)) {
            waiting[edge.to] -= 1;
        }
    }
    if order.len() == count {
        return Ok(order);
    }
    let stuck: Vec<&str> = (0..count).filter(|&i| !done[i]).map(|i| network.nodes[i].name.as_str()).collect();
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
    if input.is_empty()
        || input.len() > 3
        || element_count(input).is_none_or(|n| n == 0 || n > crate::layer::MAX_ELEMENTS)
    {
        return Err(Error::Network(format!(
            "expected an input of shape [features], [channels, length] or [channels, height, width], got {input:?}"
        )));
    }
    let mut shapes: Vec<Option<Shape>> = vec![None; network.nodes.len()];
    let mut progress = true;
    while progress {
        progress = false;
        for (i, node) in network.nodes.iter().enumerate() {
            if shapes[i].is_some() {
                continue;
            }
            if matches!(node.layer, Layer::Input) {
                shapes[i] = Some(input.clone());
                progress = true;
                continue;
            }
            let sources = network.edges.iter().filter(|e| e.to == i);
            let Some(source) = sources.clone().find_map(|e| shapes[e.from].clone()) else { continue };
            // A cycle's own return is not known yet; every other input must be, so that the first known one decides.
            if sources.clone().any(|e| e.delay == 0 && shapes[e.from].is_none() && !reaches(network, i, e.from)) {
                continue;
            }
            shapes[i] = Some(node.layer.output_shape(&node.name, &source)?);
            progress = true;
        }
    }
    let mut known = Vec::with_capacity(shapes.len());
    for (shape, node) in shapes.into_iter().zip(&network.nodes) {
        known.push(shape.ok_or_else(|| Error::layer(&node.name, "is not reached from the input"))?);
    }
    for (i, node) in network.nodes.iter().enumerate() {
        let mut sources = network.edges.iter().filter(|e| e.to == i).map(|e| e.from);
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

/// Whether there is a path from one node to another.
fn reaches(network: &Network, from: usize, to: usize) -> bool {
    let mut seen = vec![false; network.nodes.len()];
    let mut stack = vec![from];
    while let Some(node) = stack.pop() {
        if node == to {
            return true;
        }
        if !std::mem::replace(&mut seen[node], true) {
            stack.extend(network.edges.iter().filter(|e| e.from == node).map(|e| e.to));
        }
    }
    false
}
