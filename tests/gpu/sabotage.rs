//! The exact suite notices wrong shaders: a comparison nobody has seen fail proves nothing.
//!
//! Each sabotage names a case that notices. With `SALTATORY_CASES` set all cases are tried, and those that notice are
//! printed.

use std::sync::OnceLock;

use saltatory::run::gpu::ShaderEdit;
use saltatory::run::verify::{self, Case, difference};
use saltatory::run::{Device, Output};

use crate::{gpus, networks};

/// What is done to the shaders, and a case that is certain to notice.
struct Sabotage {
    name: &'static str,
    edit: ShaderEdit,
    notices: &'static str,
}

const fn sabotage(name: &'static str, notices: &'static str, edit: ShaderEdit) -> Sabotage {
    Sabotage { name, edit, notices }
}

/// `a * b + c`, rounded once, without an instruction for it: products and sums with their errors (Veltkamp, Dekker,
/// Knuth). Every step through `rounded`: drivers take `(p + c) - p` for `c`.
const FUSED: &str = "
fn fused(a: f32, b: f32, c: f32) -> f32 {
    let p = rounded(a * b);
    let a_high = rounded(rounded(4097.0 * a) - rounded(rounded(4097.0 * a) - a));
    let b_high = rounded(rounded(4097.0 * b) - rounded(rounded(4097.0 * b) - b));
    let a_low = rounded(a - a_high);
    let b_low = rounded(b - b_high);
    let middle = rounded(a_high * b_low) + rounded(a_low * b_high);
    let wrong = ((rounded(a_high * b_high) - p) + middle) + rounded(a_low * b_low);
    let sum = rounded(p + c);
    let part = rounded(sum - p);
    return sum + ((rounded(p - rounded(sum - part)) + rounded(c - part)) + wrong);
}
";

fn fuse(text: String, from: &str, to: &str) -> String {
    if text.contains(from) { text.replace(from, to) + FUSED } else { text }
}

