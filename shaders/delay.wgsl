// Each element comes later by its own number of steps. Twin: src/kernel/delay.rs.
// An invocation moves one word; those of bits and counts hold 32 channels, each with its own delay.

struct Params {
    edge: Edge,
    ring: u32,
    grain: u32,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> delays: array<u32>;
@group(0) @binding(3) var<storage, read> ring: array<u32>;
@group(0) @binding(4) var<storage, read_write> output: array<u32>;

// Word `word` of the input `delay` steps before step `t`: from this window, from the ring, or none yet.
fn past(t: u32, sample: u32, word: u32, delay: u32) -> u32 {
    if delay <= t {
        return input[step_at(p.edge, t - delay, sample) + word];
    }
    if window.clock + t < delay {
        return 0u;
    }
    let slot = (window.clock + t - delay) % p.ring;
    return ring[(slot * window.batch + sample) * p.edge.cells * cell_words(p.edge) + word];
}

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
    let t = unit / words;
    let word = unit % words;
    if t >= window.steps {
        return;
    }
    let sample = window.first + workgroup.y;
    var value = 0u;
    if p.grain == 0u {
        value = past(t, sample, word, delays[0]);
    } else if p.edge.planes == 0u {
        value = past(t, sample, word, delays[word]);
    } else {
        let cell = word / cell_words(p.edge);
        let first = word % cell_words(p.edge) / max(p.edge.planes, 1u) * 32u;
        for (var bit = 0u; bit < min(32u, p.edge.channels - first); bit++) {
            let delay = delays[cell * p.edge.channels + first + bit];
            value |= past(t, sample, word, delay) & (1u << bit);
        }
    }
    output[step_at(p.edge, t, sample) + word] = value;
}
