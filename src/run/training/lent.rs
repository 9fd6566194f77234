//! What the CPU reads of a batch where the host has it, instead of taking it in.

use super::cpu::window;
use crate::error::Result;
use crate::kernel::{Kernel, Scope};
use crate::network::InputKind;
use crate::plan::{Holds, Plan, Slot, TrainingPlan};
use crate::run::bound::Lent;
use crate::run::pack::{as_packed, lies_packed};
use crate::run::values::{check_gradient, check_sample};

/// What the host has of a batch, which stays there.
#[derive(Clone, Copy, Default)]
pub(super) struct OfHost<'a> {
    /// The samples, where they stay.
    pub samples: &'a [&'a [f32]],
    /// The gradient of the output, `[time, sample, element]`.
    pub gradient: &'a [f32],
}

impl OfHost<'_> {
    /// Looks at what is lent to a group, of which some steps are about to bring it to the cache.
    pub fn check(&self, training: &TrainingPlan, first: usize, batch: usize, all: usize) -> Result<()> {
        if let (Some(sample), true) = (self.samples.get(first), self.gradient.is_empty()) {
            // What lies packed is real.
            check_sample(first, sample, InputKind::Real)?;
        }
        let Some((_, edge)) = training.own_gradient() else { return Ok(()) };
        let frame = edge.elements();
        let mut steps = (first * frame..self.gradient.len()).step_by(all * frame);
        steps.try_for_each(|at| check_gradient(&self.gradient[at..][..batch * frame], at))
    }

    /// What a group reads of it whose first sample is one of `all`.
    pub fn lent(&self, training: &TrainingPlan, first: usize, all: usize) -> Vec<Lent<'_>> {
        let plan = &training.plan;
        let mut lent = Vec::new();
        if let (Holds::Edge(edge), Some(sample)) = (plan.buffers[plan.input].holds, self.samples.get(first))
            && let Some(words) = as_packed(&edge, window(plan, 1), sample)
        {
            lent.push(Lent { buffer: plan.input, words, apart: None });
        }
        if let (Some((buffer, edge)), false) = (training.own_gradient(), self.gradient.is_empty()) {
            let words = bytemuck::cast_slice(&self.gradient[first * edge.elements()..]);
            lent.push(Lent { buffer, words, apart: Some(all * edge.elements()) });
        }
        lent
    }
}

/// Whether samples may be read where they lie: they lie as the plan has them, nothing sums over them, and no weights would
/// be read once for several.
pub(super) fn lends_samples(plan: &Plan) -> bool {
    let mut readers = plan.steps().filter(|step| step.bind.contains(&Slot::Buffer(plan.input)));
    let lies = matches!(plan.buffers[plan.input].holds, Holds::Edge(edge) if lies_packed(&edge));
    lies && plan.weighted.is_empty() && readers.all(|step| step.kernel.scope() == Scope::Samples)
}

/// Whether the gradient of the output may be: none but neurons take it.
pub(super) fn lends_gradient(training: &TrainingPlan) -> bool {
    let Some((gradient, edge)) = training.own_gradient() else { return false };
    let mut readers = training.plan.steps().filter(|step| step.bind.contains(&Slot::Buffer(gradient)));
    lies_packed(&edge) && readers.all(|step| matches!(step.kernel, Kernel::MembraneInput(_)))
}
