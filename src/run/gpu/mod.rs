//! GPUs through wgpu: for now, which there are. The only room that says `wgpu`.

/// What is known of an adapter without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterInfo {
    /// The adapter's name.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// The back end: Vulkan, Metal, DX12, WebGPU.
    pub backend: String,
    /// The driver, with its version.
    pub driver: String,
    /// The largest storage binding, in bytes.
    pub max_binding: u64,
    /// Storage buffers that one kernel can bind.
    pub storage_buffers: u32,
}

/// Every adapter that wgpu finds.
pub fn adapters() -> Vec<AdapterInfo> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let found = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    found.iter().map(describe).collect()
}

fn describe(adapter: &wgpu::Adapter) -> AdapterInfo {
    let (info, limits) = (adapter.get_info(), adapter.limits());
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu => "virtual",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    };
    AdapterInfo {
        name: info.name,
        kind,
        backend: format!("{:?}", info.backend),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
        max_binding: limits.max_storage_buffer_binding_size,
        storage_buffers: limits.max_storage_buffers_per_shader_stage,
    }
}
