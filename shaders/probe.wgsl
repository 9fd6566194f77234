// Keeps what some cells of a circuit remember after a step. Twin: src/kernel/probe.rs.

struct Params {
    cells: u32,
    probes: u32,
}

@group(0) @binding(1) var<storage, read> probes: array<u32>;
@group(0) @binding(2) var<storage, read> state: array<u32>;
@group(0) @binding(3) var<storage, read_write> traces: array<u32>;

const STATE_WORDS: u32 = 5u;
const PROBE_VALUES: u32 = 4u;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = group_of(workgroup, count);
    let probe = group * 64u + lane;
    if group >= window.groups || probe >= p.probes {
        return;
    }
    let sample = window.first + workgroup.y;
    let own = sample * STATE_WORDS * p.cells + probes[probe];
    let to = ((window.start * window.batch + sample) * p.probes + probe) * PROBE_VALUES;
    for (var value = 0u; value < PROBE_VALUES; value++) {
        traces[to + value] = state[own + value * p.cells];
    }
}
