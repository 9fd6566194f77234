// The currents of WIDE outputs of a fully connected layer. Twin: `currents` in src/kernel/linear.rs.

const IN: Edge = p.input;
const BITS_AT_ONCE: u32 = 4u;
const CELL_WORDS: u32 = (IN.channels + 31u) / 32u;
const IN_WORDS: u32 = IN.cells * CELL_WORDS;
// Rows of weights, and their length.
const ROWS: u32 = IN.cells * IN.channels;
const ROW: u32 = OUTPUTS / WIDE;

fn sum_word(at: u32) -> u32 {
    return input[at];
}

fn current(t: u32, sample: u32, cell: u32, channel: u32) -> Wide {
    let step = step_at(IN, t, sample);
    var sum = Sum(Wide(0.0), Wide(0.0), 0u);
    for (var source = 0u; source < IN.cells; source++) {
        let row = source * IN.channels * ROW + channel;
        let word = source * CELL_WORDS;
        sum = add_cell(sum, step + source * cell_words(IN), 0u, IN.channels, word, row, ROW);
    }
    return biased(sum.total + sum.block, channel);
}

fn biased(sum: Wide, channel: u32) -> Wide {
    if p.bias == 1u {
        return sum + weights[ROWS * ROW + channel];
    }
    return sum;
}

// One block sum of a current.
fn block_sum(block: u32, t: u32, sample: u32, channel: u32) -> Wide {
    let step = step_at(IN, t, sample);
    var sum = Wide(0.0);
    for (var word = block * BLOCK_WORDS; word < min((block + 1u) * BLOCK_WORDS, IN_WORDS); word++) {
        let source = word / CELL_WORDS;
        let first = word % CELL_WORDS * 32u;
        let row = (source * IN.channels + first) * ROW + channel;
        sum = add_word(sum, step + source * cell_words(IN), first, min(32u, IN.channels - first), row, ROW);
    }
    return sum;
}
