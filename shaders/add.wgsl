// Sum of two edges of the same cells and channels. Twin: src/kernel/add.rs.

struct Params {
    left: Edge,
    right: Edge,
    output: Edge,
}

const FIRST: u32 = 0u;
const COUNT: u32 = p.output.channels;

@group(0) @binding(1) var<storage, read> left: array<u32>;
@group(0) @binding(2) var<storage, read> right: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<u32>;

fn result(t: u32, sample: u32, cell: u32, channel: u32) -> f32 {
    let a = step_at(p.left, t, sample) + cell * cell_words(p.left);
    let b = step_at(p.right, t, sample) + cell * cell_words(p.right);
    return left_value(a, channel) + right_value(b, channel);
}
