// The gradients of a convolution's weights and biases, added to what is there: a sum for every sample, and these in the
// order of samples. Twin: src/kernel/grad/conv_weight.rs.
//
// A workgroup has 32 units, and 8 samples side by side, whose sums go through workgroup memory. A unit is the weights of
// up to 4 inputs to one output under one tap: neighbours have neighbouring outputs, whose gradients lie side by side. Units
// behind those of the weights are biases.

struct Params {
    geometry: Geometry,
    gradient: Edge,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

const UNITS: u32 = 32u;
const ROWS: u32 = 8u;
const IN: Edge = p.geometry.input;
const INPUTS: u32 = p.geometry.input.channels / p.geometry.groups;
const OUTPUTS: u32 = p.geometry.out_channels / p.geometry.groups;
const TAPS: u32 = p.geometry.kernel.x * p.geometry.kernel.y;
const TILES: u32 = (INPUTS + 3u) / 4u;
const TILED: u32 = p.geometry.groups * TAPS * TILES * OUTPUTS;
const WEIGHTS: u32 = TAPS * INPUTS * p.geometry.out_channels;

var<workgroup> parts: array<vec4<f32>, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = group_of(workgroup, count);
    if group >= window.groups {
        return;
    }
    let unit = group * UNITS + lane % UNITS;
    let row = lane / UNITS;
    let alive = unit < TILED + p.geometry.bias * p.geometry.out_channels;
    let is_bias = unit >= TILED;
    // Of the first weight, and how many there are.
    let output = unit % OUTPUTS;
    let tile = unit / OUTPUTS % TILES;
    let tap = unit / OUTPUTS / TILES;
    var at = (tap * INPUTS + 4u * tile) * OUTPUTS + output;
    var number = min(4u, INPUTS - 4u * tile);
    if is_bias {
        at = WEIGHTS + unit - TILED;
        number = 1u;
    }
    var total = vec4<f32>(0.0);
    if alive && row == 0u {
        for (var i = 0u; i < number; i++) {
            total[i] = sums[at + i * OUTPUTS];
        }
    }
    let end = window.first + window.samples;
    for (var first = window.first; first < end; first += ROWS) {
        var own = vec4<f32>(0.0);
        if alive && first + row < end {
            if is_bias {
                own.x = bias_sum(first + row, unit - TILED);
            } else {
                own = weight_sums(first + row, tap, 4u * tile, output);
            }
        }
        parts[lane] = own;
        workgroupBarrier();
        if row == 0u {
            for (var other = 0u; other < min(ROWS, end - first); other++) {
                total += parts[other * UNITS + lane];
            }
        }
        workgroupBarrier();
    }
    if alive && row == 0u {
        for (var i = 0u; i < number; i++) {
            sums[at + i * OUTPUTS] = total[i];
        }
    }
}

// The sums of a sample for the weights of four inputs of a group; `tap` counts through all groups.
fn weight_sums(sample: u32, tap: u32, first: u32, output: u32) -> vec4<f32> {
    let g = p.geometry;
    let group = tap / TAPS;
    let channel = group * INPUTS + first;
    let shift = vec2<u32>(tap % TAPS / g.kernel.y, tap % g.kernel.y) * g.dilation;
    var sum = vec4<f32>(0.0);
    for (var t = 0u; t < steps_of(p.gradient); t++) {
        let step = step_at(IN, t, sample);
        var out = step_at(p.gradient, t, sample) + group * OUTPUTS + output;
        for (var y = 0u; y < g.out_size.x; y++) {
            for (var x = 0u; x < g.out_size.y; x++) {
                // In the padding before, this wraps to a large number.
                let place = vec2<u32>(y, x) * g.stride + shift - g.pad;
                if place.x < g.in_size.x && place.y < g.in_size.y {
                    let values = four(step + (place.x * g.in_size.y + place.y) * cell_words(IN), channel);
                    // What is zero adds nothing, whatever the gradient is.
                    sum += select(vec4<f32>(0.0), rounded_four(values * gradient[out]), values != vec4<f32>(0.0));
                }
                out += g.out_channels;
            }
        }
    }
    return sum;
}

fn bias_sum(sample: u32, channel: u32) -> f32 {
    var sum = 0.0;
    for (var t = 0u; t < steps_of(p.gradient); t++) {
        let step = step_at(p.gradient, t, sample) + channel;
        for (var cell = 0u; cell < p.gradient.cells; cell++) {
            sum += gradient[step + cell * p.gradient.channels];
        }
    }
    return sum;
}

// The values of four channels of a cell; of those that are not there any.
fn four(cell: u32, channel: u32) -> vec4<f32> {
    if IN.planes == 1u && INPUTS % 4u == 0u {
        let bits = input[cell + channel / 32u] >> (channel % 32u);
        return vec4<f32>((vec4<u32>(bits) >> vec4<u32>(0u, 1u, 2u, 3u)) & vec4<u32>(1u));
    }
    let last = IN.channels - 1u;
    return vec4<f32>(
        value_of(cell, channel),
        value_of(cell, min(channel + 1u, last)),
        value_of(cell, min(channel + 2u, last)),
        value_of(cell, min(channel + 3u, last)),
    );
}
