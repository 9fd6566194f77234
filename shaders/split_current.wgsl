// Currents of a fully connected layer for some steps: the block sums of the canonical sum are computed side by side, then
// added in their order, and handed to the neurons through workgroup memory.

// Steps whose currents are prepared together.
const CHUNK: u32 = 8u;
// Invocations that sum for a block in a step.
const SUMS: u32 = LANES / WIDE;
// Block sums that are kept at once, over steps and blocks.
const KEPT: u32 = 32u;
const IN_BLOCKS: u32 = (IN_WORDS + BLOCK_WORDS - 1u) / BLOCK_WORDS;

var<workgroup> block_sums: array<Wide, KEPT * SUMS>;
var<workgroup> shared_currents: array<Wide, CHUNK * SUMS>;

// Prepares the steps from `begin` on; there is one cell.
fn prepare_currents(begin: u32, sample: u32, first: u32, block: u32, place: u32, lane: u32) {
    let channel = block * SUMS + lane % SUMS;
    let there = channel * WIDE < p.population.count;
    let chunk = min(CHUNK, window.steps - begin);
    // A bit for each step whose words are read.
    var dense = (1u << chunk) - 1u;
    if p.most_events > 0u {
        workgroupBarrier();
        for (var t = 0u; t < chunk; t++) {
            dense &= ~select(0u, 1u << t, is_listed(begin + t, sample));
        }
        // A list is short: one invocation takes all of it.
        for (var t = lane / SUMS; t < chunk; t += SIZE / SUMS) {
            if there && (dense >> t & 1u) == 0u {
                shared_currents[t * SUMS + lane % SUMS] = listed_current(begin + t, sample, channel);
            }
        }
    }
    let steps = countOneBits(dense);
    for (var start = 0u; steps > 0u && start < IN_BLOCKS; start += KEPT / max(steps, 1u)) {
        let blocks = min(KEPT / steps, IN_BLOCKS - start);
        workgroupBarrier();
        for (var job = lane / SUMS; job < steps * blocks; job += SIZE / SUMS) {
            if there {
                let sum = block_sum(start + job % blocks, begin + step_of(dense, job / blocks), sample, channel);
                block_sums[job * SUMS + lane % SUMS] = sum;
            }
        }
        workgroupBarrier();
        // Invocations come SUMS after SUMS, so `channel` is the same in every round.
        for (var t = lane / SUMS; t < steps; t += SIZE / SUMS) {
            let at = step_of(dense, t) * SUMS + lane % SUMS;
            var total = Wide(0.0);
            if start > 0u {
                total = shared_currents[at];
            }
            for (var i = 0u; i < blocks; i++) {
                total += block_sums[(t * blocks + i) * SUMS + lane % SUMS];
            }
            if there && start + blocks == IN_BLOCKS {
                total = biased(total, channel);
            }
            shared_currents[at] = total;
        }
    }
    workgroupBarrier();
}

// The step of the chunk that is the `nth` of those with a bit.
fn step_of(dense: u32, nth: u32) -> u32 {
    if p.most_events == 0u {
        return nth;
    }
    var bits = dense;
    for (var i = 0u; i < nth; i++) {
        bits &= bits - 1u;
    }
    return firstTrailingBit(bits);
}

fn prepared_current(known: f32, begin: u32, t: u32, sample: u32, cell: u32, channel: u32, lane: u32) -> f32 {
    let at = (t - begin) * LANES + lane;
    return shared_currents[at / WIDE][at % WIDE];
}
