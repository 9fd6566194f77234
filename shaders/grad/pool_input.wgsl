// The gradients of a pool's input. Twin: src/kernel/grad/pool_input.rs. An invocation has an input element, and asks the
// output cells above it in their order.

struct Params {
    pool: Pool,
    gradient: Edge,
    to: Edge,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

const IN: Edge = p.pool.input;
const CHANNELS: u32 = p.to.channels;

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
    let elements = p.to.cells * CHANNELS;
    let t = unit / elements;
    if t >= steps_of(p.to) {
        return;
    }
    let sample = window.first + workgroup.y;
    let element = unit % elements;
    let channel = element % CHANNELS;
    let cell = element / CHANNELS;
    let padded = vec2<u32>(cell / p.pool.in_size.y, cell % p.pool.in_size.y) + p.pool.pad;
    // Output cells whose windows reach here: those that do not begin behind, nor end before.
    let end = min(padded / p.pool.stride + vec2<u32>(1u), p.pool.out_size);
    let before = max(padded + vec2<u32>(1u), p.pool.kernel) - p.pool.kernel;
    let begin = (before + p.pool.stride - vec2<u32>(1u)) / p.pool.stride;
    let step = step_at(IN, t, sample);
    let out = step_at(p.gradient, t, sample) + channel;
    var sum = 0.0;
    for (var y = begin.x; y < end.x; y++) {
        for (var x = begin.y; x < end.y; x++) {
            let next = gradient[out + (y * p.pool.out_size.y + x) * CHANNELS];
            if p.pool.max == 0u {
                sum += rounded(next * p.pool.factor);
            } else if first_largest(step, vec2<u32>(y, x), channel) == cell {
                sum += next;
            }
        }
    }
    output[step_at(p.to, t, sample) + element] = sum;
}

// The input cell of the largest value under an output cell, of equals the first.
fn first_largest(step: u32, at: vec2<u32>, channel: u32) -> u32 {
    var largest = 0.0;
    var found = 0xffffffffu;
    for (var y = 0u; y < p.pool.kernel.x; y++) {
        for (var x = 0u; x < p.pool.kernel.y; x++) {
            // In the padding before, this wraps to a large number.
            let place = at * p.pool.stride + vec2<u32>(y, x) - p.pool.pad;
            if place.x < p.pool.in_size.x && place.y < p.pool.in_size.y {
                let cell = place.x * p.pool.in_size.y + place.y;
                let value = value_of(step + cell * cell_words(IN), channel);
                if found == 0xffffffffu || value > largest {
                    largest = value;
                    found = cell;
                }
            }
        }
    }
    return found;
}
