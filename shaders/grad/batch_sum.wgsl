// Sums over the samples of a batch, added to what is there. Twin: src/kernel/grad/batch_sum.rs.
// An invocation has one sum.

struct Params {
    input: Edge,
    width: u32,
    grain: u32,
}

@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

const ELEMENTS: u32 = p.input.cells * p.input.channels;

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
    var number = ELEMENTS;
    if p.grain == 0u {
        number = p.width;
    } else if p.grain == 1u {
        number = p.input.channels;
    }
    let at = group * 64u + lane;
    if at >= number {
        return;
    }
    var sum = sums[at];
    for (var sample = window.first; sample < window.first + window.samples; sample++) {
        for (var t = 0u; t < steps_of(p.input); t++) {
            let step = step_at(p.input, t, sample);
            for (var i = at; i < ELEMENTS; i += number) {
                sum += input[step + i];
            }
        }
    }
    sums[at] = sum;
}
