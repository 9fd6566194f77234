//! The flat graph to the nodes of a network, in computing order, once every layer's input shape is known.

use super::convert::{Declared, Item};
use super::cycle;
use super::graph::{Flat, Part};
use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::network::{Edge, InputSpec, Node};
use crate::tensor::{Shape, shape_text};

/// The parts of a network that come from the graph.
pub(super) struct Settled {
    /// The shape of the input.
    pub input: InputSpec,
    /// Layers, in computing order.
    pub nodes: Vec<Node>,
    /// Connections.
    pub edges: Vec<Edge>,
    /// The node whose output is the network's.
    pub output: usize,
}

/// Settles shapes, drops the output node, and checks what the file declares against what comes in.
pub(super) fn settle(flat: Flat) -> Result<Settled> {
    let mut edges = cycle::delayed(&flat);
    let mut parts = sorted(flat, &mut edges);
    let output = output(&mut parts, &mut edges)?;
    let shape = input_shape(&parts, &edges)?;
    let mut shapes: Vec<Option<Shape>> = vec![None; parts.len()];
    let consumers = consumers(&parts, &edges);
    let mut into: Vec<Vec<usize>> = vec![Vec::new(); parts.len()];
    for edge in &edges {
        into[edge.to].push(edge.from);
    }
    // What a delayed edge brings back comes later in the order, so recurrent weights may need another round.
    let mut layers: Vec<Option<Layer>> = vec![None; parts.len()];
    let mut progress = true;
    while progress {
        progress = false;
        for (i, part) in parts.iter_mut().enumerate() {
            if shapes[i].is_some() {
                continue;
            }
            let (layer, output) = if matches!(part.item, Item::Input(_)) {
                (Layer::Input, shape.clone())
            } else {
                let Some(input) = into[i].iter().find_map(|&from| shapes[from].clone()) else { continue };
                check_declared(&part.name, &part.declared, &input)?;
                let layer = layer(&part.name, std::mem::replace(&mut part.item, Item::Pass), &input, consumers[i])?;
                let output = layer.output_shape(&part.name, &input)?;
                (layer, output)
            };
            (layers[i], shapes[i]) = (Some(layer), Some(output));
            progress = true;
        }
    }
    let mut nodes = Vec::with_capacity(parts.len());
    for (part, layer) in parts.into_iter().zip(layers) {
        let layer = layer.ok_or_else(|| Error::layer(&part.name, "is not reached from the input"))?;
        nodes.push(Node { name: part.name, layer });
    }
    Ok(Settled { input: InputSpec { shape, ..Default::default() }, nodes, edges, output })
}

/// The parts in computing order without those that were spliced out; edges renumbered.
fn sorted(flat: Flat, edges: &mut Vec<Edge>) -> Vec<Part> {
    let order = cycle::order(&flat, edges);
    let mut place = vec![usize::MAX; flat.parts.len()];
    let mut old: Vec<Option<Part>> = flat.parts.into_iter().map(Some).collect();
    let mut parts = Vec::with_capacity(order.len());
    for index in order {
        if let Some(part) = old[index].take_if(|p| !matches!(p.item, Item::Pass)) {
            place[index] = parts.len();
            parts.push(part);
        }
    }
    edges.retain_mut(|e| {
        (e.from, e.to) = (place[e.from], place[e.to]);
        e.from != usize::MAX && e.to != usize::MAX
    });
    parts
}

/// Replaces the output node by its source, or by a sum of its sources; returns the node that is the output.
fn output(parts: &mut Vec<Part>, edges: &mut Vec<Edge>) -> Result<usize> {
    let Some(index) = parts.iter().position(|p| matches!(p.item, Item::Output)) else {
        return Err(Error::Network("has no output".into()));
    };
    let name = parts[index].name.clone();
    if edges.iter().any(|e| e.from == index) {
        return Err(Error::layer(name, "is the output, and yet an edge leaves it"));
    }
    let sources: Vec<Edge> = edges.iter().filter(|e| e.to == index).copied().collect();
    match sources[..] {
        [] => Err(Error::layer(name, "is the output, and no edge comes to it")),
        [Edge { from, delay: 0, .. }] => {
            parts.remove(index);
            let moved = |i: usize| if i > index { i - 1 } else { i };
            edges.retain(|e| e.to != index);
            for edge in edges {
                (edge.from, edge.to) = (moved(edge.from), moved(edge.to));
            }
            Ok(moved(from))
        }
        _ => {
            parts[index].item = Item::Layer(Layer::Add);
            Ok(index)
        }
    }
}

