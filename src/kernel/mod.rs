//! The mathematics of one dispatch: parameters, slots, and the plain CPU twin of every kernel.
//!
//! A kernel is `x.rs` here, with its `Params` and its twin, and one shader `shaders/x.wgsl`, which reads like it.
//! Twins are the reference: they keep the order contract, and every other machine must give the same bits.
//!
//! # The order contract
//!
//! The current of a neuron is one canonical sum ([`sum`]): taps in row-major order, then words of 32 input channels,
//! then bit planes, then channels ascending; in blocks of 8 words; block sums added in ascending order; bias last.
//! Adding zero changes nothing, so sums that skip silence and sums that do not are the same to the bit.
//!
//! # Layouts
//!
//! `[time, batch, cell, channel]` with cells in row-major order over height and width. Bits pack 32 channels into a
//! word, lowest channel in the lowest bit; counts are bit planes, those of one word side by side. Potentials and
//! states keep their few values of one neuron side by side.
//!
//! # How to add a kernel
//!
//! A file here with `Params`, `SLOTS`, `shader`, `groups` and `run`; its twin in `shaders/`, whose structs have the fields
//! that `shared!` lists; its line in the list `kernels!` below and in `rounds`; a network in
//! `run::verify` that uses it. Then the tests of declarations, parity and sabotage know it. A fast form for the CPU, to the
//! same bits, goes to `run/fast`. Kernels of the way back are in [`grad`].

mod bindings;
pub(crate) mod edge;
mod population;
mod rounds;
pub(crate) mod shader;
mod window;

pub mod add;
pub mod affine;
pub mod cells;
pub mod compact;
pub mod conv;
pub mod conv_spike;
pub mod count;
pub mod delay;
pub mod delay_push;
pub mod grad;
pub mod linear;
pub mod linear_spike;
pub mod membrane;
pub mod meter;
pub mod pool;
pub mod probe;
pub mod propagate;
pub mod readout;
pub mod recurrent_spike;
pub mod regenerate;
pub mod reorder;
pub mod sparse;
pub mod sum;
pub mod synapse;

pub use bindings::{Access, Bindings, Element, SlotInfo};
pub use edge::{Edge, words_of};
pub use meter::METER_WORDS;
pub use population::{MOST_STEPS, Population, TALLY_WORDS, TRACE_VALUES};
pub use shader::Shader;
pub use window::{CLOCK_WRAP, Window, WindowWords};

#[cfg(feature = "gpu")]
pub(crate) use edge::elementwise_groups;

use grad::{
    batch_sum, conv_input, conv_weight, delay_input, linear_weight, loss, mask, membrane_input, norm_factors,
    norm_input, norm_merge, norm_moments, norm_sums, optimise, pool_input, quantise, rate_penalty, square_sum,
    time_sum, transpose,
};
use population::Frame;

use crate::neuron::affine::flag;
use crate::neuron::cell;

/// The kernels, by the modules of their names.
macro_rules! kernels {
    ($($variant:ident $module:ident),* $(,)?) => {
        /// A kernel with its parameters: what a plan step does.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[allow(missing_docs)] // each variant is the module of that name
        pub enum Kernel {
            $($variant($module::Params),)*
        }

        impl Kernel {
            /// The name of the kernel: its module, its shader, its line in a profile.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Kernel::$variant(_) => stringify!($module),)*
                }
            }

            /// The slots in binding order.
            pub fn slots(&self) -> &'static [SlotInfo] {
                match self {
                    $(Kernel::$variant(_) => $module::SLOTS,)*
                }
            }

            /// The pieces of the shader.
            pub fn shader(&self) -> Shader {
                match self {
                    $(Kernel::$variant(p) => $module::shader(p),)*
                }
            }

            /// The parameters as a shader's constant.
            fn write_parameters(&self, out: &mut String) {
                match self {
                    $(Kernel::$variant(p) => shader::constant(out, "p", p),)*
                }
            }

            /// Workgroups of one sample for so many steps.
            pub fn groups(&self, steps: usize) -> u64 {
                match self {
                    $(Kernel::$variant(p) => $module::groups(p, steps),)*
                }
            }

            /// Runs the plain twin.
            pub fn run(&self, window: Window, slots: &mut Bindings<'_>) {
                match self {
                    $(Kernel::$variant(p) => $module::run(p, window, slots),)*
                }
            }
        }
    };
}

kernels! {
    Add add,
    Affine affine,
    Cells cells,
    Compact compact,
    Conv conv,
    ConvSpike conv_spike,
    Count count,
    Delay delay,
    DelayPush delay_push,
    Linear linear,
    LinearSpike linear_spike,
    Membrane membrane,
    Meter meter,
    Pool pool,
    Probe probe,
    Propagate propagate,
    Readout readout,
    RecurrentSpike recurrent_spike,
    Regenerate regenerate,
    Reorder reorder,
    Sparse sparse,
    BatchSum batch_sum,
    ConvInput conv_input,
    ConvWeight conv_weight,
    DelayInput delay_input,
    LinearWeight linear_weight,
    Loss loss,
    Mask mask,
    MembraneInput membrane_input,
    NormFactors norm_factors,
    NormInput norm_input,
    NormMerge norm_merge,
    NormMoments norm_moments,
    NormSums norm_sums,
    Optimise optimise,
    PoolInput pool_input,
    Quantise quantise,
    RatePenalty rate_penalty,
    SquareSum square_sum,
    TimeSum time_sum,
    Transpose transpose,
}

