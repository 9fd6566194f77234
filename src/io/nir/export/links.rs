//! A graph as NIR has it: several edges into a node are a sum, every node is a primitive, delays are nodes.

use super::super::convert::{Declared, Item};
use super::super::cycle;
use super::super::graph::{Flat, Part};
use super::super::hdf5::MAX_EDGES;
use crate::error::{Error, Result};
use crate::layer::{Layer, Padding};
use crate::network::checkpoint::input_shapes;
use crate::network::{Edge, Network, Node};
use crate::neuron::Dialect;
use crate::tensor::Tensor;

/// The network without layers that only hand on what they get, sorted by name, as readers list the nodes of a file.
///
/// An output that is a sum stays as [`Layer::Add`], which in NIR is the output node. Edges with a delay are those that
/// the importer puts one step on by itself: the cycles of the graph.
pub(super) fn plain(folded: &Network) -> Result<Network> {
    let mut network = without_identities(folded)?;
    flattened(&mut network)?;
    primitives(&mut network)?;
    sort(&mut network);
    delays(&mut network);
    output(&mut network);
    network.check()?;
    Ok(network)
}

/// Whether a layer only adds up what it gets.
fn hands_on(layer: &Layer) -> bool {
    match layer {
        Layer::Add | Layer::Dropout { .. } => true,
        Layer::Delay(steps) => steps.iter().all(|&s| s == 0),
        _ => false,
    }
}

fn without_identities(network: &Network) -> Result<Network> {
    let kept = |i: &usize| *i == network.output || !hands_on(&network.nodes[*i].layer);
    let mut place = vec![usize::MAX; network.nodes.len()];
    let mut plain = Network { nodes: Vec::new(), edges: Vec::new(), ..network.clone() };
    for i in (0..network.nodes.len()).filter(kept) {
        let node = &network.nodes[i];
        place[i] = plain.nodes.len();
        let layer = if hands_on(&node.layer) { Layer::Add } else { node.layer.clone() };
        plain.nodes.push(Node { name: node.name.clone(), layer });
    }
    for i in (0..network.nodes.len()).filter(kept) {
        let node = &network.nodes[i];
        let mut sources = Vec::new();
        gather(network, i, 0, 0, &mut sources)?;
        for (at, &(from, delay)) in sources.iter().enumerate() {
            if sources[..at].contains(&(from, delay)) {
                return Err(Error::layer(
                    &node.name,
                    format!(
                        "takes `{}` twice, and NIR counts an edge once: double the weights instead",
                        network.nodes[from].name
                    ),
                ));
            }
            plain.edges.push(Edge { from: place[from], to: place[i], delay });
        }
    }
    plain.output = place[network.output];
    Ok(plain)
}

/// What comes into a node, through whatever only hands it on, in the order in which it is added.
fn gather(network: &Network, node: usize, delay: u32, depth: usize, sources: &mut Vec<(usize, u32)>) -> Result<()> {
    let fail = |message: &str| Err(Error::layer(&network.nodes[node].name, message));
    if depth > network.nodes.len() {
        return fail("sums up its own past, and NIR has no node for that: put a neuron or a layer into the cycle");
    }
    for edge in network.edges.iter().filter(|e| e.to == node) {
        let Some(delay) = delay.checked_add(edge.delay) else { return fail("is delayed by too many steps") };
        if hands_on(&network.nodes[edge.from].layer) {
            gather(network, edge.from, delay, depth + 1, sources)?;
        } else {
            sources.push((edge.from, delay));
        }
        if sources.len() > MAX_EDGES {
            return fail("has too many inputs for NIR");
        }
    }
    Ok(())
}

/// NIR's linear layers take vectors.
fn flattened(network: &mut Network) -> Result<()> {
    let inputs = input_shapes(network)?;
    for i in 0..network.nodes.len() {
        if matches!(network.nodes[i].layer, Layer::Linear(_)) && inputs[i].len() > 1 {
            let name = unused(network, &format!("{}.flatten", network.nodes[i].name));
            let layer = Layer::Flatten { start: 0, end: Some(inputs[i].len() - 1) };
            insert(network, name, layer, |edge| edge.to == i, i);
        }
    }
    Ok(())
}

/// Puts a layer between the edges that `takes` chooses and what they go to, which is `to`.
fn insert(network: &mut Network, name: String, layer: Layer, takes: impl Fn(&Edge) -> bool, to: usize) {
    let new = network.nodes.len();
    for edge in network.edges.iter_mut().filter(|e| takes(e)) {
        edge.to = new;
    }
    network.nodes.push(Node { name, layer });
    network.edges.push(Edge { from: new, to, delay: 0 });
}

/// A name that no node has, beginning like this.
pub(super) fn unused(network: &Network, name: &str) -> String {
    let mut candidate = name.to_owned();
    let mut count = 1;
    while network.node(&candidate).is_some() {
        count += 1;
        candidate = format!("{name}{count}");
    }
    candidate
}

