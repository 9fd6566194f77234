// The gradients of a convolution's weights and biases: of every sample the sum over steps and cells. Twin:
// src/kernel/grad/conv_weight.rs.
//
// Rows of the product are the inputs of a group under every tap, and one more for the biases; columns its outputs.

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

const FEW: bool = COUNT < 8192u;
const SPIKES: bool = IN.planes == 1u;
const ROW_TILES: u32 = (ROWS + p.geometry.bias + TILE_ROWS - 1u) / TILE_ROWS;
const COLUMN_TILES: u32 = (OUTPUTS + TILE_COLUMNS - 1u) / TILE_COLUMNS;

// A sample, and a group of channels.
struct Origin {
    sample: u32,
    group: u32,
}

// An output cell of a step.
struct Place {
    t: u32,
    cell: u32,
}

@compute @workgroup_size(256)
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
    let depth = steps_of(p.gradient) * p.gradient.cells;
    var first = window.first;
    var beyond = first + window.samples;
    if p.apart == 1u {
        first += workgroup.y;
        beyond = first + 1u;
    }
    for (var sample = first; sample < beyond; sample++) {
        var own: Sums;
        own = product(row, column, depth, Origin(sample, group), lane, own);
        for (var c = 0u; c < COLUMNS; c++) {
            let output = column + own_column(lane) + c;
            for (var i = 0u; i < 4u; i++) {
                let of_row = row + own_row(lane) + i;
                if of_row < ROWS + p.geometry.bias && output < OUTPUTS {
                    put(sample, where_is(of_row, group, output), own.columns[c][i]);
                }
            }
        }
    }
}

// Where the sum of a row and an output lies among those of a sample.
fn where_is(row: u32, group: u32, output: u32) -> u32 {
    if row < ROWS {
        return (group * ROWS + row) * OUTPUTS + output;
    }
    return WEIGHTS + group * OUTPUTS + output;
}

fn put(sample: u32, at: u32, sum: f32) {
    if p.apart == 1u {
        sums[sample * COUNT + at] = sum;
    } else {
        sums[at] += sum;
    }
}

fn place_of(at: u32, origin: Origin) -> Place {
    return Place(at / p.gradient.cells, at % p.gradient.cells);
}

fn values_of(row: u32, place: Place, origin: Origin) -> vec4<f32> {
    if SPIKES && INPUTS % 4u == 0u {
        // Neighbours in a word, under one tap.
        if row >= ROWS {
            return vec4<f32>(bias_value(row), 0.0, 0.0, 0.0);
        }
        let cell = source_of(place.cell, row / INPUTS, step_at(IN, place.t, origin.sample));
        let channel = origin.group * INPUTS + row % INPUTS;
        if cell == NONE {
            return vec4<f32>(0.0);
        }
        return four_spikes(input[cell + channel / 32u], channel);
    }
    return vec4<f32>(
        value_under(row, place, origin),
        value_under(row + 1u, place, origin),
        value_under(row + 2u, place, origin),
        value_under(row + 3u, place, origin),
    );
}

fn value_under(row: u32, place: Place, origin: Origin) -> f32 {
    if row >= ROWS {
        return bias_value(row);
    }
    let cell = source_of(place.cell, row / INPUTS, step_at(IN, place.t, origin.sample));
    if cell == NONE {
        return 0.0;
    }
    return value_of(cell, origin.group * INPUTS + row % INPUTS);
}

// What the biases are multiplied with; there is nothing behind them.
fn bias_value(row: u32) -> f32 {
    return select(0.0, 1.0, p.geometry.bias == 1u && row == ROWS);
}

fn slopes_of(column: u32, place: Place, origin: Origin) -> vec4<f32> {
    let cell = step_at(p.gradient, place.t, origin.sample) + place.cell * p.geometry.out_channels;
    return four_slopes(cell + origin.group * OUTPUTS, column);
}
