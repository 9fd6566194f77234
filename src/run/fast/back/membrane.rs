//! Neurons back through time: 32 channels side by side, whose potentials over all steps stay in the first cache.

use std::ops::Range;

use crate::kernel::grad::membrane_input::Params;
use crate::kernel::{Bindings, Window};
use crate::neuron::affine::{Coefficients, flag};
use crate::neuron::surrogate::SurrogateKind;
use crate::run::fast::neuron::kept;
use crate::run::fast::{BLOCK, tasks_of_values};
use crate::run::spread;

/// How a potential is updated, and reset.
const LEAK_ALL: u8 = 0;
const LEAK_POTENTIAL: u8 = 1;
const FACTOR: u8 = 2;
const NONE: u8 = 0;
const HARD: u8 = 1;
const SUBTRACT: u8 = 2;

/// A population without synaptic currents, whose resets come at once, and whose coefficients are all the same.
#[derive(Debug)]
pub(in crate::run::fast) struct FastMembraneInput {
    p: Params,
    form: u8,
    reset: u8,
}

/// What all neurons compute with.
#[derive(Clone, Copy)]
struct Shared {
    c: Coefficients,
    fires_at: f32,
    alpha: f32,
    /// 1 where resets pass gradients on, else 0.
    through: f32,
}

impl FastMembraneInput {
    pub fn new(p: &Params) -> Option<FastMembraneInput> {
        let flags = p.population.flags;
        let is = |bit: u32| flags & bit != 0;
        let others = flag::CURRENT | flag::MANY | flag::RESET_LATE | flag::RESET_RESIDUAL | flag::RESET_ADDS;
        let plain = is(flag::FIRES) && !is(others) && p.population.grain == 0 && p.population.records == 0;
        if !plain || p.learns == 1 || !p.input.is_real() || p.input.channels < BLOCK as u32 / 2 {
            return None;
        }
        let form = match (is(flag::FORM_LEAK_ALL), is(flag::FORM_LEAK_POTENTIAL)) {
            (true, _) => LEAK_ALL,
            (_, true) => LEAK_POTENTIAL,
            _ => FACTOR,
        };
        let reset = match (is(flag::RESET_HARD), is(flag::RESET_SUBTRACT)) {
            (_, true) => SUBTRACT,
            (true, _) => HARD,
            _ => NONE,
        };
        Some(FastMembraneInput { p: *p, form, reset })
    }
}

impl FastMembraneInput {
    /// Runs it: a sample that is alone over the threads there are, where it is worth them.
    pub fn run(&self, arch: pulp::Arch, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.p;
        let output = slots.reals_mut(5);
        let elements = p.input.elements();
        let (all, series) = (p.input.cells as usize * self.blocks(), p.output.series == 1);
        let tasks = if window.batch == 1 { tasks_of_values(elements * window.steps) } else { 1 };
        let of_task = all.div_ceil(tasks);
        for sample in 0..window.batch {
            let mut pieces: Vec<Piece<'_>> = (0..all)
                .step_by(of_task)
                .map(|first| Piece { blocks: first..(first + of_task).min(all), output: Vec::new() })
                .collect();
            let first = p.output.offset(window, 0, sample);
            let steps = output[first..].chunks_mut(elements).step_by(window.batch);
            for mut rest in steps.take(if series { window.steps } else { 1 }) {
                for piece in &mut pieces {
                    let count = self.block(piece.blocks.end - 1).end - self.block(piece.blocks.start).start;
                    let (own, others) = rest.split_at_mut(count);
                    piece.output.push(own);
                    rest = others;
                }
            }
            let slots = &*slots;
            let run = |piece: &mut Piece<'_>| arch.dispatch(Call { kernel: self, window, sample, slots, piece });
            spread::each(pieces.iter_mut(), run);
        }
    }

    /// Blocks of a cell.
    fn blocks(&self) -> usize {
        (self.p.input.channels as usize).div_ceil(BLOCK)
    }

    /// The neurons of a block, all cells' blocks counted.
    #[inline(always)]
    fn block(&self, at: usize) -> Range<usize> {
        let (blocks, channels) = (self.blocks(), self.p.input.channels as usize);
        let first = at / blocks * channels + at % blocks * BLOCK;
        first..(first + BLOCK).min((at / blocks + 1) * channels)
    }
}

