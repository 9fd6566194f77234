//! Layers without weights or neurons: pools, factors, sums, delays.

use super::{Lowering, Value, canonical, words};
use crate::error::{Error, Result};
use crate::kernel::{self, Kernel};
use crate::layer::{BatchNorm, Pool, PoolKind};
use crate::network::simplify::norm_factors;
use crate::plan::{Holds, Slot, StateKind};
use crate::tensor::Tensor;

impl Lowering<'_> {
    pub(super) fn pool(&mut self, node: usize, pool: &Pool) -> Result<()> {
        if self.fused[node] {
            return Ok(());
        }
        let graph = self.graph;
        let input = graph.nodes[node].inputs[0];
        let value = self.value(input)?;
        let value = self.shaped(node, value, &graph.nodes[input].shape)?;
        let two = |axes: &[usize], one: u32| match axes {
            [only] => [one, *only as u32],
            _ => [axes[0] as u32, axes[1] as u32],
        };
        let size = canonical(&graph.nodes[node].shape).0;
        let output = self.output(node, size, value.edge.channels);
        let window: usize = pool.kernel.iter().product();
        let kernel = Kernel::Pool(kernel::pool::Params {
            input: value.edge,
            output: output.edge,
            in_size: value.size,
            out_size: size,
            kernel: two(&pool.kernel, 1),
            stride: two(&pool.stride, 1),
            pad: two(&pool.padding, 0),
            max: u32::from(pool.kind == PoolKind::Max),
            factor: if pool.kind == PoolKind::Average { (1.0 / window as f64) as f32 } else { 1.0 },
        });
        self.emit(node, kernel, vec![Slot::Buffer(value.buffer), Slot::Buffer(output.buffer)], pool.kind.name());
        Ok(())
    }

    pub(super) fn batch_norm(&mut self, node: usize, norm: &BatchNorm) -> Result<()> {
        let graph = self.graph;
        let factors = norm_factors(norm, &graph.nodes[node].name)?;
        self.affine(node, &factors, "batch norm, not folded")
    }

    pub(super) fn scale(&mut self, node: usize, scale: &Tensor) -> Result<()> {
        let factors: Vec<[f32; 2]> = scale.data().iter().map(|&factor| [factor, 0.0]).collect();
        self.affine(node, &factors, "")
    }

    /// `y = a x + b` with one pair for all, one per channel of the layer's shape, or one per element of it.
    fn affine(&mut self, node: usize, factors: &[[f32; 2]], note: &str) -> Result<()> {
        let graph = self.graph;
        let value = self.input_of(node)?;
        let (cells, channels) = (value.edge.cells as usize, value.edge.channels as usize);
        let shape = &graph.nodes[node].shape;
        let (grain, factors) = if factors.len() == 1 {
            (0, factors.to_vec())
        } else if factors.len() == shape[0] && shape[0] == channels {
            (1, factors.to_vec())
        } else {
            let per_row = cells * channels / factors.len();
            let at = |cell: usize, channel: usize| factors[(channel * cells + cell) / per_row];
            (2, (0..cells * channels).map(|i| at(i / channels, i % channels)).collect())
        };
        let output = self.output(node, value.size, value.edge.channels);
        let name = format!("{}.f", graph.nodes[node].name);
        let factors = self.constant(name, words(factors.into_iter().flatten()));
        let kernel = Kernel::Affine(kernel::affine::Params { input: value.edge, output: output.edge, grain });
        self.emit(node, kernel, vec![Slot::Buffer(value.buffer), factors, Slot::Buffer(output.buffer)], note);
        Ok(())
    }

    pub(super) fn add(&mut self, node: usize) -> Result<()> {
        let graph = self.graph;
        let simple = &graph.nodes[node];
        let mut sum: Option<Value> = None;
        for (term, &input) in simple.inputs.iter().enumerate() {
            let value = self.value(input)?;
            let value = self.shaped(node, value, &simple.shape)?;
            let Some(left) = sum else {
                sum = Some(value);
                continue;
            };
            let last = term + 1 == simple.inputs.len();
            let output = if last {
                self.output(node, value.size, value.edge.channels)
            } else {
                let planes = super::added_planes(left.edge.planes, value.edge.planes);
                let edge = kernel::Edge { planes, series: left.edge.series | value.edge.series, ..value.edge };
                let buffer = self.buffer(format!("{}.{term}", simple.name), Holds::Edge(edge), false);
                Value { buffer, edge, size: value.size }
            };
            let kernel = Kernel::Add(kernel::add::Params { left: left.edge, right: value.edge, output: output.edge });
            let bind = vec![Slot::Buffer(left.buffer), Slot::Buffer(value.buffer), Slot::Buffer(output.buffer)];
            self.emit(node, kernel, bind, "");
            sum = Some(output);
        }
        Ok(())
    }

    pub(super) fn delay(&mut self, node: usize, steps: &[u32]) -> Result<()> {
        let graph = self.graph;
        let simple = &graph.nodes[node];
        let (size, channels) = canonical(&simple.shape);
        let longest = steps.iter().copied().max().unwrap_or(0);
        // A power of two, so that a clock may wrap.
        let slots = longest.checked_next_power_of_two().filter(|&slots| u64::from(slots) <= kernel::CLOCK_WRAP);
        let slots = slots.ok_or_else(|| {
            Error::layer(&simple.name, format!("a delay of {longest} steps is more than {}", kernel::CLOCK_WRAP))
        })?;
        let shared = steps.iter().all(|&s| s == longest);
        let delays = if shared {
            vec![longest]
        } else {
            // People's order is channels first.
            let cells = (size[0] * size[1]) as usize;
            (0..steps.len()).map(|i| steps[i % channels as usize * cells + i / channels as usize]).collect()
        };
        let output = self.output(node, size, channels);
        // In a cycle the source comes later in the step, unless some element is not delayed; its past is in the ring.
        // Outside, it is here already.
        let in_cycle = self.cycle.is_some();
        let source = if in_cycle && steps.iter().all(|&s| s > 0) {
            Slot::Empty
        } else {
            let value = self.input_of(node)?;
            let mut value = self.shaped(node, value, &simple.shape)?;
            if value.edge.series == 0 {
                let series = Value { edge: output.edge, ..value };
                value = self.moved(node, value, series, format!("{}.t", simple.name), "for every step".into());
            }
            Slot::Buffer(value.buffer)
        };
        let keeps = in_cycle || self.request.keeps_state();
        let ring = if keeps {
            let buffer = self.buffer(format!("{}.ring", simple.name), Holds::Ring(output.edge, slots), true);
            self.state(node, output.edge, buffer, StateKind::Past(slots as usize));
            Slot::Buffer(buffer)
        } else {
            Slot::Empty
        };
        let delays = self.constant(format!("{}.d", simple.name), delays);
        let params = kernel::delay::Params { edge: output.edge, ring: slots, grain: if shared { 0 } else { 2 } };
        let note = if shared { format!("{longest} steps") } else { format!("up to {longest} steps") };
        self.emit(node, Kernel::Delay(params), vec![source, delays, ring, Slot::Buffer(output.buffer)], note);
        if !in_cycle && keeps {
            self.emit(node, Kernel::DelayPush(params), vec![source, ring], "");
        }
        Ok(())
    }

    /// At the end of a cycle's step: what came in is kept for the delay.
    pub(super) fn push_delay(&mut self, node: usize) -> Result<()> {
        let graph = self.graph;
        let value = self.input_of(node)?;
        let value = self.shaped(node, value, &graph.nodes[node].shape)?;
        let name = format!("{}.ring", graph.nodes[node].name);
        let ring = self.plan.buffers.iter().rposition(|b| b.name == name);
        let delay = self.delay_params(node);
        if let (Some(ring), Some(params)) = (ring, delay) {
            if value.edge != params.edge {
                let message = format!("its input is {:?}, expected {:?}", value.edge, params.edge);
                return Err(Error::layer(&graph.nodes[node].name, message));
            }
            self.emit(node, Kernel::DelayPush(params), vec![Slot::Buffer(value.buffer), Slot::Buffer(ring)], "");
        }
        Ok(())
    }

    fn delay_params(&self, node: usize) -> Option<kernel::delay::Params> {
        let name = &self.graph.nodes[node].name;
        self.cycle.iter().flatten().find_map(|step| match step.kernel {
            Kernel::Delay(params) if step.layer == *name => Some(params),
            _ => None,
        })
    }
}
