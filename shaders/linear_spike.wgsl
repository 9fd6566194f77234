// Fully connected layer and the neurons behind it, over all steps. Twin: src/kernel/linear_spike.rs.

struct Params {
    input: Edge,
    population: Population,
    bias: u32,
    most_events: u32,
}

const SERIES: u32 = p.input.series;
const OUTPUTS: u32 = p.population.count;
const WIDTH: u32 = 1u;
const POOL: vec2<u32> = vec2<u32>(1u, 1u);
const OUT: Edge = p.population.output;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<Wide>;
@group(0) @binding(3) var<storage, read> coefficients: array<Coefficients>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<u32>;
@group(0) @binding(6) var<storage, read_write> tally: array<atomic<u32>>;
@group(0) @binding(7) var<storage, read> events: array<u32>;
@group(0) @binding(8) var<storage, read_write> traces: array<f32>;

// There is no pool, so what is recorded of the spikes is the output itself.
fn record_word(at: u32, bits: u32) {}
