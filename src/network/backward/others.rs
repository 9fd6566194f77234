//! Back through batch norm, through elements in another order, and through delays.

use super::{Backward, Gradient, buffer, real};
use crate::error::{Error, Result};
use crate::kernel::grad::{batch_sum, delay_input, norm_input, norm_sums};
use crate::kernel::{self, Edge, Kernel};
use crate::network::lower::training::Norm;
use crate::plan::{Holds, Layout, Slot, Step};

impl Backward<'_> {
    /// The batch norm that a step applies.
    pub(super) fn norm_of(&self, step: &Step) -> Option<&Norm> {
        match step.bind.get(1) {
            Some(Slot::Constant(factors)) => self.training.norms.get(factors),
            _ => None,
        }
    }

    pub(super) fn norm(&mut self, step: &Step, norm: &Norm, input: usize, g: Gradient) -> Result<()> {
        let channels = g.edge.channels;
        let values = self.kept(Slot::Buffer(input));
        let layout = match self.plan.buffers[input].holds {
            Holds::Edge(edge) => edge,
            _ => return Err(Error::layer(&step.layer, "has no values")),
        };
        let per_step = Edge { cells: 1, channels: 2 * channels, planes: 0, series: layout.series };
        let partial = self.buffer(format!("{}.sums", step.layer), per_step);
        let kernel = Kernel::NormSums(norm_sums::Params { input: layout, gradient: g.edge, output: per_step });
        let scales = Slot::Constant(norm.scales);
        self.emit(step, kernel, vec![values, Slot::Buffer(g.buffer), scales, Slot::Buffer(partial)]);
        let sums = match norm.learned {
            Some(learned) => self.learned(&step.layer, Layout::Norm { channels: channels as usize }, learned),
            None => {
                let sums = self.constant(format!("{}.sums", step.layer), vec![0; 2 * channels as usize]);
                if let Slot::Constant(sums) = sums {
                    self.cleared_constants.push(sums);
                }
                sums
            }
        };
        let kernel = Kernel::BatchSum(batch_sum::Params { input: per_step, width: 2, grain: 1 });
        self.emit(step, kernel, vec![Slot::Buffer(partial), sums]);
        let to = self.gradient(&step.layer, layout);
        let kernel = Kernel::NormInput(norm_input::Params { input: layout, gradient: g.edge, output: to.edge });
        let bind = vec![values, Slot::Buffer(g.buffer), scales, step.bind[1], sums, Slot::Buffer(to.buffer)];
        self.emit(step, kernel, bind);
        self.contribute(step, input, to);
        Ok(())
    }

    /// Elements go back to where they came from; a constant that became a series gets the sum over time.
    pub(super) fn reorder(&mut self, step: &Step, p: &kernel::reorder::Params) -> Result<()> {
        let (input, g) = (buffer(step.bind[0])?, self.gradient_of(step.bind[2]));
        let Some(g) = g.filter(|_| self.active.contains(&input)) else { return Ok(()) };
        let Slot::Constant(sources) = step.bind[1] else { return Err(Error::layer(&step.layer, "has no order")) };
        let sources = &self.plan.constants[sources].words;
        let mut places = vec![0; sources.len()];
        for (to, &from) in sources.iter().enumerate() {
            places[from as usize] = to as u32;
        }
        let places = self.constant(format!("{}.back", step.layer), places);
        let to = self.gradient(&step.layer, Edge { series: g.edge.series, ..real(p.input) });
        let kernel = Kernel::Reorder(kernel::reorder::Params { input: g.edge, output: to.edge });
        self.emit(step, kernel, vec![Slot::Buffer(g.buffer), places, Slot::Buffer(to.buffer)]);
        self.contribute(step, input, to);
        Ok(())
    }

    /// The input of a delay gets what its output got, so many steps before.
    pub(super) fn back_by_delay(&mut self, step: &Step, input: usize, g: Gradient) {
        let Kernel::Delay(p) = step.kernel else { return };
        if !self.active.contains(&input) {
            return;
        }
        let to = self.gradient(&step.layer, real(p.edge));
        let kernel = Kernel::DelayInput(delay_input::Params {
            gradient: g.edge,
            output: to.edge,
            same: u32::from(p.grain == 0),
            steps: self.plan.request.steps as u32,
        });
        self.emit(step, kernel, vec![Slot::Buffer(g.buffer), step.bind[1], Slot::Buffer(to.buffer)]);
        self.contribute(step, input, to);
    }
}
