// As `rounded`, of four numbers.
fn rounded_four(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>(bitcast<vec4<u32>>(x) ^ vec4<u32>(window.zero));
}
