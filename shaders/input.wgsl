// Reads the slot `input`, an edge of `p`; other slots get the same under their own names.
// Twin: `Edge::value` in src/kernel/edge.rs.

// The value of a channel of the cell that begins at word `cell`.
fn input_value(cell: u32, channel: u32) -> f32 {
    if p.input.planes == 0u {
        return bitcast<f32>(input[cell + channel]);
    }
    return f32(input_count(cell, channel));
}

// The whole number of a channel of a cell of bits or counts.
fn input_count(cell: u32, channel: u32) -> u32 {
    let word = cell + channel / 32u * p.input.planes;
    var count = 0u;
    for (var plane = 0u; plane < p.input.planes; plane++) {
        count |= ((input[word + plane] >> (channel % 32u)) & 1u) << plane;
    }
    return count;
}
