// A texture, resized and scaled, to one row of `[row, channel, height, width]`. Rust side: src/run/gpu/input_texture.rs.
//
// Along each axis an output pixel is the mean over the part of the texture that it covers where that is a pixel or
// more, else linear between the two nearest pixel centres. Weights are whole numbers, so that nothing is lost in them.

struct Params {
    channels: u32,
    size: vec2<u32>,
    // Only the red channel counts, else the luminance of red, green and blue: for one channel.
    red: u32,
    factor: vec4<f32>,
    offset: vec4<f32>,
}

const LUMINANCE: vec3<f32> = vec3<f32>(0.2126, 0.7152, 0.0722);

@group(0) @binding(1) var source: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;

// The pixels of one axis that an output pixel is made of, and what it takes to weigh them.
struct Span {
    first: u32,
    last: u32,
    // Output pixel, sizes of output and texture along the axis.
    at: u32,
    size: u32,
    from_size: u32,
}

fn span(at: u32, size: u32, from_size: u32) -> Span {
    if from_size >= size {
        return Span(at * from_size / size, ((at + 1u) * from_size - 1u) / size, at, size, from_size);
    }
    let place = place_of(at, size, from_size);
    let first = place / (2u * size);
    return Span(first, min(first + 1u, from_size - 1u), at, size, from_size);
}

// An output pixel's centre from that of the texture's first pixel, in parts of which a pixel has `2 size`.
fn place_of(at: u32, size: u32, from_size: u32) -> u32 {
    let centre = (2u * at + 1u) * from_size;
    return select(0u, centre - size, centre > size);
}

// The share of a texture's pixel.
fn share(s: Span, pixel: u32) -> f32 {
    if s.first == s.last {
        return 1.0;
    }
    if s.from_size >= s.size {
        let begin = max(s.at * s.from_size, pixel * s.size);
        let end = min((s.at + 1u) * s.from_size, (pixel + 1u) * s.size);
        return f32(end - begin) / f32(s.from_size);
    }
    let past = place_of(s.at, s.size, s.from_size) - s.first * 2u * s.size;
    return f32(select(past, 2u * s.size - past, pixel == s.first)) / f32(2u * s.size);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
    if any(at.xy >= p.size) {
        return;
    }
    let from_size = textureDimensions(source);
    let x = span(at.x, p.size.x, from_size.x);
    let y = span(at.y, p.size.y, from_size.y);
    var sum = vec4<f32>(0.0);
    for (var j = y.first; j <= y.last; j++) {
        let height = share(y, j);
        for (var i = x.first; i <= x.last; i++) {
            let part = height * share(x, i);
            let texel = textureLoad(source, vec2<u32>(i, j), 0);
            sum += vec4<f32>(
                rounded(part * texel.x), rounded(part * texel.y), rounded(part * texel.z), rounded(part * texel.w),
            );
        }
    }
    if p.channels == 1u && p.red == 0u {
        sum.x = rounded(LUMINANCE.x * sum.x) + rounded(LUMINANCE.y * sum.y) + rounded(LUMINANCE.z * sum.z);
    }
    let plane = p.size.x * p.size.y;
    let first = window.first * p.channels * plane + at.y * p.size.x + at.x;
    for (var channel = 0u; channel < p.channels; channel++) {
        values[first + channel * plane] = rounded(sum[channel] * p.factor[channel]) + p.offset[channel];
    }
}
