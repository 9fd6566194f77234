// Reads the slot `input`, whose edge a kernel calls IN. Twin: `Edge::value` in src/kernel/edge.rs.

// The value of a channel of the cell that begins at word `cell`.
fn value_of(cell: u32, channel: u32) -> f32 {
    if IN.planes == 0u {
        return bitcast<f32>(input[cell + channel]);
    }
    let word = cell + channel / 32u * IN.planes;
    var count = 0u;
    for (var plane = 0u; plane < IN.planes; plane++) {
        count |= ((input[word + plane] >> (channel % 32u)) & 1u) << plane;
    }
    return f32(count);
}
