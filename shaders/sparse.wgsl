// Linear layer of few synapses, target by target. Twin: src/kernel/sparse.rs.
//
// An invocation has one target, and steps side by side, for which it reads its synapses once: `sums_of` them, of spikes or
// of other values.

struct Params {
    input: Edge,
    output: Edge,
    bias: u32,
    first: u32,
    count: u32,
    most: u32,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> synapses: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

const SLICE: u32 = 64u;
const CHUNK: u32 = 8u;
const SLICES: u32 = (p.count + SLICE - 1u) / SLICE;
// Where biases begin, and the rows of synapses.
const BIASES: u32 = SLICES + 1u;
const ROWS: u32 = BIASES + p.bias * p.count;
const PADDED: u32 = 32u * ((p.input.channels + 31u) / 32u);

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
    let slice = group % SLICES;
    let target_cell = slice * SLICE + lane;
    let sample = window.first + workgroup.y;
    let begin = group / SLICES * CHUNK;
    let steps = min(CHUNK, steps_of(p.output) - begin);
    // Steps that are not there are summed as the last, and left.
    var begins: array<u32, CHUNK>;
    for (var t = 0u; t < CHUNK; t++) {
        begins[t] = step_at(p.input, begin + min(t, steps - 1u), sample);
    }
    var sums = sums_of(slice, lane, begins);
    if target_cell >= p.count {
        return;
    }
    var bias = 0.0;
    if p.bias == 1u {
        bias = bitcast<f32>(synapses[BIASES + target_cell]);
    }
    for (var t = 0u; t < steps; t++) {
        let at_step = step_at(p.output, begin + t, sample) + p.first + target_cell;
        output[at_step] = bitcast<u32>(select(sums[t], sums[t] + bias, p.bias == 1u));
    }
}
