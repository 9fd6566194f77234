//! Neurons back through time: as many side by side as have their potentials over all steps in the second cache.

use crate::kernel::grad::membrane_input::Params;
use crate::kernel::{Bindings, Window};
use crate::neuron::affine::{Coefficients, flag};
use crate::neuron::surrogate::SurrogateKind;
use crate::run::fast::neuron::{FACTOR, LEAK_ALL, LEAK_POTENTIAL, charged, form, kept};
use crate::run::fast::prefetch::{STRETCH, prefetch};
use crate::run::fast::tasks_of_values;
use crate::run::spread;

/// How a potential is reset.
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
        if !plain || p.learns == 1 || !p.input.is_real() {
            return None;
        }
        let reset = match (is(flag::RESET_HARD), is(flag::RESET_SUBTRACT)) {
            (_, true) => SUBTRACT,
            (true, _) => HARD,
            _ => NONE,
        };
        Some(FastMembraneInput { p: *p, form: form(flags), reset })
    }
}

impl FastMembraneInput {
    /// Runs it: a sample that is alone over the threads there are, where it is worth them.
    pub fn run(&self, arch: pulp::Arch, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.p;
        let output = slots.reals_mut(5);
        let elements = p.input.elements();
        let tasks = if window.batch == 1 { tasks_of_values(elements * window.steps) } else { 1 };
        let of_task = elements.div_ceil(tasks);
        for sample in 0..window.batch {
            let mut pieces: Vec<Piece<'_>> =
                (0..elements).step_by(of_task).map(|first| Piece { first, output: Vec::new() }).collect();
            let steps = output[p.output.offset(window, 0, sample)..].chunks_mut(elements).step_by(window.batch);
            for step in steps.take(if p.output.series == 1 { window.steps } else { 1 }) {
                pieces.iter_mut().zip(step.chunks_mut(of_task)).for_each(|(piece, own)| piece.output.push(own));
            }
            let slots = &*slots;
            let run = |piece: &mut Piece<'_>| arch.dispatch(Call { kernel: self, window, sample, slots, piece });
            spread::each(pieces.iter_mut(), run);
        }
    }
}

/// Some neurons side by side: what one thread computes.
struct Piece<'a> {
    /// The first of them.
    first: usize,
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
        let c = coefficients[0];
        let fires_at = if p.population.flags & flag::FIRE_GE != 0 { c.threshold } else { c.threshold.next_up() };
        let through = if p.detach == 1 { 0.0 } else { 1.0 };
        let shared = Shared { c, fires_at, alpha: p.alpha, through };
        let kind = p.kind();
        let neurons = piece.output[0].len();
        let tile = (TILE / window.steps).clamp(LEAST, MOST).min(neurons);
        let mut before = vec![0.0; window.steps * tile];
        let mut states = vec![0.0; 5 * tile];
        for first in (0..neurons).step_by(tile) {
            let own = first..(first + tile).min(neurons);
            let there = piece.first + own.start..piece.first + own.end;
            let mut rest = states.as_mut_slice();
            let [v, back, sum, z, by_x] = std::array::from_fn(|_| {
                let (own, others) = std::mem::take(&mut rest).split_at_mut(tile);
                rest = others;
                &mut own[..there.len()]
            });
            v.fill(c.v_init);
            back.fill(0.0);
            sum.fill(0.0);
            for (t, h) in before.chunks_exact_mut(tile).enumerate() {
                let x = |t| &input[p.input.offset(window, t, sample)..][there.clone()];
                forward::<FORM, RESET>(&shared, v, [x(t), x((t + 1).min(window.steps - 1))], &mut h[..there.len()]);
            }
            for (t, h) in before.chunks_exact(tile).enumerate().rev() {
                let h = &h[..there.len()];
                let of = |t| &bytemuck::cast_slice(slots.step(2, &p.gradient, window, t, sample))[there.clone()];
                let (of, next) = (of(t), of(t.saturating_sub(1)));
                surrogate(kind, &shared, h, z);
                if p.output.series == 1 {
                    let (earlier, output) = piece.output.split_at_mut(t);
                    let earlier = earlier.last().map_or(next, |output| &output[own.clone()]);
                    let by_x = &mut output[0][own.clone()];
                    backward::<FORM, RESET>(&shared, [h, z, of], [next, earlier], back, by_x);
                    continue;
                }
                // Where the input is the same in all steps its gradient is the sum over them.
                backward::<FORM, RESET>(&shared, [h, z, of], [next, next], back, by_x);
                sum.iter_mut().zip(&*by_x).for_each(|(sum, by_x)| *sum += by_x);
            }
            if p.output.series == 0 {
                piece.output[0][own].copy_from_slice(sum);
            }
        }
    }
}

