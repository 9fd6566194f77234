// Keeps the last steps of a window for `delay`. Twin: src/kernel/delay_push.rs.

struct Params {
    edge: Edge,
    ring: u32,
    grain: u32,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> ring: array<u32>;

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
    let words = p.edge.cells * cell_words(p.edge);
    let unit = group * 64u + lane;
    let kept = min(window.steps, p.ring);
    if unit >= kept * words {
        return;
    }
    let t = window.steps - kept + unit / words;
    let sample = window.first + workgroup.y;
    let slot = (window.clock + t) % p.ring;
    ring[(slot * window.batch + sample) * words + unit % words] = input[step_at(p.edge, t, sample) + unit % words];
}
