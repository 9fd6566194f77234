// The gradients of what a delay takes in: those of its output, so many steps earlier. Twin:
// src/kernel/grad/delay_input.rs.

struct Params {
    gradient: Edge,
    output: Edge,
    same: u32,
    steps: u32,
}

const FIRST: u32 = 0u;
const COUNT: u32 = p.output.channels;

@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> delays: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

fn result(t: u32, sample: u32, cell: u32, channel: u32) -> f32 {
    let element = cell * p.output.channels + channel;
    let delay = delays[select(element, 0u, p.same == 1u)];
    let left = p.steps - window.start;
    if p.output.series == 1u {
        if t + delay < left {
            return gradient[step_at(p.gradient, t + delay, sample) + element];
        }
        return 0.0;
    }
    var sum = 0.0;
    for (var later = delay; later < left; later++) {
        sum += gradient[step_at(p.gradient, later, sample) + element];
    }
    return sum;
}
