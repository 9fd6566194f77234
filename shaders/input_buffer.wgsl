// Values of a caller's buffer `[batch, (time,) channel, cell]` to the layout of the input's edge. What bits and counts
// cannot hold becomes the nearest that they can. Rust side: src/run/gpu/input_buffer.rs.

struct Params {
    output: Edge,
    // Steps of one sample in the buffer.
    frames: u32,
}

const FIRST: u32 = 0u;
const COUNT: u32 = p.output.channels;

@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

fn result(t: u32, sample: u32, cell: u32, channel: u32) -> f32 {
    // Where all steps share one frame there is no other.
    let frame = min(window.at + t, p.frames - 1u);
    let at = ((sample * p.frames + frame) * p.output.channels + channel) * p.output.cells + cell;
    let x = values[at];
    if p.output.planes == 0u {
        return x;
    }
    let largest = f32((1u << p.output.planes) - 1u);
    return select(0.0, min(floor(x + 0.5), largest), x >= 0.5);
}
