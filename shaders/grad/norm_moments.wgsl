// Mean and sum of squared differences of every channel in every step of every sample. Twin:
// src/kernel/grad/norm_moments.rs. An invocation has a channel of a step; neighbours read side by side.

struct Params {
    input: Edge,
    output: Edge,
}

@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

const CHANNELS: u32 = p.input.channels;
const SHARE: f32 = 1.0 / f32(p.input.cells);

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
    let unit = group * 64u + lane;
    let t = unit / CHANNELS;
    let c = unit % CHANNELS;
    if t >= steps_of(p.input) {
        return;
    }
    let sample = window.first + workgroup.y;
    let start = step_at(p.input, t, sample) + c;
    var sum = 0.0;
    for (var cell = 0u; cell < p.input.cells; cell++) {
        sum += input[start + cell * CHANNELS];
    }
    let mean = rounded(sum * SHARE);
    var squares = 0.0;
    for (var cell = 0u; cell < p.input.cells; cell++) {
        let apart = input[start + cell * CHANNELS] - mean;
        squares += rounded(apart * apart);
    }
    let to = step_at(p.output, t, sample) + 2u * c;
    output[to] = mean;
    output[to + 1u] = squares;
}
