// Spikes become an ordered list of the cells that fired. Twin: src/kernel/compact.rs.
//
// One workgroup has all of a sample's words: each invocation counts the spikes of its own, a sum over the invocations
// before it says where its list begins.

struct Params {
    input: Edge,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> events: array<u32>;

const LANES: u32 = 256u;

var<workgroup> sums: array<u32, LANES>;

@compute @workgroup_size(256)
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
    let begin = step_at(p.input, 0u, sample);
    let words = words_of(p.input.channels);
    let each = (words + LANES - 1u) / LANES;
    let first = min(lane * each, words);
    let end = min(first + each, words);
    var own = 0u;
    for (var word = first; word < end; word++) {
        own += countOneBits(input[begin + word]);
    }
    sums[lane] = own;
    workgroupBarrier();
    for (var reach = 1u; reach < LANES; reach *= 2u) {
        var before = 0u;
        if lane >= reach {
            before = sums[lane - reach];
        }
        workgroupBarrier();
        sums[lane] += before;
        workgroupBarrier();
    }
    let list = sample * (1u + p.input.channels);
    if lane == LANES - 1u {
        events[list] = sums[lane];
    }
    var next = list + 1u + sums[lane] - own;
    for (var word = first; word < end; word++) {
        var bits = input[begin + word];
        while bits != 0u {
            events[next] = word * 32u + countTrailingZeros(bits);
            next += 1u;
            bits &= bits - 1u;
        }
    }
}
