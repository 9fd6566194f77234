// What a kernel with neurons is told of them. Twin: `Population` in src/kernel/population.rs.

struct Population {
    flags: u32,
    grain: u32,
    keeps_state: u32,
    records: u32,
    output: Edge,
}

const FLAGS: u32 = p.population.flags;
