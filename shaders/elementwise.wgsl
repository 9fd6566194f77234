// The frame of kernels that compute each output element alone: they say `result(t, sample, cell, channel)`.
// An invocation writes WIDE reals, or one word of 32 channels with all its planes. Of reals a dispatch may write COUNT
// channels from FIRST on alone; `result` counts them from 0, as many at once as it gives.

const MAX_PLANES: u32 = 24u;

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
    let per_cell = select(words_of(p.output.channels), COUNT / WIDE, p.output.planes == 0u);
    let unit = group * 64u + lane;
    let t = unit / (p.output.cells * per_cell);
    if t >= steps_of(p.output) {
        return;
    }
    let sample = window.first + workgroup.y;
    let cell = unit / per_cell % p.output.cells;
    let at = step_at(p.output, t, sample) + cell * cell_words(p.output);
    if p.output.planes == 0u {
        let bits = bitcast<WideBits>(result(t, sample, cell, unit % per_cell));
        for (var i = 0u; i < WIDE; i++) {
            output[at + FIRST + unit % per_cell * WIDE + i] = one_of(bits, i);
        }
        return;
    }
    let word = unit % per_cell;
    var planes: array<u32, MAX_PLANES>;
    for (var bit = 0u; bit < min(32u, p.output.channels - word * 32u); bit++) {
        let bits = bitcast<WideBits>(result(t, sample, cell, word * 32u + bit));
        let value = u32(bitcast<f32>(one_of(bits, 0u)));
        for (var plane = 0u; plane < p.output.planes; plane++) {
            planes[plane] |= ((value >> plane) & 1u) << bit;
        }
    }
    for (var plane = 0u; plane < p.output.planes; plane++) {
        output[at + word * p.output.planes + plane] = planes[plane];
    }
}
