// A convolution. Twin: `Geometry` in src/kernel/conv.rs.

struct Geometry {
    input: Edge,
    in_size: vec2<u32>,
    out_size: vec2<u32>,
    kernel: vec2<u32>,
    stride: vec2<u32>,
    pad: vec2<u32>,
    dilation: vec2<u32>,
    groups: u32,
    out_channels: u32,
    bias: u32,
}

// Where there is nothing, as in the padding.
const NONE: u32 = 0xffffffffu;

// Where the input cell begins that an output cell has under a tap, in the step that begins at `step`; or NONE.
fn source_of(cell: u32, tap: u32, step: u32) -> u32 {
    let g = p.geometry;
    let at = vec2<u32>(cell / g.out_size.y, cell % g.out_size.y) * g.stride;
    // Before the first cell this wraps to a large number.
    let place = at + vec2<u32>(tap / g.kernel.y, tap % g.kernel.y) * g.dilation - g.pad;
    if place.x >= g.in_size.x || place.y >= g.in_size.y {
        return NONE;
    }
    return step + (place.x * g.in_size.y + place.y) * cell_words(g.input);
}