/// Parameters as NIR has them: axes counted, factors element by element, biases where a reader wants one.
fn primitives(network: &mut Network) -> Result<()> {
    let inputs = input_shapes(network)?;
    // What its own exporter does: its reader knows no linear layer without bias.
    let always_biased = network.dialect == Dialect::Sinabs;
    for (node, input) in network.nodes.iter_mut().zip(inputs) {
        match &mut node.layer {
            Layer::Conv(conv) => {
                let zeros = || Tensor::filled([conv.out_channels], 0.0);
                conv.bias = Some(conv.bias.take().unwrap_or_else(zeros));
                conv.has_bias = true;
                if conv.padding == Padding::Valid {
                    conv.padding = Padding::Explicit(vec![0; conv.kernel.len()]);
                }
            }
            Layer::Linear(linear) if linear.bias.is_none() && always_biased => {
                linear.bias = Some(Tensor::filled([linear.out_features], 0.0));
                linear.has_bias = true;
            }
            Layer::Flatten { end, .. } => *end = end.or(Some(input.len() - 1)),
            Layer::Scale(scale) => {
                let elements: usize = input.iter().product();
                let each = elements / scale.len();
                let values = scale.data().iter().flat_map(|&s| std::iter::repeat_n(s, each)).collect();
                *scale = Tensor::new(input, values)?;
            }
            Layer::Delay(steps) if steps.iter().all(|&s| s == steps[0]) => steps.truncate(1),
            _ => {}
        }
    }
    Ok(())
}

/// Nodes by name, edges and output renumbered.
fn sort(network: &mut Network) {
    let mut order: Vec<usize> = (0..network.nodes.len()).collect();
    order.sort_by(|&a, &b| network.nodes[a].name.cmp(&network.nodes[b].name));
    let mut place = vec![0; order.len()];
    for (new, &old) in order.iter().enumerate() {
        place[old] = new;
    }
    network.nodes.sort_by(|a, b| a.name.cmp(&b.name));
    for edge in &mut network.edges {
        (edge.from, edge.to) = (place[edge.from], place[edge.to]);
    }
    network.output = place[network.output];
}

/// Delays become nodes, but for those that a reader puts on the edges of cycles by itself.
fn delays(network: &mut Network) {
    loop {
        let late: Vec<Edge> = network.edges.iter().filter(|e| e.delay > 0).copied().collect();
        let assumed = assumed(network);
        let of =
            |edges: &[Edge], e: &Edge| edges.iter().find(|a| (a.from, a.to) == (e.from, e.to)).map_or(0, |a| a.delay);
        // An edge between two nodes can be there only once.
        let double = |e: &&Edge| network.edges.iter().filter(|o| (o.from, o.to) == (e.from, e.to)).count() > 1;
        let unsaid = late.iter().find(|e| of(&assumed, e) != e.delay || double(e));
        let wrong = assumed.iter().any(|a| of(&network.edges, a) == 0);
        // Where a reader would delay another edge of a cycle, a node in the cycle says which one it is.
        let Some(&Edge { from, delay, .. }) = unsaid.or_else(|| late.first().filter(|_| wrong)) else { return };
        let name = unused(network, &format!("{}.delay", network.nodes[from].name));
        let new = network.nodes.len();
        for edge in network.edges.iter_mut().filter(|e| (e.from, e.delay) == (from, delay)) {
            (edge.from, edge.delay) = (new, 0);
        }
        network.nodes.push(Node { name, layer: Layer::Delay(vec![delay]) });
        network.edges.push(Edge { from, to: new, delay: 0 });
        sort(network);
    }
}

/// The delayed edges of the network if its own delays were not known.
fn assumed(network: &Network) -> Vec<Edge> {
    let item = |layer: &Layer| match layer {
        Layer::Input => Item::Input(Vec::new()),
        Layer::Neuron(_) | Layer::Delay(_) => Item::Layer(layer.clone()),
        _ => Item::Output,
    };
    let part = |node: &Node| Part { name: String::new(), item: item(&node.layer), declared: Declared::default() };
    let flat = Flat {
        parts: network.nodes.iter().map(part).collect(),
        edges: network.edges.iter().map(|e| (e.from, e.to)).collect(),
    };
    cycle::delayed(&flat).into_iter().filter(|e| e.delay > 0).collect()
}

/// An output that adds up a single thing is that thing.
fn output(network: &mut Network) {
    let mut sources = network.edges.iter().filter(|e| e.to == network.output);
    if network.nodes[network.output].layer == Layer::Add
        && let (Some(&Edge { from, delay: 0, .. }), None) = (sources.next(), sources.next())
    {
        let removed = network.output;
        let moved = |i: usize| if i > removed { i - 1 } else { i };
        network.edges.retain(|e| e.to != removed);
        for edge in &mut network.edges {
            (edge.from, edge.to) = (moved(edge.from), moved(edge.to));
        }
        network.nodes.remove(removed);
        network.output = moved(from);
    }
}