/// Some blocks: what one thread computes.
struct Piece<'a> {
    blocks: Range<usize>,
    /// Their part of the output, by step.
    output: Vec<&'a mut [f32]>,
}

/// The computation of a piece, to be dispatched.
struct Call<'a, 'b, 'c> {
    kernel: &'a FastMembraneInput,
    window: Window,
    sample: usize,
    slots: &'a Bindings<'b>,
    piece: &'a mut Piece<'c>,
}

impl pulp::NullaryFnOnce for Call<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        match (self.kernel.form, self.kernel.reset) {
            (LEAK_ALL, HARD) => self.in_form::<LEAK_ALL, HARD>(),
            (LEAK_ALL, SUBTRACT) => self.in_form::<LEAK_ALL, SUBTRACT>(),
            (LEAK_ALL, _) => self.in_form::<LEAK_ALL, NONE>(),
            (LEAK_POTENTIAL, HARD) => self.in_form::<LEAK_POTENTIAL, HARD>(),
            (LEAK_POTENTIAL, SUBTRACT) => self.in_form::<LEAK_POTENTIAL, SUBTRACT>(),
            (LEAK_POTENTIAL, _) => self.in_form::<LEAK_POTENTIAL, NONE>(),
            (_, HARD) => self.in_form::<FACTOR, HARD>(),
            (_, SUBTRACT) => self.in_form::<FACTOR, SUBTRACT>(),
            _ => self.in_form::<FACTOR, NONE>(),
        }
    }
}

impl Call<'_, '_, '_> {
    #[inline(always)]
    fn in_form<const FORM: u8, const RESET: u8>(self) {
        let Call { kernel, window, sample, slots, piece } = self;
        let p = &kernel.p;
        let (input, coefficients) = (slots.values::<f32>(0), slots.values::<Coefficients>(1));
        let gradient = slots.values::<f32>(2);
        let c = coefficients[0];
        let fires_at = if p.population.flags & flag::FIRE_GE != 0 { c.threshold } else { c.threshold.next_up() };
        let through = if p.detach == 1 { 0.0 } else { 1.0 };
        let shared = Shared { c, fires_at, alpha: p.alpha, through };
        let kind = p.kind();
        let of_piece = kernel.block(piece.blocks.start).start;
        let tile = (TILE / window.steps).clamp(1, MOST_BLOCKS);
        let mut before = vec![[0.0; BLOCK]; window.steps * tile];
        let mut states = vec![State::default(); tile];
        for first in piece.blocks.clone().step_by(tile) {
            let states = &mut states[..tile.min(piece.blocks.end - first)];
            states.fill(State { v: [c.v_init; BLOCK], ..State::default() });
            for (t, before) in before.chunks_exact_mut(tile).enumerate() {
                let x = &input[p.input.offset(window, t, sample)..];
                for (i, (state, h)) in states.iter_mut().zip(before).enumerate() {
                    *h = forward::<FORM, RESET>(&shared, &mut state.v, &load(&x[kernel.block(first + i)]));
                }
            }
            for (t, before) in before.chunks_exact(tile).enumerate().rev() {
                let of = &gradient[p.gradient.offset(window, t, sample)..];
                // Where the input is the same in all steps its gradient is the sum, which is whole after the first step.
                for (i, (state, h)) in states.iter_mut().zip(before).enumerate() {
                    let own = kernel.block(first + i);
                    let z = surrogate(kind, &shared, h);
                    let by_x = backward::<FORM, RESET>(&shared, h, &z, &load(&of[own.clone()]), &mut state.back);
                    let to = own.start - of_piece..own.end - of_piece;
                    if p.output.series == 1 {
                        piece.output[t][to].copy_from_slice(&by_x[..own.len()]);
                        continue;
                    }
                    for i in 0..BLOCK {
                        state.sum[i] += by_x[i];
                    }
                    if t == 0 {
                        piece.output[0][to].copy_from_slice(&state.sum[..own.len()]);
                    }
                }
            }
        }
    }
}

