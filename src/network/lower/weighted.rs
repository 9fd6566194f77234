//! Convolution and linear layers: their weights as kernels read them, and how many operations an input drives.

use std::collections::HashMap;

use super::{Lowering, Value, canonical, words};
use crate::error::Result;
use crate::kernel::conv::Geometry;
use crate::kernel::grad::quantise;
use crate::kernel::{self, Kernel};
use crate::layer::{Conv, Layer, Linear, loaded};
use crate::plan::{Holds, Slot, WeightedInfo, When};

impl Lowering<'_> {
    pub(super) fn conv(&mut self, node: usize, conv: &Conv) -> Result<()> {
        if self.fuses_with_neuron(node) {
            self.fused[node] = true;
            return Ok(());
        }
        let (value, geometry, pieces) = self.conv_parts(node, conv)?;
        let output = self.output(node, geometry.out_size, geometry.out_channels);
        for piece in pieces {
            let geometry = Geometry { out_channels: piece.count, ..geometry };
            let params = kernel::conv::Params { geometry, output: output.edge, first: piece.first };
            let taps = geometry.kernel[0] * geometry.kernel[1];
            let weights = self.used_weights(
                node,
                piece.weights,
                quantise::Params {
                    groups: geometry.groups,
                    inputs: taps * geometry.input.channels / geometry.groups,
                    outputs: geometry.out_channels / geometry.groups,
                    biases: geometry.bias * geometry.out_channels,
                    largest: 0.0,
                },
            );
            let bind = vec![Slot::Buffer(value.buffer), weights, Slot::Buffer(output.buffer)];
            self.emit(node, Kernel::Conv(params), bind, once(&output));
        }
        Ok(())
    }

    pub(super) fn linear(&mut self, node: usize, linear: &Linear) -> Result<()> {
        if self.fuses_with_neuron(node) || self.commutes_with_time(node) {
            self.fused[node] = true;
            return Ok(());
        }
        let (value, pieces) = self.linear_parts(node, linear)?;
        let (events, most_events) = self.event_lists(node, &value, linear.out_features);
        let output = self.output(node, [1, 1], linear.out_features as u32);
        for piece in pieces {
            let params = kernel::linear::Params {
                input: value.edge,
                output: output.edge,
                bias: u32::from(linear.bias.is_some()),
                first: piece.first,
                count: piece.count,
                most_events,
            };
            let weights = self.used_weights(
                node,
                piece.weights,
                quantise::Params {
                    groups: 1,
                    inputs: value.edge.elements() as u32,
                    outputs: piece.count,
                    biases: params.bias * piece.count,
                    largest: 0.0,
                },
            );
            let bind = vec![Slot::Buffer(value.buffer), weights, Slot::Buffer(output.buffer), events];
            self.emit(node, Kernel::Linear(params), bind, once(&output));
        }
        Ok(())
    }

    /// Whether a weighted layer is computed by the neurons behind it: they are its only use, in the same group. That of
    /// a constant input is computed once, before the first step.
    pub(super) fn fuses_with_neuron(&self, node: usize) -> bool {
        self.training.is_none()
            && self.graph.uses(node) == 1
            && self.graph.nodes.iter().enumerate().any(|(i, n)| {
                n.inputs.contains(&node) && matches!(n.layer, Layer::Neuron(_)) && self.same_group(i, node)
            })
    }

    /// Whether two layers are computed in one cycle, or both in none.
    pub(super) fn same_group(&self, a: usize, b: usize) -> bool {
        self.group[a] == self.group[b] || self.cycle.is_none() && !self.in_cycle(a) && !self.in_cycle(b)
    }

    fn in_cycle(&self, node: usize) -> bool {
        self.graph.nodes[node].inputs.contains(&node)
            || (0..self.group.len()).any(|other| other != node && self.group[other] == self.group[node])
    }

    /// The input, geometry and weights of a convolution; its operations are counted.
    pub(super) fn conv_parts(&mut self, node: usize, conv: &Conv) -> Result<(Value, Geometry, Vec<Piece>)> {
        let graph = self.graph;
        let (name, input) = (&graph.nodes[node].name, graph.nodes[node].inputs[0]);
        let weight = loaded(name, "weights", &conv.weight)?;
        let value = self.value(input)?;
        let value = self.shaped(node, value, &graph.nodes[input].shape)?;
        let two = |axes: &[usize], one: u32| match axes {
            [only] => [one, *only as u32],
            _ => [axes[0] as u32, axes[1] as u32],
        };
        let before: Vec<usize> = conv.pads().iter().map(|p| p.0).collect();
        let geometry = Geometry {
            input: value.edge,
            in_size: value.size,
            out_size: canonical(&graph.nodes[node].shape).0,
            kernel: two(&conv.kernel, 1),
            stride: two(&conv.stride, 1),
            pad: two(&before, 0),
            dilation: two(&conv.dilation, 1),
            groups: conv.groups as u32,
            out_channels: conv.out_channels as u32,
            bias: u32::from(conv.bias.is_some()),
        };
        let taps = (geometry.kernel[0] * geometry.kernel[1]) as usize;
        let (inputs, outputs) = (value.edge.channels as usize / conv.groups, conv.out_channels / conv.groups);
        let data = weight.data();
        // [group, tap, in, out] from [group * out, in, tap].
        let at = |g: usize, tap: usize, i: usize, o: usize| data[((g * outputs + o) * inputs + i) * taps + tap];
        let rows =
            || (0..conv.groups * taps * inputs).map(|row| (row / inputs / taps, row / inputs % taps, row % inputs));
        let fan_of = |(g, tap, i)| (0..outputs).filter(|&o| at(g, tap, i, o) != 0.0).count() as u32;
        let fans: Vec<u32> = rows().map(fan_of).collect();
        let pieces = self.pieces(name, taps * inputs, outputs, conv.groups, |of| {
            // With groups there is one piece, whose biases are those of all groups.
            let bias = if conv.groups == 1 { of.clone() } else { 0..conv.out_channels };
            let mut packed = Vec::with_capacity(data.len().min(taps * inputs * conv.groups * of.len()) + bias.len());
            packed.extend(rows().flat_map(|(g, tap, i)| of.clone().map(move |o| at(g, tap, i, o))));
            packed.extend(conv.bias.iter().flat_map(|b| &b.data()[bias.clone()]));
            packed
        });
        let fan = |cell_taps: &[usize], channel: usize| {
            let (g, i) = (channel / inputs, channel % inputs);
            let effective: u32 = cell_taps.iter().map(|tap| fans[(g * taps + tap) * inputs + i]).sum();
            [effective, (cell_taps.len() * outputs) as u32]
        };
        let mut table = Table::default();
        let channels = value.edge.channels as usize;
        for cell in 0..value.edge.cells as usize {
            let taps = taps_over(&geometry, cell);
            table.cell(taps.clone(), || (0..channels).flat_map(|c| fan(&taps, c)).collect());
        }
        self.meter(node, &value, &table, zeros(data), value.edge.planes == 1);
        Ok((value, geometry, pieces))
    }

    /// The input and weights of a linear layer; its operations are counted.
    pub(super) fn linear_parts(&mut self, node: usize, linear: &Linear) -> Result<(Value, Vec<Piece>)> {
        let value = self.input_of(node)?;
        let bias = linear.bias.as_ref().map_or(&[][..], |b| b.data());
        let (pieces, table, zero) = self.linear_weights(node, linear, &value, bias)?;
        self.meter(node, &value, &table, zero, value.edge.planes == 1);
        Ok((value, pieces))
    }

    /// The weights of a linear layer `[cell, channel in, out]` with `bias` behind, and its operations.
    pub(super) fn linear_weights(
        &mut self,
        node: usize,
        linear: &Linear,
        value: &Value,
        bias: &[f32],
    ) -> Result<(Vec<Piece>, Table, (u64, u64))> {
        let name = &self.graph.nodes[node].name;
        let data = loaded(name, "weights", &linear.weight)?.data();
        let (cells, channels) = (value.edge.cells as usize, value.edge.channels as usize);
        let (features, outputs) = (cells * channels, linear.out_features);
        let inputs = || (0..cells).flat_map(|cell| (0..channels).map(move |channel| channel * cells + cell));
        let fan = |input: usize| (0..outputs).filter(|&o| data[o * features + input] != 0.0).count() as u32;
        let fans: Vec<u32> = inputs().map(fan).collect();
        let pieces = self.pieces(name, features, outputs, 1, |of| {
            let mut packed = Vec::with_capacity((features + 1) * of.len());
            packed.extend(inputs().flat_map(|input| of.clone().map(move |o| data[o * features + input])));
            packed.extend(bias.get(of).unwrap_or_default());
            packed
        });
        let mut table = Table::default();
        for fans in fans.chunks(channels) {
            let row: Vec<u32> = fans.iter().flat_map(|&fan| [fan, outputs as u32]).collect();
            table.cell(row.iter().map(|&x| x as usize).collect(), || row.clone());
        }
        Ok((pieces, table, zeros(data)))
    }

    /// Weights as kernels read them, in pieces of outputs that each fit a binding; `pack` gives the words of some outputs
    /// of a group, for all groups.
    fn pieces(
        &mut self,
        name: &str,
        inputs: usize,
        outputs: usize,
        groups: usize,
        pack: impl Fn(std::ops::Range<usize>) -> Vec<f32>,
    ) -> Vec<Piece> {
        let limit = self.request.binding_limit;
        let column = 4 * (inputs + 1);
        let most = if column.saturating_mul(outputs * groups) <= limit || groups > 1 {
            outputs
        } else {
            // Words of spikes must not be split, nor workgroups. What is too large even so is refused by the device.
            (limit / column / PIECE * PIECE).clamp(PIECE, outputs.next_multiple_of(PIECE))
        };
        let firsts = (0..outputs).step_by(most.max(1));
        let piece = |first: usize| {
            let of = first..(first + most).min(outputs);
            let count = of.len() * groups;
            let suffix = if most < outputs { format!("{first}") } else { String::new() };
            let weights = self.constant(format!("{name}.w{suffix}"), words(pack(of)));
            Piece { first: first as u32, count: count as u32, weights }
        };
        firsts.map(piece).collect()
    }

    /// Counts the operations of a weighted layer on its input.
    pub(super) fn meter(&mut self, node: usize, value: &Value, table: &Table, zero_weights: (u64, u64), spikes: bool) {
        let (name, input) = (self.graph.nodes[node].name.clone(), value.edge);
        let hoisted = input.series == 0 && spikes && input.planes > 1;
        let info = WeightedInfo {
            layer: name.clone(),
            meter: None,
            dense: table.dense(),
            inputs: u64::from(input.cells) * u64::from(input.channels),
            constant: input.series == 0 && !hoisted,
            spikes,
            zero_weights,
        };
        self.plan.weighted.push(info);
        if !self.request.meter {
            return;
        }
        let buffer = self.buffer(format!("{name}.m"), Holds::Meter, true);
        let table = self.constant(format!("{name}.t"), table.words());
        let kernel = Kernel::Meter(kernel::meter::Params { input, spike_counts: u32::from(hoisted) });
        let when = match (input.series, hoisted) {
            (0, true) => When::End,
            (0, false) => When::First,
            _ => When::Always,
        };
        let bind = vec![Slot::Buffer(value.buffer), table, Slot::Buffer(buffer)];
        self.emit_when(when, node, kernel, bind, "counts operations");
        if let Some(info) = self.plan.weighted.last_mut() {
            info.meter = Some(buffer);
        }
    }
}

