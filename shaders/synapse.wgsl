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

fn rule_at(at: u32) -> Rule {
    return Rule(
        tables[at], tables[at + 1u], tables[at + 2u], tables[at + 3u], tables[at + 4u], tables[at + 5u], tables[at + 6u],
        pair_at(at + 7u), pair_at(at + 9u), pair_at(at + 11u), pair_at(at + 13u), tables[at + 15u],
    );
}

// One of a table's equally likely values.
fn drawn(values: vec2<u32>, random: u32) -> u32 {
    return tables[values.x + ((random >> 1u) >> (31u - values.y))];
}

// Targets that are passed over.
fn gap_of(rule: Rule, random: u32) -> u32 {
    return not_above(rule.gaps.x, rule.gaps.y, random);
}