/// Blocks whose potentials over all steps are half of the first cache, and the most of them: memory is read in long rows,
/// as those of all steps may have the same place in the cache.
const TILE: usize = 128;
const MOST_BLOCKS: usize = 16;

/// A block on its way: potentials, their gradients, and the sum of those of the input.
#[derive(Clone, Copy, Default)]
struct State {
    v: [f32; BLOCK],
    back: [f32; BLOCK],
    sum: [f32; BLOCK],
}

#[inline(always)]
fn load(from: &[f32]) -> [f32; BLOCK] {
    let mut values = [0.0; BLOCK];
    match from.first_chunk::<BLOCK>() {
        Some(all) => values = *all,
        None => values[..from.len()].copy_from_slice(from),
    }
    values
}

/// One step; returned is the potential before the threshold test.
#[inline(always)]
fn forward<const FORM: u8, const RESET: u8>(s: &Shared, v: &mut [f32; BLOCK], x: &[f32; BLOCK]) -> [f32; BLOCK] {
    let c = &s.c;
    let mut potentials = [0.0; BLOCK];
    for i in 0..BLOCK {
        let drive = c.input * x[i];
        let h = match FORM {
            LEAK_ALL => v[i] + c.leak * (drive - (v[i] - c.rest)),
            LEAK_POTENTIAL => (v[i] - c.leak * (v[i] - c.rest)) + drive,
            _ => c.leak * v[i] + drive + c.rest,
        };
        let fires = h >= s.fires_at;
        let after = match RESET {
            HARD if fires => c.v_reset,
            SUBTRACT if fires => h - c.threshold,
            _ => h,
        };
        v[i] = kept(after, c.v_min);
        potentials[i] = h;
    }
    potentials
}

/// The surrogate's derivative, with its kind known to the loop.
#[inline(always)]
fn surrogate(kind: SurrogateKind, s: &Shared, h: &[f32; BLOCK]) -> [f32; BLOCK] {
    macro_rules! each {
        ($kind:ident) => {{
            let mut z = [0.0; BLOCK];
            for i in 0..BLOCK {
                z[i] = SurrogateKind::$kind.derivative(s.alpha, h[i] - s.c.threshold);
            }
            z
        }};
    }
    match kind {
        SurrogateKind::Sigmoid => each!(Sigmoid),
        SurrogateKind::Atan => each!(Atan),
        SurrogateKind::FastSigmoid => each!(FastSigmoid),
        SurrogateKind::SuperSpike => each!(SuperSpike),
        SurrogateKind::PiecewiseQuadratic => each!(PiecewiseQuadratic),
        SurrogateKind::SoftSign => each!(SoftSign),
        SurrogateKind::Rectangle => each!(Rectangle),
        SurrogateKind::Triangle => each!(Triangle),
        SurrogateKind::Exponential => each!(Exponential),
    }
}

/// One step back, as [`Coefficients::step_back`]: `back` is the gradient of the potential, returned is that of the input.
#[inline(always)]
fn backward<const FORM: u8, const RESET: u8>(
    s: &Shared,
    h: &[f32; BLOCK],
    z: &[f32; BLOCK],
    of: &[f32; BLOCK],
    back: &mut [f32; BLOCK],
) -> [f32; BLOCK] {
    let c = &s.c;
    let mut by_x = [0.0; BLOCK];
    for i in 0..BLOCK {
        let fires = h[i] >= s.fires_at;
        let after = match RESET {
            HARD if fires => c.v_reset,
            SUBTRACT if fires => h[i] - c.threshold,
            _ => h[i],
        };
        let v = if after < c.v_min { 0.0 } else { back[i] };
        let (by_h, by_spikes) = match RESET {
            HARD => (if fires { 0.0 } else { 1.0 }, c.v_reset - h[i]),
            SUBTRACT => (1.0, -c.threshold),
            _ => (1.0, 0.0),
        };
        let by_threshold = of[i] * z[i] + v * by_spikes * (z[i] * s.through);
        let g = v * by_h + by_threshold;
        back[i] = if FORM == FACTOR { g * c.leak } else { g * (1.0 - c.leak) };
        by_x[i] = if FORM == LEAK_ALL { g * (c.leak * c.input) } else { g * c.input };
    }
    by_x
}
