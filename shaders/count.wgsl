// Number of spikes of every neuron over all steps, as bit planes. Twin: src/kernel/count.rs.
// An invocation adds up 32 neurons with a ripple-carry adder over the planes.

struct Params {
    input: Edge,
    output: Edge,
}

const MAX_PLANES: u32 = 24u;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

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
    let word = group * 64u + lane;
    if word >= p.input.cells * words_of(p.input.channels) {
        return;
    }
    let sample = window.first + workgroup.y;
    let at = step_at(p.output, 0u, sample) + word * p.output.planes;
    var planes: array<u32, MAX_PLANES>;
    for (var plane = 0u; plane < p.output.planes; plane++) {
        planes[plane] = select(output[at + plane], 0u, window.at == 0u);
    }
    for (var t = 0u; t < window.steps; t++) {
        var carry = input[step_at(p.input, t, sample) + word];
        for (var plane = 0u; plane < p.output.planes; plane++) {
            let old = planes[plane];
            planes[plane] = old ^ carry;
            carry &= old;
        }
    }
    for (var plane = 0u; plane < p.output.planes; plane++) {
        output[at + plane] = planes[plane];
    }
}
