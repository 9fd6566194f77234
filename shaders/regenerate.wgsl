// Spikes reach their targets over synapses that nobody stores: every spike draws those of its source again.
// Twin: src/kernel/regenerate.rs. As in propagate.wgsl a workgroup takes one event after the other.

struct Params {
    cells: u32,
    rules: u32,
    ring: u32,
    groups: u32,
}

@group(0) @binding(1) var<storage, read> events: array<u32>;
@group(0) @binding(2) var<storage, read> tables: array<u32>;
@group(0) @binding(3) var<storage, read_write> ring: array<atomic<u32>>;

const LANES: u32 = 64u;

// The synapse that a draw makes to a target.
fn reach(rule: Rule, stream: vec2<u32>, draw: u32, target_cell: u32, sample: u32) {
    let weight = drawn(rule.weights, random_bits(stream, 3u * draw + 1u));
    let delay = drawn(rule.delays, random_bits(stream, 3u * draw + 2u));
    let slot = (window.clock + delay) % p.ring;
    atomicAdd(&ring[(sample * p.ring + slot) * 2u * p.cells + rule.place + target_cell], weight);
}

// The targets of one block of them.
fn reach_block(rule: Rule, stream: vec2<u32>, block: u32, source: u32, sample: u32) {
    let gaps = stream_at(stream, block);
    let end = min(rule.targets, (block + 1u) * BLOCK_TARGETS);
    var next = block * BLOCK_TARGETS;
    for (var draw = 0u; draw < 2u * BLOCK_TARGETS; draw++) {
        let gap = gap_of(rule, random_bits(gaps, draw));
        next += gap;
        if next >= end {
            break;
        }
        if gap < rule.gaps.y {
            if rule.skips_self == 0u || next != source {
                reach(rule, stream, next, next, sample);
            }
            next += 1u;
        }
    }
}

fn reach_all(rule: Rule, source: u32, lane: u32, sample: u32) {
    let stream = stream_at(rule.key, source);
    switch rule.kind {
        case ONE: {
            if lane == 0u {
                reach(rule, stream, source, source, sample);
            }
        }
        case FAN_OUT: {
            for (var draw = lane; draw < rule.amount; draw += LANES) {
                let other = random_below(stream, 3u * draw, rule.targets - rule.skips_self);
                let passes = rule.skips_self == 1u && other >= source;
                reach(rule, stream, draw, other + select(0u, 1u, passes), sample);
            }
        }
        case PROBABILITY: {
            for (var block = lane; block * BLOCK_TARGETS < rule.targets; block += LANES) {
                reach_block(rule, stream, block, source, sample);
            }
        }
        default: {
            for (var other = lane; other < rule.targets; other += LANES) {
                if rule.skips_self == 0u || other != source {
                    reach(rule, stream, other, other, sample);
                }
            }
        }
    }
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = group_of(workgroup, count);
    if group >= window.groups {
        return;
    }
    let sample = window.first + workgroup.y;
    let list = sample * (1u + p.cells);
    let fired = events[list];
    for (var event = group; event < fired; event += p.groups) {
        let cell = events[list + 1u + event];
        for (var at = 0u; at < p.rules; at++) {
            let rule = rule_at(at * RULE_WORDS);
            let source = cell - rule.source;
            if source < rule.sources {
                reach_all(rule, source, lane, sample);
            }
        }
    }
}
