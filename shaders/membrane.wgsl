// The neurons alone, over all steps: currents in; spikes, counts or potentials out. Twin: src/kernel/membrane.rs.

struct Params {
    input: Edge,
    population: Population,
    width: u32,
    pool: vec2<u32>,
    output: Edge,
}

const SERIES: u32 = p.input.series;
const WIDTH: u32 = p.width;
const POOL: vec2<u32> = p.pool;
const OUT: Edge = p.output;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> coefficients: array<Coefficients>;
@group(0) @binding(3) var<storage, read_write> state: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<u32>;
@group(0) @binding(5) var<storage, read_write> tally: array<atomic<u32>>;
@group(0) @binding(6) var<storage, read_write> spikes: array<u32>;
@group(0) @binding(7) var<storage, read_write> traces: array<f32>;

fn record_word(at: u32, bits: u32) {
    spikes[at] = bits;
}

fn current(t: u32, sample: u32, cell: u32, channel: u32) -> f32 {
    return input_value(step_at(p.input, t, sample) + cell * cell_words(p.input), channel);
}
