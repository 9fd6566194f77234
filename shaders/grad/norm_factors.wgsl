// Batch norm of a batch: from its moments to a factor and an offset per channel; running statistics follow. Twin:
// src/kernel/grad/norm_factors.rs. One workgroup has all channels.

struct Params {
    channels: u32,
    repeats: u32,
    eps: f32,
    momentum: f32,
    learns: u32,
}

@group(0) @binding(1) var<storage, read_write> merged: array<f32>;
@group(0) @binding(2) var<storage, read> learned: array<f32>;
@group(0) @binding(3) var<storage, read_write> running: array<f32>;
@group(0) @binding(4) var<storage, read_write> factors: array<f32>;
@group(0) @binding(5) var<storage, read_write> scales: array<f32>;

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
    let number = merged[2u * p.channels];
    storageBarrier();
    let all = number * f32(p.repeats);
    for (var c = lane; c < p.channels; c += 64u) {
        let mean = merged[2u * c];
        let squares = merged[2u * c + 1u];
        let inverse = 1.0 / sqrt(squares / number + p.eps);
        let unbiased = squares * f32(p.repeats) / max(all - 1.0, 1.0);
        let variances = p.channels + c;
        // As they were before the batch, for when it is refused.
        let mean_before = running[c];
        let variance_before = running[variances];
        running[2u * p.channels + c] = mean_before;
        running[2u * p.channels + variances] = variance_before;
        running[c] = mean_before + rounded(p.momentum * (mean - mean_before));
        running[variances] = variance_before + rounded(p.momentum * (unbiased - variance_before));
        var weight = 1.0;
        var bias = 0.0;
        if p.learns == 1u {
            weight = learned[2u * c + 1u];
            bias = learned[2u * c];
        }
        let factor = weight * inverse;
        factors[2u * c] = factor;
        factors[2u * c + 1u] = bias - rounded(mean * factor);
        scales[2u * c] = mean;
        scales[2u * c + 1u] = inverse;
        merged[2u * c] = 0.0;
        merged[2u * c + 1u] = 0.0;
    }
    if lane == 0u {
        scales[2u * p.channels] = 1.0 / number;
        merged[2u * p.channels] = 0.0;
    }
}
