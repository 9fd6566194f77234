// Neurons backwards, over all steps. Twin: src/kernel/grad/membrane_input.rs.
// An invocation has a neuron. It computes the states again: of all steps those that begin a stretch are kept, then, the
// last stretch first, those of every step in it.

struct Params {
    input: Edge,
    population: Population,
    gradient: Edge,
    output: Edge,
    surrogate: u32,
    alpha: f32,
    detach: u32,
    learns: u32,
    steps: u32,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> coefficients: array<Coefficients>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read> traces: array<f32>;
@group(0) @binding(5) var<storage, read_write> carry: array<f32>;
@group(0) @binding(6) var<storage, read_write> output: array<f32>;
@group(0) @binding(7) var<storage, read_write> learned: array<f32>;

const NEURONS: u32 = p.population.output.cells * p.population.output.channels;
const STRETCH: u32 = min(32u, p.steps);
const STRETCHES: u32 = (p.steps + STRETCH - 1u) / STRETCH;
const STORED: bool = p.population.records == 1u;

var<private> begins: array<State, STRETCHES>;
var<private> befores: array<State, STRETCH>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = group_of(workgroup, count);
    if group >= window.groups {
        return;
    }
    let neuron = group * 64u + lane;
    if neuron >= NEURONS {
        return;
    }
    let sample = window.first + workgroup.y;
    let channel = neuron % p.population.output.channels;
    let c = coefficients_of(neuron, channel);
    let own = sample * NEURONS + neuron;
    var now = State(c.v_init, 0.0);
    var back = Back(State(0.0, 0.0), 0.0);
    if STORED {
        back.state = State(carry[2u * own], carry[2u * own + 1u]);
        if window.start > 0u {
            let at = 3u * ((window.start - 1u) * window.batch * NEURONS + own);
            now = State(traces[at + 1u], traces[at + 2u]);
        }
    }
    let stretches = (window.steps + STRETCH - 1u) / STRETCH;
    for (var stretch = 0u; stretch + 1u < stretches; stretch++) {
        begins[stretch] = now;
        for (var t = stretch * STRETCH; t < (stretch + 1u) * STRETCH; t++) {
            now = integrate(c, now, x_of(t, sample, neuron, channel)).state;
        }
    }
    begins[stretches - 1u] = now;
    var sum = 0.0;
    var of_coefficients: array<f32, 8>;
    for (var left = stretches; left > 0u; left--) {
        let begin = (left - 1u) * STRETCH;
        let end = min(begin + STRETCH, window.steps);
        now = begins[left - 1u];
        for (var t = begin; t < end; t++) {
            befores[t - begin] = now;
            now = integrate(c, now, x_of(t, sample, neuron, channel)).state;
        }
        for (var after = end; after > begin; after--) {
            let t = after - 1u;
            let before = befores[t - begin];
            let x = x_of(t, sample, neuron, channel);
            let of_output = gradient[step_at(p.gradient, t, sample) + neuron];
            let given = step_back(c, before, x, integrate(c, before, x), of_output, back);
            back = given.back;
            if p.learns == 1u {
                for (var i = 0u; i < 8u; i++) {
                    of_coefficients[i] += given.shares[i];
                }
            }
            sum += back.x;
            if p.output.series == 1u {
                output[step_at(p.output, t, sample) + neuron] = back.x;
            }
        }
    }
    if p.output.series == 0u {
        output[step_at(p.output, 0u, sample) + neuron] = sum;
    }
    if STORED {
        carry[2u * own] = back.state.v;
        carry[2u * own + 1u] = back.state.i;
    }
    if p.learns == 1u {
        for (var i = 0u; i < 8u; i++) {
            // Step by step they add up; the memory is zero before.
            learned[8u * own + i] = select(0.0, learned[8u * own + i], STORED) + of_coefficients[i];
        }
    }
}

fn coefficients_of(neuron: u32, channel: u32) -> Coefficients {
    if p.population.grain == 0u {
        return coefficients[0];
    }
    return coefficients[select(neuron, channel, p.population.grain == 1u)];
}

fn x_of(t: u32, sample: u32, neuron: u32, channel: u32) -> f32 {
    let cell = neuron / p.population.output.channels * cell_words(p.input);
    return input_value(step_at(p.input, t, sample) + cell, channel);
}
