// The sum of squares of a parameter's gradients, in blocks of 256. Twin: src/kernel/grad/square_sum.rs.
// One workgroup sums a block in each invocation; the first adds them in their order.

struct Params {
    count: u32,
    index: u32,
}

@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

const BLOCK: u32 = 256u;
const SIDE_BY_SIDE: u32 = 256u;

var<workgroup> blocks: array<f32, SIDE_BY_SIDE>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    if group_of(workgroup, count) > 0u {
        return;
    }
    var total = 0.0;
    for (var first = 0u; first < p.count; first += BLOCK * SIDE_BY_SIDE) {
        let begin = first + lane * BLOCK;
        var block = 0.0;
        for (var i = begin; i < min(begin + BLOCK, p.count); i++) {
            block += rounded(values[i] * values[i]);
        }
        blocks[lane] = block;
        workgroupBarrier();
        if lane == 0u {
            let there = min((p.count - first + BLOCK - 1u) / BLOCK, SIDE_BY_SIDE);
            for (var i = 0u; i < there; i++) {
                total += blocks[i];
            }
        }
        workgroupBarrier();
    }
    if lane == 0u {
        sums[p.index] = total;
    }
}
