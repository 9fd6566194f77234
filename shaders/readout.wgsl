// The network's output, reduced over time, channels first. Twin: src/kernel/readout.rs.

struct Params {
    input: Edge,
    mode: u32,
    summed: u32,
    bias: u32,
    keeps_sums: u32,
}

const SUM: u32 = 0u;
const MEAN: u32 = 1u;
const LAST: u32 = 2u;
const MAX: u32 = 3u;
const TRACE: u32 = 4u;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<storage, read_write> scores: array<f32>;

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
    let at = sample * elements + element;
    if p.mode == TRACE {
        for (var t = 0u; t < window.steps; t++) {
            let x = input_value(step_at(p.input, t, sample) + cell * cell_words(p.input), channel);
            scores[((window.start + t) * window.batch + sample) * elements + element] = x;
        }
        return;
    }
    var total = 0.0;
    if p.summed == 1u {
        total = input_value(step_at(p.input, 0u, sample) + cell * cell_words(p.input), channel);
    } else {
        if window.at > 0u {
            if p.keeps_sums == 1u {
                total = sums[at];
            } else {
                total = scores[at];
            }
        }
        for (var t = select(0u, window.steps - 1u, p.mode == LAST); t < window.steps; t++) {
            let x = input_value(step_at(p.input, t, sample) + cell * cell_words(p.input), channel);
            if window.at + t == 0u {
                total = x;
            } else if p.mode == SUM || p.mode == MEAN {
                total += x;
            } else if p.mode == LAST || x > total {
                total = x;
            }
        }
        if p.keeps_sums == 1u {
            sums[at] = total;
        }
    }
    if p.mode == MEAN {
        total = rounded(total * window.mean);
    }
    if p.bias == 1u {
        total += rounded(bias[element] * select(f32(window.at + window.steps), 1.0, p.mode == MEAN));
    }
    scores[at] = total;
}
