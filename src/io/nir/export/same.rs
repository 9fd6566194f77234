//! Whether what a reader gets is what was meant.

use crate::error::{Error, Result};
use crate::layer::Layer;
use crate::network::Network;
use crate::neuron::affine::{Coefficients, Core, flag};
use crate::neuron::param::Grain;

/// Whether two populations of `shape` compute the same, to the bit.
pub(super) fn cores(a: &Core, b: &Core, shape: &[usize]) -> bool {
    let channels = shape.first().copied().unwrap_or(1).max(1);
    let neurons: usize = shape.iter().product();
    effective(a.flags) == effective(b.flags)
        && if a.grain == b.grain {
            a.rows == b.rows
        } else {
            (0..neurons).all(|i| row(a, i, neurons / channels) == row(b, i, neurons / channels))
        }
}

fn row(core: &Core, neuron: usize, per_channel: usize) -> &Coefficients {
    match core.grain {
        Grain::Shared => &core.rows[0],
        Grain::Channel => &core.rows[neuron / per_channel.max(1)],
        Grain::Neuron => &core.rows[neuron],
    }
}

/// The flags without those that others leave without effect.
fn effective(flags: u32) -> u32 {
    let is = |bit: u32| flags & bit != 0;
    let late = is(flag::RESET_LATE);
    let mut idle = 0;
    if !is(flag::RESET_HARD) {
        idle |= flag::RESET_KEEPS_INPUT | flag::RESET_ADDS;
        if !is(flag::RESET_SUBTRACT) {
            idle |= flag::RESET_LATE | flag::RESET_RESIDUAL;
        }
    }
    if late {
        idle |= flag::RESET_RESIDUAL | flag::RESET_ADDS;
    } else if !is(flag::RESET_RESIDUAL) {
        idle |= flag::RESET_KEEPS_INPUT;
    }
    flags & !idle
}

/// Compares the network that was read back with the one that was meant; returns what is to be said about it.
///
/// # Errors
/// Where they differ, which is a fault of the exporter: better no file than a wrong one.
pub(super) fn check(meant: &Network, read: &Network) -> Result<Vec<String>> {
    let differs = |name: &str, what: &str| {
        Err(Error::layer(name, format!("{what} came back otherwise from the NIR file, so it was not written")))
    };
    let (meant_shapes, read_shapes) = (meant.shapes()?, read.shapes()?);
    if meant.nodes.len() != read.nodes.len() || meant.input.shape != read.input.shape {
        return differs(&meant.name, "the graph");
    }
    for (i, node) in meant.nodes.iter().enumerate() {
        let Some(other) = read.node(&node.name).filter(|&o| read_shapes[o] == meant_shapes[i]) else {
            return differs(&node.name, "its place in the graph");
        };
        let equal = match (&node.layer, &read.nodes[other].layer) {
            (Layer::Neuron(a), Layer::Neuron(b)) => {
                let shape = &meant_shapes[i];
                let a = a.affine().bind(&meant.rules_at(i), meant.dt, shape)?;
                cores(&a, &b.affine().bind(&read.rules_at(other), read.dt, shape)?, shape)
            }
            (a, b) => a == b,
        };
        if !equal {
            return differs(&node.name, "what it computes");
        }
    }
    let named = |network: &Network, to: &str| -> Vec<(String, u32)> {
        let into = network.edges.iter().filter(|e| network.nodes[e.to].name == to);
        into.map(|e| (network.nodes[e.from].name.clone(), e.delay)).collect()
    };
    let mut notes = Vec::new();
    for node in &meant.nodes {
        let (mut a, mut b) = (named(meant, &node.name), named(read, &node.name));
        if a.len() > 2 && a != b {
            notes.push(format!(
                "`{}` adds {} inputs, and a reader may add them in another order, which rounds otherwise",
                node.name,
                a.len()
            ));
        }
        a.sort();
        b.sort();
        if a != b {
            return differs(&node.name, "what goes into it");
        }
    }
    if meant.nodes[meant.output].name != read.nodes[read.output].name {
        return differs(&meant.nodes[meant.output].name, "that it is the output");
    }
    Ok(notes)
}
