// A recurrent layer of spiking neurons over all steps. Twin: src/kernel/recurrent_spike.rs.
//
// One workgroup of SIZE invocations computes a sample, with the time loop inside; an invocation steps the neurons
// lane, lane + SIZE, ... The spikes of a step are bits in workgroup memory, three steps of them: the last one, which is
// read, this one, which is written, and the next one, which is cleared, so that one barrier a step suffices.

struct Params {
    input: Edge,
    population: Population,
    bias: u32,
}

const NEURONS: u32 = p.population.output.channels;
const NEURON_WORDS: u32 = (NEURONS + 31u) / 32u;
// The canonical sum is over the spikes of the last step.
const IN: Edge = Edge(1u, NEURONS, 1u, 0u);
const BITS_AT_ONCE: u32 = 4u;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> coefficients: array<Coefficients>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<u32>;
@group(0) @binding(6) var<storage, read_write> tally: array<atomic<u32>>;
@group(0) @binding(7) var<storage, read_write> last: array<u32>;
@group(0) @binding(8) var<storage, read_write> traces: array<f32>;

var<workgroup> spikes: array<atomic<u32>, 3u * NEURON_WORDS>;
var<workgroup> potentials: array<f32, NEURONS>;
var<workgroup> currents: array<f32, NEURONS>;
var<workgroup> shared_tally: array<atomic<u32>, 3>;

// A word of the edge that `sum.wgsl` sums over.
fn sum_word(at: u32) -> u32 {
    return atomicLoad(&spikes[at]);
}

fn coefficients_of(neuron: u32) -> Coefficients {
    return coefficients[select(neuron, 0u, p.population.grain == 0u)];
}

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    if group_of(workgroup, count) >= window.groups {
        return;
    }
    let sample = window.first + workgroup.y;
    let kept = p.population.keeps_state == 1u && window.clock > 0u;
    if lane < 3u {
        atomicStore(&shared_tally[lane], 0u);
    }
    for (var word = lane; word < NEURON_WORDS; word += SIZE) {
        atomicStore(&spikes[word], select(0u, last[sample * NEURON_WORDS + word], window.clock > 0u));
        atomicStore(&spikes[NEURON_WORDS + word], 0u);
    }
    for (var neuron = lane; neuron < NEURONS; neuron += SIZE) {
        let at = 2u * (sample * NEURONS + neuron);
        potentials[neuron] = coefficients_of(neuron).v_init;
        currents[neuron] = 0.0;
        if kept {
            potentials[neuron] = state[at];
            currents[neuron] = state[at + 1u];
        }
    }
    workgroupBarrier();
    var fired = 0u;
    var updates = 0u;
    for (var t = 0u; t < window.steps; t++) {
        let before = t % 3u * NEURON_WORDS;
        let now = (t + 1u) % 3u * NEURON_WORDS;
        let next = (t + 2u) % 3u * NEURON_WORDS;
        for (var word = lane; word < NEURON_WORDS; word += SIZE) {
            atomicStore(&spikes[next + word], 0u);
        }
        for (var neuron = lane; neuron < NEURONS; neuron += SIZE) {
            let sum = add_cell(Sum(0.0, 0.0, 0u), before, 0u, NEURONS, 0u, neuron, NEURONS);
            var x = sum.total + sum.block;
            if p.bias == 1u {
                x += weights[NEURONS * NEURONS + neuron];
            }
            x += bitcast<f32>(input[step_at(p.input, t, sample) + neuron]);
            let old = State(potentials[neuron], currents[neuron]);
            let stepped = integrate(coefficients_of(neuron), old, x);
            potentials[neuron] = stepped.state.v;
            currents[neuron] = stepped.state.i;
            updates += select(0u, 1u, stepped.state.v != old.v);
            if stepped.spikes > 0.0 {
                fired += 1u;
                atomicOr(&spikes[now + neuron / 32u], 1u << (neuron % 32u));
            }
            if p.population.records == 1u {
                let at = 3u * (((window.start + t) * window.batch + sample) * NEURONS + neuron);
                traces[at] = stepped.h;
                traces[at + 1u] = stepped.state.v;
                traces[at + 2u] = stepped.state.i;
            }
        }
        workgroupBarrier();
        for (var word = lane; word < NEURON_WORDS; word += SIZE) {
            output[step_at(p.population.output, t, sample) + word] = atomicLoad(&spikes[now + word]);
        }
    }
    for (var word = lane; word < NEURON_WORDS; word += SIZE) {
        last[sample * NEURON_WORDS + word] = atomicLoad(&spikes[window.steps % 3u * NEURON_WORDS + word]);
    }
    for (var neuron = lane; neuron < NEURONS; neuron += SIZE) {
        if p.population.keeps_state == 1u {
            let at = 2u * (sample * NEURONS + neuron);
            state[at] = potentials[neuron];
            state[at + 1u] = currents[neuron];
        }
    }
    atomicAdd(&shared_tally[0], fired);
    atomicAdd(&shared_tally[1], updates);
    workgroupBarrier();
    if lane == 0u {
        let all = atomicLoad(&shared_tally[0]);
        atomicAdd(&tally[sample * 4u], all);
        atomicAdd(&tally[sample * 4u + 1u], all);
        atomicAdd(&tally[sample * 4u + 2u], atomicLoad(&shared_tally[1]));
        atomicMax(&tally[sample * 4u + 3u], min(all, 1u));
    }
}
