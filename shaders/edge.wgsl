// How the values on an edge lie in memory. Twin: src/kernel/edge.rs.

struct Edge {
    cells: u32,
    channels: u32,
    planes: u32,
    series: u32,
}

// Words of 32 channels whose terms make one block sum of a current.
const BLOCK_WORDS: u32 = 8u;

fn words_of(channels: u32) -> u32 {
    return (channels + 31u) / 32u;
}

// 32-bit words of one cell.
fn cell_words(edge: Edge) -> u32 {
    return select(words_of(edge.channels) * edge.planes, edge.channels, edge.planes == 0u);
}

// Where a step of a sample begins; `t` counts from the window's start.
fn step_at(edge: Edge, t: u32, sample: u32) -> u32 {
    let step = select(0u, window.start + t, edge.series == 1u);
    return (step * window.batch + sample) * edge.cells * cell_words(edge);
}

// Steps of the window that an edge has values for.
fn steps_of(edge: Edge) -> u32 {
    return select(1u, window.steps, edge.series == 1u);
}
