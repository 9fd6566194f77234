//! A plan as people read it, and as golden tests pin it.

use std::fmt;

use super::{Holds, Plan, Slot, Stage, Step};
use crate::kernel::{Access, Edge};
use crate::tensor::shape_text;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = match self.buffers[self.input].holds {
            Holds::Edge(edge) => kind(&edge),
            _ => String::new(),
        };
        let stream = if self.request.streaming { "stream, " } else { "" };
        let steps = format!("{stream}T={}", self.request.steps);
        write!(f, "plan {}  {steps}  input {input}", self.name)?;
        write!(f, "{}", if self.request.constant_input { ", constant" } else { "" })?;
        write!(f, "  {} {}", self.request.readout.name(), shape_text(&self.score_shape))?;
        let (weights, work) = (bytes(self.constant_bytes() as u128), bytes(self.sample_bytes() as u128));
        writeln!(f, "  weights {weights}  work {work} a sample")?;
        let mut number = 0;
        for stage in &self.stages {
            match stage {
                Stage::Window(step) => line(f, self, step, &mut number, "")?,
                Stage::Loop(steps) | Stage::Back(steps) => {
                    let back = if matches!(stage, Stage::Back(_)) { ", the last first" } else { "" };
                    writeln!(f, "    for each step{back}")?;
                    for step in steps {
                        line(f, self, step, &mut number, "  ")?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, plan: &Plan, step: &Step, number: &mut usize, indent: &str) -> fmt::Result {
    let name = |slot: &Slot| match slot {
        Slot::Empty => None,
        Slot::Buffer(b) => Some(plan.buffers[*b].name.as_str()),
        Slot::Constant(c) => Some(plan.constants[*c].name.as_str()),
    };
    let list = |access: Access| {
        let slots = step.bind.iter().zip(step.kernel.slots()).filter(|(_, info)| info.access == access);
        slots.filter_map(|(slot, _)| name(slot)).collect::<Vec<_>>().join(", ")
    };
    let what = format!("{} -> {}", list(Access::Read), list(Access::Write));
    let text = format!("{:>3} {indent}{:<15} {what:<44} {}", *number, step.kernel.name(), step.note);
    *number += 1;
    writeln!(f, "{}", text.trim_end())
}

/// An edge's extent and kind: `14x14 cells of 32, bits`.
fn kind(edge: &Edge) -> String {
    let kind = match edge.planes {
        0 => "real".into(),
        1 => "bits".into(),
        planes => format!("counts of {planes} bits"),
    };
    format!("{} of {}, {kind}", edge.cells, edge.channels)
}

/// A number of bytes as people read it: `1.5 MiB`.
pub fn bytes(bytes: u128) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}
