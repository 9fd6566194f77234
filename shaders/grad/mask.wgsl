// Dropout: some elements become zero, the others larger, by a hash of a sample's own seed. Twin: src/kernel/grad/mask.rs.

struct Params {
    input: Edge,
    output: Edge,
    keep: u32,
    scale: f32,
    stream: u32,
    same: u32,
}

const FIRST: u32 = 0u;
const COUNT: u32 = p.output.channels;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> facts: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

fn result(t: u32, sample: u32, cell: u32, channel: u32) -> f32 {
    let step = select(window.at + t, 0u, p.same == 1u);
    let key = lowbias32(lowbias32(facts[2u * sample + 1u] ^ (p.stream * 0x9e3779b9u)) + step);
    let element = cell * p.output.channels + channel;
    if lowbias32(lowbias32(element ^ key) + key) >= p.keep {
        return 0.0;
    }
    return input_value(step_at(p.input, t, sample) + cell * cell_words(p.input), channel) * p.scale;
}

// An invertible 32-bit hash with little bias (Chris Wellons, hash-prospector).
fn lowbias32(number: u32) -> u32 {
    var x = number;
    x ^= x >> 16u;
    x *= 0x7feb352du;
    x ^= x >> 15u;
    x *= 0x846ca68bu;
    return x ^ (x >> 16u);
}
