//! The gradients of a pool's input. Of several largest values the first in row-major order gets all, as in PyTorch.
//! Twin of `shaders/grad/pool_input.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::edge::elementwise_groups;
use crate::kernel::shader::{POOLING, Shader, VALUE};
use crate::kernel::{Bindings, Edge, Element, SlotInfo, Window, pool};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// The pool.
    pub pool: pool::Params,
    /// The gradients of its output, reals.
    pub gradient: Edge,
    /// Those of its input, reals.
    pub to: Edge,
}

/// The pool's input, gradients of the output, gradients of the input.
pub const SLOTS: &[SlotInfo] =
    &[read("input", Element::Words), read("gradient", Element::Real), write("output", Element::Real)];

shared!(Params as "Params" { pool: pool::Params, gradient: Edge, to: Edge });

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/pool_input.wgsl"), POOLING, VALUE], reads: &[] }
}

/// Workgroups of a sample for so many steps: an invocation for every input element.
pub fn groups(p: &Params, steps: usize) -> u64 {
    elementwise_groups(&p.to, steps)
}

/// The plain twin.
pub fn run(p: &Params, window: Window, slots: &mut Bindings<'_>) {
    let (input, gradient) = (slots.words(0), slots.values::<f32>(1));
    let output = slots.reals_mut(2);
    let channels = p.to.channels as usize;
    let steps = if p.to.series == 1 { window.steps } else { 1 };
    for t in 0..steps {
        for sample in 0..window.batch {
            // A sum does not look at its input, which may not be kept then.
            let step = if p.pool.max == 1 { p.pool.input.step(input, window, t, sample) } else { &[] };
            let from = &gradient[p.gradient.offset(window, t, sample)..][..p.gradient.elements()];
            let to = &mut output[p.to.offset(window, t, sample)..][..p.to.elements()];
            to.fill(0.0);
            for (cell, from) in from.chunks_exact(channels).enumerate() {
                let cells: Vec<usize> = p.pool.under(cell).collect();
                for (channel, of) in from.iter().enumerate() {
                    if p.pool.max == 0 {
                        cells.iter().for_each(|cell| to[cell * channels + channel] += of * p.pool.factor);
                    } else if let Some(first) = first_largest(&p.pool, step, &cells, channel) {
                        to[first * channels + channel] += of;
                    }
                }
            }
        }
    }
}

fn first_largest(p: &pool::Params, step: &[u32], cells: &[usize], channel: usize) -> Option<usize> {
    let value = |cell: usize| p.input.value(p.input.cell(step, cell), channel);
    cells.iter().copied().reduce(|first, next| if value(next) > value(first) { next } else { first })
}
