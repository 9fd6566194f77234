//! Wrong shaders of training are noticed; see the sabotages of the forward kernels.

use saltatory::run::Device;
use saltatory::run::gpu::ShaderEdit;

use super::{TOLERANCE, cases, difference, train};
use crate::{gpus, networks};

/// A name, a case that notices, what is done to the shaders.
type Sabotage = (&'static str, &'static str, ShaderEdit);

const SABOTAGES: &[Sabotage] = &[
    ("pad off by one, backwards", "images", |_, text| {
        text.replace("cell % g.in_size.y) + g.pad;", "cell % g.in_size.y) + g.pad + vec2<u32>(0u, 1u);")
    }),
    ("places between strides get gradients", "residual", |_, text| {
        text.replace("any(shifted % g.stride != vec2<u32>(0u))", "false")
    }),
    ("weights of a convolution miss the last cell", "images", |_, text| {
        text.replace("= steps_of(p.gradient) * p.gradient.cells;", "= steps_of(p.gradient) * p.gradient.cells - 1u;")
    }),
    ("a column of a product is another's", "wide", |_, text| {
        text.replace("return lane % ACROSS * COLUMNS;", "return lane / 8u % ACROSS * COLUMNS;")
    }),
    ("a product leaves out what came near last", "wide", |_, text| {
        text.replace("first < depth; first += DEPTH", "first + DEPTH < depth; first += DEPTH")
    }),
    ("of four rows the second is the first", "many weights", |_, text| {
        text.replace("vec4<u32>(0u, 1u, 2u, 3u)", "vec4<u32>(0u, 0u, 2u, 3u)")
    }),
    ("a product of reals is one block sum", "deep", |kernel, text| match kernel {
        "conv" => text.replace("    if own != at {", "    if false {"),
        _ => text,
    }),
    ("a product of reals misses the last inputs", "deep", |_, text| {
        text.replace("if first + i < INPUTS {", "if first + i + 1u < INPUTS {")
    }),
    ("the last steps of a linear layer of reals are the first", "deep", |_, text| {
        text.replace("begin + min(lane / 32u * 4u + i, steps - 1u)", "begin + min(i, steps - 1u)")
    }),
    ("a linear layer of reals is one block sum", "deep", |_, text| {
        text.replace("if word > 0u && word % BLOCK_WORDS == 0u {", "if false {")
    }),
    ("biases of a convolution get nothing", "residual", |_, text| {
        text.replace("p.geometry.bias == 1u && row == ROWS", "false")
    }),
    ("samples of many weights are taken for the first", "many weights", |_, text| {
        text.replace("sums[at] += sum;", "sums[at] = sum;")
    }),
    ("bit planes of an input are missing", "counts", |kernel, text| match kernel {
        "conv_weight" => text.replace("plane < IN.planes; plane++", "plane < 1u; plane++"),
        _ => text,
    }),
    ("linear weights miss the last step", "surrogate Triangle", |kernel, text| match kernel {
        "linear_weight" => text.replace("window.samples * steps, Origin", "window.samples * steps - 1u, Origin"),
        _ => text,
    }),
    ("inputs of a convolution miss the last output", "residual", |_, text| {
        text.replace("column < min(begin + CHUNK, COLUMNS)", "column + 1u < min(begin + CHUNK, COLUMNS)")
    }),
    ("taps are not turned round", "counts", |_, text| text.replace("p.taps - 1u - at / of_tap", "at / of_tap")),
    ("weights are used as they are", "drawn", |_, text| text.replace("round(weights[at] * up) * down", "weights[at]")),
    ("rates draw nothing", "drawn", |_, text| text.replace("channel] + more;", "channel];")),
    ("delays backwards are late by one", "sequence", |_, text| {
        text.replace("if t + delay < left {", "if t + delay + 1u < left {")
    }),
    ("of equal values the last gets the gradient", "images", |_, text| {
        text.replace("value > largest {", "value >= largest {")
    }),
    ("a pool backwards misses its last row", "residual", |kernel, text| match kernel {
        "pool_input" => text.replace("y < end.x; y++", "y + 1u < end.x; y++"),
        _ => text,
    }),
    ("dropout of another stream", "residual", |_, text| {
        text.replace("p.stream * 0x9e3779b9u", "(p.stream + 1u) * 0x9e3779b9u")
    }),
    ("dropout of the same elements in every step", "residual", |_, text| {
        text.replace("select(window.at + t, 0u, p.same == 1u)", "0u")
    }),
    ("statistics move no gradients", "images", |kernel, text| match kernel {
        "norm_input" => text.replace("sample) + element] - mean);", "sample) + element]);"),
        _ => text,
    }),
    ("the running variance is the biased one", "images", |_, text| text.replace("max(all - 1.0, 1.0)", "all")),
    ("moments of samples are added, not merged", "images", |_, text| {
        text.replace("rounded(rounded(apart * apart) *", "rounded(0.0 *")
    }),
    ("resets pass gradients on though detached", "lif, detached of SpikingJelly", |_, text| {
        text.replace("select(z, 0.0, p.detach == 1u)", "z")
    }),
    ("late resets are forgotten backwards", "lif, late of SpikingJelly", |_, text| {
        text.replace("let v = select(by_v, 0.0, late_hard);", "let v = by_v;")
    }),
    ("the floor passes gradients on", "lif, floored of SpikingJelly", |_, text| {
        text.replace("select(of_v, 0.0, kept < c.v_min)", "of_v")
    }),
    ("currents keep nothing backwards", "cuba of Norse", |_, text| {
        text.replace("rounded(gi * c.current_keep)", "rounded(0.0 * c.current_keep)")
    }),
    ("stretches begin afresh", "long", |_, text| {
        text.replace("now = begins[left - 1u];", "now = State(c.v_init, 0.0);")
    }),
    ("states of a cycle are fresh in every step", "sequence", |_, text| {
        text.replace("now = State(traces[at + 1u], traces[at + 2u]);", "")
    }),
    ("gradients of states are lost in a cycle", "sequence", |_, text| {
        text.replace("carry[2u * own] = back.state.v;", "carry[2u * own] = 0.0;")
    }),
    ("a threshold gets nothing of the reset", "learned: in a cycle", |_, text| {
        text.replace("threshold - by_threshold, v_reset", "threshold, v_reset")
    }),
    ("sums over the batch miss a sample", "learned: each channel", |kernel, text| match kernel {
        "batch_sum" => text.replace("var sample = window.first;", "var sample = window.first + 1u;"),
        _ => text,
    }),
    ("the label's own score counts twice", "Mse over Mean of potentials", |_, text| {
        text.replace(
            "let apart = scores[i] - select(0.0, 1.0, i == right);",
            "let apart = scores[i] - select(0.0, 2.0, i == right);",
        )
    }),
    ("softmax without its largest", "CrossEntropy over Sum of potentials", |_, text| {
        text.replace("exp(scores[i] - largest) / total - one", "exp(scores[i]) / total - one")
    }),
    ("Nesterov looks no step ahead", "learned: one for all", |_, text| text.replace("p.kind == NESTEROV)", "false)")),
    ("weights decay as gradients do", "sequence", |_, text| text.replace("if p.kind == ADAM_W {", "if false {")),
    ("the first momentum is damped", "surrogate Triangle", |_, text| {
        text.replace("moment = rounded(keep * moments[at]) + g;", "moment = rounded(keep * moments[at]) + 0.1 * g;")
    }),
    ("gradients are not cleared", "surrogate Triangle", |_, text| text.replace("gradients[at] = 0.0;", "")),
    ("squares of the first block alone", "images", |_, text| text.replace("total += blocks[i];", "total = blocks[0];")),
];

#[test]
fn every_sabotage_of_training_is_noticed() {
    let texts = networks::shaders();
    let idle = |edit: ShaderEdit| texts.iter().all(|(text, kernel)| edit(kernel.name(), text.clone()) == *text);
    let idle: Vec<_> = SABOTAGES.iter().filter(|(_, _, edit)| idle(*edit)).map(|(name, ..)| name).collect();
    assert!(idle.is_empty(), "these change no shader: {idle:?}");
    let Some(gpu) = gpus::gpu() else { return };
    let mut failed = Vec::new();
    for (name, case, edit) in SABOTAGES {
        let case = cases::case(case);
        let expected = train(&case, &Device::Reference);
        let got = train(&case, &Device::Gpu(gpu.with_edited_shaders(*edit)));
        let tolerance = if case.is_exact() { 0.0 } else { TOLERANCE };
        match difference(&expected, &got, tolerance) {
            Some(difference) => println!("{name}: {difference}"),
            None => failed.push(name),
        }
    }
    assert!(failed.is_empty(), "not noticed: {failed:#?}");
}
