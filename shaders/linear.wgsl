// Fully connected layer of bits, counts or reals to currents. Twin: src/kernel/linear.rs.

struct Params {
    input: Edge,
    output: Edge,
    bias: u32,
    first: u32,
    count: u32,
    most_events: u32,
}

const FIRST: u32 = p.first;
const COUNT: u32 = p.count;
const OUTPUTS: u32 = COUNT;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<Wide>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;
@group(0) @binding(4) var<storage, read> events: array<u32>;

fn result(t: u32, sample: u32, cell: u32, channel: u32) -> Wide {
    return current(t, sample, cell, channel);
}
