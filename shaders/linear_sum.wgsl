// The current of one output of a fully connected layer. Twin: `currents` in src/kernel/linear.rs.

const IN: Edge = p.input;

fn sum_word(at: u32) -> u32 {
    return input[at];
}

fn current(t: u32, sample: u32, cell: u32, channel: u32) -> f32 {
    let step = step_at(IN, t, sample);
    var sum = Sum(0.0, 0.0, 0u);
    for (var source = 0u; source < IN.cells; source++) {
        let row = source * IN.channels * OUTPUTS + channel;
        let word = source * words_of(IN.channels);
        sum = add_cell(sum, step + source * cell_words(IN), 0u, IN.channels, word, row, OUTPUTS);
    }
    let result = sum.total + sum.block;
    if p.bias == 1u {
        return result + weights[IN.cells * IN.channels * OUTPUTS + channel];
    }
    return result;
}
