// Elements in another order. Twin: src/kernel/reorder.rs.

struct Params {
    input: Edge,
    output: Edge,
}

const FIRST: u32 = 0u;
const COUNT: u32 = p.output.channels;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> sources: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

fn result(t: u32, sample: u32, cell: u32, channel: u32) -> f32 {
    let source = sources[cell * p.output.channels + channel];
    let place = step_at(p.input, t, sample) + source / p.input.channels * cell_words(p.input);
    return input_value(place, source % p.input.channels);
}
