// The gradients of a convolution's weights and biases: of every sample the sum over steps and cells. Twin:
// src/kernel/grad/conv_weight.rs.
//
// A product of matrices: rows are the inputs of a group under every tap, and one more for the biases; columns its outputs;
// what is summed over are the cells of all steps, which keep their order. A workgroup has a tile of it, whose operands go
// through workgroup memory some cells at a time; an invocation has four rows and COLUMNS columns.

struct Params {
    geometry: Geometry,
    gradient: Edge,
    apart: u32,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

const IN: Edge = p.geometry.input;
const INPUTS: u32 = p.geometry.input.channels / p.geometry.groups;
const OUTPUTS: u32 = p.geometry.out_channels / p.geometry.groups;
const TAPS: u32 = p.geometry.kernel.x * p.geometry.kernel.y;
const ROWS: u32 = TAPS * INPUTS;
const WEIGHTS: u32 = ROWS * p.geometry.out_channels;
// What a sample gives.
const COUNT: u32 = WEIGHTS + p.geometry.bias * p.geometry.out_channels;

// Eight by eight invocations.
const TILE_ROWS: u32 = 32u;
// Of few sums an invocation has fewer, so that more of them go on at once.
const COLUMNS: u32 = select(4u, 1u, COUNT < 8192u);
const TILE_COLUMNS: u32 = 8u * COLUMNS;
const ROW_TILES: u32 = (ROWS + p.geometry.bias + TILE_ROWS - 1u) / TILE_ROWS;
const COLUMN_TILES: u32 = (OUTPUTS + TILE_COLUMNS - 1u) / TILE_COLUMNS;
// Cells that are in workgroup memory at once.
const DEPTH: u32 = 64u / COLUMNS;

var<workgroup> values: array<f32, DEPTH * TILE_ROWS>;
var<workgroup> gradients: array<f32, DEPTH * TILE_COLUMNS>;

// Sums of four rows, by column.
struct Sums {
    columns: array<vec4<f32>, COLUMNS>,
}

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
    let row = number % ROW_TILES * TILE_ROWS;
    let column = number / ROW_TILES % COLUMN_TILES * TILE_COLUMNS;
    let group = number / ROW_TILES / COLUMN_TILES;
    if p.apart == 1u {
        let sample = window.first + workgroup.y;
        put(sample * COUNT, row, column, group, lane, tile(sample, row, column, group, lane));
        return;
    }
    for (var sample = window.first; sample < window.first + window.samples; sample++) {
        add(row, column, group, lane, tile(sample, row, column, group, lane));
    }
}

// The sums of a sample that an invocation has of a tile.
fn tile(sample: u32, row: u32, column: u32, group: u32, lane: u32) -> Sums {
    let cells = p.gradient.cells;
    let depth = steps_of(p.gradient) * cells;
    // The row whose values this invocation brings.
    let own = row + lane % TILE_ROWS;
    let channel = group * INPUTS + own % INPUTS;
    let tap = own / INPUTS;
    // In the padding before, this wraps to a large number.
    let shift = vec2<u32>(tap / p.geometry.kernel.y, tap % p.geometry.kernel.y) * p.geometry.dilation - p.geometry.pad;
    var sums: Sums;
    for (var first = 0u; first < depth; first += DEPTH) {
        workgroupBarrier();
        for (var k = lane / TILE_ROWS; k < DEPTH; k += 64u / TILE_ROWS) {
            let at = first + k;
            var value = 0.0;
            if at < depth {
                value = value_under(own, shift, channel, at / cells, at % cells, sample);
            }
            values[k * TILE_ROWS + lane % TILE_ROWS] = value;
        }
        for (var i = lane; i < DEPTH * TILE_COLUMNS; i += 64u) {
            let at = first + i / TILE_COLUMNS;
            let output = column + i % TILE_COLUMNS;
            var slope = 0.0;
            if at < depth && output < OUTPUTS {
                let cell = step_at(p.gradient, at / cells, sample) + at % cells * p.geometry.out_channels;
                slope = gradient[cell + group * OUTPUTS + output];
            }
            gradients[i] = slope;
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let at = k * TILE_ROWS + lane / 8u * 4u;
            let x = vec4<f32>(values[at], values[at + 1u], values[at + 2u], values[at + 3u]);
            let there = x != vec4<f32>(0.0);
            for (var c = 0u; c < COLUMNS; c++) {
                let slope = gradients[k * TILE_COLUMNS + c * 8u + lane % 8u];
                // What is zero adds nothing, whatever the gradient is.
                sums.columns[c] += select(vec4<f32>(0.0), times(x, slope), there);
            }
        }
    }
    return sums;
}

// The value that a row has at an output cell.
fn value_under(row: u32, shift: vec2<u32>, channel: u32, t: u32, cell: u32, sample: u32) -> f32 {
    if row >= ROWS {
        return select(0.0, 1.0, p.geometry.bias == 1u && row == ROWS);
    }
    let g = p.geometry;
    let place = vec2<u32>(cell / g.out_size.y, cell % g.out_size.y) * g.stride + shift;
    if place.x >= g.in_size.x || place.y >= g.in_size.y {
        return 0.0;
    }
    return value_of(step_at(IN, t, sample) + (place.x * g.in_size.y + place.y) * cell_words(IN), channel);
}

// Products with a gradient; of a spike it is the gradient.
fn times(x: vec4<f32>, slope: f32) -> vec4<f32> {
    if IN.planes == 1u {
        return vec4<f32>(slope);
    }
    return rounded_four(x * slope);
}

// Where the sum of a row and an output lies.
fn place_of(row: u32, group: u32, output: u32) -> u32 {
    if row < ROWS {
        return (group * ROWS + row) * OUTPUTS + output;
    }
    return WEIGHTS + group * OUTPUTS + output;
}

fn put(begin: u32, row: u32, column: u32, group: u32, lane: u32, own: Sums) {
    for (var c = 0u; c < COLUMNS; c++) {
        let output = column + c * 8u + lane % 8u;
        for (var i = 0u; i < 4u; i++) {
            let own_row = row + lane / 8u * 4u + i;
            if own_row < ROWS + p.geometry.bias && output < OUTPUTS {
                sums[begin + place_of(own_row, group, output)] = own.columns[c][i];
            }
        }
    }
}

fn add(row: u32, column: u32, group: u32, lane: u32, own: Sums) {
    for (var c = 0u; c < COLUMNS; c++) {
        let output = column + c * 8u + lane % 8u;
        for (var i = 0u; i < 4u; i++) {
            let own_row = row + lane / 8u * 4u + i;
            if own_row < ROWS + p.geometry.bias && output < OUTPUTS {
                sums[place_of(own_row, group, output)] += own.columns[c][i];
            }
        }
    }
}
