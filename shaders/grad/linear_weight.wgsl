// The gradients of a linear layer's weights and biases, added to what is there: samples ascending, and of a sample steps.
// Twin: src/kernel/grad/linear_weight.rs. An invocation has one of them; neighbours have neighbouring outputs.

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
    let at = group * 64u + lane;
    let row = at / OUTPUTS;
    if row >= INPUTS + p.bias {
        return;
    }
    let cell = row / p.input.channels * cell_words(p.input);
    var sum = sums[at];
    for (var sample = window.first; sample < window.first + window.samples; sample++) {
        for (var t = 0u; t < steps_of(p.gradient); t++) {
            var x = 1.0;
            if row < INPUTS {
                x = input_value(step_at(p.input, t, sample) + cell, row % p.input.channels);
            }
            // What is zero adds nothing, whatever the gradient is.
            if x != 0.0 {
                sum += rounded(x * gradient[step_at(p.gradient, t, sample) + at % OUTPUTS]);
            }
        }
    }
    sums[at] = sum;
}
