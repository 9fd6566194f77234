// The currents of WIDE output channels of a convolution at one output cell. Twin: `Geometry::currents` in
// src/kernel/conv.rs.

const IN: Edge = p.geometry.input;
// Neighbours read the same weights, which are near.
const BITS_AT_ONCE: u32 = 2u;

fn sum_word(at: u32) -> u32 {
    return input[at];
}

fn current(t: u32, sample: u32, cell: u32, channel: u32) -> Wide {
    let g = p.geometry;
    let inputs = IN.channels / g.groups;
    let outputs = g.out_channels / g.groups / WIDE;
    let group = channel / outputs;
    let step = step_at(IN, t, sample);
    let at = vec2<u32>(cell / g.out_size.y, cell % g.out_size.y) * g.stride;
    let taps = g.kernel.x * g.kernel.y;
    var sum = Sum(Wide(0.0), Wide(0.0), 0u);
    for (var y = 0u; y < g.kernel.x; y++) {
        for (var x = 0u; x < g.kernel.y; x++) {
            // In the padding before, this wraps to a large number.
            let place = at + vec2<u32>(y, x) * g.dilation - g.pad;
            if place.x < g.in_size.x && place.y < g.in_size.y {
                let tap = y * g.kernel.y + x;
                let source = step + (place.x * g.in_size.y + place.y) * cell_words(IN);
                let row = (group * taps + tap) * inputs * outputs + channel % outputs;
                sum = add_cell(sum, source, group * inputs, inputs, tap * words_of(inputs), row, outputs);
            }
        }
    }
    let result = sum.total + sum.block;
    if g.bias == 1u {
        return result + weights[taps * inputs * g.out_channels / WIDE + channel];
    }
    return result;
}
