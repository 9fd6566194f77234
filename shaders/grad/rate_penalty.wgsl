// What is added to the gradients of spikes where a population is to fire at some rate.
// Twin: src/kernel/grad/rate_penalty.rs.

struct Params {
    gradient: Edge,
    output: Edge,
    share: f32,
    wanted: f32,
    weight: f32,
}

const FIRST: u32 = 0u;
const COUNT: u32 = p.output.channels;

@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> tally: array<u32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<u32>;

fn result(t: u32, sample: u32, cell: u32, channel: u32) -> f32 {
    let rate = rounded(f32(tally[sample * 4u]) * p.share);
    let more = rounded(2.0 * p.weight * (rate - p.wanted) * p.share * settings[0]);
    return gradient[step_at(p.gradient, t, sample) + cell * p.gradient.channels + channel] + more;
}
