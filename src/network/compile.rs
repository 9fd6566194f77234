//! A network becomes a plan: layers in order, each lowered to steps, with what can be fused fused.
//!
//! What happens to each layer is decided here and in `lower`; the arithmetic is in [`crate::kernel`].

use super::backward::Backward;
use super::lower::Lowering;
use super::schedule::{Group, schedule};
use super::simplify::Graph;
use super::{InputKind, Network};
use crate::error::{Error, Result};
use crate::network::Readout;
use crate::plan::{LinearSize, Plan, Request, TrainingPlan, TrainingRequest};

/// More steps than this are taken for a mistake.
const MAX_STEPS: usize = 1 << 24;

/// The plan of a network for a request.
///
/// # Errors
/// A network that is not well formed or has no weights yet, a request without steps, more memory than is allowed.
pub fn compile(network: &Network, request: &Request) -> Result<Plan> {
    compile_with(network, request, &|_| None)
}

/// As [`compile`], with the share of inputs up to which lists of those that fired are quicker, where it was measured for a
/// linear layer of a size: for [`EventLists::Measured`](crate::plan::EventLists::Measured).
///
/// # Errors
/// As [`compile`].
pub fn compile_with(
    network: &Network,
    request: &Request,
    measured: &dyn Fn(LinearSize) -> Option<f32>,
) -> Result<Plan> {
    if request.steps == 0 || request.steps > MAX_STEPS {
        return Err(Error::Request(format!("expected between 1 and {MAX_STEPS} steps, got {}", request.steps)));
    }
    request.event_lists.check()?;
    network.check()?;
    let graph = Graph::new(network)?;
    let groups = schedule(&graph);
    let mut lowering = Lowering::new(network, request, &graph, &groups).with_measured(measured);
    for group in &groups {
        match group {
            Group::One(node) => lowering.node(*node)?,
            Group::Cycle(nodes) => lowering.cycle(nodes)?,
        }
    }
    let mut plan = lowering.finish()?;
    plan.place()?;
    Ok(plan)
}

/// The plan of a step of training.
///
/// # Errors
/// As [`compile`]; layers that have no gradient, a network in which nothing learns.
pub fn compile_training(network: &Network, request: &TrainingRequest) -> Result<TrainingPlan> {
    if request.steps == 0 || request.steps > MAX_STEPS {
        return Err(Error::Request(format!("expected between 1 and {MAX_STEPS} steps, got {}", request.steps)));
    }
    network.check()?;
    let graph = Graph::for_training(network)?;
    let groups = schedule(&graph);
    let forward = Request {
        steps: request.steps,
        constant_input: request.constant_input,
        readout: Readout::Mean,
        meter: false,
        // A plan of training is not run again with more planes.
        count_planes: Request::MOST_COUNT_PLANES,
        memory_limit: request.memory_limit,
        ..Request::default()
    };
    let mut lowering = Lowering::new(network, &forward, &graph, &groups).for_training(request);
    for group in &groups {
        match group {
            Group::One(node) => lowering.node(*node)?,
            Group::Cycle(nodes) => lowering.cycle(nodes)?,
        }
    }
    let (plan, training) = lowering.with_loss()?;
    Backward::of(network, plan, training)
}

impl InputKind {
    /// Bit planes of the input's edge, where so many are enough for counts; 0: reals. Counts have two at least: what has
    /// one are spikes, whose sums over time and operations are reckoned in another way, whatever the samples hold.
    pub(super) fn planes(self, enough: u32) -> u32 {
        match self {
            InputKind::Real => 0,
            InputKind::Counts => enough.clamp(2, Request::MOST_INPUT_PLANES),
            InputKind::Bits => 1,
        }
    }
}
