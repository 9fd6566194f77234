// Synaptic operations of a weighted layer, counted on its input. Twin: src/kernel/meter.rs.
// An invocation counts one real, or one word of 32 channels, in one step.

struct Params {
    input: Edge,
    spike_counts: u32,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> table: array<u32>;
@group(0) @binding(3) var<storage, read_write> counters: array<atomic<u32>>;

// Low and high words of the three sums, and whether an input was neither 0 nor 1 nor -1.
var<workgroup> shared_sums: array<atomic<u32>, 7>;

// A number of 64 bits: low word, high word.
fn added(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}

fn product(a: u32, b: u32) -> vec2<u32> {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
    let rest = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
    return vec2<u32>(a * b, (a >> 16u) * (b >> 16u) + (middle >> 16u) + (rest >> 16u));
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
    if lane < 7u {
        atomicStore(&shared_sums[lane], 0u);
    }
    workgroupBarrier();
    let per_cell = select(words_of(p.input.channels), p.input.channels, p.input.planes == 0u);
    let unit = group * 64u + lane;
    let t = unit / (p.input.cells * per_cell);
    let sample = window.first + workgroup.y;
    if t < steps_of(p.input) {
        let cell = unit / per_cell % p.input.cells;
        let at = step_at(p.input, t, sample) + cell * cell_words(p.input);
        let row = p.input.cells + table[cell] * p.input.channels * 2u;
        var sums: array<vec2<u32>, 3>;
        var odd = false;
        if p.input.planes == 0u {
            let channel = unit % per_cell;
            let x = bitcast<f32>(input[at + channel]);
            if x != 0.0 {
                sums[0] = vec2<u32>(1u, 0u);
                sums[1] = vec2<u32>(table[row + 2u * channel], 0u);
                sums[2] = vec2<u32>(table[row + 2u * channel + 1u], 0u);
                odd = abs(x) != 1.0;
            }
        } else {
            let word = at + unit % per_cell * p.input.planes;
            var any = 0u;
            for (var plane = 0u; plane < p.input.planes; plane++) {
                any |= input[word + plane];
            }
            while any != 0u {
                let bit = firstTrailingBit(any);
                any &= any - 1u;
                var x = 0u;
                for (var plane = 0u; plane < p.input.planes; plane++) {
                    x |= ((input[word + plane] >> bit) & 1u) << plane;
                }
                let channel = unit % per_cell * 32u + bit;
                let events = select(1u, x, p.spike_counts == 1u);
                sums[0] = added(sums[0], vec2<u32>(events, 0u));
                sums[1] = added(sums[1], product(events, table[row + 2u * channel]));
                sums[2] = added(sums[2], product(countOneBits(x), table[row + 2u * channel + 1u]));
                odd |= x != 1u;
            }
        }
        for (var i = 0u; i < 3u; i++) {
            let old = atomicAdd(&shared_sums[2u * i], sums[i].x);
            atomicAdd(&shared_sums[2u * i + 1u], sums[i].y + select(0u, 1u, old + sums[i].x < old));
        }
        atomicMax(&shared_sums[6], select(0u, 1u, odd && p.spike_counts == 0u));
    }
    workgroupBarrier();
    if lane < 3u {
        let low = atomicLoad(&shared_sums[2u * lane]);
        let high = atomicLoad(&shared_sums[2u * lane + 1u]);
        let old = atomicAdd(&counters[sample * 8u + 2u * lane], low);
        atomicAdd(&counters[sample * 8u + 2u * lane + 1u], high + select(0u, 1u, old + low < old));
    } else if lane == 3u {
        atomicMax(&counters[sample * 8u + 6u], atomicLoad(&shared_sums[6]));
    }
}
