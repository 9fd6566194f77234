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

/// A cache of pipelines that begins with what an earlier one of this device gave; empty, or anything the driver layer does
/// not know as its own: with nothing.
pub(super) fn pipeline_cache(device: &wgpu::Device, data: &[u8]) -> wgpu::PipelineCache {
    let data = Some(data).filter(|data| !data.is_empty());
    let descriptor = wgpu::PipelineCacheDescriptor { label: Some("saltatory"), data, fallback: true };
    // SAFETY: the data comes from `get_data` of such a cache, by way of a file in a folder of the user's own; the driver
    // layer checks that it is of this device and driver.
    unsafe { device.create_pipeline_cache(&descriptor) }
}
