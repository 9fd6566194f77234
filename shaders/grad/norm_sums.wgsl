// Of every channel in every step of every sample: the sum of the gradients, and of their products with the normalised
// input. Twin: src/kernel/grad/norm_sums.rs. An invocation has a channel of a step; neighbours read side by side.

struct Params {
    input: Edge,
    gradient: Edge,
    output: Edge,
}

@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

const CHANNELS: u32 = p.input.channels;

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
    let out = step_at(p.gradient, t, sample) + c;
    let mean = scales[2u * c];
    let inverse = scales[2u * c + 1u];
    var sums = vec2<f32>(0.0);
    for (var at = 0u; at < p.input.cells * CHANNELS; at += CHANNELS) {
        let g = gradient[out + at];
        sums.x += g;
        sums.y += rounded(g * rounded((input[start + at] - mean) * inverse));
    }
    let to = step_at(p.output, t, sample) + 2u * c;
    output[to] = sums.x;
    output[to + 1u] = sums.y;
}
