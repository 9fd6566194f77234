// A neuron's current, computed by its own invocation: the kernel says `current(t, sample, cell, channel)`, channels
// counted from 0 on. That of a constant input is computed once.

// Steps whose currents are prepared together: all.
const CHUNK: u32 = 32u;

fn prepare_currents(begin: u32, sample: u32, first: u32, block: u32, place: u32, lane: u32) {}

// The current of a step; `known` is that of the step before.
fn prepared_current(known: f32, begin: u32, t: u32, sample: u32, cell: u32, channel: u32, lane: u32) -> f32 {
    if SERIES == 0u && t > 0u {
        return known;
    }
    return current(t, sample, cell, channel - p.population.first);
}