const SABOTAGES: &[Sabotage] = &[
    sabotage("fires at the threshold too", "ties, >, series", |_, text| {
        text.replace("select(v > c.threshold, v >= c.threshold", "select(v >= c.threshold, v >= c.threshold")
    }),
    sabotage("fires above the threshold only", "ties, >=, series", |_, text| {
        text.replace("select(v > c.threshold, v >= c.threshold", "select(v > c.threshold, v > c.threshold")
    }),
    sabotage("several spikes: a multiple of the threshold is missed", "multiples, series", |_, text| {
        text.replace("c.threshold) <= h {", "c.threshold) < h {")
            .replace("rounded(n * c.threshold) > h", "rounded(n * c.threshold) >= h")
    }),
    sabotage("several spikes: the quotient is not put right", "multiples, series", |_, text| {
        text.replace("c.threshold) <= h {", "c.threshold) <= h && false {")
            .replace("c.threshold) > h {", "c.threshold) > h && false {")
    }),
    sabotage("weights of spikes times 1 + 2e-7", "images, recorded", |_, text| {
        text.replace("block += first_weight * factor;", "block += first_weight * 1.0000002 * factor;")
    }),
    sabotage("weights of reals times 1 + 2e-7", "images, recorded", |_, text| {
        text.replace("product_wide(weights[row + i * stride],", "product_wide(weights[row + i * stride] * 1.0000002,")
    }),
    sabotage("the second spike of some is dropped", "wide, recorded", |_, text| {
        text.replace("select(Wide(0.0), second_weight * factor, is_second)", "Wide(0.0)")
    }),
    sabotage("the fourth spike of some is added twice", "many inputs, series", |_, text| {
        text.replace("fourth_weight * factor, is_fourth", "2.0 * fourth_weight * factor, is_fourth")
    }),
    sabotage("spikes that are not there are added", "wide, series", |_, text| {
        text.replace("second_weight * factor, is_second", "second_weight * factor, true")
    }),
    sabotage("block sums of the pass before are lost", "many inputs, series", |_, text| {
        text.replace("if start > 0u {", "if false {")
    }),
    sabotage("block sums are added the other way round", "many inputs, recorded", |_, text| {
        text.replace("block_sums[(t * blocks + i)", "block_sums[(t * blocks + (blocks - 1u - i))")
    }),
    sabotage("currents of a chunk are those of its first step", "images, series", |_, text| {
        text.replace("let at = (t - begin) * SIZE + lane;", "let at = lane;")
    }),
    sabotage("leak times 1 + 2e-7", "images, recorded", |_, text| {
        text.replace("rounded(c.leak *", "rounded(1.0000002 * c.leak *")
    }),
    sabotage("block sums of 4 words", "wide, recorded", |_, text| {
        text.replace("BLOCK_WORDS: u32 = 8u", "BLOCK_WORDS: u32 = 4u")
    }),
    sabotage("one block sum", "wide, recorded", |_, text| {
        text.replace("if block != sum.at {", "if block != sum.at && false {")
    }),
    sabotage("bias first", "images, recorded", |_, text| {
        let conv = "select(0.0, weights[taps * inputs * g.out_channels + channel], g.bias == 1u)";
        let linear = "select(0.0, weights[IN.cells * IN.channels * OUTPUTS + channel], p.bias == 1u)";
        let bias = if text.contains("if g.bias == 1u {") { conv } else { linear };
        text.replace("Sum(0.0, 0.0, 0u);\n    for", &format!("Sum(0.0, {bias}, 0u);\n    for"))
            .replace("if g.bias == 1u {", "if false {")
            .replace("return result + weights[IN.cells", "return result + 0.0 * weights[IN.cells")
    }),
    sabotage("contracted: leak of all", "padded pools, recorded", |_, text| {
        fuse(text, "v + rounded(c.leak * (drive - (v - c.rest)))", "fused(c.leak, drive - (v - c.rest), v)")
    }),
    sabotage("contracted: leak of the potential", "padded pools, recorded", |_, text| {
        fuse(text, "(v - rounded(c.leak * (v - c.rest))) + drive", "fused(-c.leak, v - c.rest, v) + drive")
    }),
    sabotage("contracted: decay", "snntorch, recorded", |_, text| {
        fuse(text, "(rounded(c.leak * v) + drive)", "fused(c.leak, v, drive)")
    }),
    sabotage("contracted: input of the membrane", "sinabs, recorded", |_, text| {
        fuse(text, "(rounded(c.leak * v) + drive)", "fused(c.input, seen, rounded(c.leak * v))")
    }),
    sabotage("contracted: synaptic current", "residual, recorded", |_, text| {
        fuse(
            text,
            "rounded(c.current_keep * before.i) + rounded(c.current_input * x)",
            "fused(c.current_keep, before.i, rounded(c.current_input * x))",
        )
    }),
    sabotage("contracted: reset by subtraction", "many spikes, recorded", |_, text| {
        fuse(text, "h - rounded((spikes - again) * c.threshold)", "fused(again - spikes, c.threshold, h)")
    }),
    sabotage("contracted: real-valued sums", "images, recorded", |_, text| {
        let from = "block += product_wide(weights[row + i * stride], bitcast<f32>(sum_word(cell + first + i)));";
        let to = "block = fused(weights[row + i * stride], Wide(bitcast<f32>(sum_word(cell + first + i))), block);";
        // Of as many numbers at once.
        let fused = FUSED.replace("f32", "Wide").replace("rounded(", "rounded_wide(");
        let rounded =
            "fn rounded_wide(x: Wide) -> Wide { return bitcast<Wide>(bitcast<WideBits>(x) ^ WideBits(window.zero)); }";
        if text.contains(from) { text.replace(from, to) + &fused + rounded } else { text }
    }),
    sabotage("contracted: scale and shift", "normalised, recorded", |_, text| {
        fuse(
            text,
            "rounded(x * factors[2u * pair]) + factors[2u * pair + 1u]",
            "fused(x, factors[2u * pair], factors[2u * pair + 1u])",
        )
    }),
    sabotage("delayed reset dropped", "residual, recorded", |_, text| {
        text.replace("is(FIRES) && fires(c, before.v)", "false")
    }),
    sabotage("lower bound of the potential dropped", "normalised, recorded", |_, text| {
        text.replace("after < c.v_min", "false")
    }),
    sabotage("factors of bit planes missing", "counted events, series", |_, text| {
        text.replace("let factor = f32(1u << plane);", "let factor = 1.0;")
    }),
    sabotage("pad off by one, convolution", "images, series", |_, text| {
        text.replace("* g.dilation - g.pad;", "* g.dilation - g.pad + vec2<u32>(0u, 1u);")
    }),
    sabotage("pad off by one, pool", "padded pools, series", |_, text| {
        text.replace("vec2<u32>(y, x) - p.pad;", "vec2<u32>(y, x) - p.pad + vec2<u32>(1u, 0u);")
    }),
    sabotage("state kept without the last step", "images, in slices", |_, text| {
        text.replace("now = stepped.state;", "if t + 1u < window.steps { now = stepped.state; }")
    }),
    sabotage("potentials kept without the last step", "counted events, in slices", |_, text| {
        text.replace(
            "finish(now, sample, cell, channel);\n    }\n}\n\n// Neurons that fire at most",
            "\n    }\n}\n\n// Neurons that fire at most",
        )
    }),
    sabotage("synaptic current not kept", "residual, in slices", |_, text| {
        text.replace("state[at + 1u] = last.i;", "state[at + 1u] = 0.0;")
    }),
    sabotage("recurrent state kept without the current", "delays and recurrence, recorded in slices", |_, text| {
        text.replace("state[at + 1u] = currents[neuron];", "state[at + 1u] = 0.0;")
    }),
    sabotage("recurrent spikes kept of the step before", "snntorch, recorded in slices", |_, text| {
        text.replace("window.steps % 3u * NEURON_WORDS", "(window.steps + 2u) % 3u * NEURON_WORDS")
    }),
    sabotage(
        "delay line late by one between slices",
        "delays and recurrence, in slices",
        |kernel, text| match kernel {
            "delay_push" => {
                text.replace("let slot = (window.clock + t) % p.ring;", "let slot = (window.clock + t + 1u) % p.ring;")
            }
            _ => text,
        },
    ),
    sabotage("counts forgotten between slices", "images, in slices", |_, text| {
        text.replace("output[at + plane], 0u, window.at == 0u)", "output[at + plane], 0u, true)")
    }),
    sabotage("scores forgotten between slices", "images, recorded in slices", |kernel, text| match kernel {
        "readout" => text.replace("if window.at > 0u {", "if false {").replace("window.at + t == 0u", "t == 0u"),
        _ => text,
    }),
    sabotage("a mean goes on from the mean before", "sinabs, in slices", |_, text| {
        text.replace("total = sums[at];", "total = scores[at];")
    }),
    sabotage("the bias once for all steps", "images, of different length", |_, text| {
        text.replace("select(f32(window.at + window.steps), 1.0, p.mode == MEAN)", "1.0")
    }),
    sabotage("contracted: sum and bias", "images, of different length", |_, text| {
        let steps = "select(f32(window.at + window.steps), 1.0, p.mode == MEAN)";
        fuse(
            text,
            &format!("total += rounded(bias[element] * {steps})"),
            &format!("total = fused(bias[element], {steps}, total)"),
        )
    }),
    sabotage("pool keeps the last spike", "images, series", |_, text| text.replace("any |= fired;", "any = fired;")),
    sabotage("pool's last row dropped", "padded pools, series", |_, text| {
        text.replace("y < p.kernel.x; y++", "y + 1u < p.kernel.x; y++")
    }),
    sabotage("tally misses a lane", "images, series", |_, text| {
        text.replace(
            "atomicAdd(&shared_tally[0], tally_spikes);",
            "if lane != 63u { atomicAdd(&shared_tally[0], tally_spikes); }",
        )
    }),
    sabotage("tally misses the highest count", "many spikes, series", |_, text| {
        text.replace(
            "u32(stepped.spikes));\n    }\n    if p.population.records",
            "0u);\n    }\n    if p.population.records",
        )
    }),
    sabotage("meter misses a lane", "images, series", |kernel, text| match kernel {
        "meter" => text.replace("i < 3u; i++", "i < select(3u, 0u, lane == 1u); i++"),
        _ => text,
    }),
    sabotage("count drops a carry", "images, series", |_, text| text.replace("carry &= old;", "carry = 0u;")),
    sabotage("sparse: one block sum", "sparse, recorded", |kernel, text| match kernel {
        "sparse" => text.replace("if own != at {", "if false {"),
        _ => text,
    }),
    sabotage("sparse: synapses of the slice before", "sparse, series", |kernel, text| match kernel {
        "sparse" => text.replace("var row = synapses[slice];", "var row = synapses[0u];"),
        _ => text,
    }),
    sabotage("sparse: the last synapse is left out", "sparse, series", |kernel, text| match kernel {
        "sparse" => text.replace("let end = synapses[slice + 1u];", "let end = synapses[slice + 1u] - 1u;"),
        _ => text,
    }),
    sabotage("sparse: no bias", "sparse, series", |kernel, text| match kernel {
        "sparse" => text.replace("select(sums[t], sums[t] + bias, p.bias == 1u)", "sums[t]"),
        _ => text,
    }),
    sabotage("sparse: steps of a chunk take the first", "sparse, series", |kernel, text| match kernel {
        "sparse" => text.replace("begin + min(t, steps - 1u)", "begin"),
        _ => text,
    }),
    sabotage("sparse: inputs of the first tile again", "sparse, series", |kernel, text| match kernel {
        "sparse" => text.replace("first + word, begins", "word, begins"),
        _ => text,
    }),
    sabotage("sparse: inputs of a word turned the other way", "sparse, series", |kernel, text| match kernel {
        "sparse" => text.replace("bits >> (4u * four)", "bits >> (28u - 4u * four)"),
        _ => text,
    }),
    sabotage("sparse: bit planes alike", "sparse counts and potentials, series", |kernel, text| match kernel {
        "sparse" => text.replace("& 1u) << plane)", "& 1u))"),
        _ => text,
    }),
    sabotage("sparse: bit planes in another order", "sparse counts and potentials, recorded", |kernel, text| {
        match kernel {
            "sparse" => text.replace(
                "value_at(steps[t], position, plane)",
                "value_at(steps[t], position, p.input.planes - 1u - plane)",
            ),
            _ => text,
        }
    }),
    sabotage("sparse: products contracted", "sparse counts and potentials, recorded", |kernel, text| match kernel {
        "sparse" => fuse(
            text,
            "block[t] += rounded(weight * value_at(steps[t], position, plane))",
            "block[t] = fused(weight, value_at(steps[t], position, plane), block[t])",
        ),
        _ => text,
    }),
    sabotage("lists: the fourth event of some is dropped", "event lists, series", |_, text| {
        text.replace("at + 3u <= last", "false")
    }),
    sabotage("lists: events that are not there are added", "event lists, series", |_, text| {
        text.replace("at + 1u <= last", "true")
    }),
    sabotage("lists: one block sum", "event lists, recorded", |_, text| {
        text.replace("if event_block != sum.at {", "if event_block != sum.at && false {")
    }),
    sabotage("lists: blocks by elements, not by words", "event lists, recorded", |_, text| {
        text.replace("element / IN.channels * CELL_WORDS + element % IN.channels / 32u", "element / 32u")
    }),
    sabotage("lists: no bias", "event lists, series", |_, text| {
        text.replace(
            "return biased(sum.total + sum.block, channel);\n}\n\n// Adds the weight",
            "return sum.total + sum.block;\n}\n\n// Adds the weight",
        )
    }),
    sabotage("lists: those that are too long are read", "event lists, series", |_, text| {
        text.replace("return events[list_at(t, sample)] <= p.most_events;", "return true;")
    }),
    sabotage("lists: steps that read words take the place of others", "event lists, series", |_, text| {
        text.replace("return firstTrailingBit(bits);", "return nth;")
    }),
    sabotage("lists: those of the first step for all", "event lists, in slices", |_, text| {
        text.replace(
            "return ((window.start + t) * window.batch + sample) *",
            "return (window.start * window.batch + sample) *",
        )
    }),
    sabotage("lists: cells lie without the ends of their words", "event lists, series", |kernel, text| match kernel {
        "compact" => text.replace("word / CELL_WORDS * p.input.channels + word % CELL_WORDS * 32u", "word * 32u"),
        _ => text,
    }),
    sabotage("lists: an event too many is kept", "event lists, series", |kernel, text| match kernel {
        "compact" => text.replace("if fired > p.most {", "if fired >= p.most {"),
        _ => text,
    }),
    sabotage("channels across two words are cut", "padded pools, series", |_, text| {
        text.replace("shift != 0u && shift + count > 32u", "false")
    }),
];

