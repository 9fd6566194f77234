//! In which order layers are computed: a layer after those it depends on, the layers of a cycle together.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::simplify::Graph;
use crate::layer::Layer;

/// Layers computed together: one, or those of a cycle in the order of a step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Group {
    One(usize),
    Cycle(Vec<usize>),
}

/// All layers in order; of several that could be next, the one that the network names first.
pub(super) fn schedule(graph: &Graph) -> Vec<Group> {
    let component = components(graph);
    let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut waiting: HashMap<usize, usize> = HashMap::new();
    for (i, node) in graph.nodes.iter().enumerate() {
        members.entry(component[i]).or_default().push(i);
        let outside = node.inputs.iter().filter(|&&input| component[input] != component[i]).count();
        *waiting.entry(component[i]).or_default() += outside;
    }
    let consumers = consumers(graph);
    let firsts: HashMap<usize, usize> = members.iter().map(|(c, members)| (*c, members[0])).collect();
    let ready = waiting.iter().filter(|(_, n)| **n == 0).map(|(c, _)| Reverse((firsts[c], *c)));
    let mut ready: BinaryHeap<_> = ready.collect();
    let mut groups = Vec::new();
    while let Some(Reverse((first, which))) = ready.pop() {
        let members = &members[&which];
        for consumer in members.iter().flat_map(|&i| &consumers[i]).map(|&i| component[i]).filter(|&c| c != which) {
            if let Some(left) = waiting.get_mut(&consumer) {
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse((firsts[&consumer], consumer)));
                }
            }
        }
        let cyclic = members.len() > 1 || graph.nodes[first].inputs.contains(&first);
        groups.push(if cyclic { Group::Cycle(step_order(graph, members)) } else { Group::One(first) });
    }
    groups
}

/// The members of a cycle in the order of a step: delays first, they give what is past.
fn step_order(graph: &Graph, members: &[usize]) -> Vec<usize> {
    let is_delay = |i: usize| matches!(&graph.nodes[i].layer, Layer::Delay(steps) if steps.iter().all(|&s| s > 0));
    let inside: HashSet<usize> = members.iter().copied().collect();
    let mut order: Vec<usize> = members.iter().copied().filter(|&i| is_delay(i)).collect();
    let mut done: HashSet<usize> = order.iter().copied().collect();
    // A checked network has a delay in every cycle, so each pass finds at least one more.
    while order.len() < members.len() {
        let before = order.len();
        for &i in members {
            let known = |input: &usize| !inside.contains(input) || done.contains(input);
            if !done.contains(&i) && graph.nodes[i].inputs.iter().all(known) {
                done.insert(i);
                order.push(i);
            }
        }
        if order.len() == before {
            break;
        }
    }
    order
}

/// For every layer those that take its output.
fn consumers(graph: &Graph) -> Vec<Vec<usize>> {
    let mut consumers = vec![Vec::new(); graph.nodes.len()];
    for (i, node) in graph.nodes.iter().enumerate() {
        node.inputs.iter().for_each(|&input| consumers[input].push(i));
    }
    consumers
}

/// Strongly connected components: two layers have the same number if each can be reached from the other.
fn components(graph: &Graph) -> Vec<usize> {
    let count = graph.nodes.len();
    let consumers = consumers(graph);
    // Depth-first along the edges, noting when a layer is left; then against them in reverse order of leaving.
    let mut left = Vec::with_capacity(count);
    let mut seen = vec![false; count];
    for root in 0..count {
        let mut stack = vec![(root, 0)];
        while let Some((node, child)) = stack.pop() {
            if child == 0 && std::mem::replace(&mut seen[node], true) {
                continue;
            }
            if let Some(&next) = consumers[node].get(child) {
                stack.push((node, child + 1));
                if !seen[next] {
                    stack.push((next, 0));
                }
            } else {
                left.push(node);
            }
        }
    }
    let mut component = vec![usize::MAX; count];
    for &root in left.iter().rev() {
        let mut stack = vec![root];
        while let Some(node) = stack.pop() {
            if component[node] == usize::MAX {
                component[node] = root;
                stack.extend(&graph.nodes[node].inputs);
            }
        }
    }
    component
}
