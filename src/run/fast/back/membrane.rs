//! Neurons back through time: 32 channels side by side, whose potentials over all steps stay in the first cache.

use crate::kernel::grad::membrane_input::Params;
use crate::kernel::{Bindings, Window};
use crate::neuron::affine::{Coefficients, flag};
use crate::neuron::surrogate::SurrogateKind;
use crate::run::fast::neuron::kept;
use crate::run::fast::{BLOCK, Run};

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

impl Run for FastMembraneInput {
    #[inline(always)]
    fn run(&self, window: Window, slots: &mut Bindings<'_>) {
        match (self.form, self.reset) {
            (LEAK_ALL, HARD) => self.in_form::<LEAK_ALL, HARD>(window, slots),
            (LEAK_ALL, SUBTRACT) => self.in_form::<LEAK_ALL, SUBTRACT>(window, slots),
            (LEAK_ALL, _) => self.in_form::<LEAK_ALL, NONE>(window, slots),
            (LEAK_POTENTIAL, HARD) => self.in_form::<LEAK_POTENTIAL, HARD>(window, slots),
            (LEAK_POTENTIAL, SUBTRACT) => self.in_form::<LEAK_POTENTIAL, SUBTRACT>(window, slots),
            (LEAK_POTENTIAL, _) => self.in_form::<LEAK_POTENTIAL, NONE>(window, slots),
            (_, HARD) => self.in_form::<FACTOR, HARD>(window, slots),
            (_, SUBTRACT) => self.in_form::<FACTOR, SUBTRACT>(window, slots),
            _ => self.in_form::<FACTOR, NONE>(window, slots),
        }
    }
}

impl FastMembraneInput {
    #[inline(always)]
    fn in_form<const FORM: u8, const RESET: u8>(&self, window: Window, slots: &mut Bindings<'_>) {
        let p = &self.p;
        let (input, coefficients) = (slots.values::<f32>(0), slots.values::<Coefficients>(1));
        let gradient = slots.values::<f32>(2);
        let output = slots.reals_mut(5);
        let c = coefficients[0];
        let fires_at = if p.population.flags & flag::FIRE_GE != 0 { c.threshold } else { c.threshold.next_up() };
        let through = if p.detach == 1 { 0.0 } else { 1.0 };
        let shared = Shared { c, fires_at, alpha: p.alpha, through };
        let (kind, channels) = (p.kind(), p.input.channels as usize);
        let mut before = vec![[0.0; BLOCK]; window.steps];
        for sample in 0..window.batch {
            for first in (0..p.input.elements()).step_by(channels) {
                for block in (0..channels).step_by(BLOCK) {
                    let own = first + block..first + (block + BLOCK).min(channels);
                    let x = |t: usize| load(&input[p.input.offset(window, t, sample)..][own.clone()]);
                    let mut v = [c.v_init; BLOCK];
                    for (t, h) in before.iter_mut().enumerate() {
                        *h = forward::<FORM, RESET>(&shared, &mut v, &x(t));
                    }
                    let (mut back, mut sum) = ([0.0; BLOCK], [0.0; BLOCK]);
                    for t in (0..window.steps).rev() {
                        let of = load(&gradient[p.gradient.offset(window, t, sample)..][own.clone()]);
                        let z = surrogate(kind, &shared, &before[t]);
                        let by_x = backward::<FORM, RESET>(&shared, &before[t], &z, &of, &mut back);
                        if p.output.series == 1 {
                            let to = &mut output[p.output.offset(window, t, sample)..][own.clone()];
                            to.copy_from_slice(&by_x[..own.len()]);
                        } else {
                            for i in 0..BLOCK {
                                sum[i] += by_x[i];
                            }
                        }
                    }
                    if p.output.series == 0 {
                        let to = &mut output[p.output.offset(window, 0, sample)..][own.clone()];
                        to.copy_from_slice(&sum[..own.len()]);
                    }
                }
            }
        }
    }
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
