// Max, average and sum pools of any edge. Twin: src/kernel/pool.rs.

const FIRST: u32 = 0u;
const COUNT: u32 = p.output.channels;

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

fn result(t: u32, sample: u32, cell: u32, channel: u32) -> f32 {
    let at = vec2<u32>(cell / p.out_size.y, cell % p.out_size.y) * p.stride;
    let step = step_at(p.input, t, sample);
    var value = 0.0;
    var fresh = true;
    for (var y = 0u; y < p.kernel.x; y++) {
        for (var x = 0u; x < p.kernel.y; x++) {
            // In the padding before, this wraps to a large number.
            let place = at + vec2<u32>(y, x) - p.pad;
            if place.x < p.in_size.x && place.y < p.in_size.y {
                let next = input_value(step + (place.x * p.in_size.y + place.y) * cell_words(p.input), channel);
                if p.max == 0u {
                    value += next;
                } else if fresh || next > value {
                    value = next;
                }
                fresh = false;
            }
        }
    }
    return select(value * p.factor, value, p.max == 1u);
}
