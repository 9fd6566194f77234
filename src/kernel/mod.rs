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
//! A file here with `Params`, `SLOTS`, `SHADER`, `groups` and `run`; its twin in `shaders/`, whose structs have the fields
//! that `shared!` lists; a variant of [`Kernel`] and its line in each `match` below and in `rounds`; a network in
//! `run::verify` that uses it. Then the tests of declarations, parity and sabotage know it.

mod bindings;
mod edge;
mod population;
mod rounds;
pub(crate) mod shader;
mod window;

pub mod add;
pub mod affine;
pub mod conv;
pub mod conv_spike;
pub mod count;
pub mod delay;
pub mod delay_push;
pub mod linear;
pub mod linear_spike;
pub mod membrane;
pub mod meter;
pub mod pool;
pub mod readout;
pub mod recurrent_spike;
pub mod reorder;
pub mod sum;

pub use bindings::{Access, Bindings, Element, SlotInfo};
pub use edge::{Edge, words_of};
pub use meter::METER_WORDS;
pub use population::{MOST_STEPS, Population, TALLY_WORDS, TRACE_VALUES};
pub use shader::Shader;
pub use window::{CLOCK_WRAP, Window, WindowWords};

#[cfg(feature = "gpu")]
pub(crate) use edge::elementwise_groups;

use population::Frame;

use crate::neuron::affine::flag;

/// A kernel with its parameters: what a plan step does.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)] // each variant is the module of that name
pub enum Kernel {
    Add(add::Params),
    Affine(affine::Params),
    Conv(conv::Params),
    ConvSpike(conv_spike::Params),
    Count(count::Params),
    Delay(delay::Params),
    DelayPush(delay_push::Params),
    Linear(linear::Params),
    LinearSpike(linear_spike::Params),
    Membrane(membrane::Params),
    Meter(meter::Params),
    Pool(pool::Params),
    Readout(readout::Params),
    RecurrentSpike(recurrent_spike::Params),
    Reorder(reorder::Params),
}

