// Weights as they would be after quantisation. Twin: src/kernel/grad/quantise.rs.

struct Params {
    groups: u32,
    inputs: u32,
    outputs: u32,
    biases: u32,
    largest: f32,
}

@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> quantised: array<f32>;

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
    let output = group * 64u + lane;
    if output >= p.groups * p.outputs {
        return;
    }
    let first = output / p.outputs * p.inputs * p.outputs + output % p.outputs;
    var most = 0.0;
    for (var i = 0u; i < p.inputs; i++) {
        most = max(most, abs(weights[first + i * p.outputs]));
    }
    let up = p.largest / most;
    let down = most / p.largest;
    for (var i = 0u; i < p.inputs; i++) {
        let at = first + i * p.outputs;
        quantised[at] = select(round(weights[at] * up) * down, 0.0, most == 0.0);
    }
    if output < p.biases {
        let at = p.groups * p.inputs * p.outputs + output;
        quantised[at] = weights[at];
    }
}
