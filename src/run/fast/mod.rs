//! The fast machine of the CPU: the same plans on the same memory, to the bit, but vectorised.
//!
//! Plain twins read like the shaders; here output channels go in blocks of 32, so that a block of spikes is a word, sums
//! and potentials stay in registers, and the weights of a block lie together: one spike adds one row of 32. Sums keep the
//! canonical order, so nothing changes in the results. The code is compiled for several instruction sets, of which the
//! best there is runs. Spikes become lists of the rows that they drive ([`events`]), so that no branch depends on a bit.
//!
//! What has no fast form here runs as its twin.

mod add;
pub(crate) mod back;
mod by_spike;
mod cells;
mod conv;
mod events;
mod linear;
mod membrane;
mod meter;
mod neuron;
mod places;
mod pool;
mod prefetch;
mod products;
mod propagate;
mod rare;
mod readout;
mod regenerate;
mod rows;
mod sparse;
mod steps;
mod sums;

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
    Cells(cells::FastCells),
    Conv(conv::FastConv),
    Linear(linear::FastLinear),
    Membrane(membrane::FastMembrane),
    Meter(meter::FastMeter),
    Propagate(propagate::FastPropagate),
    Regenerate(regenerate::FastRegenerate),
    Readout(readout::FastReadout),
    Pool(pool::FastPool),
    Sparse(sparse::FastSparse),
    Affine(back::FastAffine),
    MembraneInput(back::FastMembraneInput),
    Moments(back::FastMoments),
    NormInput(back::FastNormInput),
    NormSums(back::FastNormSums),
    PoolInput(back::FastPoolInput),
}

impl Fast {
    /// The fast forms of a plan.
    pub fn new(plan: &Plan) -> Fast {
        Fast {
            steps: plan.steps().map(|step| fast_form(step, |at| &plan.constants[at].words)).collect(),
            arch: pulp::Arch::new(),
        }
    }

    /// For so many steps that have no fast forms yet.
    pub fn empty(steps: usize) -> Fast {
        Fast { steps: (0..steps).map(|_| None).collect(), arch: pulp::Arch::new() }
    }

    /// Makes the fast form of a step, with the weights that are in the constants now. Where nothing but weights changes
    /// it takes these alone.
    pub fn refresh<'a>(&mut self, number: usize, step: &Step, constants: impl Fn(usize) -> &'a [u32]) {
        let Some(place) = self.steps.get_mut(number) else { return };
        match (place, &step.kernel, step.bind.get(1)) {
            (Some(FastKernel::Conv(conv)), Kernel::Conv(_), Some(Slot::Constant(weights))) => {
                conv.fill(constants(*weights));
            }
            (Some(FastKernel::Linear(linear)), Kernel::Linear(_), Some(Slot::Constant(weights))) => {
                linear.fill(constants(*weights));
            }
            (place, ..) => *place = fast_form(step, constants),
        }
    }

    /// Runs a step in its fast form, if it has one.
    pub fn run(&self, number: usize, window: Window, slots: &mut Bindings<'_>) -> bool {
        let Some(Some(kernel)) = self.steps.get(number) else { return false };
        kernel.run(self.arch, window, slots);
        true
    }
}

