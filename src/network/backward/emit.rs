//! Steps and memory of the way back, as they are added to the plan.

use super::Backward;
use crate::kernel::{Edge, Kernel};
use crate::plan::{Buffer, Constant, Holds, Slot, Stage, Step, When};

impl Backward<'_> {
    pub(super) fn buffer(&mut self, name: impl Into<String>, edge: Edge) -> usize {
        self.plan.buffers.push(Buffer { name: name.into(), holds: Holds::Edge(edge), slot: 0, permanent: false });
        self.plan.buffers.len() - 1
    }

    pub(super) fn constant(&mut self, name: impl Into<String>, words: Vec<u32>) -> Slot {
        self.plan.constants.push(Constant { name: name.into(), words });
        Slot::Constant(self.plan.constants.len() - 1)
    }

    pub(super) fn push(&mut self, layer: &str, kernel: Kernel, bind: Vec<Slot>, when: When) {
        let step = Step { layer: layer.to_string(), kernel, bind, when, note: String::new() };
        self.plan.stages.push(Stage::Window(step));
    }

    /// A step back through `of`.
    pub(super) fn emit(&mut self, of: &Step, kernel: Kernel, bind: Vec<Slot>) {
        let step = Step { layer: of.layer.clone(), kernel, bind, when: self.when, note: String::new() };
        match &mut self.cycle {
            Some(steps) => steps.push(step),
            None => self.plan.stages.push(Stage::Window(step)),
        }
    }

    /// One that needs all steps of time.
    pub(super) fn emit_after(&mut self, of: &Step, kernel: Kernel, bind: Vec<Slot>) {
        let step = Step { layer: of.layer.clone(), kernel, bind, when: self.when, note: String::new() };
        match self.cycle {
            Some(_) => self.after.push(step),
            None => self.plan.stages.push(Stage::Window(step)),
        }
    }
}
