//! A kernel's shader: pieces of WGSL, and the constants that stand before them.

use std::fmt::Write;

use crate::shared::Shared;

/// The pieces of a kernel's shader. Declarations may come in any order, so pieces are simply put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shader {
    /// The kernel's own file and those it shares with others.
    pub pieces: &'static [&'static str],
    /// Slots that are edges of `p` and get the functions of `input.wgsl` under their own names.
    pub reads: &'static [&'static str],
}

/// What every shader begins with.
pub const COMMON: [&str; 2] = [include_str!("../../shaders/window.wgsl"), include_str!("../../shaders/edge.wgsl")];

const INPUT: &str = include_str!("../../shaders/input.wgsl");

/// The frame of kernels that compute each output element alone.
pub(crate) const ELEMENTWISE: &str = include_str!("../../shaders/elementwise.wgsl");
/// The canonical sum.
pub(super) const SUM: &str = include_str!("../../shaders/sum.wgsl");
/// What a kernel is told of a convolution.
pub(super) const GEOMETRY: &str = include_str!("../../shaders/geometry.wgsl");
/// The current of a convolution.
pub(super) const CONV_SUM: &str = include_str!("../../shaders/conv_sum.wgsl");
/// The current of a linear layer.
pub(super) const LINEAR_SUM: &str = include_str!("../../shaders/linear_sum.wgsl");
/// What a kernel is told of its neurons.
pub(super) const NEURONS: &str = include_str!("../../shaders/neurons.wgsl");
/// What a kernel is told of a pool.
pub(super) const POOLING: &str = include_str!("../../shaders/pooling.wgsl");
/// Reads an edge that has another name than its slot.
pub(super) const VALUE: &str = include_str!("../../shaders/value.wgsl");
/// The neuron.
pub(super) const AFFINE_NEURON: &str = include_str!("../../shaders/neuron/affine.wgsl");
/// A step of it backwards, and what stands for the derivative of a spike.
pub(super) const NEURON_BACK: &str =
    concat!(include_str!("../../shaders/grad/neuron.wgsl"), include_str!("../../shaders/neuron/surrogate.wgsl"));
/// A cell of a circuit.
pub(super) const CELL: &str = include_str!("../../shaders/neuron/cell.wgsl");
/// What kernels of circuits look up in their tables.
pub(super) const TABLES: &str = include_str!("../../shaders/tables.wgsl");
/// Random numbers by their place.
pub(super) const RANDOM: &str = include_str!("../../shaders/random.wgsl");
/// Currents that every invocation sums for its own neuron.
pub(super) const OWN_CURRENT: &str = include_str!("../../shaders/own_current.wgsl");
/// Currents that a workgroup sums for all its neurons.
pub(super) const SHARED_CURRENT: &str = include_str!("../../shaders/shared_current.wgsl");
/// Currents of a linear layer whose block sums are computed side by side.
pub(super) const SPLIT_CURRENT: &str = include_str!("../../shaders/split_current.wgsl");
/// The frame of kernels with neurons.
pub(super) const POPULATION: &str = include_str!("../../shaders/population.wgsl");

impl Shader {
    /// The whole text, with `constants` before it.
    pub fn text(&self, constants: &str) -> String {
        let reads = self.reads.iter().map(|slot| INPUT.replace("input", slot));
        let mut text = constants.to_string();
        for piece in COMMON.iter().chain(self.pieces) {
            text.push_str(piece);
        }
        text.extend(reads);
        text
    }
}

/// How many output channels an invocation sums for, and the types that go with it.
pub(crate) fn wide(out: &mut String, wide: u32) {
    constant(out, "WIDE", &wide);
    let of = |number: &str| if wide == 1 { number.to_owned() } else { format!("vec{wide}<{number}>") };
    let _ = writeln!(out, "alias Wide = {};\nalias WideBits = {};", of("f32"), of("u32"));
    let one = if wide == 1 { "x" } else { "x[i]" };
    let _ = writeln!(out, "fn one_of(x: WideBits, i: u32) -> u32 {{ return {one}; }}");
}

/// `const name: type = value;`
pub(crate) fn constant<T: Shared>(out: &mut String, name: &str, value: &T) {
    let _ = write!(out, "const {name}: {} = ", T::TYPE);
    value.write(out);
    out.push_str(";\n");
}
