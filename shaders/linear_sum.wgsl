// The currents of WIDE outputs of a fully connected layer. Twin: `currents` in src/kernel/linear.rs.
//
// Where a list of events is bound and a step has few of them, the sum takes these alone, else all words of the input. Both
// add the same terms in the same order, in the same blocks. All invocations of a step take the same branch.

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
    if is_listed(t, sample) {
        return listed_current(t, sample, channel);
    }
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

// Where the list of a step begins: its length, then the elements that fired, ascending.
fn list_at(t: u32, sample: u32) -> u32 {
    return ((window.start + t) * window.batch + sample) * (1u + p.most_events);
}

// Whether a step is summed over its list.
fn is_listed(t: u32, sample: u32) -> bool {
    if p.most_events == 0u {
        return false;
    }
    return events[list_at(t, sample)] <= p.most_events;
}

fn listed_current(t: u32, sample: u32, channel: u32) -> Wide {
    let list = list_at(t, sample);
    let last = list + events[list];
    var sum = Sum(Wide(0.0), Wide(0.0), 0u);
    // Four at a time, so that as many loads are under way; where there are no more, zero is added for the last one.
    for (var at = list + 1u; at <= last; at += 4u) {
        let first = events[at];
        let second = events[min(at + 1u, last)];
        let third = events[min(at + 2u, last)];
        let fourth = events[min(at + 3u, last)];
        let first_weight = weights[first * ROW + channel];
        let second_weight = weights[second * ROW + channel];
        let third_weight = weights[third * ROW + channel];
        let fourth_weight = weights[fourth * ROW + channel];
        sum = add_event(sum, first, first_weight);
        sum = add_event(sum, second, select(Wide(0.0), second_weight, at + 1u <= last));
        sum = add_event(sum, third, select(Wide(0.0), third_weight, at + 2u <= last));
        sum = add_event(sum, fourth, select(Wide(0.0), fourth_weight, at + 3u <= last));
    }
    return biased(sum.total + sum.block, channel);
}

// Adds the weight of an element that fired to the sum of its block.
fn add_event(before: Sum, element: u32, weight: Wide) -> Sum {
    var sum = before;
    let word = element / IN.channels * CELL_WORDS + element % IN.channels / 32u;
    let event_block = word / BLOCK_WORDS;
    if event_block != sum.at {
        sum.total += sum.block;
        sum.block = Wide(0.0);
        sum.at = event_block;
    }
    sum.block += weight;
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
