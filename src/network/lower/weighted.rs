//! Convolution and linear layers: their weights as kernels read them, and how many operations an input drives.

use std::collections::HashMap;

use super::{Lowering, Value, canonical, words};
use crate::error::Result;
use crate::kernel::conv::Geometry;
use crate::kernel::{self, Kernel};
use crate::layer::{Conv, Layer, Linear, loaded};
use crate::plan::{Holds, Slot, WeightedInfo, When};

impl Lowering<'_> {
    pub(super) fn conv(&mut self, node: usize, conv: &Conv) -> Result<()> {
        if self.fuses_with_neuron(node) {
            self.fused[node] = true;
            return Ok(());
        }
        let (value, geometry, weights) = self.conv_parts(node, conv)?;
        let output = self.output(node, geometry.out_size, geometry.out_channels);
        let kernel = Kernel::Conv(kernel::conv::Params { geometry, output: output.edge });
        let note = once(&output);
        self.emit(node, kernel, vec![Slot::Buffer(value.buffer), weights, Slot::Buffer(output.buffer)], note);
        Ok(())
    }

    pub(super) fn linear(&mut self, node: usize, linear: &Linear) -> Result<()> {
        if self.fuses_with_neuron(node) || self.commutes_with_time(node) {
            self.fused[node] = true;
            return Ok(());
        }
        let (value, weights) = self.linear_parts(node, linear)?;
        let output = self.output(node, [1, 1], linear.out_features as u32);
        let kernel = Kernel::Linear(kernel::linear::Params {
            input: value.edge,
            output: output.edge,
            bias: u32::from(linear.bias.is_some()),
        });
        let note = once(&output);
        self.emit(node, kernel, vec![Slot::Buffer(value.buffer), weights, Slot::Buffer(output.buffer)], note);
        Ok(())
    }

    /// Whether a weighted layer is computed by the neurons behind it: they are its only use, in the same group, and
    /// its input is spikes that change over time.
    pub(super) fn fuses_with_neuron(&self, node: usize) -> bool {
        let input = self.graph.nodes[node].inputs[0];
        self.graph.uses(node) == 1
            && self.planes[input] > 0
            && self.series[input]
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
    pub(super) fn conv_parts(&mut self, node: usize, conv: &Conv) -> Result<(Value, Geometry, Slot)> {
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
        let mut packed = Vec::with_capacity(data.len() + conv.out_channels);
        let mut fans = Vec::with_capacity(conv.groups * taps * inputs);
        for g in 0..conv.groups {
            for tap in 0..taps {
                for i in 0..inputs {
                    packed.extend((0..outputs).map(|o| at(g, tap, i, o)));
                    fans.push((0..outputs).filter(|&o| at(g, tap, i, o) != 0.0).count() as u32);
                }
            }
        }
        packed.extend(conv.bias.iter().flat_map(|b| b.data()));
        let weights = self.constant(format!("{name}.w"), words(packed));
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
        Ok((value, geometry, weights))
    }

    /// The input and weights of a linear layer; its operations are counted.
    pub(super) fn linear_parts(&mut self, node: usize, linear: &Linear) -> Result<(Value, Slot)> {
        let value = self.input_of(node)?;
        let bias = linear.bias.as_ref().map_or(&[][..], |b| b.data());
        let (weights, table, zero) = self.linear_weights(node, linear, &value, bias)?;
        self.meter(node, &value, &table, zero, value.edge.planes == 1);
        Ok((value, weights))
    }

    /// The weights of a linear layer `[cell, channel in, out]` with `bias` behind, and its operations.
    pub(super) fn linear_weights(
        &mut self,
        node: usize,
        linear: &Linear,
        value: &Value,
        bias: &[f32],
    ) -> Result<(Slot, Table, (u64, u64))> {
        let name = &self.graph.nodes[node].name;
        let data = loaded(name, "weights", &linear.weight)?.data();
        let (cells, channels) = (value.edge.cells as usize, value.edge.channels as usize);
        let (features, outputs) = (cells * channels, linear.out_features);
        let mut packed = Vec::with_capacity(data.len() + outputs);
        let mut fans = Vec::with_capacity(features);
        for input in (0..cells).flat_map(|cell| (0..channels).map(move |channel| channel * cells + cell)) {
            let start = packed.len();
            packed.extend((0..outputs).map(|o| data[o * features + input]));
            fans.push(packed[start..].iter().filter(|&&w| w != 0.0).count() as u32);
        }
        packed.extend(bias);
        let mut table = Table::default();
        for fans in fans.chunks(channels) {
            let row: Vec<u32> = fans.iter().flat_map(|&fan| [fan, outputs as u32]).collect();
            table.cell(row.iter().map(|&x| x as usize).collect(), || row.clone());
        }
        let weights = self.constant(format!("{name}.w"), words(packed));
        Ok((weights, table, zeros(data)))
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
            repeats: if input.series == 1 || hoisted { 1 } else { self.request.steps as u64 },
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
            (0, true) => When::Last,
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

/// How many outputs an input drives: for each cell a row, and the rows.
#[derive(Default)]
pub(super) struct Table {
    cells: Vec<u32>,
    rows: Vec<Vec<u32>>,
    known: HashMap<Vec<usize>, u32>,
}

impl Table {
    /// The next cell; cells with the same key share a row.
    fn cell(&mut self, key: Vec<usize>, row: impl FnOnce() -> Vec<u32>) {
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
fn once(output: &Value) -> &'static str {
    if output.edge.series == 1 { "" } else { "once: its input is constant" }
}