/// The input's shape: what the file says without a batch axis, which shows by a size below 1, by a fourth axis, or by
/// weights that fit the rest alone.
fn input_shape(parts: &[Part], edges: &[Edge]) -> Result<Shape> {
    let Some((index, part, sizes)) = parts.iter().enumerate().find_map(|(i, p)| match &p.item {
        Item::Input(sizes) => Some((i, p, sizes)),
        _ => None,
    }) else {
        return Err(Error::Network("has no input".into()));
    };
    let fail = || Error::layer(&part.name, format!("expected an input of one to three axes, got {sizes:?}"));
    let batch = sizes.len() > 1 && sizes[0] < 1.0 || sizes.len() == 4;
    let sizes = &sizes[usize::from(batch)..];
    let whole = |&s: &f64| s.fract() == 0.0 && (1.0..=u32::MAX as f64).contains(&s);
    if sizes.is_empty() || sizes.len() > 3 || !sizes.iter().all(whole) {
        return Err(fail());
    }
    let shape: Shape = sizes.iter().map(|&s| s as usize).collect();
    let product = |shape: &[usize]| shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let features = edges.iter().filter(|e| e.from == index).find_map(|e| match &parts[e.to].item {
        Item::Layer(Layer::Linear(linear)) => linear.weight.as_ref().map(|w| w.shape()[1]),
        _ => None,
    });
    if shape.len() > 1 && features.is_some() && product(&shape) != features && product(&shape[1..]) == features {
        return Ok(shape[1..].to_vec());
    }
    Ok(shape)
}

/// For each part, whether what takes its output wants one axis: neurons that declare a vector.
fn consumers(parts: &[Part], edges: &[Edge]) -> Vec<bool> {
    let vector: Vec<bool> =
        parts.iter().map(|p| p.declared.neurons.first().is_some_and(|(_, shape)| shape.len() == 1)).collect();
    let mut wants = vec![false; parts.len()];
    for edge in edges {
        wants[edge.from] |= vector[edge.to];
    }
    wants
}

fn layer(name: &str, item: Item, input: &[usize], vector: bool) -> Result<Layer> {
    match item {
        Item::Layer(layer) => Ok(layer),
        Item::Flatten { start, end, axes } => flatten(name, (start, end), axes, input, vector),
        Item::Input(_) | Item::Output | Item::Pass => Err(Error::layer(name, "is not a layer")),
    }
}

/// NIR counts axes of one sample. Exporters that kept PyTorch's count, batch included, show it by an axis too many
/// in `input_type` or `end_dim`, or by a start at 1 where neurons follow that are declared as one vector.
fn flatten(name: &str, dims: (i64, i64), axes: Option<usize>, input: &[usize], vector: bool) -> Result<Layer> {
    let rank = input.len() as i64;
    let (start, end) = dims;
    let from_end = |d: i64, rank: i64| if d < 0 { d + rank } else { d };
    let merges_all_but_first = start == 1 && from_end(end, rank) == rank - 1;
    let batch = axes == Some(input.len() + 1) || end >= rank || vector && merges_all_but_first && rank > 1;
    let counted = rank + i64::from(batch);
    let first = from_end(start, counted) - i64::from(batch);
    let last = from_end(end, counted) - i64::from(batch);
    if first < 0 || last < first || last >= rank {
        return Err(Error::layer(name, format!("cannot flatten axes {start} to {end} of {}", shape_text(input))));
    }
    Ok(Layer::Flatten { start: first as usize, end: Some(last as usize) })
}

/// Whether neurons and convolutions are declared for what comes in.
fn check_declared(name: &str, declared: &Declared, input: &[usize]) -> Result<()> {
    let trimmed = |shape: &[usize]| -> Shape { shape.iter().copied().filter(|&d| d != 1).collect() };
    for (what, shape) in &declared.neurons {
        let per_channel = trimmed(shape) == [input[0]] && (shape.len() == 1 || shape.len() == input.len());
        if trimmed(shape) != trimmed(input) && !per_channel {
            let (shape, input) = (shape_text(shape), shape_text(input));
            return Err(Error::layer(name, format!("expected an input of {shape} as its `{what}` says, got {input}")));
        }
    }
    if let Some(spatial) = &declared.spatial
        && input.len() == spatial.len() + 1
        && input[1..] != *spatial
    {
        let (spatial, input) = (shape_text(spatial), shape_text(input));
        return Err(Error::layer(
            name,
            format!("expected channels of {spatial} as its `input_shape` says, got {input}"),
        ));
    }
    Ok(())
}
