//! The fast machine of the CPU: the same plans on the same memory, to the bit, but vectorised.
//!
//! Plain twins read like the shaders; here output channels go in blocks of 32, so that a block of spikes is a word, sums
//! and potentials stay in registers, and the weights of a block lie together: one spike adds one row of 32. Sums keep the
//! canonical order, so nothing changes in the results. The code is compiled for several instruction sets, of which the
//! best there is runs. Spikes become lists of the rows that they drive ([`events`]), so that no branch depends on a bit.
//!
//! What has no fast form here runs as its twin.

mod add;
mod conv;
mod events;
mod linear;
mod membrane;
mod meter;
mod neuron;
mod pool;
mod rare;
mod readout;
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
    Add(add::FastAdd),
    Conv(conv::FastConv),
    Linear(linear::FastLinear),
    Membrane(membrane::FastMembrane),
    Meter(meter::FastMeter),
    Readout(readout::FastReadout),
    Pool(pool::FastPool),
}

impl Fast {
    /// The fast forms of a plan.
    pub fn new(plan: &Plan) -> Fast {
        Fast { steps: plan.steps().map(|step| fast_form(plan, step)).collect(), arch: pulp::Arch::new() }
    }

    /// Runs a step in its fast form, if it has one.
    pub fn run(&self, number: usize, window: Window, slots: &mut Bindings<'_>) -> bool {
        match self.steps.get(number) {
            Some(Some(FastKernel::Add(kernel))) => self.arch.dispatch(Call { kernel, window, slots }),
            Some(Some(FastKernel::Pool(kernel))) => self.arch.dispatch(Call { kernel, window, slots }),
            Some(Some(FastKernel::Conv(kernel))) => kernel.run(self.arch, window, slots),
            Some(Some(FastKernel::Linear(kernel))) => self.arch.dispatch(Call { kernel, window, slots }),
            Some(Some(FastKernel::Meter(kernel))) => self.arch.dispatch(Call { kernel, window, slots }),
            Some(Some(FastKernel::Membrane(kernel))) => kernel.run(self.arch, window, slots),
            Some(Some(FastKernel::Readout(kernel))) => self.arch.dispatch(Call { kernel, window, slots }),
            _ => return false,
        }
        true
    }
}

/// What a fast form does; inlined, so that it is compiled for each instruction set.
trait Run {
    fn run(&self, window: Window, slots: &mut Bindings<'_>);
}

/// A run of a kernel, to be dispatched.
struct Call<'a, 'b, K> {
    kernel: &'a K,
    window: Window,
    slots: &'a mut Bindings<'b>,
}

impl<K: Run> pulp::NullaryFnOnce for Call<'_, '_, K> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.kernel.run(self.window, self.slots);
    }
}

/// Multiplications and additions, if nothing were zero, that are worth waking a thread for. It takes 50 to 100 us until a
/// sleeping one runs: of spiking-cnn, whose layers take 300 us, half on each of two threads was slower than all on one.
const WORTH_A_THREAD: u64 = 48 << 20;

/// Over how many tasks a sample that is alone is spread.
fn tasks(kernel: &Kernel, steps: usize) -> usize {
    let neurons = kernel.population().map_or(0, |population| population.output.elements() * steps);
    // A neuron takes as long as some dozens of operations, of which most are skipped.
    let work = kernel.work(steps) + 64 * neurons as u64;
    rayon::current_num_threads().min((work / WORTH_A_THREAD) as usize).max(1)
}

/// Values read once that are worth waking a thread for: 1 MiB.
const VALUES_WORTH_A_THREAD: usize = 1 << 18;

/// Over how many tasks so many values are spread, where reading them is most of the work.
fn tasks_of_values(values: usize) -> usize {
    rayon::current_num_threads().min(values / VALUES_WORTH_A_THREAD).max(1)
}

fn fast_form(plan: &Plan, step: &Step) -> Option<FastKernel> {
    let constant = |slot: usize| match step.bind.get(slot) {
        Some(Slot::Constant(constant)) => Some(plan.constants[*constant].words.as_slice()),
        _ => None,
    };
    match &step.kernel {
        Kernel::Add(p) => add::FastAdd::new(p).map(FastKernel::Add),
        Kernel::Conv(p) => conv::FastConv::currents(p, constant(1)?).map(FastKernel::Conv),
        Kernel::ConvSpike(p) => conv::FastConv::spiking(p, constant(1)?, constant(2)?).map(FastKernel::Conv),
        Kernel::LinearSpike(p) => linear::FastLinear::new(p, constant(1)?, constant(2)?).map(FastKernel::Linear),
        Kernel::Meter(p) => meter::FastMeter::new(p, constant(1)?).map(FastKernel::Meter),
        Kernel::Membrane(p) => membrane::FastMembrane::new(p, constant(1)?).map(FastKernel::Membrane),
        Kernel::Readout(p) => readout::FastReadout::new(p).map(FastKernel::Readout),
        Kernel::Pool(p) => pool::FastPool::new(p).map(FastKernel::Pool),
        _ => None,
    }
}
