// Random numbers by their place: the n-th is a hash. Twin: src/random.rs.

fn lowbias32(seed: u32) -> u32 {
    var x = seed;
    x ^= x >> 16u;
    x *= 0x7feb352du;
    x ^= x >> 15u;
    x *= 0x846ca68bu;
    return x ^ (x >> 16u);
}

// The n-th 32 bits of a stream.
fn random_bits(key: vec2<u32>, n: u32) -> u32 {
    return lowbias32(lowbias32(n ^ key.x) + key.y);
}

// The stream at a place within another.
fn stream_at(key: vec2<u32>, place: u32) -> vec2<u32> {
    let first = random_bits(key, place);
    return vec2<u32>(first, lowbias32(first ^ ((key.y << 16u) | (key.y >> 16u))));
}

// A whole number below a bound: the high half of the product of both.
fn random_below(key: vec2<u32>, n: u32, bound: u32) -> u32 {
    let random = random_bits(key, n);
    let low = (random & 0xffffu) * (bound & 0xffffu);
    let left = (random >> 16u) * (bound & 0xffffu);
    let right = (random & 0xffffu) * (bound >> 16u);
    let middle = (low >> 16u) + (left & 0xffffu) + (right & 0xffffu);
    return (random >> 16u) * (bound >> 16u) + (left >> 16u) + (right >> 16u) + (middle >> 16u);
}
