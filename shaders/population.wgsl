// The frame of every kernel with neurons: steps those of a cell over all steps of the window, writes spikes, counts,
// records. Twin: src/kernel/population.rs.
//
// An invocation of SIZE is one channel of LANES of one cell; it keeps its potential in registers for all steps, and a bit
// for each step in which it fired (a window has at most 32). At the end the workgroup turns these into words of channels.
// Where currents come from another file says: CHUNK, `prepare_currents` for so many steps, called by the whole workgroup,
// then `prepared_current` for each; the kernel says with `record_word` where spikes before pooling are recorded.

const CHANNELS: u32 = p.population.output.channels;
const BLOCKS: u32 = (p.population.count + LANES - 1u) / LANES;
// Cells of a workgroup, words of its spikes, and channels in each of them.
const CELLS: u32 = SIZE / LANES;
const WORDS: u32 = max(SIZE / 32u, CELLS);
const WORD_CHANNELS: u32 = SIZE / WORDS;
const PLANES: u32 = p.population.output.planes;

var<workgroup> shared_words: array<u32, SIZE>;
var<workgroup> shared_tally: array<atomic<u32>, 4>;

var<private> tally_spikes: u32;
var<private> tally_active: u32;
var<private> tally_updates: u32;
var<private> tally_most: u32;

fn neuron_of(cell: u32, channel: u32) -> u32 {
    return cell * CHANNELS + channel;
}

fn coefficients_of(cell: u32, channel: u32) -> Coefficients {
    if p.population.grain == 0u {
        return coefficients[0];
    }
    return coefficients[select(neuron_of(cell, channel), channel, p.population.grain == 1u)];
}

fn start(c: Coefficients, sample: u32, cell: u32, channel: u32) -> State {
    if p.population.keeps_state == 1u && window.clock > 0u {
        let at = 2u * neuron_of(sample * p.population.output.cells + cell, channel);
        return State(state[at], state[at + 1u]);
    }
    return State(c.v_init, 0.0);
}

fn finish(last: State, sample: u32, cell: u32, channel: u32) {
    if p.population.keeps_state == 1u {
        let at = 2u * neuron_of(sample * p.population.output.cells + cell, channel);
        state[at] = last.v;
        state[at + 1u] = last.i;
    }
}

// The cell at a place of the pooling window of a pooled one.
fn cell_under(pooled: u32, place: u32) -> u32 {
    let columns = WIDTH / POOL.y;
    let y = pooled / columns * POOL.x + place / POOL.y;
    return y * WIDTH + pooled % columns * POOL.y + place % POOL.y;
}

// One step of one neuron: what is counted, and what is recorded of its potentials.
fn observed(c: Coefficients, before: State, x: f32, t: u32, sample: u32, cell: u32, channel: u32) -> Stepped {
    let stepped = integrate(c, before, x);
    tally_updates += select(0u, 1u, stepped.state.v != before.v);
    if stepped.spikes > 0.0 {
        tally_spikes += min(u32(stepped.spikes), (1u << PLANES) - 1u);
        tally_active += 1u;
        tally_most = max(tally_most, u32(stepped.spikes));
    }
    if p.population.records == 1u {
        let steps = (window.start + t) * window.batch + sample;
        let at = 3u * neuron_of(steps * p.population.output.cells + cell, channel);
        traces[at] = stepped.h;
        traces[at + 1u] = stepped.state.v;
        traces[at + 2u] = stepped.state.i;
    }
    return stepped;
}

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let group = group_of(workgroup, count);
    if group >= window.groups {
        return;
    }
    if lane < 4u {
        atomicStore(&shared_tally[lane], 0u);
    }
    workgroupBarrier();
    let sample = window.first + workgroup.y;
    let block = group % BLOCKS;
    let channel = p.population.first + block * LANES + lane % LANES;
    // The first cell of this workgroup after pooling, and that of this invocation.
    let first = group / BLOCKS * CELLS;
    let pooled = first + lane / LANES;
    let alive = channel < p.population.first + p.population.count && pooled < OUT.cells;
    if !is(FIRES) {
        potentials(sample, first, block, alive, pooled, channel, lane);
    } else if PLANES > 1u {
        counts(sample, first, block, alive, pooled, channel, lane);
    } else {
        pooled_spikes(sample, first, block, alive, pooled, channel, lane);
    }
    atomicAdd(&shared_tally[0], tally_spikes);
    atomicAdd(&shared_tally[1], tally_active);
    atomicAdd(&shared_tally[2], tally_updates);
    atomicMax(&shared_tally[3], tally_most);
    workgroupBarrier();
    if lane < 3u {
        atomicAdd(&tally[sample * 4u + lane], atomicLoad(&shared_tally[lane]));
    } else if lane == 3u {
        atomicMax(&tally[sample * 4u + 3u], atomicLoad(&shared_tally[3]));
    }
}

