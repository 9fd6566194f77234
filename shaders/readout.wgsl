// The network's output, reduced over time, channels first. Twin: src/kernel/readout.rs.

struct Params {
    input: Edge,
    mode: u32,
    factor: f32,
    total_steps: u32,
}

const SUM: u32 = 0u;
const LAST: u32 = 1u;
const MAX: u32 = 2u;
const TRACE: u32 = 3u;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> scores: array<f32>;

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
    let element = group * 64u + lane;
    let elements = p.input.cells * p.input.channels;
    if element >= elements {
        return;
    }
    let sample = window.first + workgroup.y;
    let cell = element % p.input.cells;
    let channel = element / p.input.cells;
    var score = 0.0;
    if window.clock > 0u && p.mode != TRACE {
        score = scores[sample * elements + element];
    }
    for (var t = 0u; t < window.steps; t++) {
        let x = input_value(step_at(p.input, t, sample) + cell * cell_words(p.input), channel);
        let fresh = window.clock == 0u && t == 0u;
        if p.mode == SUM && !fresh {
            score += x;
        } else if p.mode == SUM || p.mode == LAST || fresh || x > score {
            score = x;
        }
        if p.mode == SUM && window.clock + t + 1u == p.total_steps {
            score *= p.factor;
        }
        if p.mode == TRACE {
            scores[((window.start + t) * window.batch + sample) * elements + element] = x;
        }
    }
    if p.mode != TRACE {
        scores[sample * elements + element] = score;
    }
}
