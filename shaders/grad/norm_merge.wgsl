// The moments of a batch out of those of its samples and steps, merged with what is there. Twin:
// src/kernel/grad/norm_merge.rs. An invocation has a channel.

struct Params {
    input: Edge,
    cells: u32,
}

@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> merged: array<f32>;

const CHANNELS: u32 = p.input.channels / 2u;

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
    let c = group * 64u + lane;
    if c >= CHANNELS {
        return;
    }
    // The number is not read: another invocation may have written it.
    var number = f32(window.first * steps_of(p.input) * p.cells);
    var mean = merged[2u * c];
    var squares = merged[2u * c + 1u];
    for (var sample = window.first; sample < window.first + window.samples; sample++) {
        for (var t = 0u; t < steps_of(p.input); t++) {
            let at = step_at(p.input, t, sample) + 2u * c;
            let all = number + f32(p.cells);
            let share = f32(p.cells) / all;
            let apart = input[at] - mean;
            mean += rounded(apart * share);
            squares += input[at + 1u] + rounded(rounded(apart * apart) * (number * share));
            number = all;
        }
    }
    merged[2u * c] = mean;
    merged[2u * c + 1u] = squares;
    if c == 0u {
        merged[2u * CHANNELS] = number;
    }
}