/// Every case with its output on the CPU.
pub fn expected() -> &'static [(Case, Output)] {
    static EXPECTED: OnceLock<Vec<(Case, Output)>> = OnceLock::new();
    EXPECTED.get_or_init(|| {
        let cases = verify::cases().unwrap().into_iter();
        cases.map(|case| (case.clone(), case.run(&Device::Cpu).unwrap())).collect()
    })
}

#[test]
fn every_sabotage_is_noticed() {
    let texts = networks::shaders();
    let edited = |s: &Sabotage| texts.iter().filter(|(text, k)| (s.edit)(k.name(), (*text).clone()) != **text).count();
    let idle: Vec<_> = SABOTAGES.iter().filter(|s| edited(s) == 0).map(|s| s.name).collect();
    assert!(idle.is_empty(), "these change no shader: {idle:?}");
    let Some(gpu) = gpus::gpu() else { return };
    let all = std::env::var("SALTATORY_CASES").is_ok();
    let mut failed = Vec::new();
    for sabotage in SABOTAGES {
        let device = Device::Gpu(gpu.with_edited_shaders(sabotage.edit));
        let tried = expected().iter().filter(|(case, _)| all || case.name == sabotage.notices);
        let noticed = tried.filter_map(|(case, expected)| {
            difference(expected, &case.run(&device).unwrap()).map(|_| case.name.as_str())
        });
        let noticed: Vec<&str> = noticed.collect();
        println!("{}: noticed by {}", sabotage.name, noticed.join("; "));
        if !noticed.contains(&sabotage.notices) {
            failed.push((sabotage.name, sabotage.notices));
        }
    }
    assert!(failed.is_empty(), "not noticed: {failed:#?}");
}
