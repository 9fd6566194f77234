//! Delays on recurrent edges, and an order to compute in.
//!
//! NIR is continuous in time, so a cycle needs no delay there; in steps it needs one. Frameworks feed a layer the
//! spikes of the step before, through its recurrent weights: the delay of one step is on the edge that leaves the
//! spiking neuron, and the bias of the recurrent weights is added in every step, also the first.

use super::convert::Item;
use super::graph::{Flat, Part};
use crate::layer::Layer;
use crate::network::Edge;

/// Puts a delay of one step into every cycle that has none.
///
/// Nodes are visited from the input, depth first, those of lower index first. An edge back to a node on the current
/// path closes a cycle; of that cycle's edges the delay goes on the one that leaves its last spiking neuron, or the
/// last neuron that does not spike, or else on the edge back itself.
pub(super) fn delayed(flat: &Flat) -> Vec<Edge> {
    let mut edges: Vec<Edge> = flat.edges.iter().map(|&(from, to)| Edge { from, to, delay: 0 }).collect();
    edges.sort_by_key(|e| (e.from, e.to));
    let mut start: Vec<usize> = (0..flat.parts.len()).collect();
    start.sort_by_key(|&i| !matches!(flat.parts[i].item, Item::Input(_)));
    while let Some(cycle) = find(&flat.parts, &edges, &start) {
        let last = |rank| cycle.iter().rev().find(|&&e| holds(&flat.parts[edges[e].from].item) == rank);
        if let Some(&edge) = last(Hold::Spikes).or_else(|| last(Hold::State)).or(cycle.last()) {
            edges[edge].delay = 1;
        }
    }
    edges
}

#[derive(PartialEq)]
enum Hold {
    Spikes,
    State,
    Nothing,
}

fn holds(item: &Item) -> Hold {
    match item {
        Item::Layer(Layer::Neuron(neuron)) if neuron.model.spikes() => Hold::Spikes,
        Item::Layer(Layer::Neuron(_)) => Hold::State,
        _ => Hold::Nothing,
    }
}

/// Whether an edge carries something of this step.
fn immediate(parts: &[Part], edge: &Edge) -> bool {
    let delays = matches!(&parts[edge.from].item, Item::Layer(Layer::Delay(steps)) if steps.iter().all(|&s| s > 0));
    edge.delay == 0 && !delays
}

/// The edges of some cycle without delay, in order; the last one is the edge back. `edges` are sorted by source.
fn find(parts: &[Part], edges: &[Edge], start: &[usize]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnPath,
        Done,
    }
    let first = |node: usize| edges.partition_point(|e| e.from < node);
    let mut marks = vec![Mark::New; parts.len()];
    for &root in start {
        if marks[root] != Mark::New {
            continue;
        }
        marks[root] = Mark::OnPath;
        // The path as nodes, each with the edge to be followed next; the one before it led to the next node.
        let mut path = vec![(root, first(root))];
        while let Some((node, next)) = path.last_mut() {
            let (node, at) = (*node, *next);
            if at >= edges.len() || edges[at].from != node {
                marks[node] = Mark::Done;
                path.pop();
                continue;
            }
            *next += 1;
            let to = edges[at].to;
            if !immediate(parts, &edges[at]) || marks[to] == Mark::Done {
                continue;
            }
            if marks[to] == Mark::OnPath {
                let begin = path.iter().position(|&(n, _)| n == to)?;
                return Some(path[begin..].iter().map(|&(_, next)| next - 1).collect());
            }
            marks[to] = Mark::OnPath;
            path.push((to, first(to)));
        }
    }
    None
}

/// The nodes in an order to compute in: after everything they take from the same step, the input first.
pub(super) fn order(flat: &Flat, edges: &[Edge]) -> Vec<usize> {
    let mut waiting = vec![0usize; flat.parts.len()];
    for edge in edges.iter().filter(|e| immediate(&flat.parts, e)) {
        waiting[edge.to] += 1;
    }
    let mut ready: Vec<usize> = (0..flat.parts.len()).filter(|&i| waiting[i] == 0).collect();
    ready.sort_by_key(|&i| std::cmp::Reverse((!matches!(flat.parts[i].item, Item::Input(_)), i)));
    let mut order = Vec::with_capacity(flat.parts.len());
    while let Some(node) = ready.pop() {
        order.push(node);
        let first = edges.partition_point(|e| e.from < node);
        for edge in edges[first..].iter().take_while(|e| e.from == node).filter(|e| immediate(&flat.parts, e)) {
            waiting[edge.to] -= 1;
            if waiting[edge.to] == 0 {
                ready.push(edge.to);
            }
        }
    }
    order
}