impl FastKernel {
    fn run(&self, arch: pulp::Arch, window: Window, slots: &mut Bindings<'_>) {
        match self {
            FastKernel::Add(kernel) => arch.dispatch(Call { kernel, window, slots }),
            FastKernel::Pool(kernel) => arch.dispatch(Call { kernel, window, slots }),
            FastKernel::Cells(kernel) => kernel.run(arch, window, slots),
            FastKernel::Propagate(kernel) => kernel.run(window, slots),
            FastKernel::Regenerate(kernel) => kernel.run(window, slots),
            FastKernel::Conv(kernel) => kernel.run(arch, window, slots),
            FastKernel::Linear(kernel) => kernel.run(arch, window, slots),
            FastKernel::Meter(kernel) => arch.dispatch(Call { kernel, window, slots }),
            FastKernel::Membrane(kernel) => kernel.run(arch, window, slots),
            FastKernel::Sparse(kernel) => kernel.run(arch, window, slots),
            FastKernel::Readout(kernel) => arch.dispatch(Call { kernel, window, slots }),
            FastKernel::Affine(kernel) => steps::run(kernel, arch, window, slots),
            FastKernel::MembraneInput(kernel) => kernel.run(arch, window, slots),
            FastKernel::Moments(kernel) => steps::run(kernel, arch, window, slots),
            FastKernel::NormInput(kernel) => steps::run(kernel, arch, window, slots),
            FastKernel::NormSums(kernel) => steps::run(kernel, arch, window, slots),
            FastKernel::PoolInput(kernel) => steps::run(kernel, arch, window, slots),
        }
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
    tasks_of_work(kernel.work(steps) + 64 * neurons as u64)
}

/// Over how many tasks so many multiplications and additions are spread, if nothing were zero.
fn tasks_of_work(work: u64) -> usize {
    rayon::current_num_threads().min((work / WORTH_A_THREAD) as usize).max(1)
}

/// Values read once that are worth waking a thread for: 1 MiB.
const VALUES_WORTH_A_THREAD: usize = 1 << 18;

/// Over how many tasks so many values are spread, where reading them is most of the work.
fn tasks_of_values(values: usize) -> usize {
    rayon::current_num_threads().min(values / VALUES_WORTH_A_THREAD).max(1)
}

/// Pieces for so many tasks: several for each thread, so that one that comes late takes fewer.
fn pieces_of(tasks: usize) -> usize {
    if tasks > 1 { 4 * tasks } else { 1 }
}

/// The fast form of a step, with the weights that are in the plan's constants.
fn fast_form<'a>(step: &Step, constants: impl Fn(usize) -> &'a [u32]) -> Option<FastKernel> {
    let constant = |slot: usize| match step.bind.get(slot) {
        Some(Slot::Constant(constant)) => Some(constants(*constant)),
        _ => None,
    };
    match &step.kernel {
        Kernel::Add(p) => add::FastAdd::new(p).map(FastKernel::Add),
        Kernel::Cells(p) => Some(FastKernel::Cells(cells::FastCells(*p))),
        Kernel::Propagate(p) => {
            let propagate = propagate::FastPropagate::new(p, constant(1)?, constant(2)?);
            Some(FastKernel::Propagate(propagate))
        }
        Kernel::Regenerate(p) => Some(FastKernel::Regenerate(regenerate::FastRegenerate::new(p))),
        Kernel::Conv(p) => conv::FastConv::currents(p, constant(1)?).map(FastKernel::Conv),
        Kernel::ConvSpike(p) => conv::FastConv::spiking(p, constant(1)?, constant(2)?).map(FastKernel::Conv),
        Kernel::Linear(p) => linear::FastLinear::currents(p, constant(1)?).map(FastKernel::Linear),
        Kernel::LinearSpike(p) => linear::FastLinear::spiking(p, constant(1)?, constant(2)?).map(FastKernel::Linear),
        Kernel::Meter(p) => meter::FastMeter::new(p, constant(1)?).map(FastKernel::Meter),
        Kernel::Membrane(p) => membrane::FastMembrane::new(p, constant(1)?).map(FastKernel::Membrane),
        Kernel::Readout(p) => readout::FastReadout::new(p).map(FastKernel::Readout),
        Kernel::Sparse(p) => sparse::FastSparse::new(p, constant(1)?).map(FastKernel::Sparse),
        Kernel::Pool(p) => pool::FastPool::new(p).map(FastKernel::Pool),
        Kernel::Affine(p) if p.input.is_real() && p.grain < 2 => Some(FastKernel::Affine(back::FastAffine(*p))),
        Kernel::MembraneInput(p) => back::FastMembraneInput::new(p).map(FastKernel::MembraneInput),
        Kernel::NormMoments(p) => Some(FastKernel::Moments(back::FastMoments(*p))),
        Kernel::NormInput(p) => Some(FastKernel::NormInput(back::FastNormInput(*p))),
        Kernel::NormSums(p) => Some(FastKernel::NormSums(back::FastNormSums(*p))),
        Kernel::PoolInput(p) => back::FastPoolInput::new(p).map(FastKernel::PoolInput),
        _ => None,
    }
}