/// Outputs of a piece of weights are a multiple of this.
const PIECE: usize = 64;

/// Some outputs of a weighted layer, and their weights with biases behind.
pub(super) struct Piece {
    pub first: u32,
    pub count: u32,
    pub weights: Slot,
}

/// How many outputs an input drives: for each cell a row, and the rows.
#[derive(Default)]
pub(super) struct Table {
    cells: Vec<u32>,
    rows: Vec<Vec<u32>>,
    known: HashMap<Vec<usize>, u32>,
}

impl Table {
    /// The next cell; cells with the same key share a row.
    pub(super) fn cell(&mut self, key: Vec<usize>, row: impl FnOnce() -> Vec<u32>) {
        let rows = &mut self.rows;
        let index = *self.known.entry(key).or_insert_with(|| {
            rows.push(row());
            rows.len() as u32 - 1
        });
        self.cells.push(index);
    }

    fn words(&self) -> Vec<u32> {
        self.cells.iter().chain(self.rows.iter().flatten()).copied().collect()
    }

    fn dense(&self) -> u64 {
        let row = |&r: &u32| self.rows[r as usize].chunks(2).map(|pair| u64::from(pair[1])).sum::<u64>();
        self.cells.iter().map(row).sum()
    }
}

/// The taps that lie over an input cell at some output cell.
fn taps_over(g: &Geometry, cell: usize) -> Vec<usize> {
    let reached = |axis: usize, at: usize, tap: usize| {
        let offset = (at + g.pad[axis] as usize).checked_sub(tap * g.dilation[axis] as usize);
        offset.is_some_and(|o| {
            o.is_multiple_of(g.stride[axis] as usize) && o / (g.stride[axis] as usize) < g.out_size[axis] as usize
        })
    };
    let (y, x) = (cell / g.in_size[1] as usize, cell % g.in_size[1] as usize);
    let (h, w) = (g.kernel[0] as usize, g.kernel[1] as usize);
    (0..h * w).filter(|tap| reached(0, y, tap / w) && reached(1, x, tap % w)).collect()
}

/// Weights that are zero, and weights.
fn zeros(data: &[f32]) -> (u64, u64) {
    (data.iter().filter(|&&w| w == 0.0).count() as u64, data.len() as u64)
}

/// Why a step runs once, where it does.
pub(super) fn once(output: &Value) -> &'static str {
    if output.edge.series == 1 { "" } else { "once: its input is constant" }
}
