// The loss of every sample and the gradients of the output, over time. Twin: src/kernel/grad/loss.rs.
// An invocation has a sample.

struct Params {
    input: Edge,
    output: Edge,
    kind: u32,
    over: u32,
    repeats: u32,
}

const MSE: u32 = 1u;
const MEAN: u32 = 0u;
const SUM: u32 = 1u;
const LAST: u32 = 2u;
const EACH_STEP: u32 = 3u;
const CLASSES: u32 = p.input.cells * p.input.channels;
const SHARE: f32 = 1.0 / f32(CLASSES);

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> facts: array<u32>;
@group(0) @binding(3) var<storage, read> settings: array<f32>;
@group(0) @binding(4) var<storage, read_write> results: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;

var<private> scores: array<f32, CLASSES>;
// Of the softmax: the largest score, and the sum over the classes.
var<private> largest: f32;
var<private> total: f32;

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
    if group > 0u || lane > 0u {
        return;
    }
    let sample = window.first + workgroup.y;
    let label = facts[2u * sample];
    // People's order is channels first.
    let right = label % p.input.cells * p.input.channels + label / p.input.cells;
    let steps = steps_of(p.input);
    let mean = select(1.0, window.mean, p.input.series == 1u);
    var loss = 0.0;
    if p.over == EACH_STEP {
        let weight = mean * settings[0];
        for (var t = 0u; t < steps; t++) {
            for (var i = 0u; i < CLASSES; i++) {
                scores[i] = value(t, sample, i);
            }
            loss += rounded(compare(right) * mean);
            let to = step_at(p.output, t, sample);
            for (var i = 0u; i < CLASSES; i++) {
                output[to + i] = gradient(i, right) * weight;
            }
        }
    }
    let first = select(0u, steps - 1u, p.over == LAST);
    for (var i = 0u; i < CLASSES; i++) {
        scores[i] = 0.0;
        for (var t = first; t < steps; t++) {
            scores[i] += value(t, sample, i);
        }
    }
    if p.over != EACH_STEP {
        var weight = 1.0;
        if p.over == MEAN {
            weight = mean;
        } else if p.over == SUM {
            weight = f32(p.repeats);
        }
        for (var i = 0u; i < CLASSES; i++) {
            scores[i] = rounded(scores[i] * weight);
        }
        loss = compare(right);
        for (var t = 0u; t < steps; t++) {
            let to = step_at(p.output, t, sample);
            let share = select(weight * settings[0], 0.0, t < first);
            for (var i = 0u; i < CLASSES; i++) {
                output[to + i] = gradient(i, right) * share;
            }
        }
    }
    results[2u * sample] = loss;
    results[2u * sample + 1u] = select(0.0, 1.0, is_best(right, label));
}

fn value(t: u32, sample: u32, i: u32) -> f32 {
    let cell = i / p.input.channels * cell_words(p.input);
    return input_value(step_at(p.input, t, sample) + cell, i % p.input.channels);
}

// Whether the score of the label is the largest, and of equals the first in people's order.
fn is_best(right: u32, label: u32) -> bool {
    var best = true;
    for (var i = 0u; i < CLASSES; i++) {
        let people = i % p.input.channels * p.input.cells + i / p.input.channels;
        let less = scores[i] < scores[right] || (scores[i] == scores[right] && people > label);
        best = best && (less || i == right);
    }
    return best;
}

// The loss of the scores.
fn compare(right: u32) -> f32 {
    if p.kind == MSE {
        var loss = 0.0;
        for (var i = 0u; i < CLASSES; i++) {
            let apart = scores[i] - select(0.0, 1.0, i == right);
            loss += rounded(apart * apart);
        }
        return loss * SHARE;
    }
    largest = scores[0];
    for (var i = 1u; i < CLASSES; i++) {
        largest = max(largest, scores[i]);
    }
    total = 0.0;
    for (var i = 0u; i < CLASSES; i++) {
        total += exp(scores[i] - largest);
    }
    return log(total) - (scores[right] - largest);
}

// The gradient of a score, once they are compared.
fn gradient(i: u32, right: u32) -> f32 {
    let one = select(0.0, 1.0, i == right);
    if p.kind == MSE {
        return rounded(2.0 * (scores[i] - one) * SHARE);
    }
    return exp(scores[i] - largest) / total - one;
}
