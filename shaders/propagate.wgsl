// Spikes reach their targets over stored synapses. Twin: src/kernel/propagate.rs.
//
// A workgroup takes one event after the other, as many as there are workgroups apart; its invocations share the synapses
// of the source. Where there are fewer events than workgroups, several share those of one. Sums are of whole numbers: no
// order matters.

struct Params {
    cells: u32,
    first: u32,
    sources: u32,
    ring: u32,
    place_bits: u32,
    groups: u32,
}

@group(0) @binding(1) var<storage, read> events: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read> synapses: array<u32>;
@group(0) @binding(4) var<storage, read_write> ring: array<atomic<u32>>;

const PLACES: u32 = (1u << p.place_bits) - 1u;
// Workgroups that share the synapses of a source at most.
const MOST_PARTS: u32 = 16u;

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
    let parts = clamp(p.groups / max(fired, 1u), 1u, MOST_PARTS);
    for (var unit = group; unit < fired * parts; unit += p.groups) {
        let source = events[list + 1u + unit / parts] - p.first;
        if source >= p.sources {
            continue;
        }
        let end = rows[source + 1u];
        let first = rows[source] + unit % parts * 64u + lane;
        for (var synapse = first; synapse < end; synapse += parts * 64u) {
            let word = synapses[2u * synapse];
            let slot = (window.clock + (word >> p.place_bits)) % p.ring;
            let at = (sample * p.ring + slot) * 2u * p.cells + (word & PLACES);
            atomicAdd(&ring[at], synapses[2u * synapse + 1u]);
        }
    }
}
