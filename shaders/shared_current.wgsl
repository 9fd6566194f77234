// Currents of a workgroup's neurons for some steps, summed for WIDE channels by one invocation each, and handed to the
// neurons through workgroup memory: loads are as wide, and steps are summed side by side. The kernel says
// `current(t, sample, cell, channel)`, channels in units of WIDE from 0 on.

// Steps whose currents are prepared together.
const CHUNK: u32 = 4u;
// Invocations that sum for a cell in a step.
const SUMS: u32 = LANES / WIDE;

var<workgroup> shared_currents: array<Wide, CHUNK * CELLS * SUMS>;

// Prepares the steps from `begin` on of the cells at this place of their pooling windows.
fn prepare_currents(begin: u32, sample: u32, first: u32, block: u32, place: u32, lane: u32) {
    let channel = block * SUMS + lane % SUMS;
    workgroupBarrier();
    for (var job = lane / SUMS; job < CHUNK * CELLS; job += SIZE / SUMS) {
        let t = begin + job % CHUNK;
        let pooled = first + job / CHUNK;
        if t < window.steps && pooled < OUT.cells && channel * WIDE < p.population.count {
            let at = (job % CHUNK * CELLS + job / CHUNK) * SUMS + lane % SUMS;
            shared_currents[at] = current(t, sample, cell_under(pooled, place), channel);
        }
    }
    workgroupBarrier();
}

fn prepared_current(known: f32, begin: u32, t: u32, sample: u32, cell: u32, channel: u32, lane: u32) -> f32 {
    let at = (t - begin) * SIZE + lane;
    return shared_currents[at / WIDE][at % WIDE];
}
