// Convolution, the neurons behind it, and a max pool of their spikes, over all steps: the currents
// never reach memory. Twin: src/kernel/conv_spike.rs.

struct Params {
    geometry: Geometry,
    population: Population,
    pool: vec2<u32>,
    output: Edge,
}

const SERIES: u32 = p.geometry.input.series;
const WIDTH: u32 = p.geometry.out_size.y;
const POOL: vec2<u32> = p.pool;
const OUT: Edge = p.output;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<Wide>;
@group(0) @binding(3) var<storage, read> coefficients: array<Coefficients>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<u32>;
@group(0) @binding(6) var<storage, read_write> tally: array<atomic<u32>>;
@group(0) @binding(7) var<storage, read_write> spikes: array<u32>;
@group(0) @binding(8) var<storage, read_write> traces: array<f32>;

fn record_word(at: u32, bits: u32) {
    spikes[at] = bits;
}