impl Kernel {
    /// The name of the kernel: its module, its shader, its line in a profile.
    pub fn name(&self) -> &'static str {
        match self {
            Kernel::Add(_) => "add",
            Kernel::Affine(_) => "affine",
            Kernel::Conv(_) => "conv",
            Kernel::ConvSpike(_) => "conv_spike",
            Kernel::Count(_) => "count",
            Kernel::Delay(_) => "delay",
            Kernel::DelayPush(_) => "delay_push",
            Kernel::Linear(_) => "linear",
            Kernel::LinearSpike(_) => "linear_spike",
            Kernel::Membrane(_) => "membrane",
            Kernel::Meter(_) => "meter",
            Kernel::Pool(_) => "pool",
            Kernel::Readout(_) => "readout",
            Kernel::RecurrentSpike(_) => "recurrent_spike",
            Kernel::Reorder(_) => "reorder",
        }
    }

    /// The slots in binding order.
    pub fn slots(&self) -> &'static [SlotInfo] {
        match self {
            Kernel::Add(_) => add::SLOTS,
            Kernel::Affine(_) => affine::SLOTS,
            Kernel::Conv(_) => conv::SLOTS,
            Kernel::ConvSpike(_) => conv_spike::SLOTS,
            Kernel::Count(_) => count::SLOTS,
            Kernel::Delay(_) => delay::SLOTS,
            Kernel::DelayPush(_) => delay_push::SLOTS,
            Kernel::Linear(_) => linear::SLOTS,
            Kernel::LinearSpike(_) => linear_spike::SLOTS,
            Kernel::Membrane(_) => membrane::SLOTS,
            Kernel::Meter(_) => meter::SLOTS,
            Kernel::Pool(_) => pool::SLOTS,
            Kernel::Readout(_) => readout::SLOTS,
            Kernel::RecurrentSpike(_) => recurrent_spike::SLOTS,
            Kernel::Reorder(_) => reorder::SLOTS,
        }
    }

    /// The pieces of the shader.
    pub fn shader(&self) -> Shader {
        match self {
            Kernel::Add(_) => add::SHADER,
            Kernel::Affine(_) => affine::SHADER,
            Kernel::Conv(_) => conv::SHADER,
            Kernel::ConvSpike(p) => conv_spike::shader(p),
            Kernel::Count(_) => count::SHADER,
            Kernel::Delay(_) => delay::SHADER,
            Kernel::DelayPush(_) => delay_push::SHADER,
            Kernel::Linear(_) => linear::SHADER,
            Kernel::LinearSpike(p) => linear_spike::shader(p),
            Kernel::Membrane(_) => membrane::SHADER,
            Kernel::Meter(_) => meter::SHADER,
            Kernel::Pool(_) => pool::SHADER,
            Kernel::Readout(_) => readout::SHADER,
            Kernel::RecurrentSpike(_) => recurrent_spike::SHADER,
            Kernel::Reorder(_) => reorder::SHADER,
        }
    }

    /// The constants that stand before the shader: the parameters as `p`, and what follows from them.
    pub fn constants(&self) -> String {
        let mut out = String::new();
        match self {
            Kernel::Add(p) => shader::constant(&mut out, "p", p),
            Kernel::Affine(p) => shader::constant(&mut out, "p", p),
            Kernel::Conv(p) => shader::constant(&mut out, "p", p),
            Kernel::ConvSpike(p) => shader::constant(&mut out, "p", p),
            Kernel::Count(p) => shader::constant(&mut out, "p", p),
            Kernel::Delay(p) => shader::constant(&mut out, "p", p),
            Kernel::DelayPush(p) => shader::constant(&mut out, "p", p),
            Kernel::Linear(p) => shader::constant(&mut out, "p", p),
            Kernel::LinearSpike(p) => shader::constant(&mut out, "p", p),
            Kernel::Membrane(p) => shader::constant(&mut out, "p", p),
            Kernel::Meter(p) => shader::constant(&mut out, "p", p),
            Kernel::Pool(p) => shader::constant(&mut out, "p", p),
            Kernel::Readout(p) => shader::constant(&mut out, "p", p),
            Kernel::RecurrentSpike(p) => shader::constant(&mut out, "p", p),
            Kernel::Reorder(p) => shader::constant(&mut out, "p", p),
        }
        let frame = self.frame();
        shader::wide(&mut out, frame.map_or(1, |frame| frame.wide));
        if let Some(frame) = frame {
            shader::constant(&mut out, "SIZE", &frame.size);
            shader::constant(&mut out, "LANES", &frame.lanes);
            for (name, bit) in flag::ALL {
                shader::constant(&mut out, name, bit);
            }
        }
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

    /// Workgroups of one sample for so many steps.
    pub fn groups(&self, steps: usize) -> u64 {
        match self {
            Kernel::Add(p) => add::groups(p, steps),
            Kernel::Affine(p) => affine::groups(p, steps),
            Kernel::Conv(p) => conv::groups(p, steps),
            Kernel::ConvSpike(p) => conv_spike::groups(p, steps),
            Kernel::Count(p) => count::groups(p, steps),
            Kernel::Delay(p) => delay::groups(p, steps),
            Kernel::DelayPush(p) => delay_push::groups(p, steps),
            Kernel::Linear(p) => linear::groups(p, steps),
            Kernel::LinearSpike(p) => linear_spike::groups(p, steps),
            Kernel::Membrane(p) => membrane::groups(p, steps),
            Kernel::Meter(p) => meter::groups(p, steps),
            Kernel::Pool(p) => pool::groups(p, steps),
            Kernel::Readout(p) => readout::groups(p, steps),
            Kernel::RecurrentSpike(p) => recurrent_spike::groups(p, steps),
            Kernel::Reorder(p) => reorder::groups(p, steps),
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
            Kernel::Pool(p) => self.groups(steps) * 64 * u64::from(p.kernel[0]) * u64::from(p.kernel[1]),
            _ => self.groups(steps) * 64 * 32,
        }
    }

    /// Runs the plain twin.
    pub fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        match self {
            Kernel::Add(p) => add::run(p, window, slots),
            Kernel::Affine(p) => affine::run(p, window, slots),
            Kernel::Conv(p) => conv::run(p, window, slots),
            Kernel::ConvSpike(p) => conv_spike::run(p, window, slots),
            Kernel::Count(p) => count::run(p, window, slots),
            Kernel::Delay(p) => delay::run(p, window, slots),
            Kernel::DelayPush(p) => delay_push::run(p, window, slots),
            Kernel::Linear(p) => linear::run(p, window, slots),
            Kernel::LinearSpike(p) => linear_spike::run(p, window, slots),
            Kernel::Membrane(p) => membrane::run(p, window, slots),
            Kernel::Meter(p) => meter::run(p, window, slots),
            Kernel::Pool(p) => pool::run(p, window, slots),
            Kernel::Readout(p) => readout::run(p, window, slots),
            Kernel::RecurrentSpike(p) => recurrent_spike::run(p, window, slots),
            Kernel::Reorder(p) => reorder::run(p, window, slots),
        }
    }
}
