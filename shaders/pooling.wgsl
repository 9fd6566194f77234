// A pool. Twin: `Params` in src/kernel/pool.rs.

struct Pool {
    input: Edge,
    output: Edge,
    in_size: vec2<u32>,
    out_size: vec2<u32>,
    kernel: vec2<u32>,
    stride: vec2<u32>,
    pad: vec2<u32>,
    max: u32,
    factor: f32,
}
