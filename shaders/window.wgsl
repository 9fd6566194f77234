// The part of time and of the batch that a dispatch covers. Twin: `Window` in src/kernel/window.rs.

struct Window {
    // Samples that the buffers hold, and the first of this dispatch.
    batch: u32,
    first: u32,
    // First step, as an index into buffers that hold a series, and the number of steps.
    start: u32,
    steps: u32,
    // Steps of the samples before `start`.
    at: u32,
    // Steps that their states have seen before `start`; from 2^30 on only its low bits count.
    clock: u32,
    // First workgroup of a sample in this dispatch, and the first that is not.
    group: u32,
    groups: u32,
    // Zero, which no compiler knows.
    zero: u32,
    // 1 over the steps of the samples up to the end of the window.
    mean: f32,
    // Samples of this dispatch, where one covers several.
    samples: u32,
    padding: u32,
}

@group(0) @binding(0) var<uniform> window: Window;

// A product rounded on its own. Drivers may contract `a * b + c` to one rounding; through this they cannot see.
fn rounded(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) ^ window.zero);
}

// A zero that no compiler knows. A product to which it is added, in one operation, is rounded on its own, too.
fn negative_zero() -> f32 {
    return bitcast<f32>(window.zero | 0x80000000u);
}

// The workgroup's number within its sample.
fn group_of(workgroup: vec3<u32>, count: vec3<u32>) -> u32 {
    return window.group + workgroup.z * count.x + workgroup.x;
}
