// The gradients of a convolution's input: taps in row-major order, then output channels. Twin:
// src/kernel/grad/conv_input.rs.
//
// A workgroup has some input channels of a group and, side by side, some cells, of which an invocation has four. Weights go
// through workgroup memory: they lie by outputs, and neighbours are neighbouring inputs.

struct Params {
    geometry: Geometry,
    gradient: Edge,
    output: Edge,
}

@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

const GROUPS: u32 = p.geometry.groups;
const TAPS: u32 = p.geometry.kernel.x * p.geometry.kernel.y;
const ROWS: u32 = p.geometry.input.channels / p.geometry.groups;
const COLUMNS: u32 = p.geometry.out_channels / p.geometry.groups;

const LANES: u32 = min(64u, ROWS);
const BLOCKS: u32 = (ROWS + LANES - 1u) / LANES;
// Units, cells of steps, of a workgroup.
const UNITS: u32 = 64u / LANES * 4u;
// Columns that are in workgroup memory at once; neighbouring rows begin in different banks.
const CHUNK: u32 = 16u;
const PITCH: u32 = 17u;

var<workgroup> tile: array<f32, LANES * PITCH>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = group_of(workgroup, count);
    if number >= window.groups {
        return;
    }
    let sample = window.first + workgroup.y;
    let block = number % BLOCKS * LANES;
    let group = number / BLOCKS % GROUPS;
    let first = number / BLOCKS / GROUPS * UNITS + lane / LANES * 4u;
    let row = lane % LANES;
    let alive = block + row < ROWS && lane < UNITS / 4u * LANES;
    var sum = vec4<f32>(0.0);
    for (var tap = 0u; tap < TAPS; tap++) {
        let sources = vec4<u32>(
            source(first, tap, group, sample),
            source(first + 1u, tap, group, sample),
            source(first + 2u, tap, group, sample),
            source(first + 3u, tap, group, sample),
        );
        let there = sources != vec4<u32>(NONE);
        let outputs = select(vec4<u32>(0u), sources, there);
        let weight = ((group * TAPS + tap) * ROWS + block) * COLUMNS;
        for (var begin = 0u; begin < COLUMNS; begin += CHUNK) {
            workgroupBarrier();
            for (var i = lane; i < LANES * CHUNK; i += 64u) {
                let column = begin + i % CHUNK;
                if block + i / CHUNK < ROWS && column < COLUMNS {
                    tile[i / CHUNK * PITCH + i % CHUNK] = weights[weight + i / CHUNK * COLUMNS + column];
                }
            }
            workgroupBarrier();
            if alive {
                for (var column = begin; column < min(begin + CHUNK, COLUMNS); column++) {
                    let at = outputs + vec4<u32>(column);
                    let g = vec4<f32>(gradient[at.x], gradient[at.y], gradient[at.z], gradient[at.w]);
                    let product = fma(vec4<f32>(tile[row * PITCH + column - begin]), g, vec4<f32>(negative_zero()));
                    sum += select(vec4<f32>(0.0), product, there);
                }
            }
        }
    }
    if alive {
        for (var i = 0u; i < 4u; i++) {
            if first + i < units() {
                output[target_of(first + i, group, sample) + block + row] = sum[i];
            }
        }
    }
}

// Units are input cells of all steps.
fn units() -> u32 {
    return steps_of(p.output) * p.output.cells;
}

fn target_of(unit: u32, group: u32, sample: u32) -> u32 {
    let step = step_at(p.output, unit / p.output.cells, sample);
    return step + unit % p.output.cells * p.output.channels + group * ROWS;
}

fn source(unit: u32, tap: u32, group: u32, sample: u32) -> u32 {
    let g = p.geometry;
    let cell = unit % p.output.cells;
    let padded = vec2<u32>(cell / g.in_size.y, cell % g.in_size.y) + g.pad;
    // Of a cell before the first this wraps to a large number.
    let shifted = padded - vec2<u32>(tap / g.kernel.y, tap % g.kernel.y) * g.dilation;
    let place = shifted / g.stride;
    let between = any(shifted % g.stride != vec2<u32>(0u));
    if unit >= units() || between || place.x >= g.out_size.x || place.y >= g.out_size.y {
        return NONE;
    }
    let step = step_at(p.gradient, unit / p.output.cells, sample);
    return step + (place.x * g.out_size.y + place.y) * g.out_channels + group * COLUMNS;
}
