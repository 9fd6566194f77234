//! The one place whose promises the compiler does not check.
#![allow(unsafe_code)]

/// A shader module of ours: loops are not bounded and divisions not guarded by the driver layer, which costs up to half
/// of the speed of nested loops. Accesses to memory stay checked.
pub(super) fn shader_module(device: &wgpu::Device, label: &str, text: String) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor { label: Some(label), source: wgpu::ShaderSource::Wgsl(text.into()) };
    let checks = wgpu::ShaderRuntimeChecks {
        force_loop_bounding: false,
        int_div_checks: false,
        ..wgpu::ShaderRuntimeChecks::checked()
    };
    // SAFETY: every loop of our shaders counts up to a bound or clears a bit each time round, and divisors are extents
    // that a checked network keeps above zero.
    unsafe { device.create_shader_module_trusted(descriptor, checks) }
}
