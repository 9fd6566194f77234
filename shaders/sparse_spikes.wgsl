// The sums of a sparse linear layer of spikes. Twin: src/kernel/sparse.rs.
//
// The spikes of some inputs come to workgroup memory, turned round: a byte for each input, whose bits are the steps that
// are summed side by side. Then every invocation goes through the synapses of its target with these inputs.

// Words of 32 inputs that are in workgroup memory at once.
const TILE: u32 = 256u;
const WORDS: u32 = p.input.cells * ((p.input.channels + 31u) / 32u);

// Of four inputs each.
var<workgroup> spikes: array<u32, 8u * TILE>;

fn sums_of(slice: u32, lane: u32, begins: array<u32, CHUNK>) -> array<f32, CHUNK> {
    var total: array<vec4<f32>, 2>;
    var block: array<vec4<f32>, 2>;
    var at = 0u;
    let end = synapses[slice + 1u];
    var row = synapses[slice];
    for (var first = 0u; first < WORDS; first += TILE) {
        workgroupBarrier();
        for (var word = lane; word < min(TILE, WORDS - first); word += SLICE) {
            bring(word, first + word, begins);
        }
        workgroupBarrier();
        let beyond = 32u * (first + TILE);
        var is_here = true;
        while is_here && row < end {
            // Four at a time, so that as many loads are under way.
            var positions: vec4<u32>;
            var weights: vec4<f32>;
            for (var i = 0u; i < 4u; i++) {
                let entry = ROWS + 2u * (min(row + i, end - 1u) * SLICE + lane);
                positions[i] = synapses[entry];
                weights[i] = bitcast<f32>(synapses[entry + 1u]);
            }
            for (var i = 0u; i < 4u; i++) {
                let position = positions[i];
                is_here = is_here && row < end && position < beyond;
                if is_here {
                    let own = position / (32u * BLOCK_WORDS);
                    if own != at {
                        total[0] += block[0];
                        total[1] += block[1];
                        block[0] = vec4<f32>(0.0);
                        block[1] = vec4<f32>(0.0);
                        at = own;
                    }
                    let local = position - 32u * first;
                    let fired = vec4<u32>(spikes[local / 4u] >> (8u * (local % 4u)));
                    let weight = vec4<f32>(weights[i]);
                    block[0] += select(vec4<f32>(0.0), weight, (fired & vec4<u32>(1u, 2u, 4u, 8u)) != vec4<u32>(0u));
                    block[1] += select(vec4<f32>(0.0), weight, (fired & vec4<u32>(16u, 32u, 64u, 128u)) != vec4<u32>(0u));
                    row += 1u;
                }
            }
        }
    }
    let low = total[0] + block[0];
    let high = total[1] + block[1];
    return array<f32, CHUNK>(low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w);
}

// Turns the spikes of a word round.
fn bring(to: u32, word: u32, begins: array<u32, CHUNK>) {
    var steps = begins;
    var bytes: array<u32, 8>;
    for (var t = 0u; t < CHUNK; t++) {
        let bits = input[steps[t] + word];
        for (var four = 0u; four < 8u; four++) {
            // Bit i of four to bit 8 i: the copies that the product makes of them do not overlap.
            let spread = (((bits >> (4u * four)) & 15u) * 0x00204081u) & 0x01010101u;
            bytes[four] |= spread << t;
        }
    }
    for (var four = 0u; four < 8u; four++) {
        spikes[8u * to + four] = bytes[four];
    }
}
