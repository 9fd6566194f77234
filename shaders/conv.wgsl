// Convolution of bits, counts or reals to currents. Twin: src/kernel/conv.rs.

struct Params {
    geometry: Geometry,
    output: Edge,
    first: u32,
}

const FIRST: u32 = p.first;
const COUNT: u32 = p.geometry.out_channels;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<Wide>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

fn result(t: u32, sample: u32, cell: u32, channel: u32) -> Wide {
    return current(t, sample, cell, channel);
}
