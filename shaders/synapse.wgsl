// Synapses by rule. Twin: src/kernel/synapse.rs.

struct Rule {
    source: u32,
    sources: u32,
    place: u32,
    targets: u32,
    kind: u32,
    amount: u32,
    skips_self: u32,
    gaps: vec2<u32>,
    weights: vec2<u32>,
    delays: vec2<u32>,
    key: vec2<u32>,
    padding: u32,
}

const RULE_WORDS: u32 = 16u;
const BLOCK_TARGETS: u32 = 256u;

fn table_pair(at: u32) -> vec2<u32> {
    return vec2<u32>(tables[at], tables[at + 1u]);
}

fn rule_at(at: u32) -> Rule {
    return Rule(
        tables[at], tables[at + 1u], tables[at + 2u], tables[at + 3u], tables[at + 4u], tables[at + 5u], tables[at + 6u],
        table_pair(at + 7u), table_pair(at + 9u), table_pair(at + 11u), table_pair(at + 13u), tables[at + 15u],
    );
}

// One of a table's equally likely values.
fn drawn(values: vec2<u32>, random: u32) -> u32 {
    return tables[values.x + ((random >> 1u) >> (31u - values.y))];
}

// Targets that are passed over.
fn gap_of(rule: Rule, random: u32) -> u32 {
    var low = 0u;
    var high = rule.gaps.y;
    while low < high {
        let middle = (low + high) / 2u;
        if tables[rule.gaps.x + middle] <= random {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}