/// Potentials of some neurons over all steps: they stay in the second cache.
const TILE: usize = 32768;
/// Fewest and most neurons of them: memory is read in long rows, as those of all steps may have the same place in the cache.
const LEAST: usize = 64;
const MOST: usize = 2048;

/// One step; `h` gets the potentials before the threshold test. `x` are the currents of this step and of the next.
#[inline(always)]
fn forward<const FORM: u8, const RESET: u8>(s: &Shared, v: &mut [f32], [x, next]: [&[f32]; 2], h: &mut [f32]) {
    let (xs, x) = x.as_chunks::<STRETCH>();
    let ((vs, v), (hs, h)) = (v.as_chunks_mut::<STRETCH>(), h.as_chunks_mut::<STRETCH>());
    for (((v, x), h), next) in vs.iter_mut().zip(xs).zip(hs).zip(next.chunks(STRETCH)) {
        prefetch(next);
        forward_few::<FORM, RESET>(s, v, x, h);
    }
    forward_few::<FORM, RESET>(s, v, x, h);
}

#[inline(always)]
fn forward_few<const FORM: u8, const RESET: u8>(s: &Shared, v: &mut [f32], x: &[f32], h: &mut [f32]) {
    let c = &s.c;
    for ((v, x), h) in v.iter_mut().zip(x).zip(h) {
        *h = charged::<FORM>(*v, *x, [c.leak, c.input, c.rest]);
        *v = kept(reset::<RESET>(s, *h), c.v_min);
    }
}

/// The potential after the reset.
#[inline(always)]
fn reset<const RESET: u8>(s: &Shared, h: f32) -> f32 {
    let fires = h >= s.fires_at;
    match RESET {
        HARD if fires => s.c.v_reset,
        SUBTRACT if fires => h - s.c.threshold,
        _ => h,
    }
}

/// The surrogate's derivative, with its kind known to the loop.
#[inline(always)]
fn surrogate(kind: SurrogateKind, s: &Shared, h: &[f32], z: &mut [f32]) {
    macro_rules! each {
        ($kind:ident) => {
            z.iter_mut().zip(h).for_each(|(z, h)| *z = SurrogateKind::$kind.derivative(s.alpha, h - s.c.threshold))
        };
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

/// One step back, as [`Coefficients::step_back`], from potentials, surrogates and gradients of the output: `back` is the
/// gradient of the potential, `by_x` gets that of the input. `next` are rows of the step before this one.
#[inline(always)]
fn backward<const FORM: u8, const RESET: u8>(
    s: &Shared,
    of: [&[f32]; 3],
    [next, output]: [&[f32]; 2],
    back: &mut [f32],
    by_x: &mut [f32],
) {
    let [(hs, h), (zs, z), (of_all, of)] = of.map(|row| row.as_chunks::<STRETCH>());
    let ((backs, back), (by_xs, by_x)) = (back.as_chunks_mut::<STRETCH>(), by_x.as_chunks_mut::<STRETCH>());
    let next = next.chunks(STRETCH).zip(output.chunks(STRETCH));
    let rows = hs.iter().zip(zs).zip(of_all).zip(backs).zip(by_xs);
    for (((((h, z), of), back), by_x), (next, output)) in rows.zip(next) {
        prefetch(next);
        prefetch(output);
        backward_few::<FORM, RESET>(s, [h, z, of], back, by_x);
    }
    backward_few::<FORM, RESET>(s, [h, z, of], back, by_x);
}

#[inline(always)]
fn backward_few<const FORM: u8, const RESET: u8>(
    s: &Shared,
    [h, z, of]: [&[f32]; 3],
    back: &mut [f32],
    by_x: &mut [f32],
) {
    let c = &s.c;
    for ((((h, z), of), back), by_x) in h.iter().zip(z).zip(of).zip(back).zip(by_x) {
        let v = if reset::<RESET>(s, *h) < c.v_min { 0.0 } else { *back };
        let (by_h, by_spikes) = match RESET {
            HARD => (if *h >= s.fires_at { 0.0 } else { 1.0 }, c.v_reset - h),
            SUBTRACT => (1.0, -c.threshold),
            _ => (1.0, 0.0),
        };
        let by_threshold = of * z + v * by_spikes * (z * s.through);
        let g = v * by_h + by_threshold;
        *back = if FORM == FACTOR { g * c.leak } else { g * (1.0 - c.leak) };
        *by_x = if FORM == LEAK_ALL { g * (c.leak * c.input) } else { g * c.input };
    }
}
