// A step of an optimiser; gradients are zero after. Twin: src/kernel/grad/optimise.rs. An invocation has a parameter.

struct Params {
    count: u32,
    kind: u32,
}

@group(0) @binding(1) var<storage, read> settings: array<f32>;
@group(0) @binding(2) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(4) var<storage, read_write> moments: array<f32>;

const NESTEROV: u32 = 1u;
const ADAM: u32 = 2u;
const ADAM_W: u32 = 3u;
const LEARNING_RATE: u32 = 1u;
const WEIGHT_DECAY: u32 = 2u;
const FIRST_DECAY: u32 = 3u;
const SECOND_DECAY: u32 = 4u;
const EPS: u32 = 5u;
const FIRST_BIAS: u32 = 6u;
const SECOND_BIAS: u32 = 7u;
const CLIP: u32 = 8u;
const FRESH: u32 = 9u;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = group_of(workgroup, count);
    if group >= window.groups {
        return;
    }
    let at = group * 64u + lane;
    if at >= p.count {
        return;
    }
    let rate = settings[LEARNING_RATE];
    let decay = settings[WEIGHT_DECAY];
    let keep = settings[FIRST_DECAY];
    var parameter = parameters[at];
    var g = rounded(gradients[at] * settings[CLIP]);
    gradients[at] = 0.0;
    if p.kind == ADAM_W {
        parameter -= rounded(parameter * (rate * decay));
    } else {
        g += rounded(decay * parameter);
    }
    if p.kind < ADAM {
        var moment = g;
        if settings[FRESH] != 1.0 {
            moment = rounded(keep * moments[at]) + g;
        }
        moments[at] = moment;
        let along = select(moment, g + rounded(keep * moment), p.kind == NESTEROV);
        parameters[at] = parameter - rounded(rate * along);
        return;
    }
    let keep_squares = settings[SECOND_DECAY];
    let first = moments[2u * at] + rounded((g - moments[2u * at]) * (1.0 - keep));
    let second = rounded(keep_squares * moments[2u * at + 1u]) + rounded((1.0 - keep_squares) * (g * g));
    moments[2u * at] = first;
    moments[2u * at + 1u] = second;
    let root = rounded(sqrt(second) * settings[SECOND_BIAS]) + settings[EPS];
    parameters[at] = parameter - rounded(rate * settings[FIRST_BIAS] * (first / root));
}
