// The clock of a stream goes on by a step, in everything that its dispatches are told. Rust side: src/run/gpu/tick.rs.
// Its place in the struct is that of `Window` in window.wgsl, its wrap that of `Window::words` in src/kernel/window.rs.

@group(0) @binding(0) var<storage, read_write> windows: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
    for (var entry = lane; entry < ENTRIES; entry += 64u) {
        let at = entry * STRIDE + CLOCK;
        let next = windows[at] + 1u;
        windows[at] = select(next, WRAP, next == 2u * WRAP);
    }
}