// Neurons that do not fire: a read-out, whose output is its potential.
fn potentials(sample: u32, first: u32, block: u32, alive: bool, cell: u32, channel: u32, lane: u32) {
    var c: Coefficients;
    var now: State;
    if alive {
        c = coefficients_of(cell, channel);
        now = start(c, sample, cell, channel);
    }
    var x = 0.0;
    for (var begin = 0u; begin < window.steps; begin += CHUNK) {
        prepare_currents(begin, sample, first, block, 0u, lane);
        if alive {
            for (var t = begin; t < min(begin + CHUNK, window.steps); t++) {
                x = prepared_current(x, begin, t, sample, cell, channel, lane);
                now = observed(c, now, x, t, sample, cell, channel).state;
                output[step_at(OUT, t, sample) + neuron_of(cell, channel)] = bitcast<u32>(now.v);
            }
        }
    }
    if alive {
        finish(now, sample, cell, channel);
    }
}

// Neurons that fire at most once a step: a bit for each step, pooled by OR.
fn pooled_spikes(sample: u32, first: u32, block: u32, alive: bool, pooled: u32, channel: u32, lane: u32) {
    var any = 0u;
    for (var place = 0u; place < POOL.x * POOL.y; place++) {
        let cell = cell_under(pooled, place);
        var fired = 0u;
        var c: Coefficients;
        var now: State;
        if alive {
            c = coefficients_of(cell, channel);
            now = start(c, sample, cell, channel);
        }
        var x = 0.0;
        for (var begin = 0u; begin < window.steps; begin += CHUNK) {
            prepare_currents(begin, sample, first, block, place, lane);
            if alive {
                for (var t = begin; t < min(begin + CHUNK, window.steps); t++) {
                    x = prepared_current(x, begin, t, sample, cell, channel, lane);
                    let stepped = observed(c, now, x, t, sample, cell, channel);
                    fired |= select(0u, 1u << t, stepped.spikes > 0.0);
                    now = stepped.state;
                }
            }
        }
        if alive {
            finish(now, sample, cell, channel);
        }
        any |= fired;
        if p.population.records == 1u {
            shared_words[lane] = fired;
            workgroupBarrier();
            for (var job = lane; job < window.steps * WORDS; job += SIZE) {
                let inner = first + job % WORDS / (WORDS / CELLS);
                let word = p.population.first / 32u + block * (WORDS / CELLS) + job % (WORDS / CELLS);
                if inner < OUT.cells && word < words_of(p.population.first + p.population.count) {
                    let step = step_at(p.population.output, job / WORDS, sample);
                    let at = step + cell_under(inner, place) * words_of(CHANNELS) + word;
                    record_word(at, gathered(job % WORDS, job / WORDS));
                }
            }
            workgroupBarrier();
        }
    }
    shared_words[lane] = any;
    workgroupBarrier();
    for (var job = lane; job < window.steps * WORDS; job += SIZE) {
        let cell = first + job % WORDS / (WORDS / CELLS);
        let word = p.population.first / 32u + block * (WORDS / CELLS) + job % (WORDS / CELLS);
        if cell < OUT.cells && word < words_of(p.population.first + p.population.count) {
            let at = step_at(OUT, job / WORDS, sample) + cell * words_of(CHANNELS) + word;
            output[at] = gathered(job % WORDS, job / WORDS);
        }
    }
}

// Bit `bit` of the words that the invocations of one word of channels have left.
fn gathered(word: u32, bit: u32) -> u32 {
    var bits = 0u;
    for (var i = 0u; i < WORD_CHANNELS; i++) {
        bits |= ((shared_words[word * WORD_CHANNELS + i] >> bit) & 1u) << i;
    }
    return bits;
}

// Neurons that may fire several times a step: bit planes, step by step.
fn counts(sample: u32, first: u32, block: u32, alive: bool, cell: u32, channel: u32, lane: u32) {
    var c: Coefficients;
    var now: State;
    if alive {
        c = coefficients_of(cell, channel);
        now = start(c, sample, cell, channel);
    }
    var x = 0.0;
    for (var t = 0u; t < window.steps; t++) {
        let begin = t - t % CHUNK;
        if t == begin {
            prepare_currents(begin, sample, first, block, 0u, lane);
        }
        var fired = 0u;
        if alive {
            x = prepared_current(x, begin, t, sample, cell, channel, lane);
            let stepped = observed(c, now, x, t, sample, cell, channel);
            fired = min(u32(stepped.spikes), (1u << PLANES) - 1u);
            now = stepped.state;
        }
        shared_words[lane] = fired;
        workgroupBarrier();
        for (var job = lane; job < PLANES * WORDS; job += SIZE) {
            let place = first + job % WORDS / (WORDS / CELLS);
            let word = p.population.first / 32u + block * (WORDS / CELLS) + job % (WORDS / CELLS);
            if place < OUT.cells && word < words_of(p.population.first + p.population.count) {
                let at = (place * words_of(CHANNELS) + word) * PLANES + job / WORDS;
                let bits = gathered(job % WORDS, job / WORDS);
                output[step_at(OUT, t, sample) + at] = bits;
                if p.population.records == 1u {
                    record_word(step_at(OUT, t, sample) + at, bits);
                }
            }
        }
        workgroupBarrier();
    }
    if alive {
        finish(now, sample, cell, channel);
    }
}
