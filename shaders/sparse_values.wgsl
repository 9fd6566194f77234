// The sums of a sparse linear layer of reals or counts: an invocation goes through the synapses of its target. Twin:
// src/kernel/sparse.rs.

// The value at a position in a bit plane of the step that begins at `step`; of reals there is one plane.
fn value_at(step: u32, position: u32, plane: u32) -> f32 {
    if p.input.planes == 0u {
        return bitcast<f32>(input[step + position / PADDED * p.input.channels + position % PADDED]);
    }
    let word = input[step + position / 32u * p.input.planes + plane];
    return f32(((word >> (position % 32u)) & 1u) << plane);
}

fn sums_of(slice: u32, lane: u32, begins: array<u32, CHUNK>) -> array<f32, CHUNK> {
    var steps = begins;
    var total: array<f32, CHUNK>;
    var block: array<f32, CHUNK>;
    var at = 0u;
    let end = synapses[slice + 1u];
    var row = synapses[slice];
    while row < end {
        let word = synapses[ROWS + 2u * (row * SLICE + lane)] / 32u;
        if word / BLOCK_WORDS != at {
            for (var t = 0u; t < CHUNK; t++) {
                total[t] += block[t];
                block[t] = 0.0;
            }
            at = word / BLOCK_WORDS;
        }
        // Plane after plane of a word.
        var next = row;
        for (var plane = 0u; plane < max(p.input.planes, 1u); plane++) {
            next = row;
            while next < end {
                let entry = ROWS + 2u * (next * SLICE + lane);
                let position = synapses[entry];
                if position / 32u != word {
                    break;
                }
                let weight = bitcast<f32>(synapses[entry + 1u]);
                for (var t = 0u; t < CHUNK; t++) {
                    block[t] += rounded(weight * value_at(steps[t], position, plane));
                }
                next += 1u;
            }
        }
        row = next;
    }
    for (var t = 0u; t < CHUNK; t++) {
        total[t] += block[t];
    }
    return total;
}
