//! Every kernel of many plans.

use std::collections::BTreeMap;

use saltatory::kernel::Kernel;
use saltatory::network::{Readout, compile};
use saltatory::plan::{EventLists, Plan, Request};
use saltatory::run::verify;

use crate::training;

/// Requests that make different plans of one network.
fn requests() -> [Request; 6] {
    let series = Request { steps: 6, constant_input: false, ..Default::default() };
    [
        Request { steps: 6, ..Default::default() },
        series,
        Request { readout: Readout::Trace, record: true, ..series },
        Request { readout: Readout::Max, slice: Some(4), ..series },
        Request { streaming: true, readout: Readout::Last, ..series },
        Request { event_lists: EventLists::UpTo(0.3), record: true, ..series },
    ]
}

/// Every different kernel in them, by its shader's text.
pub fn shaders() -> BTreeMap<String, Kernel> {
    let networks = verify::networks().unwrap();
    let plans = networks.iter().flat_map(|(_, n)| requests().map(move |r| compile(n, &r).unwrap()));
    let training = training::cases().into_iter().map(|case| training::plan(&case));
    let steps = plans.chain(training).flat_map(|plan| Plan::steps(&plan).cloned().collect::<Vec<_>>());
    steps.map(|step| (step.kernel.shader().text(&step.kernel.constants()), step.kernel)).collect()
}
