//! A step of an optimiser, as PyTorch defines it; gradients are zero after. Twin of `shaders/grad/optimise.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::kernel::bindings::{read, write};
use crate::kernel::shader::Shader;
use crate::kernel::{Bindings, Element, SlotInfo, Window};
use crate::shared::shared;

/// Parameters.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Params {
    /// Parameters.
    pub count: u32,
    /// 0: stochastic gradient descent; 1: with Nesterov's momentum; 2: Adam; 3: AdamW.
    pub kind: u32,
}

/// Settings of the step, the parameters, their gradients, and the moments: one or two for every parameter.
pub const SLOTS: &[SlotInfo] = &[
    read("settings", Element::Real),
    write("parameters", Element::Real),
    write("gradients", Element::Real),
    write("moments", Element::Real),
];

shared!(Params as "Params" { count: u32, kind: u32 });

/// Settings of a step, in this order.
pub const SETTINGS: usize = 10;
/// 1 over the samples of the batch.
pub const INVERSE_BATCH: usize = 0;
/// The learning rate.
pub const LEARNING_RATE: usize = 1;
/// Weight decay.
pub const WEIGHT_DECAY: usize = 2;
/// Momentum, or the decay of the first moment.
pub const FIRST_DECAY: usize = 3;
/// The decay of the second moment.
pub const SECOND_DECAY: usize = 4;
/// Added to the root of the second moment.
pub const EPS: usize = 5;
/// 1 over what bias the first moment still has.
pub const FIRST_BIAS: usize = 6;
/// 1 over the root of what bias the second moment still has.
pub const SECOND_BIAS: usize = 7;
/// Factor on all gradients: below 1 where they are clipped.
pub const CLIP: usize = 8;
/// 1 in the first step of all, when a momentum is the gradient itself.
pub const FRESH: usize = 9;

/// The shader.
pub fn shader(_: &Params) -> Shader {
    Shader { pieces: &[include_str!("../../../shaders/grad/optimise.wgsl")], reads: &[] }
}

/// Workgroups: an invocation for every parameter.
pub fn groups(p: &Params, _steps: usize) -> u64 {
    u64::from(p.count).div_ceil(64)
}

/// The plain twin.
pub fn run(p: &Params, _: Window, slots: &mut Bindings<'_>) {
    let settings = slots.values::<f32>(0);
    let (parameters, gradients, moments) = (slots.reals_mut(1), slots.reals_mut(2), slots.reals_mut(3));
    let width = moments.len() / parameters.len().max(1);
    let each = parameters.iter_mut().zip(gradients).zip(moments.chunks_exact_mut(width.max(1)));
    for ((parameter, gradient), moments) in each {
        step(p.kind, settings, parameter, gradient, moments);
    }
}

/// A step of one parameter.
pub fn step(kind: u32, s: &[f32], parameter: &mut f32, gradient: &mut f32, moments: &mut [f32]) {
    if kind < 2 {
        sgd(kind, s, parameter, *gradient, &mut moments[0]);
    } else {
        let (first, second) = moments.split_at_mut(1);
        adam(kind, s, parameter, *gradient, (&mut first[0], &mut second[0]));
    }
    *gradient = 0.0;
}

/// Stochastic gradient descent.
#[inline(always)]
pub fn sgd(kind: u32, s: &[f32], parameter: &mut f32, gradient: f32, moment: &mut f32) {
    let momentum = s[FIRST_DECAY];
    let g = gradient * s[CLIP] + s[WEIGHT_DECAY] * *parameter;
    *moment = if s[FRESH] == 1.0 { g } else { momentum * *moment + g };
    let along = if kind == 1 { g + momentum * *moment } else { *moment };
    *parameter -= s[LEARNING_RATE] * along;
}

/// Adam, or AdamW.
#[inline(always)]
pub fn adam(kind: u32, s: &[f32], parameter: &mut f32, gradient: f32, (first, second): (&mut f32, &mut f32)) {
    let (lr, decay) = (s[LEARNING_RATE], s[WEIGHT_DECAY]);
    let mut g = gradient * s[CLIP];
    if kind == 3 {
        *parameter -= *parameter * (lr * decay);
    } else {
        g += decay * *parameter;
    }
    *first += (g - *first) * (1.0 - s[FIRST_DECAY]);
    *second = s[SECOND_DECAY] * *second + (1.0 - s[SECOND_DECAY]) * (g * g);
    let root = second.sqrt() * s[SECOND_BIAS] + s[EPS];
    *parameter -= lr * s[FIRST_BIAS] * (*first / root);
}
