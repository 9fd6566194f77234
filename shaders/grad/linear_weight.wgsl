// The gradients of a linear layer's weights and biases, added to what is there: samples ascending, and of a sample steps.
// Twin: src/kernel/grad/linear_weight.rs.
//
// Rows of the product are the inputs, and one more for the biases; columns are the outputs.

struct Params {
    input: Edge,
    gradient: Edge,
    bias: u32,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

const OUTPUTS: u32 = p.gradient.cells * p.gradient.channels;
const INPUTS: u32 = p.input.cells * p.input.channels;
const ROWS: u32 = INPUTS + p.bias;

const FEW: bool = ROWS * OUTPUTS < 65536u;
const SPIKES: bool = p.input.planes == 1u;
const ROW_TILES: u32 = (ROWS + TILE_ROWS - 1u) / TILE_ROWS;

// All samples have the same weights.
struct Origin {
    steps: u32,
}

struct Place {
    t: u32,
    sample: u32,
}

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
    let row = group % ROW_TILES * TILE_ROWS;
    let column = group / ROW_TILES * TILE_COLUMNS;
    let steps = steps_of(p.gradient);
    var own: Sums;
    for (var c = 0u; c < COLUMNS; c++) {
        for (var i = 0u; i < 4u; i++) {
            let at = vec2<u32>(row + own_row(lane) + i, column + own_column(lane) + c);
            if at.x < ROWS && at.y < OUTPUTS {
                own.columns[c][i] = sums[at.x * OUTPUTS + at.y];
            }
        }
    }
    own = product(row, column, window.samples * steps, Origin(steps), lane, own);
    for (var c = 0u; c < COLUMNS; c++) {
        for (var i = 0u; i < 4u; i++) {
            let at = vec2<u32>(row + own_row(lane) + i, column + own_column(lane) + c);
            if at.x < ROWS && at.y < OUTPUTS {
                sums[at.x * OUTPUTS + at.y] = own.columns[c][i];
            }
        }
    }
}

fn place_of(at: u32, origin: Origin) -> Place {
    return Place(at % origin.steps, window.first + at / origin.steps);
}

fn values_of(row: u32, place: Place, origin: Origin) -> vec4<f32> {
    let step = step_at(p.input, place.t, place.sample);
    if SPIKES && p.input.channels % 4u == 0u && row + 3u < INPUTS {
        // Neighbours in a word.
        let channel = row % p.input.channels;
        let word = row / p.input.channels * cell_words(p.input) + channel / 32u;
        return four_spikes(input[step + word], channel);
    }
    return vec4<f32>(
        value_of(row, step),
        value_of(row + 1u, step),
        value_of(row + 2u, step),
        value_of(row + 3u, step),
    );
}

fn value_of(row: u32, step: u32) -> f32 {
    if row >= INPUTS {
        // What the biases are multiplied with; there is nothing behind them.
        return select(0.0, 1.0, p.bias == 1u && row == INPUTS);
    }
    return input_value(step + row / p.input.channels * cell_words(p.input), row % p.input.channels);
}

fn slopes_of(column: u32, place: Place, origin: Origin) -> vec4<f32> {
    return four_slopes(step_at(p.gradient, place.t, place.sample), column);
}
