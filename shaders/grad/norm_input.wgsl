// The gradients of the input of a batch norm. Twin: src/kernel/grad/norm_input.rs.

struct Params {
    input: Edge,
    gradient: Edge,
    output: Edge,
}

const FIRST: u32 = 0u;
const COUNT: u32 = p.output.channels;

@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
@group(0) @binding(4) var<storage, read> factors: array<f32>;
@group(0) @binding(5) var<storage, read> sums: array<f32>;
@group(0) @binding(6) var<storage, read_write> output: array<u32>;

fn result(t: u32, sample: u32, cell: u32, channel: u32) -> f32 {
    let element = cell * p.input.channels + channel;
    let c = 2u * channel;
    let normal = (input[step_at(p.input, t, sample) + element] - scales[c]) * scales[c + 1u];
    let mean = rounded((sums[c] + rounded(normal * sums[c + 1u])) * scales[2u * p.input.channels]);
    return factors[c] * (gradient[step_at(p.gradient, t, sample) + element] - mean);
}
