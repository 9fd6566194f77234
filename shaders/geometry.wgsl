// A convolution. Twin: `Geometry` in src/kernel/conv.rs.

struct Geometry {
    input: Edge,
    in_size: vec2<u32>,
    out_size: vec2<u32>,
    kernel: vec2<u32>,
    stride: vec2<u32>,
    pad: vec2<u32>,
    dilation: vec2<u32>,
    groups: u32,
    out_channels: u32,
    bias: u32,
}
