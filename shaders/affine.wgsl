// `y = a x + b` on every element. Twin: src/kernel/affine.rs.

struct Params {
    input: Edge,
    output: Edge,
    grain: u32,
}

const FIRST: u32 = 0u;
const COUNT: u32 = p.output.channels;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

fn result(t: u32, sample: u32, cell: u32, channel: u32) -> f32 {
    let x = input_value(step_at(p.input, t, sample) + cell * cell_words(p.input), channel);
    var pair = 0u;
    if p.grain == 1u {
        pair = channel;
    } else if p.grain == 2u {
        pair = cell * p.output.channels + channel;
    }
    return rounded(x * factors[2u * pair]) + factors[2u * pair + 1u];
}
