// What kernels of circuits look up in their tables.

fn pair_at(at: u32) -> vec2<u32> {
    return vec2<u32>(tables[at], tables[at + 1u]);
}

// How many of the ascending numbers from `first` on are not above `x`.
fn not_above(first: u32, count: u32, x: u32) -> u32 {
    var low = 0u;
    var high = count;
    while low < high {
        let middle = (low + high) / 2u;
        if tables[first + middle] <= x {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low;
}
