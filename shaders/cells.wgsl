// One step of all cells of a circuit: what has arrived, the background, currents; who fires. Twin: src/kernel/cells.rs.
//
// An invocation is a cell; a workgroup of 64 writes two words of spikes.

struct Params {
    input: Edge,
    first_input: u32,
    rows: u32,
    initial: u32,
    ring: u32,
    key: vec2<u32>,
    output: Edge,
}

@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> tables: array<u32>;
@group(0) @binding(3) var<storage, read_write> ring: array<u32>;
@group(0) @binding(4) var<storage, read_write> state: array<u32>;
@group(0) @binding(5) var<storage, read_write> output: array<u32>;

const CELLS: u32 = p.output.channels;
const STATE_WORDS: u32 = 5u;
const GROUP_WORDS: u32 = 3u;
// Draws of one cell in one step: of a source, and of the background.
const DRAWS: u32 = 2u;
const SOURCE: u32 = 0u;
const BACKGROUND: u32 = 1u;

var<workgroup> fired: array<u32, 64>;

fn real_at(at: u32) -> f32 {
    return bitcast<f32>(tables[at]);
}

fn cell_at(at: u32) -> Cell {
    return Cell(
        tables[at], tables[at + 1u], tables[at + 2u], bitcast<i32>(tables[at + 3u]), pair_at(at + 4u), pair_at(at + 6u),
        real_at(at + 8u), real_at(at + 9u), real_at(at + 10u), real_at(at + 11u), real_at(at + 12u), real_at(at + 13u),
        real_at(at + 14u), real_at(at + 15u), real_at(at + 16u), real_at(at + 17u), real_at(at + 18u), real_at(at + 19u),
        real_at(at + 20u), real_at(at + 21u), real_at(at + 22u), real_at(at + 23u), real_at(at + 24u), real_at(at + 25u),
        real_at(at + 26u), real_at(at + 27u), real_at(at + 28u), real_at(at + 29u), real_at(at + 30u), real_at(at + 31u),
    );
}

// Whether this step is among a cell's times.
fn fires_now(c: Cell, at: u32) -> bool {
    let row = c.currents.x + at - c.currents.y;
    let times = pair_at(row);
    let before = not_above(times.x, times.y - times.x, window.clock);
    return before > 0u && tables[times.x + before - 1u] == window.clock;
}

// The current from outside: by the last change so far, and by the input.
fn current_of(c: Cell, at: u32, sample: u32) -> f32 {
    var current = 0.0;
    for (var change = 0u; change < c.currents.y; change++) {
        let entry = c.currents.x + 2u * change;
        if tables[entry] <= window.clock {
            current = real_at(entry + 1u);
        }
    }
    let channel = at - p.first_input;
    if p.input.planes == 0u && at >= p.first_input && channel < p.input.channels {
        current += input_value(step_at(p.input, 0u, sample), channel);
    }
    return current;
}

// A whole number as a real, rounded once, whatever the driver makes of large ones.
fn real_of(sum: i32) -> f32 {
    return rounded(f32(sum >> 12u) * 4096.0) + f32(sum & 4095);
}

fn fires_at(at: u32, sample: u32) -> bool {
    let group = GROUP_WORDS * (at / 32u);
    let lane = at % 32u;
    if lane >= tables[group + 2u] {
        return false;
    }
    let c = cell_at(p.rows + (tables[group] + tables[group + 1u] * lane) * CELL_WORDS);
    let stream = stream_at(p.key, window.clock);
    if (c.flags & POISSON) != 0u {
        return random_bits(stream, DRAWS * at + SOURCE) < c.rate;
    }
    if (c.flags & INPUT) != 0u {
        let channel = at - p.first_input;
        return channel < p.input.channels && input_value(step_at(p.input, 0u, sample), channel) != 0.0;
    }
    if (c.flags & TIMES) != 0u {
        return fires_now(c, at);
    }
    let of_ring = sample * p.ring * 2u * CELLS;
    let slot = of_ring + (window.clock % p.ring) * 2u * CELLS + at;
    var e = ring[slot];
    var i = ring[slot + CELLS];
    ring[slot] = 0u;
    ring[slot + CELLS] = 0u;
    if c.chances.y > 0u {
        let spikes = not_above(c.chances.x, c.chances.y, random_bits(stream, DRAWS * at + BACKGROUND));
        let weight = spikes * bitcast<u32>(c.background);
        if (c.flags & BACKGROUND_INHIBITS) != 0u {
            i += weight;
        } else {
            e += weight;
        }
    }
    let arrived = Arrived(
        rounded(real_of(bitcast<i32>(e)) * c.unit), rounded(real_of(bitcast<i32>(i)) * c.unit), current_of(c, at, sample),
    );
    let own = sample * STATE_WORDS * CELLS + at;
    var before = CellState(real_at(p.initial + at), c.w_init, 0.0, 0.0, 0u);
    if window.clock > 0u {
        before = CellState(
            bitcast<f32>(state[own]), bitcast<f32>(state[own + CELLS]), bitcast<f32>(state[own + 2u * CELLS]),
            bitcast<f32>(state[own + 3u * CELLS]), state[own + 4u * CELLS],
        );
    }
    let stepped = step_cell(c, before, arrived);
    state[own] = bitcast<u32>(stepped.state.v);
    state[own + CELLS] = bitcast<u32>(stepped.state.w);
    state[own + 2u * CELLS] = bitcast<u32>(stepped.state.e);
    state[own + 3u * CELLS] = bitcast<u32>(stepped.state.i);
    state[own + 4u * CELLS] = stepped.state.refractory;
    return stepped.fires;
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
    let at = group * 64u + lane;
    if at < CELLS && window.clock == 0u {
        for (var slot = 0u; slot < 2u * p.ring; slot++) {
            ring[(sample * p.ring * 2u + slot) * CELLS + at] = 0u;
        }
    }
    fired[lane] = select(0u, 1u, at < CELLS && fires_at(at, sample));
    workgroupBarrier();
    if lane % 32u == 0u && at < CELLS {
        var bits = 0u;
        for (var bit = 0u; bit < 32u; bit++) {
            bits |= fired[lane + bit] << bit;
        }
        output[step_at(p.output, 0u, sample) + at / 32u] = bits;
    }
}
