//! What the way back needs of the way forward: kept, or computed again.

use super::{Backward, buffer};
use crate::kernel::Kernel;
use crate::plan::{Slot, Step};

impl Backward<'_> {
    /// What is not kept: what batch norm gives, where that is asked for. It is a product and a sum for each value of what
    /// came before, which is kept for the statistics' own gradients in any case.
    pub(super) fn find_again(&mut self) {
        if !self.training.request.recompute {
            return;
        }
        let norms =
            self.plan.steps().filter(|step| matches!(step.kernel, Kernel::Affine(_)) && self.norm_of(step).is_some());
        let by_output = |step: &Step| Some((buffer(step.bind[2]).ok()?, step.clone()));
        self.again = norms.filter_map(by_output).collect();
    }

    /// Values of the way forward, to be read on the way back.
    pub(super) fn kept(&mut self, slot: Slot) -> Slot {
        let Slot::Buffer(values) = slot else { return slot };
        if let Some(&computed) = self.computed.get(&values) {
            return computed;
        }
        let Some(step) = self.again.get(&values).cloned() else { return slot };
        let Kernel::Affine(p) = step.kernel else { return slot };
        let again = Slot::Buffer(self.buffer(format!("{}.again", step.layer), p.output));
        // Before a loop, whose steps all read it.
        self.push(&step.layer, step.kernel, vec![step.bind[0], step.bind[1], again], self.when);
        self.computed.insert(values, again);
        again
    }
}
