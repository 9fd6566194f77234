// The canonical sum: what a neuron's input current is, to the bit. Twin: src/kernel/sum.rs.
//
// An invocation sums for WIDE output channels side by side: `Wide` is a number or a vector of them, and channels, rows and
// strides of weights count such. Neighbours have neighbouring channels, so their weights lie side by side, and as a rule
// the same bits, so they take the same branches. The kernel says where the words of its edge `IN` are, and how many spikes
// are taken at once: 2 or 4, the more the longer loads take.

struct Sum {
    total: Wide,
    block: Wide,
    // The block that `block` is of.
    at: u32,
}

// Products that are rounded on their own.
fn product_wide(weight: Wide, x: f32) -> Wide {
    return fma(weight, Wide(x), Wide(negative_zero()));
}

// Adds the terms of the inputs `first..first + inputs` of the cell that begins at word `cell`. `word` counts words of 32
// inputs over all taps so far; the weight of the first input is at `row`, the next `stride` behind it.
fn add_cell(before: Sum, cell: u32, first: u32, inputs: u32, word: u32, row: u32, stride: u32) -> Sum {
    var sum = before;
    for (var start = 0u; start < inputs; start += 32u) {
        let block = (word + start / 32u) / BLOCK_WORDS;
        if block != sum.at {
            sum.total += sum.block;
            sum.block = Wide(0.0);
            sum.at = block;
        }
        sum.block = add_word(sum.block, cell, first + start, min(32u, inputs - start), row + start * stride, stride);
    }
    return sum;
}

// Adds the terms of up to 32 inputs from `first` on; the weight of the first is at `row`.
fn add_word(before: Wide, cell: u32, first: u32, count: u32, row: u32, stride: u32) -> Wide {
    var block = before;
    if IN.planes == 0u {
        for (var i = 0u; i < count; i++) {
            block += product_wide(weights[row + i * stride], bitcast<f32>(sum_word(cell + first + i)));
        }
        return block;
    }
    for (var plane = 0u; plane < IN.planes; plane++) {
        var bits = bits_at(cell, plane, first, count);
        let factor = f32(1u << plane);
        // Some at a time, so that as many loads are under way; where there are no more, zero is added.
        while bits != 0u {
            let first_weight = weights[row + firstTrailingBit(bits) * stride];
            bits &= bits - 1u;
            let is_second = bits != 0u;
            let second_weight = weights[row + select(0u, firstTrailingBit(bits), is_second) * stride];
            bits &= bits - 1u;
            if BITS_AT_ONCE == 2u {
                block += first_weight * factor;
                block += select(Wide(0.0), second_weight * factor, is_second);
                continue;
            }
            let is_third = bits != 0u;
            let third_weight = weights[row + select(0u, firstTrailingBit(bits), is_third) * stride];
            bits &= bits - 1u;
            let is_fourth = bits != 0u;
            let fourth_weight = weights[row + select(0u, firstTrailingBit(bits), is_fourth) * stride];
            bits &= bits - 1u;
            block += first_weight * factor;
            block += select(Wide(0.0), second_weight * factor, is_second);
            block += select(Wide(0.0), third_weight * factor, is_third);
            block += select(Wide(0.0), fourth_weight * factor, is_fourth);
        }
    }
    return block;
}

// The bits of up to 32 channels from `first` on, in one plane; they may straddle two words.
fn bits_at(cell: u32, plane: u32, first: u32, count: u32) -> u32 {
    let shift = first % 32u;
    let at = cell + first / 32u * IN.planes + plane;
    var bits = sum_word(at) >> shift;
    if shift != 0u && shift + count > 32u {
        bits |= sum_word(at + IN.planes) << (32u - shift);
    }
    return select(bits & ((1u << (count % 32u)) - 1u), bits, count == 32u);
}