/// What a run of a kernel covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Each sample for itself.
    Samples,
    /// All samples, in their order: it adds to memory that they share.
    Batch,
    /// Memory that they share, alone.
    Once,
}

impl Kernel {
    /// The constants that stand before the shader: the parameters as `p`, and what follows from them.
    pub fn constants(&self) -> String {
        let mut out = String::new();
        self.write_parameters(&mut out);
        let frame = self.frame();
        shader::wide(&mut out, self.wide());
        if let Some(frame) = frame {
            shader::constant(&mut out, "SIZE", &frame.size);
            shader::constant(&mut out, "LANES", &frame.lanes);
        }
        if frame.is_some() || matches!(self, Kernel::MembraneInput(_)) {
            for (name, bit) in flag::ALL {
                shader::constant(&mut out, name, bit);
            }
        }
        let names: &[(&str, u32)] = match self {
            Kernel::Cells(_) => cell::flag::ALL,
            Kernel::Regenerate(_) => synapse::kind::NAMES,
            _ => &[],
        };
        names.iter().for_each(|(name, value)| shader::constant(&mut out, name, value));
        out
    }

    /// How the workgroups of a kernel with neurons compute.
    fn frame(&self) -> Option<Frame> {
        match self {
            Kernel::ConvSpike(p) => Some(conv_spike::frame(p)),
            Kernel::LinearSpike(p) => Some(linear_spike::frame(p)),
            Kernel::Membrane(p) => Some(membrane::frame(p)),
            Kernel::RecurrentSpike(p) => Some(recurrent_spike::frame(p)),
            _ => None,
        }
    }

    /// Output channels that an invocation sums for side by side.
    fn wide(&self) -> u32 {
        match self {
            Kernel::Conv(p) => p.wide(),
            Kernel::Linear(p) => p.wide(),
            _ => self.frame().map_or(1, |frame| frame.wide),
        }
    }

    /// What a run covers.
    pub fn scope(&self) -> Scope {
        match self {
            Kernel::ConvWeight(p) if p.apart == 1 => Scope::Samples,
            Kernel::BatchSum(_) | Kernel::ConvWeight(_) | Kernel::LinearWeight(_) | Kernel::NormMerge(_) => {
                Scope::Batch
            }
            Kernel::Quantise(_)
            | Kernel::NormFactors(_)
            | Kernel::Optimise(_)
            | Kernel::SquareSum(_)
            | Kernel::Transpose(_) => Scope::Once,
            _ => Scope::Samples,
        }
    }

    /// The neurons of a kernel that has some.
    pub fn population(&self) -> Option<&Population> {
        match self {
            Kernel::ConvSpike(p) => Some(&p.population),
            Kernel::LinearSpike(p) => Some(&p.population),
            Kernel::Membrane(p) => Some(&p.population),
            Kernel::RecurrentSpike(p) => Some(&p.population),
            _ => None,
        }
    }

    /// Multiplications and additions of one sample over so many steps, if nothing were zero: how long it may take at most.
    pub fn work(&self, steps: usize) -> u64 {
        let steps_of = |edge: &Edge| if edge.series == 1 { steps as u64 } else { 1 };
        let linear =
            |input: &Edge, outputs: u32| u64::from(input.cells) * u64::from(input.channels) * u64::from(outputs);
        match self {
            Kernel::Conv(p) => p.geometry.dense() * steps_of(&p.output),
            Kernel::ConvSpike(p) => p.geometry.dense() * steps_of(&p.geometry.input),
            Kernel::Linear(p) => linear(&p.input, p.count) * steps_of(&p.output),
            Kernel::LinearSpike(p) => linear(&p.input, p.population.count) * steps_of(&p.input),
            Kernel::RecurrentSpike(p) => linear(&p.population.output, p.population.output.channels) * steps as u64,
            Kernel::ConvInput(p) => p.geometry.dense() * steps_of(&p.output),
            Kernel::ConvWeight(p) => p.geometry.dense() * steps_of(&p.gradient),
            Kernel::LinearWeight(p) => (p.gradient.elements() * p.input.elements()) as u64 * steps_of(&p.gradient),
            // A step forwards, again for its potential, and backwards.
            Kernel::MembraneInput(p) => p.population.output.elements() as u64 * steps as u64 * 128,
            Kernel::BatchSum(p) => p.input.elements() as u64 * steps_of(&p.input),
            Kernel::NormMoments(p) => 2 * p.input.elements() as u64 * steps_of(&p.input),
            Kernel::NormSums(p) => 2 * p.input.elements() as u64 * steps_of(&p.input),
            Kernel::Loss(p) => 16 * p.input.elements() as u64 * steps_of(&p.input),
            Kernel::Quantise(p) => u64::from(p.groups * p.outputs) * u64::from(p.inputs),
            Kernel::SquareSum(p) => u64::from(p.count),
            Kernel::Cells(p) => u64::from(p.output.channels) * 64,
            // Of a step in which a hundredth of the cells fire, each to a thousand others.
            Kernel::Propagate(p) => u64::from(p.sources) * 10,
            Kernel::Regenerate(p) => u64::from(p.cells) * 100,
            Kernel::Sparse(p) => u64::from(p.count) * u64::from(p.most) * steps_of(&p.output),
            Kernel::Compact(p) => p.input.elements() as u64 * self.groups(steps),
            Kernel::Pool(p) => self.groups(steps) * 64 * u64::from(p.kernel[0]) * u64::from(p.kernel[1]),
            _ => self.groups(steps) * 64 * 32,
        }
    }
}
