// Convolution of reals to currents, as a product of matrices: rows are the output cells of all steps of a sample, columns the
// output channels of a group, and the sums go over the inputs under all taps, in their order. Twin: src/kernel/conv.rs.
//
// A workgroup has a tile of it. Sixteen inputs at a time come to workgroup memory, while those before are added up; an
// invocation has four rows and COLUMNS columns.

struct Params {
    geometry: Geometry,
    output: Edge,
    first: u32,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

const IN: Edge = p.geometry.input;
const INPUTS: u32 = IN.channels / p.geometry.groups;
const OUTPUTS: u32 = p.geometry.out_channels / p.geometry.groups;
const TAPS: u32 = p.geometry.kernel.x * p.geometry.kernel.y;

const CHUNK: u32 = 16u;
const CHUNKS: u32 = (INPUTS + CHUNK - 1u) / CHUNK;
const TILE_ROWS: u32 = 64u;
const COLUMNS: u32 = select(select(4u, 2u, OUTPUTS <= 32u), 1u, OUTPUTS <= 16u);
const TILE_COLUMNS: u32 = 16u * COLUMNS;
const COLUMN_TILES: u32 = (OUTPUTS + TILE_COLUMNS - 1u) / TILE_COLUMNS;
// Of four columns each.
const QUADS: u32 = TILE_COLUMNS / 4u;
// Rows of a chunk lie so far apart that four inputs of a cell go to different banks.
const PITCH: u32 = TILE_ROWS + 2u;

var<workgroup> values: array<f32, CHUNK * PITCH>;
var<workgroup> near: array<vec4<f32>, CHUNK * QUADS>;

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
    let sample = window.first + workgroup.y;
    let column = number % COLUMN_TILES * TILE_COLUMNS;
    let group = number / COLUMN_TILES % p.geometry.groups;
    let row = number / COLUMN_TILES / p.geometry.groups * TILE_ROWS;
    let rows = steps_of(p.output) * p.output.cells;

    var total: array<vec4<f32>, COLUMNS>;
    var block: array<vec4<f32>, COLUMNS>;
    var at = 0u;
    var next_values = values_of(0u, row + lane / 4u, group, sample, lane, rows);
    var next_weights = weights_of(0u, column, group, lane);
    for (var chunk = 0u; chunk < TAPS * CHUNKS; chunk++) {
        workgroupBarrier();
        for (var i = 0u; i < 4u; i++) {
            values[(lane % 4u * 4u + i) * PITCH + lane / 4u] = next_values[i];
        }
        if lane % 16u < QUADS {
            near[lane / 16u * QUADS + lane % 16u] = next_weights;
        }
        workgroupBarrier();
        if chunk + 1u < TAPS * CHUNKS {
            next_values = values_of(chunk + 1u, row + lane / 4u, group, sample, lane, rows);
            next_weights = weights_of(chunk + 1u, column, group, lane);
        }
        let own = (chunk / CHUNKS * words_of(INPUTS) + chunk % CHUNKS * CHUNK / 32u) / BLOCK_WORDS;
        if own != at {
            for (var c = 0u; c < COLUMNS; c++) {
                total[c] += block[c];
                block[c] = vec4<f32>(0.0);
            }
            at = own;
        }
        for (var k = 0u; k < CHUNK; k++) {
            let first = k * PITCH + lane / 16u * 4u;
            let x = vec4<f32>(values[first], values[first + 1u], values[first + 2u], values[first + 3u]);
            for (var c = 0u; c < COLUMNS; c++) {
                let own_column = lane % 16u * COLUMNS + c;
                let weight = near[k * QUADS + own_column / 4u][own_column % 4u];
                block[c] += fma(x, vec4<f32>(weight), vec4<f32>(negative_zero()));
            }
        }
    }
    for (var c = 0u; c < COLUMNS; c++) {
        let own_column = column + lane % 16u * COLUMNS + c;
        var bias = 0.0;
        if p.geometry.bias == 1u {
            bias = weights[TAPS * INPUTS * p.geometry.out_channels + group * OUTPUTS + min(own_column, OUTPUTS - 1u)];
        }
        let sum = total[c] + block[c];
        for (var i = 0u; i < 4u; i++) {
            let own_row = row + lane / 16u * 4u + i;
            if own_row < rows && own_column < OUTPUTS {
                let step = step_at(p.output, own_row / p.output.cells, sample);
                let cell = step + own_row % p.output.cells * cell_words(p.output) + p.first;
                let result = select(sum[i], sum[i] + bias, p.geometry.bias == 1u);
                output[cell + group * OUTPUTS + own_column] = bitcast<u32>(result);
            }
        }
    }
}

// Four inputs of a chunk at a row; zero where there are none.
fn values_of(chunk: u32, row: u32, group: u32, sample: u32, lane: u32, rows: u32) -> vec4<f32> {
    let first = chunk % CHUNKS * CHUNK + lane % 4u * 4u;
    let cell = source_of(row % p.output.cells, chunk / CHUNKS, step_at(IN, row / p.output.cells, sample));
    if row >= rows || cell == NONE {
        return vec4<f32>(0.0);
    }
    let begin = cell + group * INPUTS;
    var four = vec4<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        if first + i < INPUTS {
            four[i] = bitcast<f32>(input[begin + first + i]);
        }
    }
    return four;
}

// Four weights of an input of a chunk; what lies beyond the columns is not used.
fn weights_of(chunk: u32, column: u32, group: u32, lane: u32) -> vec4<f32> {
    let input_channel = min(chunk % CHUNKS * CHUNK + lane / 16u, INPUTS - 1u);
    let begin = ((group * TAPS + chunk / CHUNKS) * INPUTS + input_channel) * OUTPUTS;
    let first = column + lane % 16u * 4u;
    let last = OUTPUTS - 1u;
    return vec4<f32>(
        weights[begin + min(first, last)],
        weights[begin + min(first + 1u, last)],
        weights[begin + min(first + 2u, last)],
        weights[begin + min(first + 3u, last)],
    );
}
