// Spikes become ordered lists of the elements that fired, one for each step. Twin: src/kernel/compact.rs.
//
// One workgroup has all words of a step of a sample: each invocation counts the spikes of its own, a sum over the
// invocations before it says where its part of the list begins.

struct Params {
    input: Edge,
    most: u32,
    series: u32,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> events: array<u32>;

const LANES: u32 = 256u;
const CELL_WORDS: u32 = (p.input.channels + 31u) / 32u;

var<workgroup> sums: array<u32, LANES>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = group_of(workgroup, count);
    if t >= window.groups {
        return;
    }
    let sample = window.first + workgroup.y;
    let begin = step_at(p.input, t, sample);
    let words = p.input.cells * CELL_WORDS;
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
    let fired = sums[LANES - 1u];
    let list = (select(0u, window.start + t, p.series == 1u) * window.batch + sample) * (1u + p.most);
    if lane == 0u {
        events[list] = fired;
    }
    // Who finds so many reads the words instead.
    if fired > p.most {
        return;
    }
    var next = list + 1u + sums[lane] - own;
    for (var word = first; word < end; word++) {
        let element = word / CELL_WORDS * p.input.channels + word % CELL_WORDS * 32u;
        var bits = input[begin + word];
        while bits != 0u {
            events[next] = element + countTrailingZeros(bits);
            next += 1u;
            bits &= bits - 1u;
        }
    }
}
