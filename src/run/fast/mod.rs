//! The fast machine of the CPU: the same plans on the same memory, to the bit, but vectorised.
//!
//! Plain twins read like the shaders; here output channels go in blocks of 32, so that a block of spikes is a word, sums
//! and potentials stay in registers, and the weights of a block lie together: one spike adds one row of 32. Sums keep the
//! canonical order, so nothing changes in the results. The code is compiled for several instruction sets, of which the
//! best there is runs.
//!
//! What has no fast form here runs as its twin.

mod conv;
mod linear;
mod membrane;
mod neuron;
mod rows;

use crate::kernel::{Bindings, Kernel, Window};
use crate::plan::{Plan, Slot, Step};

/// Output channels that are computed together: those of one word of spikes.
const BLOCK: usize = 32;

/// The fast forms of a plan's steps, by their number; `None`: the twin.
#[derive(Debug)]
pub(super) struct Fast {
    steps: Vec<Option<FastKernel>>,
    arch: pulp::Arch,
}

/// A kernel in its fast form, with its weights laid out for it.
#[derive(Debug)]
enum FastKernel {
    Conv(conv::FastConv),
    Linear(linear::FastLinear),
    Membrane(membrane::FastMembrane),
}

impl Fast {
    /// The fast forms of a plan.
    pub fn new(plan: &Plan) -> Fast {
        Fast { steps: plan.steps().map(|step| fast_form(plan, step)).collect(), arch: pulp::Arch::new() }
    }

    /// Runs a step in its fast form, if it has one.
    pub fn run(&self, number: usize, window: Window, slots: &mut Bindings<'_>) -> bool {
        let Some(Some(kernel)) = self.steps.get(number) else { return false };
        self.arch.dispatch(|| match kernel {
            FastKernel::Conv(kernel) => kernel.run(window, slots),
            FastKernel::Linear(kernel) => kernel.run(window, slots),
            FastKernel::Membrane(kernel) => kernel.run(window, slots),
        });
        true
    }
}

fn fast_form(plan: &Plan, step: &Step) -> Option<FastKernel> {
    let constant = |slot: usize| match step.bind.get(slot) {
        Some(Slot::Constant(constant)) => Some(plan.constants[*constant].words.as_slice()),
        _ => None,
    };
    match &step.kernel {
        Kernel::ConvSpike(p) => conv::FastConv::new(p, constant(1)?, constant(2)?).map(FastKernel::Conv),
        Kernel::LinearSpike(p) => linear::FastLinear::new(p, constant(1)?, constant(2)?).map(FastKernel::Linear),
        Kernel::Membrane(p) => membrane::FastMembrane::new(p, constant(1)?).map(FastKernel::Membrane),
        _ => None,
    }
}
