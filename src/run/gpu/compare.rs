//! Both machines side by side, step by step: where do they part?

use std::sync::Arc;

use super::context::Gpu;
use super::prepared::Prepared;
use super::readback;
use super::schedule::Schedule;
use crate::error::Result;
use crate::kernel::{Access, Element, Window};
use crate::plan::{Holds, Part, Plan, Slot, Step};
use crate::run::cpu::Workspace;

/// A slot that a plan step left different on the two machines, given the same inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Number of the plan step, as the plan prints it.
    pub step: usize,
    /// Its layer.
    pub layer: String,
    /// Its kernel.
    pub kernel: &'static str,
    /// The slot, by its name in the shader.
    pub slot: &'static str,
    /// Steps of time before the window, or before the step of a cycle.
    pub clock: u64,
    /// The first word of the slot that differs, and both values: as f32 where the slot holds them, else as words.
    pub index: usize,
    /// On the CPU.
    pub cpu: Word,
    /// On the GPU.
    pub gpu: Word,
    /// Words that differ, and words.
    pub differing: (usize, usize),
}

/// A 32-bit word as its slot means it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Word {
    /// A real number.
    Real(f32),
    /// Packed bits, or a whole number.
    Bits(u32),
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Word::Real(x) => write!(f, "{x:e}"),
            Word::Bits(bits) => write!(f, "{bits:#010x}"),
        }
    }
}

/// Runs one sample on both machines, dispatch by dispatch, and feeds the GPU with what the CPU computed before the next:
/// what differs, differs for itself. Returns every slot that does.
///
/// # Errors
/// As [`Prepared::new`], and a device that is lost.
pub fn compare(gpu: &Gpu, plan: &Arc<Plan>, sample: &[f32]) -> Result<Vec<Difference>> {
    pollster::block_on(compare_async(gpu, plan, sample))
}

async fn compare_async(gpu: &Gpu, plan: &Arc<Plan>, sample: &[f32]) -> Result<Vec<Difference>> {
    let prepared = Prepared::new(gpu, plan.clone(), 1).await?;
    let mut both = Both { prepared, cpu: Workspace::new(plan), found: Vec::new() };
    for window in plan.windows(1, plan.steps_of(sample), 0) {
        both.window(window, sample).await?;
    }
    Ok(both.found)
}

struct Both {
    prepared: Prepared,
    cpu: Workspace,
    found: Vec<Difference>,
}

impl Both {
    async fn window(&mut self, window: Window, sample: &[f32]) -> Result<()> {
        let plan = self.prepared.plan().clone();
        self.cpu.take_in(&plan, window, &[sample]);
        for slot in 0..plan.buffers.len() {
            self.feed(&plan, slot);
        }
        let ends = window.end() == plan.request.steps;
        for part in Part::of_window(ends) {
            for (number, step, window) in plan.walk(window, part) {
                self.step(&plan, step, number, window).await?;
            }
        }
        Ok(())
    }

    /// The GPU gets what the CPU has in a buffer.
    fn feed(&self, plan: &Plan, buffer: usize) {
        let words = self.cpu.buffer(plan, buffer);
        self.prepared.gpu.queue().write_buffer(self.prepared.buffer(buffer), 0, bytemuck::cast_slice(words));
    }

    async fn step(&mut self, plan: &Plan, step: &Step, number: usize, window: Window) -> Result<()> {
        let gpu = &self.prepared.gpu;
        let mut schedule = Schedule::new(gpu.budget());
        schedule.step(step, number, window, 0..1);
        self.prepared.tell(&schedule);
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        self.prepared.record(&mut encoder, &schedule.dispatches);
        gpu.queue().submit([encoder.finish()]);
        self.cpu.dispatch(plan, step, None, window, None);
        for (slot, info) in step.bind.iter().zip(step.kernel.slots()) {
            let Slot::Buffer(buffer) = *slot else { continue };
            if info.access == Access::Read {
                continue;
            }
            let theirs = readback::whole(&self.prepared, buffer).await?;
            let ours = self.cpu.buffer(plan, buffer);
            let differs = || ours.iter().zip(&theirs).enumerate().filter(|(_, (a, b))| a != b).map(|(i, _)| i);
            if let Some(index) = differs().next() {
                let real = info.element == Element::Real
                    || matches!(plan.buffers[buffer].holds, Holds::Edge(edge) if edge.is_real());
                let word = |bits: u32| if real { Word::Real(f32::from_bits(bits)) } else { Word::Bits(bits) };
                self.found.push(Difference {
                    step: number,
                    layer: step.layer.clone(),
                    kernel: step.kernel.name(),
                    slot: info.name,
                    clock: window.clock,
                    index,
                    cpu: word(ours[index]),
                    gpu: word(theirs[index]),
                    differing: (differs().count(), ours.len()),
                });
            }
            self.feed(plan, buffer);
        }
        Ok(())
    }
}
