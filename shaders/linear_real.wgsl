// Fully connected layer of reals to currents. Twin: src/kernel/linear.rs.
//
// A workgroup has 256 outputs and eight steps: an invocation reads four weights of an input for all of them. Values come to
// workgroup memory 32 inputs at a time.

struct Params {
    input: Edge,
    output: Edge,
    bias: u32,
    first: u32,
    count: u32,
    most_events: u32,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;
@group(0) @binding(4) var<storage, read> events: array<u32>;

const IN: Edge = p.input;
const CELL_WORDS: u32 = (IN.channels + 31u) / 32u;
const ROWS: u32 = IN.cells * IN.channels;
const OUTPUTS: u32 = 256u;
const STEPS: u32 = 8u;
const TILES: u32 = (p.count + OUTPUTS - 1u) / OUTPUTS;

// Of an input the values of the first four steps, then of the last four.
var<workgroup> values: array<vec4<f32>, 64>;

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
    let begin = number / TILES * STEPS;
    let steps = min(STEPS, steps_of(p.output) - begin);
    let first_output = number % TILES * OUTPUTS + lane;
    // Steps that are not there are summed as the last, and left.
    var steps_at: vec4<u32>;
    for (var i = 0u; i < 4u; i++) {
        steps_at[i] = step_at(IN, begin + min(lane / 32u * 4u + i, steps - 1u), sample);
    }
    // Of four outputs the sums of the first four steps, then of the last four.
    var total: array<vec4<f32>, 8>;
    var block: array<vec4<f32>, 8>;
    for (var word = 0u; word < IN.cells * CELL_WORDS; word++) {
        let channel = word % CELL_WORDS * 32u;
        let inputs = min(32u, IN.channels - channel);
        let row = word / CELL_WORDS * IN.channels + channel;
        workgroupBarrier();
        // As many inputs in every word, so that compilers see how many: those that are not there are zero.
        let own = row + lane % 32u;
        values[lane % 32u * 2u + lane / 32u] = vec4<f32>(0.0);
        if lane % 32u < inputs {
            values[lane % 32u * 2u + lane / 32u] = vec4<f32>(
                bitcast<f32>(input[steps_at.x + own]),
                bitcast<f32>(input[steps_at.y + own]),
                bitcast<f32>(input[steps_at.z + own]),
                bitcast<f32>(input[steps_at.w + own]),
            );
        }
        workgroupBarrier();
        if word > 0u && word % BLOCK_WORDS == 0u {
            for (var i = 0u; i < 8u; i++) {
                total[i] += block[i];
                block[i] = vec4<f32>(0.0);
            }
        }
        for (var k = 0u; k < 32u; k++) {
            let low = values[2u * k];
            let high = values[2u * k + 1u];
            for (var i = 0u; i < 4u; i++) {
                let weight = weights[min(row + k, ROWS - 1u) * p.count + min(first_output + 64u * i, p.count - 1u)];
                block[2u * i] += fma(low, vec4<f32>(weight), vec4<f32>(negative_zero()));
                if steps > 4u {
                    block[2u * i + 1u] += fma(high, vec4<f32>(weight), vec4<f32>(negative_zero()));
                }
            }
        }
    }
    for (var i = 0u; i < 4u; i++) {
        let own = first_output + 64u * i;
        var bias = 0.0;
        if p.bias == 1u {
            bias = weights[ROWS * p.count + min(own, p.count - 1u)];
        }
        for (var t = 0u; t < steps; t++) {
            let at = 2u * i + t / 4u;
            let sum = total[at][t % 4u] + block[at][t % 4u];
            if own < p.count {
                let result = select(sum, sum + bias, p.bias == 1u);
                output[step_at(p.output, begin + t, sample) + p.first + own] = bitcast<u32>(result);
            }
        }
    }
}
