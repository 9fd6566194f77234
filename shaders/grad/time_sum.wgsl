// The sum over time, steps ascending. Twin: src/kernel/grad/time_sum.rs.

struct Params {
    input: Edge,
    output: Edge,
}

const FIRST: u32 = 0u;
const COUNT: u32 = p.output.channels;

@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

fn result(t: u32, sample: u32, cell: u32, channel: u32) -> f32 {
    var sum = 0.0;
    for (var step = 0u; step < window.steps; step++) {
        sum += input[step_at(p.input, step, sample) + cell * p.input.channels + channel];
    }
    return sum;
}
