// Weights for the way back. Twin: src/kernel/grad/transpose.rs. An invocation writes one of them.

struct Params {
    taps: u32,
    inputs: u32,
    outputs: u32,
}

@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> transposed: array<f32>;

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
    let at = group * 64u + lane;
    let of_tap = p.inputs * p.outputs;
    if at >= p.taps * of_tap {
        return;
    }
    let tap = p.taps - 1u - at / of_tap;
    let output = at % of_tap / p.inputs;
    let input = at % p.inputs;
    transposed[at] = weights[tap * of_tap + input * p.outputs + output];
}
